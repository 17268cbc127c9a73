"""Kernels that come with a wheel: used where all is as when they were made, else compiled, with a word why."""

import hashlib
import itertools
import json
import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core.serialize import dumps

from fastsoftmax._jit import NotCompiledError, cache, looking, prebuilt
from tests import tiny

ROOT = Path(__file__).parents[2]
TINY = (numba.float64[::1], numba.float64[::1])
CODE = """
import pathlib, sys
from fastsoftmax._jit import prebuilt
prebuilt.FOLDER = pathlib.Path(sys.argv[1])
from tests import tiny
print(tiny.softmax([1.0, 2.0]).tolist())
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="wheels with kernels are for Linux"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The one entry that `tiny.softmax` needs, as a process that compiles it keeps it."""
    place = tmp_path_factory.mktemp("made")
    run(place, place)
    (entry,) = place.rglob("*.pickle")
    return entry.read_bytes()


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    """A folder with that entry, for a level that this machine has."""
    monkeypatch.delenv("FASTSOFTMAX_PREBUILT", raising=False)
    kept = tiny.weigh._cache
    folder = tmp_path / "prebuilt"
    folder.mkdir()
    monkeypatch.setattr(prebuilt, "FOLDER", folder)
    level = cache.levels_for(tiny.weigh.targetctx.codegen())[-1]  # the best is not there
    some = {"another": b"entry", kept.prebuilt_name(TINY): made}
    prebuilt.write_packs({f"{level}/{kept.kernel}": some}, folder)
    return folder


def pack_of(folder):
    (pack,) = (path for path in folder.rglob("*") if path.is_file() and path.name != prebuilt.MANIFEST)
    return pack


def start(folder, cache, **environment):
    """Begin a process that uses one kernel, and return it."""
    words = {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)} | environment
    command = [sys.executable, "-c", CODE, str(folder)]
    return subprocess.Popen(command, env=os.environ | words, text=True, stdout=-1, stderr=-1)


def run(folder, cache, **environment):
    """Return what the process says on stderr, and whether it has compiled."""
    process = start(folder, cache, **environment)
    said, complained = process.communicate()
    assert process.returncode == 0, complained
    assert said.startswith("[0.268941421")
    return complained, bool(list(cache.rglob("*.pickle")))


def test_an_entry_is_used(folder, tmp_path):
    assert run(folder, tmp_path / "cache") == ("", False)


def test_it_is_used_where_nothing_can_be_written(folder, tmp_path):
    (tmp_path / "file").write_text("")
    assert run(folder, tmp_path / "file" / "cache", HOME="/nonexistent") == ("", False)


def test_many_processes_use_it_at_once(folder, tmp_path):
    processes = [start(folder, tmp_path / "cache") for _ in range(6)]
    assert {process.communicate()[1] for process in processes} == {""}
    assert {process.returncode for process in processes} == {0}
    assert not list(tmp_path.glob("cache/**/*.pickle"))


@pytest.mark.parametrize("variable", ["FASTSOFTMAX_PREBUILT", "NUMBA_BOUNDSCHECK"])
def test_a_variable_turns_it_off(folder, tmp_path, variable, monkeypatch):
    value = "0" if variable == "FASTSOFTMAX_PREBUILT" else "1"
    assert run(folder, tmp_path / "cache", **{variable: value}) == ("", True)
    monkeypatch.setenv(variable, value)
    assert variable in prebuilt.why_unused()


def damaged(pack):
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 1
    pack.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damaged, "it is damaged"),
        (lambda pack: pack.write_bytes(pack.read_bytes()[:100]), "it is damaged"),
        (lambda pack: pack.write_bytes(b""), "it is damaged"),
        (Path.unlink, "No such file"),
    ],
)
def test_a_damaged_pack_is_not_used(folder, tmp_path, damage, said):
    damage(pack_of(folder))
    complained, compiled = run(folder, tmp_path / "cache")
    assert compiled
    assert said in complained


@pytest.mark.parametrize("content", ["", "[]", "{", '{"x": 1}', '{"x": {"sha256": 1}}'])
def test_a_damaged_manifest_is_not_used(folder, tmp_path, content):
    (folder / prebuilt.MANIFEST).write_text(content)
    complained, compiled = run(folder, tmp_path / "cache")
    assert compiled
    assert "their manifest cannot be read" in complained


def rewritten(folder, change):
    """Change what the one entry holds, all hashes as they should be."""
    pack, name = pack_of(folder), tiny.weigh._cache.prebuilt_name(TINY)
    path = pack.relative_to(folder).as_posix()
    content = pickle.loads(prebuilt.entry(*path.split("/"), name)[32:])
    changed = dumps(change(*content))
    prebuilt.write_packs({path: {name: hashlib.sha256(changed).digest() + changed}}, folder)


def test_a_symbol_that_nothing_defines(folder, tmp_path):
    rewritten(folder, lambda code, *rest: ((*code[:3], [*code[3], "numba_of_the_future"]), *rest))
    complained, compiled = run(folder, tmp_path / "cache")
    assert compiled
    assert "nothing here defines numba_of_the_future" in complained


def test_an_entry_of_another_shape(folder, tmp_path):
    rewritten(folder, lambda *content: content[:2])
    complained, compiled = run(folder, tmp_path / "cache")
    assert compiled
    assert "cannot be loaded and is compiled" in complained


@pytest.mark.parametrize("version", ["0.60.0", "0.69.0", "1.0", "0.999.0rc1"])
def test_a_numba_that_was_not_tried(folder, monkeypatch, version):
    monkeypatch.setattr(numba, "__version__", version)
    assert prebuilt.why_unused() == f"numba is {version}, and they were tried with 0.61 to 0.68"


def test_a_python_without_a_gil(folder, monkeypatch):
    monkeypatch.setattr(prebuilt.sysconfig, "get_config_var", lambda name: name == "Py_GIL_DISABLED")
    assert prebuilt.why_unused() == "they are for a Python with a GIL"


def test_a_python_without_lzma(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "lzma", None)
    assert prebuilt.why_unused() == "this Python has no lzma"


def test_an_installation_without_any(folder, monkeypatch):
    monkeypatch.setattr(prebuilt, "FOLDER", folder / "nowhere")
    assert prebuilt.why_unused() == "this installation has none"


def features(level, without=""):
    return ",".join(f"{'-' if one == without else '+'}{one}" for one in prebuilt.LEVELS[level].features)


@pytest.mark.parametrize(
    ("architecture", "given", "levels"),
    [
        ("x86_64", features("x86-64-v4"), ["x86-64-v4", "x86-64-v3"]),
        ("x86_64", features("x86-64-v4", without="avx512vl"), ["x86-64-v3"]),
        ("x86_64", features("x86-64-v3"), ["x86-64-v3"]),
        ("x86_64", features("x86-64-v3", without="fma"), []),
        ("x86_64", "", []),
        ("aarch64", "+neon,+sve", ["aarch64"]),
        ("ppc64le", "+altivec", []),
    ],
)
def test_the_levels_that_a_cpu_has(architecture, given, levels):
    assert prebuilt.levels_of(architecture, given) == levels


def test_a_target_with_fewer_features_is_compiled_for(folder, tmp_path):
    words = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    assert run(folder, tmp_path / "cache", **words)[1]


def test_where_a_kernel_is(folder):
    kept, codegen = tiny.weigh._cache, tiny.weigh.targetctx.codegen()
    assert kept.origin(TINY, codegen).startswith("prebuilt (")
    assert kept.origin((numba.int8,), codegen) == ""


def test_looking_compiles_nothing():
    with looking() as origins, pytest.raises(NotCompiledError, match="weigh"):
        tiny.weigh(np.zeros(2, np.int16), np.zeros(2, np.int16))
    assert origins == {""}


def test_compiling_is_logged(caplog, kernel_cache):
    with caplog.at_level(logging.INFO, logger="fastsoftmax"):
        tiny.log_of.compile((numba.int16,))
    assert [record.getMessage() for record in caplog.records] == ["compiling log_of(int16)"]


def test_older_entries_are_removed(kernel_cache):
    kept, codegen = tiny.weigh._cache, tiny.weigh.targetctx.codegen()
    (path,) = kept._paths(TINY, codegen)
    path.parent.mkdir()
    begin = path.name.rpartition("-")[0]
    for age in range(6):
        old = path.with_name(f"{begin}-{age}.pickle")
        old.write_bytes(b"")
        os.utime(old, (1000 - age, 1000 - age))
    other = path.with_name("tiny.weigh-0-0.pickle")
    other.write_bytes(b"")
    path.write_bytes(b"")
    cache._remove_older(path)
    assert {one.name for one in path.parent.iterdir()} == {
        path.name,
        other.name,
        *(f"{begin}-{i}.pickle" for i in range(3)),
    }


def test_packs_hold_what_was_put_in(tmp_path, monkeypatch):
    monkeypatch.setattr(prebuilt, "FOLDER", tmp_path)
    entries = {f"level/kernel{i}": {f"{j}": bytes([i, j]) * 1000 * j for j in range(1, 4)} for i in range(2)}
    prebuilt.write_packs(entries, tmp_path)
    for (path, some), name in itertools.product(entries.items(), "123"):
        assert prebuilt.entry(*path.split("/"), name) == some[name]
    assert prebuilt.entry("level", "kernel0", "4") is None
    assert prebuilt.entry("level", "kernel2", "1") is None
    assert {*json.loads((tmp_path / prebuilt.MANIFEST).read_text())} == {*entries}
