"""Faults: interrupts of calls, commands and the compiler, kills while saving, full disks, damaged files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import tiny
from tests.long import faults

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="no Unix signals")]


def test_interrupted_calls_change_nothing():
    assert faults.interrupt_calls(25) > 0


# An interrupt may come after a file is opened and before Python knows what is to close it.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupts_of_every_call_change_nothing(tmp_path):
    faults.interrupt_every_call(2, tmp_path)


def test_interrupted_commands_leave_nothing_over(tmp_path):
    faults.interrupt_commands(tmp_path, 3, words=100_000)


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_an_interrupt_amid_the_compiler(tmp_path):
    assert faults.interrupt_the_compiler(tmp_path, tiny.__name__) > 0


def test_a_kill_while_saving_leaves_a_whole_model(tmp_path):
    assert sum(faults.kill_while_saving(tmp_path, 5)) == 5


def test_damage_is_refused(tmp_path):
    faults.damage(tmp_path, flips=200)


def test_a_full_disk(tmp_path):
    """In a process of its own, which sees the disk alone."""
    code = f"""
from pathlib import Path
from tests.long import SkipError, faults
try:
    print(faults.on_full_disk(Path({str(tmp_path)!r})))
except SkipError as error:
    print("skipped:", error)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=faults.ROOT, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    if done.stdout.startswith("skipped"):
        pytest.skip(done.stdout)


def test_output_that_cannot_be_written():
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    for arguments in (["table", "a=1", "b=2"], ["table", "a=1", "--json"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([*faults.COMMAND, *arguments], cwd=faults.ROOT, stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 2, done
        assert done.stderr == b"fastsoftmax: error: No space left on device\n"
