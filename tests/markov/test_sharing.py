"""Chains among threads, copies of them, and their progress bar."""

import copy
import pickle
import sys
import threading

import numpy as np
import pytest

from fastsoftmax.markov import MarkovChain, MarkovText
from tests.markov.chains import CATS, assert_same, long_chain


def test_many_threads_use_one_chain():
    chain = long_chain()
    temperatures = [0.5, 0.9, 1.0, 1.5]
    expected = {t: copy.deepcopy(chain).walk(200, 30, temperature=t, seed=1).ids for t in temperatures}
    wrong = []

    def walk(i):
        for j in range(20):
            temperature = temperatures[(i + j) % 4]
            n = (1, 5, 200)[j % 3]
            if (chain.walk(n, 30, temperature=temperature, seed=1).ids != expected[temperature][:n]).any():
                wrong.append((i, j))

    threads = [threading.Thread(target=walk, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_no_update_is_lost():
    chain = MarkovChain().fit([[0, 1]])

    def add(i):
        for j in range(25):
            chain.partial_fit([[i, j]])

    threads = [threading.Thread(target=add, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert chain.transitions.counts.sum() == 3 + 4 * 25 * 3


def test_copies():
    chain = long_chain(2)
    chain.walk(3, seed=1)
    for other in (pickle.loads(pickle.dumps(chain)), copy.copy(chain), copy.deepcopy(chain)):
        assert_same(other, chain)
        np.testing.assert_array_equal(other.walk(30, seed=1).ids, chain.walk(30, seed=1).ids)
        other.partial_fit([[1, 2, 3]])
    assert_same(chain, long_chain(2))
    words = pickle.loads(pickle.dumps(MarkovChain().fit(CATS)))
    assert words.walk(1, start="the", temperature=0)[0][0] == "the"


def test_progress(capsys):
    pytest.importorskip("rich")
    chain = long_chain()
    shown = chain.walk(300, 50, seed=1, progress=True)
    np.testing.assert_array_equal(shown.ids, chain.walk(300, 50, seed=1).ids)
    captured = capsys.readouterr()
    assert "walking" in captured.err
    assert "100%" in captured.err
    assert not captured.out


def test_progress_of_sentences(capsys):
    """Also of those that are conditioned, or drawn again."""
    text = MarkovText(order=1).fit("The cat sat. The dog ran to the cat.")
    for words in ({"max_words": 9}, {"containing": "dog"}, {"min_chars": 20}):
        found = text.generate(20, seed=1, progress=True, **words)
        assert found == text.generate(20, seed=1, **words)
        assert "speaking" in capsys.readouterr().err
        with pytest.raises(TypeError, match="progress is 'yes', expected True or False"):
            text.generate(progress="yes", **words)


def test_progress_without_rich(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    with pytest.raises(ImportError, match=r"pip install 'fastsoftmax\[cli\]'"):
        long_chain().walk(progress=True)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_what_a_copy_learns_its_original_does_not(copied):
    text = MarkovText(order=1, keep_text=True).fit("The cat sat.")
    other = copied(text)
    assert other.generate(seed=1) == text.generate(seed=1)
    other.partial_fit("The dog ran.")
    assert other.generate(start="The dog", max_copied=3)
    other.chain.partial_fit([["a", "b"]])
    assert len(text.chain.vocabulary) == 3
    assert len(other.chain.vocabulary) == 7
    with pytest.raises(KeyError):
        text.generate(start="The dog")
    assert text.generate(max_copied=3) == ["The cat sat."]
    text.fit("A cow.")
    assert other.generate(start="The dog") == ["The dog ran."]
