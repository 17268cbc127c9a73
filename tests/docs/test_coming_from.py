"""docs/coming_from.md: what stands on our side of a table runs, and samplers are those of the peers' presets."""

import doctest
import re
from pathlib import Path

import pytest

from fastsoftmax import SamplerChain

PAGE = (Path(__file__).parents[2] / "docs" / "coming_from.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.slow  # compiles the kernels of chains and walks


def rows(head):
    """Return the cells of the tables whose second column has a name, each with the first cell of its head."""
    found, first = [], None
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("|"):
            first = None
        elif first is None:
            first = cells
        elif first[1] == head and not cells[0].startswith("---"):
            found.append((first[0], *cells))
    return found


@pytest.fixture(scope="module")
def names():
    """What the page's own blocks define."""
    source = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    test = doctest.DocTestParser().get_doctest(source, {}, "coming_from.md", "coming_from.md", 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    assert runner.run(test, clear_globs=False).failed == 0
    assert runner.tries >= 12
    return test.globs


@pytest.mark.parametrize(("head", "word", "sampler"), rows("sampler"))
def test_a_word_is_the_sampler(head, word, sampler):
    """The preset of the peer, given this word, has exactly this step."""
    peer = head.split("`")[1]
    given = eval(f"dict({word.strip('`')})")
    (step,) = SamplerChain(sampler.strip("`"))
    assert step in SamplerChain.preset(peer, **given).steps


@pytest.mark.parametrize("cell", [row[2] for row in rows("call")])
def test_a_call_runs(names, cell):
    if not cell.startswith("`"):
        assert cell.startswith("not yet")
    for code in re.findall(r"`([^`]+)`", cell):
        if "(" in code or not cell.startswith("not yet"):
            if "plot." in code:
                pytest.importorskip("matplotlib", reason="needs matplotlib: the extra plot")
                pytest.importorskip("networkx", reason="needs networkx: the extra plot")
            eval(code, dict(names))


def test_the_tables_are_found():
    assert len(rows("sampler")) > 35
    assert len(rows("call")) > 50
