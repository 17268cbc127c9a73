"""What a chain refuses, and that it is then as before."""

import copy
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest

import reference
from fastsoftmax.markov import MarkovChain
from tests.markov.chains import ARRAYS, CATS, INF, assert_same


class Unreadable:
    """An array of a library that does not hand out its values, as one on another device."""

    def __array__(self, dtype=None, copy=None):
        raise ValueError("not to be read")


@pytest.mark.parametrize(
    ("sequences", "error", "message"),
    [
        ("abc", TypeError, r"sequences is a str, .*list\(text\).*\[text.split\(\)\].*MarkovText"),
        (["abc"], TypeError, r"sequences\[0\] is a str \('abc'\), .*list\(text\)"),
        ([["a"], "abc"], TypeError, r"sequences\[1\] is a str"),
        (np.array(["ab", "cd"]), TypeError, r"sequences\[0\] is a str"),
        ([], ValueError, "sequences is empty"),
        (iter([]), ValueError, "sequences is empty"),
        ([["a"], []], ValueError, r"sequences\[1\] is empty, expected at least one token"),
        ([["a"], iter([])], ValueError, r"sequences\[1\] is empty"),
        ([np.array([], int)], ValueError, r"sequences\[0\] has shape"),
        (np.empty((0, 3), int), ValueError, r"sequences has shape \(0, 3\)"),
        (np.empty((2, 0), int), ValueError, r"sequences has shape \(2, 0\)"),
        (np.zeros((2, 2, 2), int), ValueError, r"sequences has shape \(2, 2, 2\)"),
        ([np.zeros((2, 2), int)], ValueError, r"sequences\[0\] has shape \(2, 2\)"),
        (np.ma.masked_array([1, 2]), TypeError, "sequences is a masked array, expected a plain one"),
        ([np.ma.masked_array([1, 2])], TypeError, r"sequences\[0\] is a masked array, expected a plain one"),
        ([Unreadable()], TypeError, r"sequences\[0\] is .*, expected an array of numbers: not to be read"),
        (3, TypeError, "sequences is 3, expected an iterable"),
        ([1, 2], TypeError, r"sequences\[0\] is 1, expected a sequence"),
        ([["a", 1]], TypeError, r"sequences\[0\]\[1\] is 1, expected str"),
        ([["a"], [1]], TypeError, r"sequences\[1\]\[0\] is 1, expected str"),
        ([["a"], np.array([1])], TypeError, r"sequences\[1\] has dtype int64, expected str"),
        ([[1, "a"]], TypeError, r"sequences\[0\]\[1\] is 'a', expected int"),
        ([[1], ["a"]], TypeError, r"sequences\[1\]\[0\] is 'a', expected int"),
        ([[1, True]], TypeError, r"sequences\[0\]\[1\] is True, expected int"),
        ([[True]], TypeError, r"sequences\[0\]\[0\] is True"),
        ([[1.0]], TypeError, r"sequences\[0\]\[0\] is 1.0"),
        ([[1, 2.5]], TypeError, r"sequences\[0\]\[1\] is 2.5, expected int"),
        (np.array([1.0, 2.0]), TypeError, r"sequences\[0\]"),
        ([[b"a"]], TypeError, r"sequences\[0\]\[0\] is bytes of length 1"),
        ([["a", ["b"]]], TypeError, r"sequences\[0\]\[1\] is \['b'\]"),
        ([["a", None]], TypeError, r"sequences\[0\]\[1\] is None"),
        ([[1, -1]], ValueError, r"sequences\[0\]\[1\] is -1, expected an integer in \[0, 2\*\*31 - 1\)"),
        ([[2**31 - 1]], ValueError, r"sequences\[0\]\[0\] is 2147483647"),
        ([[2**70]], ValueError, r"sequences\[0\]\[0\] is 1180591620717411303424"),
        (np.array([[1, 2], [3, -4]]), ValueError, r"sequences holds -4"),
        (np.array([2**63], np.uint64), ValueError, "sequences holds 9223372036854775808"),
        ([np.array([1, 2**31])], ValueError, r"sequences\[0\] holds 2147483648"),
    ],
)
def test_fit_refuses(sequences, error, message):
    chain = MarkovChain(2).fit(CATS)
    before = chain._held.model
    for method in (chain.fit, MarkovChain().fit):
        with pytest.raises(error, match=message):
            method(sequences)
    assert chain._held.model is before
    with pytest.raises((TypeError, ValueError)):
        chain.partial_fit(sequences)
    assert chain._held.model is before
    assert_same(chain, MarkovChain(2).fit(CATS))


def test_kinds_do_not_mix():
    chain = MarkovChain().fit(CATS)
    before = chain._held.model
    for sequences in ([[1]], np.array([1, 2])):
        with pytest.raises(TypeError, match="tokens are all str or all int"):
            chain.partial_fit(sequences)
        with pytest.raises(TypeError, match="tokens are all str or all int"):
            chain.perplexity(sequences)
    with pytest.raises(TypeError, match="tokens to add are of type int, expected str"):
        chain.merge(MarkovChain().fit([[1]]))
    with pytest.raises(TypeError, match=r"sequence\[1\] is 2, expected str"):
        chain.log_likelihood(["the", 2])
    with pytest.raises(TypeError, match="sequence is a str"):
        chain.log_likelihood("the cat")
    with pytest.raises(ValueError, match="sequence is empty"):
        chain.log_likelihood([])
    assert chain._held.model is before


def test_interrupted_fit_leaves_the_chain_alone():
    chain = MarkovChain().fit(CATS)
    before = chain._held.model

    def interrupted():
        yield ["new", "words"]
        raise KeyboardInterrupt

    for method in (chain.fit, chain.partial_fit):
        with pytest.raises(KeyboardInterrupt):
            method(interrupted())
    assert chain._held.model is before
    assert "new" not in chain.vocabulary


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": -1}, ValueError, "n is -1, expected an integer"),
        ({"n": 1.5}, TypeError, "n is 1.5, expected an integer"),
        ({"n": True}, TypeError, "n is True"),
        ({"length": -1}, ValueError, r"length is -1, expected an integer in \[0, 2\*\*40\]"),
        ({"temperature": -0.5}, ValueError, "temperature is -0.5, expected a number >= 0"),
        ({"temperature": math.nan}, ValueError, "temperature is nan, expected a number >= 0"),
        ({"temperature": True}, TypeError, "temperature is True"),
        ({"temperature": "1"}, TypeError, "temperature is '1'"),
        ({"temperature": [1.0, 2.0]}, ValueError, "temperature has shape"),
        ({"top_p": 1.5}, ValueError, r"top_p is 1.5, expected a number in \[0, 1\]"),
        ({"top_p": math.nan}, ValueError, "top_p is nan"),
        ({"min_p": -0.1}, ValueError, r"min_p is -0.1, expected a number in \[0, 1\]"),
        ({"top_k": -2}, ValueError, "top_k is -2, expected an integer >= 0"),
        ({"top_k": 1.5}, TypeError, "top_k is 1.5"),
        ({"seed": -1}, ValueError, r"seed is -1, expected an integer in \[0, 2\*\*64\)"),
        ({"seed": 2**64}, ValueError, "seed is 18446744073709551616"),
        ({"seed": 1, "rng": 1}, ValueError, "rng and seed are both given"),
        ({"on_dead_end": "loop"}, ValueError, "on_dead_end is 'loop', expected one of 'stop', 'restart', 'raise'"),
        ({"start": ["the"] * 3, "length": 2}, ValueError, "start has 3 tokens, expected at most length, 2"),
        ({"start": 3}, TypeError, "start holds 3, expected tokens of type str"),
        ({"start": True}, TypeError, "start is True"),
        ({"start": ["the", None]}, TypeError, "start holds None"),
        ({"start": "teh"}, KeyError, "start: token 'teh' was never seen, near matches: 'the'"),
        ({"start": "zzzzzz"}, KeyError, "token 'zzzzzz' was never seen, and nothing like it"),
    ],
)
def test_walk_refuses(arguments, error, message):
    chain = MarkovChain().fit(CATS)
    with pytest.raises(error, match=message):
        chain.walk(**arguments)


def test_unknown_states():
    chain = MarkovChain(2).fit(CATS)
    with pytest.raises(KeyError, match=r"\('dog', 'cat'\) was never seen, near matches: .*\('the', 'cat'\)"):
        chain.walk(start=["dog", "cat"])
    with pytest.raises(KeyError, match=r"'down' never begins a sequence, nor a state of 2 tokens"):
        chain.walk(start="down")
    with pytest.raises(KeyError, match="context: 'cat' never begins a sequence"):
        chain.next_tokens("cat")
    with pytest.raises(KeyError, match=r"token 'the cat' was never seen, expected a list of tokens: \['the', 'cat'\]"):
        chain.walk(start="the cat")
    with pytest.raises(KeyError, match="token 'The cow' was never seen, and nothing like it"):
        chain.walk(start="The cow")
    with pytest.raises(KeyError, match="token 'CAT' was never seen, near matches: 'cat'"):
        chain.walk(start="CAT")
    with pytest.raises(KeyError, match=r"context: nothing was seen after \('dog', 'cat'\)"):
        chain.next_tokens(["dog", "cat"])
    numbers = MarkovChain().fit([[5, 90], [7, 8]])
    with pytest.raises(KeyError, match="start: 6 was never seen, near matches: 5, 7, 8"):
        numbers.walk(start=6)
    for start in (-1, 2**31, 2**40, [-1, 5]):
        with pytest.raises(KeyError, match="was never seen, tokens are integers in"):
            numbers.walk(start=start)
    dead = MarkovChain.from_transitions({"a": {"b": 1}})
    with pytest.raises(KeyError, match="context: nothing was seen after 'b'"):
        dead.next_tokens("b")


@pytest.mark.parametrize("weight", [0.3, Fraction(1, 3), np.float32(0.5), 2.0, 7 / 3, np.int8(3)])
def test_merge_takes_ratios(weight):
    chain, plain = MarkovChain(2).fit(CATS), reference.MarkovChain(2).fit(CATS)
    other, part = [["the", "cat", "ran"], ["a", "mouse"]], reference.MarkovChain(2)
    chain.merge(MarkovChain(2).fit(other), weight)
    plain.merge(part.fit(other), float(weight))
    ratio = Fraction(float(weight)).limit_denominator(10**6)
    assert chain.transitions.counts.dtype == np.int64
    nexts = dict(zip(*chain.next_tokens(["the", "cat"]), strict=True))
    assert nexts["ran"] == pytest.approx(ratio / (1 + ratio))
    assert list(chain.walk(20, 9, seed=1)) == plain.walk(20, 9, seed=1)


@pytest.mark.parametrize(
    ("weight", "error"),
    [
        *((wrong, ValueError) for wrong in (0, -0.5, math.nan, INF, math.pi, 2**53 + 1)),
        *((wrong, TypeError) for wrong in (True, "1", None, 1j)),
    ],
)
def test_merge_refuses_other_weights(weight, error):
    with pytest.raises(error, match=r"^weight is .*, expected a number in \(0, 2\*\*53\] that is a ratio of integers"):
        MarkovChain(2).fit(CATS).merge(MarkovChain(2).fit(CATS), weight)


@pytest.mark.parametrize(
    "name", ["walk", "save", "prune", "next_tokens", "log_likelihood", "perplexity", "transitions"]
)
def test_empty_chain(name, tmp_path):
    arguments = {
        "save": [tmp_path / "m"],
        "prune": [1],
        "next_tokens": ["a"],
        "log_likelihood": ["a"],
        "perplexity": ["a"],
    }
    with pytest.raises(ValueError, match="the chain is empty, expected a call of fit first"):
        getattr(MarkovChain(), name)(*arguments.get(name, []))


def test_merge_of_an_empty_chain_adds_nothing():
    chain = MarkovChain().fit(CATS)
    assert_same(chain.merge(MarkovChain()), MarkovChain().fit(CATS))
    assert MarkovChain().merge(MarkovChain())._held.model is None


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda chain: MarkovChain(-1), ValueError, r"order is -1, expected an integer in \[0, 1024\]"),
        (lambda chain: MarkovChain(1.0), TypeError, "order is 1.0"),
        (lambda chain: chain.partial_fit(CATS, 0), ValueError, "weight is 0, expected an integer"),
        (lambda chain: chain.partial_fit(CATS, 0.5), TypeError, "weight is 0.5"),
        (lambda chain: chain.partial_fit(CATS, 2**53), ValueError, r"weight is \d+, expected counts that add up to at"),
        (lambda chain: chain.merge(chain, 2**52), ValueError, r"weight is \d+: the counts would add up to"),
        (lambda chain: chain.merge(chain, -1), ValueError, "weight is -1"),
        (lambda chain: chain.merge(MarkovChain(2)), ValueError, "other has order 2, expected 1"),
        (lambda chain: chain.merge([1]), TypeError, r"other is \[1\], expected a MarkovChain"),
        (lambda chain: chain.prune(-1), ValueError, "min_count is -1.*expected a number >= 0"),
        (lambda chain: chain.prune("2"), TypeError, "min_count is '2'"),
    ],
)
def test_methods_refuse(call, error, message):
    chain = MarkovChain().fit(CATS)
    before = chain._held.model
    with pytest.raises(error, match=message):
        call(chain)
    assert chain._held.model is before


def test_counts_that_would_not_be_exact():
    chain = MarkovChain().partial_fit([[1, 2]], 2**51)
    assert chain.transitions.counts.tolist() == [2**51] * 3
    with pytest.raises(ValueError, match=r"add up to .*, expected at most 2\*\*53"):
        chain.merge(chain)
    assert chain.transitions.counts.tolist() == [2**51] * 3
    with pytest.raises(ValueError, match="the weights add up to inf"):
        MarkovChain.from_transitions({1: {1: 1.5e308}}).merge(MarkovChain.from_transitions({1: {1: 1.5e308}}))


def test_the_table_is_read_only():
    chain = MarkovChain().fit(CATS)
    for table in (chain.transitions, pickle.loads(pickle.dumps(chain)).transitions, copy.deepcopy(chain.transitions)):
        for name in ARRAYS:
            with pytest.raises(ValueError, match="read-only"):
                getattr(table, name)[...] = 0


def test_bytes_are_no_sequence():
    with pytest.raises(TypeError, match=r"sequences\[0\] is bytes of length 3, expected a sequence of tokens"):
        MarkovChain().fit([b"abc"])
    with pytest.raises(TypeError, match="sequences is a bytes, expected an iterable of sequences"):
        MarkovChain().fit(b"abc")


def test_on_dead_end_of_another_type():
    with pytest.raises(TypeError, match=r"on_dead_end is ndarray of shape .*, expected one of 'stop'"):
        MarkovChain().fit(CATS).walk(on_dead_end=np.array(["stop", "raise"]))
