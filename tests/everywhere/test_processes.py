"""Processes: forked while threads work or compile, ahead of requests, spawned, and many on one empty cache."""

import os
import sysconfig

import pytest

from tests import tiny
from tests.long import processes

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")]


@pytest.mark.skipif(
    bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    reason="without a GIL a child may find Python's own objects locked",
)
def test_forks_while_threads_work():
    assert processes.fork_while_threads_work(20, lambda done: None) == 20


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_a_fork_waits_for_the_compiler():
    processes.fork_while_compiling(tiny.__name__)


def test_a_pre_fork_server():
    assert processes.pre_fork_server(workers=2, requests=20) == 20


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools(method):
    assert processes.map_in_pool(method) == 8


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_processes_that_start_at_once(tmp_path):
    processes.start_together(tmp_path, 3, tiny.__name__)
