"""The cache on disk: another process is warm, a damaged or unwritable place is survived, a change of source is seen."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastsoftmax

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


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_import_compiles_nothing(tmp_path: Path) -> None:
    python("import fastsoftmax", tmp_path)
    assert not list(tmp_path.rglob("*.pickle"))
