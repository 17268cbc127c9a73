"""How kernels are compiled and kept: others' entries are read, damage and unwritable places survived, changes seen."""

import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core.compiler_lock import global_compiler_lock

import fastsoftmax
from fastsoftmax import _jit
from fastsoftmax._jit import cache, locks
from tests import tiny
from tests.docs.test_architecture import imported
from tests.long import SkipError, installs

PACKAGE = Path(fastsoftmax.__file__).parent
ROOT = Path(__file__).parents[2]
TINY = Path(tiny.__file__)
LIBRARIES = ["tests.tiny", pytest.param("fastsoftmax", marks=pytest.mark.long)]
SOFTMAX = "import {0}; print({0}.softmax([1.0, 2.0]).tolist())"
HITS = """
import {0}, gc, numba
print({0}.softmax([1.0, 2.0]).tolist())
kernels = [one for one in gc.get_objects() if isinstance(one, numba.core.dispatcher.Dispatcher) and one.signatures]
print(sum(len(one.signatures) for one in kernels), sum(one.stats.cache_hits.total() for one in kernels))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled"),
]


def python(code, cache, path=PACKAGE.parent):
    """Run some code with the package in `path`, and the tests that are here."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": os.pathsep.join([str(path), str(ROOT)])}
    command = [sys.executable, "-W", "always::RuntimeWarning", "-c", code]
    return subprocess.run(command, cwd=path, env=environment, text=True, capture_output=True, check=True)


def copied(folder):
    """Copy the package and return where the copy is."""
    shutil.copytree(PACKAGE, folder / "fastsoftmax", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_second_process_compiles_nothing(library, tmp_path):
    assert "[0.268941421" in python(SOFTMAX.format(library), tmp_path).stdout
    entries = {entry: entry.read_bytes() for entry in tmp_path.rglob("*") if entry.is_file()}
    assert {entry.suffix for entry in entries} == {".pickle"}
    assert python(HITS.format(library), tmp_path).stdout.strip().endswith("1 1")
    assert {entry: entry.read_bytes() for entry in tmp_path.rglob("*.pickle")} == entries


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_damaged_entry_is_compiled_anew(library, tmp_path):
    python(SOFTMAX.format(library), tmp_path)
    for entry in tmp_path.rglob("*.pickle"):
        entry.write_bytes(entry.read_bytes()[:1000])
    assert "[0.268941421" in python(SOFTMAX.format(library), tmp_path).stdout
    assert python(HITS.format(library), tmp_path).stdout.strip().endswith("1 1")


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_place_that_cannot_be_written_gives_one_warning(library, tmp_path):
    """It names the line that called the library."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    first = "from tests import tiny; print(tiny.log_of(1.0))\n" if library == "tests.tiny" else ""
    result = python(first + SOFTMAX.format(library), blocked)
    assert "[0.268941421" in result.stdout
    assert result.stderr.count("fastsoftmax cannot write to") == 1
    assert "NUMBA_CACHE_DIR is not writable" in result.stderr
    assert "<string>:" in result.stderr


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("attempt", [installs.try_read_only, installs.try_full_disk])
def test_nowhere_to_keep_kernels(attempt, library, tmp_path):
    site = copied(tmp_path / "site")
    shutil.copytree(ROOT / "tests", site / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    place = tmp_path / "home or disk"
    place.mkdir()
    try:
        attempt(installs.Environment(Path(sys.executable), site, ""), place, SOFTMAX.format(library))
    except SkipError as reason:
        pytest.skip(str(reason))


def test_a_changed_helper_of_a_helper_is_seen(tmp_path):
    """numba alone looks at the file of the kernel, and would serve the old machine code.

    `tiny.weigh` calls `exp.exp`, and so forth to `exp2_table.powers`, two files away from it.
    """
    copy = copied(tmp_path / "place with spaces é")
    cache = tmp_path / "cache"
    assert "[0.268941421" in python(SOFTMAX.format("tests.tiny"), cache, copy).stdout
    helper = copy / "fastsoftmax" / "kernels" / "math" / "exp2_table.py"
    source = helper.read_text()
    assert source.count("builder.add(entry, shifted)") == 1
    helper.write_text(source.replace("builder.add(entry, shifted)", "builder.sub(entry, shifted)"))
    assert "[0.268941421" not in python(SOFTMAX.format("tests.tiny"), cache, copy).stdout


def test_other_files_and_other_places_change_nothing(tmp_path):
    """A clone and an installed package share their entries, and so do versions that differ in other kernels."""
    copy = copied(tmp_path / "elsewhere")
    cache = tmp_path / "cache"
    python(SOFTMAX.format("tests.tiny"), cache)
    for name in ("markov/suffix", "markov/walk", "softmax/columns"):
        with (copy / "fastsoftmax" / "kernels" / f"{name}.py").open("a") as file:
            file.write("# changed\n")
    assert python(HITS.format("tests.tiny"), cache, copy).stdout.strip().endswith("1 1")


def test_a_kernel_that_was_moved_has_other_entries(monkeypatch):
    """Machine code refers to the module that it was made in, which may be none any more."""
    signature, codegen = (numba.float64,), tiny.weigh.targetctx.codegen()
    here = tiny.weigh._cache._paths(signature, codegen)
    monkeypatch.setattr(tiny.weigh.py_func, "__module__", "tests.elsewhere.tiny")
    moved = cache.DiskCache(tiny.weigh.py_func)._paths(signature, codegen)
    assert [path.parent for path in here] == [path.parent for path in moved]
    assert not {*here} & {*moved}


@pytest.mark.parametrize("kernel", [*sorted((PACKAGE / "kernels").glob("*/*.py")), TINY], ids=lambda file: file.stem)
def test_a_kernel_depends_on_all_that_it_imports(kernel):
    """The files are found by their text, which is quick; here Python itself reads the imports."""
    found, coming = {kernel}, [kernel]
    while coming:
        for name in imported(coming.pop()):
            for parts in (name.split("."), name.split(".")[:-1]):
                place = ROOT.joinpath(*parts)
                for file in (place.with_suffix(".py"), place / "__init__.py"):
                    if file.is_file() and file not in (*found, PACKAGE / "__init__.py"):
                        found.add(file)
                        coming.append(file)
    assert cache.reached(kernel) == found


def test_processes_wait_for_the_one_that_compiles(kernel_cache):
    kept = tiny.weigh._cache
    signature, codegen = (numba.float64,), tiny.weigh.targetctx.codegen()
    (entry,) = kept._paths(signature, codegen)
    seen: list[str] = []

    def second():
        with kept.alone(signature, codegen):
            seen.append("second, with the entry" if entry.exists() else "second, without it")

    with kept.alone(signature, codegen):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        assert not seen
        entry.write_bytes(b"machine code")
    thread.join()
    assert seen == ["second, with the entry"]
    assert list(entry.parent.iterdir()) == [entry]


def test_llvm_is_asked_under_the_lock_that_forks_wait_for():
    """A child that was forked while a thread asked for the CPU, without it, waited for LLVM's own lock for ever."""
    seen: list[bool] = []

    class Codegen:
        def magic_tuple(self):
            seen.append(global_compiler_lock.is_locked())
            return "triple", "cpu", "features"

    tiny.weigh._cache.alone((), Codegen())
    assert seen == [True]
    assert not global_compiler_lock.is_locked()


def test_nobody_waits_for_ever(kernel_cache, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    kept, codegen = tiny.weigh._cache, tiny.weigh.targetctx.codegen()
    with kept.alone((), codegen), kept.alone((), codegen):
        pass
    assert not list(kernel_cache.iterdir())


def test_a_call_compiles_what_it_uses_and_one_row_what_a_batch_does():
    """Two kernels of sampling, without filters and with them; and one of softmax for short rows that are plain."""
    code = """if True:
        import numpy as np
        import fastsoftmax
        from fastsoftmax.kernels.sampling.sample import sample
        from fastsoftmax.kernels.softmax import one_row

        row, compiled = np.zeros(4, np.float32), []
        fastsoftmax.sample(row, seed=1, temperature=0.0, top_p=0.9)
        for filters in {}, {"top_p": 0.9}:
            for words in {}, {"n": 2}, {"temperature": [0.5]}:
                fastsoftmax.sample(row if "n" in words else row[None], seed=1, **filters, **words)
                fastsoftmax.sample(row, seed=1, **filters)
            compiled.append(len(sample.signatures))
        for temperature in 1.0, 0.0:
            fastsoftmax.softmax(row, temperature=temperature)
            compiled.append(len(one_row.softmax_any.signatures))
        print(compiled)
    """
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[1, 2, 0, 1]"


def test_helpers_are_for_kernels_and_kernels_for_python():
    tiny.softmax([1.0])
    with pytest.raises(TypeError, match=r"exp is a helper of kernels: call it in a function that is @jit"):
        tiny.exp(1.0)
    with pytest.raises(TypeError, match="weigh is a kernel, and kernels do not call kernels"):
        calls_a_kernel(np.ones(1))


@_jit.jit
def calls_a_kernel(values):
    return tiny.weigh(values, values)


def test_another_build_of_python_has_entries_of_its_own(monkeypatch):
    """A free-threaded Python has other objects, but the cache tag and the platform of any other."""
    versions = cache._versions.__wrapped__
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _: ".cpython-314-x86_64-linux-gnu.so")
    usual = versions()
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _: ".cpython-314t-x86_64-linux-gnu.so")
    assert versions() != usual


@pytest.mark.skipif(sys.platform == "win32", reason="there a home is not looked up")
def test_a_user_without_a_home_gets_no_folder_called_tilde(monkeypatch):
    for name in ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _: {}["nobody"])
    assert _jit.cache_directories() == [PACKAGE / "__pycache__" / "kernels"]


def test_import_compiles_nothing(tmp_path):
    python("import fastsoftmax", tmp_path)
    assert not list(tmp_path.rglob("*.pickle"))
