"""The cache on disk: another process is warm, a damaged or unwritable place is survived, a change of source is seen."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

import fastsoftmax
from fastsoftmax import _jit
from tests.reliability import SkipError, installs

PACKAGE = Path(fastsoftmax.__file__).parent
SOFTMAX = "import fastsoftmax; print(fastsoftmax.softmax([1.0, 2.0]).tolist())"
HITS = """
import fastsoftmax
from fastsoftmax.kernels import columns
kernel = columns.softmax_short
print(fastsoftmax.softmax([1.0, 2.0]).tolist(), len(kernel.signatures), kernel.stats.cache_hits.total())
"""


def python(code: str, cache: Path, path: Path = PACKAGE.parent) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(path)}
    command = [sys.executable, "-W", "always::RuntimeWarning", "-c", code]
    return subprocess.run(command, cwd=path, env=environment, text=True, capture_output=True, check=True)


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    assert "[0.268941421" in python(SOFTMAX, tmp_path).stdout
    entries = {entry: entry.read_bytes() for entry in tmp_path.rglob("*.pickle")}
    assert entries
    assert python(HITS, tmp_path).stdout.strip().endswith("1 1")
    assert {entry: entry.read_bytes() for entry in tmp_path.rglob("*.pickle")} == entries


def test_a_damaged_entry_is_compiled_anew(tmp_path: Path) -> None:
    python(SOFTMAX, tmp_path)
    for entry in tmp_path.rglob("*.pickle"):
        entry.write_bytes(entry.read_bytes()[:1000])
    assert "[0.268941421" in python(SOFTMAX, tmp_path).stdout
    assert python(HITS, tmp_path).stdout.strip().endswith("1 1")


def test_a_place_that_cannot_be_written_gives_one_warning(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    result = python(SOFTMAX + "; fastsoftmax.log_softmax([1.0])", blocked)
    assert "[0.268941421" in result.stdout
    assert result.stderr.count("fastsoftmax cannot write to") == 1
    assert "NUMBA_CACHE_DIR is not writable" in result.stderr
    assert "<string>:" in result.stderr  # the user's own line


@pytest.mark.parametrize("attempt", [installs.try_read_only, installs.try_full_disk])
def test_nowhere_to_keep_kernels(attempt: Callable[..., None], tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "site" / "fastsoftmax", ignore=shutil.ignore_patterns("__pycache__"))
    place = tmp_path / "home or disk"
    place.mkdir()
    try:
        attempt(installs.Environment(Path(sys.executable), tmp_path / "site", ""), place, installs.SOFTMAX)
    except SkipError as reason:
        pytest.skip(str(reason))


def test_a_changed_helper_is_seen(tmp_path: Path) -> None:
    """numba alone looks at the file of the kernel, and would serve the old machine code."""
    copy = tmp_path / "place with spaces é"
    shutil.copytree(PACKAGE, copy / "fastsoftmax", ignore=shutil.ignore_patterns("__pycache__"))
    cache = tmp_path / "cache"
    assert "[0.268941421" in python(SOFTMAX, cache, copy).stdout
    helper = copy / "fastsoftmax" / "kernels" / "weights.py"
    source = helper.read_text()
    assert source.count("r = fma(z, hi, shift)") == 1
    helper.write_text(source.replace("r = fma(z, hi, shift)", "r = fma(z, hi + hi, shift)"))
    assert "[0.268941421" not in python(SOFTMAX, cache, copy).stdout


def test_another_build_of_python_has_entries_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A free-threaded Python has other objects, but the cache tag and the platform of any other."""
    digest = _jit._source_digest.__wrapped__
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _: ".cpython-314-x86_64-linux-gnu.so")
    usual = digest()
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _: ".cpython-314t-x86_64-linux-gnu.so")
    assert digest() != usual


@pytest.mark.skipif(sys.platform == "win32", reason="there a home is not looked up")
def test_a_user_without_a_home_gets_no_folder_called_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _: {}["nobody"])
    assert [place.parent for place in _jit.cache_directories()] == [PACKAGE / "__pycache__" / "kernels"]


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_import_compiles_nothing(tmp_path: Path) -> None:
    python("import fastsoftmax", tmp_path)
    assert not list(tmp_path.rglob("*.pickle"))
