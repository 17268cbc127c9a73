"""`fit --dask`: the file of one process, from workers of a cluster."""

import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from fastsoftmax import MarkovText
from tests.commands import refused, run

TEXT = "The cat sat on the mat. The dog sat on the cat.\n\nThe cat ran to the dog. It sat.\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder to work in, with texts."""
    monkeypatch.chdir(tmp_path)
    for i in range(3):
        Path(f"{i}.txt").write_text(TEXT * (i + 1))


def same(name, expected):
    found, other = MarkovText.load(name).chain, expected.chain
    assert found.vocabulary == other.vocabulary
    for field in ("contexts", "offsets", "tokens", "counts"):
        np.testing.assert_array_equal(getattr(found.transitions, field), getattr(other.transitions, field))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the cluster's own
def test_local_processes_and_a_scheduler(tmp_path):
    distributed = pytest.importorskip("distributed", reason="needs distributed: the extra dask")
    expected = MarkovText(2).fit([Path(f"{i}.txt") for i in range(3)])
    names = [f"{tmp_path}/{i}.txt" for i in range(3)]
    said = run("fit", *names, "-o", "here.safetensors")
    assert run("fit", f"{tmp_path}/*.txt", "-o", "there.safetensors", "--dask", "local") == said.replace(
        "here", "there", 1
    )
    same("there.safetensors", expected)
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster:
        run("fit", *names, "-o", "far.safetensors", "--keep-text", "--dask", cluster.scheduler_address)
    same("far.safetensors", expected)
    assert MarkovText.load("far.safetensors").kept_tokens > 0


@pytest.mark.filterwarnings("default")
def test_refusals(monkeypatch):
    distributed = pytest.importorskip("distributed", reason="needs distributed: the extra dask")
    fit = "fit", "-o", "x.safetensors", "--dask"
    assert "expected files that workers can read" in refused(*fit, "local", "-", stdin=TEXT)
    monkeypatch.setattr("fastsoftmax.cli.cluster._PATIENCE", 0.2)
    said = refused(*fit, "tcp://127.0.0.1:9", "0.txt")
    assert "dask is tcp://127.0.0.1:9, expected 'local' or the address of a scheduler" in said
    monkeypatch.setattr(distributed, "LocalCluster", lambda **words: nullcontext("inproc"))
    monkeypatch.setattr(distributed, "Client", lambda cluster: nullcontext())
    assert "there is no file nowhere.txt" in refused(*fit, "local", "nowhere.txt")
    assert not Path("x.safetensors").exists()


def test_without_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    said = refused("fit", "0.txt", "-o", "x.safetensors", "--dask", "local")
    assert "--dask needs Dask: pip install 'fastsoftmax[dask]'" in said
