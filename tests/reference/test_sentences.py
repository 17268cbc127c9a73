"""Sentences that fit, by trying all: probabilities that can be worked out by hand."""

import pytest

from reference import MarkovChain
from reference.sentences import fits, sentences

CHAIN = MarkovChain(1).fit([["a", "b"], ["a", "b", "a"], ["b"]])  # after a: b, b, end; after b: end, end, a


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({}, {"b": 2 / 9, "a": 2 / 9, "a b": 8 / 27, "b a": 1 / 27}),
        ({"min_words": 2}, {"a b": 8 / 27, "b a": 1 / 27}),
        ({"containing": [["a"]]}, {"a": 2 / 9, "a b": 8 / 27, "b a": 1 / 27}),
        ({"containing": [["a"], ["b"]], "ending": ["b"]}, {"a b": 8 / 27}),
        ({"ending": ["a"]}, {"a": 2 / 9, "b a": 1 / 27}),
        ({"start": ["b"]}, {"b": 2 / 3, "b a": 1 / 9}),
        ({"start": ["b"], "containing": [["b", "a"]]}, {"b a": 1 / 9}),
        ({"top_k": 1}, {"a b": 1.0}),
        ({"ending": ["b", "b"]}, {}),
    ],
)
def test_sentences(wish, expected):
    found = {" ".join(sentence): p for sentence, p in sentences(CHAIN, 2, **wish).items()}
    assert found == pytest.approx(expected)


def test_what_breaks_off_is_no_sentence():
    pruned = MarkovChain(1).fit([["a", "b"], ["a", "c"], ["a", "b"]]).prune(2)
    assert sentences(pruned, 5) == {("a", "b"): 1.0}
    assert sentences(MarkovChain(1).fit([["a", "b"], ["a", "c"]]).prune(2), 5) == {}


@pytest.mark.parametrize(
    ("sentence", "containing", "ending", "fit"),
    [
        ("a b c", ["a b"], "c", True),
        ("a b c", ["a c"], "", False),
        ("a b c", ["c", "a", "b c"], "b c", True),
        ("a b c", [], "a b c", True),
        ("b c", [], "a b c", False),
        ("c", ["c"], "c", True),
        ("a b c", ["a", "d"], "c", False),
    ],
)
def test_fits(sentence, containing, ending, fit):
    assert fits(tuple(sentence.split()), [phrase.split() for phrase in containing], ending.split()) is fit
