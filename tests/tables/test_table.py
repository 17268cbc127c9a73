"""A table of tokens: what it holds, prints and shows as HTML, and what it refuses."""

import pickle
from html.parser import HTMLParser

import numpy as np
import pytest

import fastsoftmax as fs
from fastsoftmax import _grid

NIGHTS = {"nights": 3, "days": 2, "hours": 1, "weeks": 4}


class Cells(HTMLParser):
    """The texts of a table's cells."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.open = [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] in ("th", "td"):
            self.rows[-1][-1] += data


def test_it_holds_what_the_library_computes():
    table = fs.table(NIGHTS, temperature=[1, 5])
    assert table.tokens == tuple(NIGHTS)
    assert table.temperatures == (1.0, 5.0)
    assert np.array_equal(table.adjusted, [[3, 2, 1, 4], [0.6, 0.4, 0.2, 0.8]])
    assert np.allclose(table.probabilities, [fs.softmax([3.0, 2, 1, 4]), fs.softmax([3.0, 2, 1, 4], temperature=5)])
    filtered = fs.table(NIGHTS, top_k=2, temperature=2.0)
    assert np.array_equal(filtered.probabilities[0], fs.probabilities([3.0, 2, 1, 4], temperature=2.0, top_k=2))
    chained = fs.table(NIGHTS, samplers="min_p=0.2", temperature=[2.0, 1.0])
    expected = [fs.probabilities([3.0, 2, 1, 4], samplers=f"temperature={t} min_p=0.2") for t in (2.0, 1.0)]
    assert np.array_equal(chained.probabilities, expected)
    assert fs.table([1.0, np.inf], temperature=0).columns()["adjusted logit, T=0"] == ["-", "-"]


@pytest.mark.parametrize("make", [list, np.array, lambda z: np.array(z, np.float32), lambda z: np.array(z, np.int8)])
def test_logits_of_any_kind(make):
    table = fs.table(make([3, 2, 1, 4]), tokens="abcd")
    assert table.tokens == ("a", "b", "c", "d")
    assert table == fs.table(dict(zip("abcd", [3, 2, 1, 4], strict=True)))
    assert fs.table(make([3, 2])).tokens == ("0", "1")


def test_details_and_a_row_of_a_chain():
    row = np.array([3.0, 2.0, 1.0, 4.0])
    kept = fs.table(fs.sample(row, top_k=2, seed=1, kept_set=True))
    assert kept.tokens == ("0", "3")
    assert np.allclose(kept.probabilities, fs.softmax([3.0, 4.0]))
    top = fs.table(fs.sample(row, seed=1, top_logprobs=3))
    assert top.tokens == ("3", "0", "1")
    chain = fs.MarkovChain(1).fit([list("aab"), list("ab")])
    table = fs.table(chain.next_tokens("a"), temperature=[1, 0.5])
    assert table.tokens == ("b", "a")
    assert np.allclose(table.probabilities[0], [2 / 3, 1 / 3])
    assert np.allclose(table.probabilities[1], chain.next_tokens("a", temperature=0.5)[1])
    assert fs.table(chain.next_tokens("b")).tokens == ("(end)",)


def test_rows_go_to_pandas_and_are_picked():
    table = fs.table(NIGHTS, temperature=[1, 5])
    rows = list(table)
    assert len(table) == len(rows) == 4
    assert rows[1]["token"] == "days"
    assert rows[1]["adjusted logit, T=5"] == 0.4
    assert rows[1]["probability, T=5"] == pytest.approx(0.22065517)
    picked = table[np.argsort(-table.logits)[:2]]
    assert picked.tokens == ("weeks", "nights")
    assert table[1:3].tokens == ("days", "hours")
    assert table[0].tokens == ("nights",)
    assert pickle.loads(pickle.dumps(table)) == table
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(table)
    assert frame.shape == (4, 6)
    assert frame["probability, T=1"].sum() == pytest.approx(1)


def test_text_and_html_have_the_same_cells():
    table = fs.table({"a<b>&": 1.0, "שלום": 2.0}, temperature=[1, 2])
    cells = Cells(table._repr_html_()).rows
    assert cells[0] == list(table.columns())
    assert [row[0] for row in cells[1:]] == ["a<b>&", "שלום"]
    assert [row[:4] for row in cells[1:]] == [
        [column[i] for column in list(table.columns().values())[:4]] for i in range(2)
    ]
    assert str(table) == repr(table)
    assert "731059" in str(table)
    long = fs.table(np.arange(300.0))._repr_html_()
    assert "200 rows more" in long
    assert len(Cells(long).rows) == 101
    assert _grid.aligned({"x": ["a"], "T": [0.5]}, blocks=False).endswith("##########")


def test_other_values_show_themselves():
    chain = fs.SamplerChain("top_k=4 min_p=0.1 temperature=0.5")
    cells = Cells(chain._repr_html_()).rows
    assert [row[0] for row in cells[1:]] == ["top_k=4", "min_p=0.1", "temperature=0.5"]
    assert all(row[1] for row in cells[1:])
    assert ["top_p", "0.9"] in Cells(fs.Sampler(top_p=0.9, seed=3)._repr_html_()).rows
    assert ["seed", "3"] in Cells(fs.Sampler(chain, seed=3)._repr_html_()).rows
    assert Cells(fs.Sampler("top_k=3", rng=1)._repr_html_()).rows[1] == ["samplers", "top_k=3"]
    row = np.random.default_rng(0).normal(size=(2, 50))
    details = fs.sample(row, n=3, seed=1, details=True)
    cells = Cells(details._repr_html_()).rows
    assert [int(cell[0]) for cell in cells[1:]] == details.tokens.ravel().tolist()
    assert len(Cells(fs.sample(row[0], seed=1, details=True)._repr_html_()).rows) == 2
    model = fs.MarkovChain(1).fit([list("abab"), list("ba")])
    assert ["states", "3"] in Cells(model._repr_html_()).rows
    assert ["transitions", "0"] in Cells(fs.MarkovChain(2)._repr_html_()).rows
    walks = model.walk(120, 60, seed=1)
    shown = walks._repr_html_()
    assert "120 walks" in shown
    assert len(Cells(shown).rows) == 101
    assert Cells(shown).rows[1][0].split()[:2] == walks[0][:2]
    assert "transitions" in fs.MarkovText(order=1).fit("A cat sat. A dog ran.")._repr_html_()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fs.table([]), r"logits has shape \(0,\) and dtype float64, expected a row of numbers"),
        (lambda: fs.table(np.zeros((2, 3))), r"logits has shape \(2, 3\)"),
        (lambda: fs.table({}), "expected a row of numbers"),
        (lambda: fs.table(["a", "b"]), "expected a row of numbers"),
        (lambda: fs.table([1.0, 2.0], tokens=["a"]), "tokens has 1 names, expected 2, one for each logit"),
        (lambda: fs.table([1.0, np.nan]), "is NaN at index 1"),
        (lambda: fs.table([1.0], temperature=-1), "temperature is -1.0, expected a number >= 0"),
        (lambda: fs.table([1.0], temperature=[1, np.nan]), r"temperature\[1\] is nan"),
        (lambda: fs.table([1.0], samplers="top_q=1"), "no sampler 'top_q'"),
        (lambda: fs.table(fs.sample([1.0, 2.0], seed=1, details=True)), "Details has no tokens but the drawn ones"),
        (
            lambda: fs.table(fs.sample([[1.0, 2.0]] * 2, seed=1, kept_set=True)),
            r"has the batch \(2,\), expected one row",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
