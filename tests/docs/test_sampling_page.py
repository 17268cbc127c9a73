"""docs/sampling.md and decoding.md: examples run, and tables are what samplers say of themselves today."""

import doctest
import re
from dataclasses import dataclass

import pytest

from bench import zoo
from fastsoftmax.samplers import EDITS, SAMPLERS, MinP
from fastsoftmax.samplers.presets import PRESETS

ROOT = zoo.PAGE.parents[1]
PAGE = zoo.PAGE.read_text(encoding="utf-8")
EDITS_PAGE = zoo.EDITS_PAGE.read_text(encoding="utf-8")
NAMES = [sampler.name for sampler in SAMPLERS]
EXAMPLES = {"index": 3, "softmax": 28, "sampling": 20, "decoding": 20, "plots": 3, "teaching": 8}  # at least

pytestmark = pytest.mark.slow  # compiles the kernels of chains


@dataclass(frozen=True, eq=False)
class Shown(MinP):
    """Keep | drop.

    Notes
    -----
    As *nobody*.
    Source: arXiv 1234.56789.

    Examples
    --------
    >>> print(SamplerChain("top_k=3"))
    """

    name = "shown"


@pytest.mark.parametrize(("name", "least"), EXAMPLES.items())
def test_the_examples(name, least):
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    source = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    assert runner.run(doctest.DocTestParser().get_doctest(source, {}, f"{name}.md", f"{name}.md", 0)).failed == 0
    assert runner.tries >= least


def test_the_tables_are_those_of_today():
    for page in (PAGE, EDITS_PAGE):
        assert zoo.written(page) == page, "run `python -m bench.zoo`"


def test_each_sampler_and_preset_has_a_line():
    assert re.findall(r"^\| \[`(\w+)`\]", PAGE, re.MULTILINE) == NAMES
    assert re.findall(r"^\| `([\w.-]+)` \| `.+`", PAGE, re.MULTILINE)[-len(PRESETS) :] == [*PRESETS]


def test_each_edit_has_a_line():
    assert re.findall(r"^\| `(\w+)` \|", EDITS_PAGE, re.MULTILINE) == [edit.name for edit in EDITS]


def test_each_line_has_as_many_cells_as_the_head():
    for table in (zoo.zoo(), zoo.peers(), zoo.edits()):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


@pytest.mark.parametrize("name", [*NAMES, "idea"])
def test_a_figure_is_there(name):
    drawn = (zoo.FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert len(drawn) < 15_000
    assert "prefers-color-scheme: dark" in drawn


def test_no_figure_is_left_over():
    assert {path.stem for path in zoo.FOLDER.iterdir()} == {*NAMES, "idea"}


def test_links_lead_somewhere():
    for link in re.findall(r"\]\((?!http)([^)#]+)", PAGE + EDITS_PAGE):
        assert (zoo.PAGE.parent / link).is_file(), link


def test_a_docstring_is_read():
    parts = zoo.parts_of(Shown)
    assert parts[""] == "Keep | drop."
    assert zoo.example_of(Shown) == zoo.fs.SamplerChain("top_k=3")
    link, rule, parameters, notes, source, needs = zoo._line(Shown)
    assert parameters == "`p`: a number in [0, 1]; 0 is off<br>`min_keep`: an integer >= 1; 1 is the default"
    assert needs == "maxima only"
    assert (link, rule, notes) == ("[`shown`](samplers/shown.svg)", r"Keep \| drop.", r"As \*nobody\*.")
    assert source == "[arXiv 1234.56789](https://arxiv.org/abs/1234.56789)."


def test_what_is_off_by_default():
    off = {sampler.name: zoo.switches_of(sampler) for sampler in SAMPLERS}
    assert off["xtc"] == {"probability"}
    assert off["dynamic_temperature"] == {"low", "high"}
    assert off["min_k"] == off["greedy"] == off["adaptive_p"] == set()


def test_figures_are_drawn_the_same_again(tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib: the extra bench")
    first, second = ([path.read_bytes() for path in zoo.draw(tmp_path)] for _ in range(2))
    assert first == second
    assert len(first) == len(SAMPLERS) + 1
