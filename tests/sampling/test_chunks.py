"""A call on some rows of a larger batch: it has their streams, and names them by their places there."""

import numpy as np
import pytest

import fastsoftmax
from fastsoftmax.sampling.functions import Chunk, Wanted, distribution, draw
from fastsoftmax.sampling.scratch import Scratch

WORDS = (0.7, 0, 0.9, 0.0)
BATCH = np.random.default_rng(0).standard_normal((6, 4, 50))
ONE = Wanted(None, False, False, 0, None)


def key_of(rng):
    return int(np.random.default_rng(rng).integers(0, 2**64, dtype=np.uint64))


def drawn(rows, chunk, wanted=ONE, key=None, seed=None):
    return draw(rows, None, None, WORDS, None, key, seed, 3, wanted, Scratch(), chunk)


@pytest.mark.parametrize("n", [None, 3])
@pytest.mark.parametrize(("first", "last"), [(0, 6), (2, 5), (5, 6), (3, 3)])
def test_streams_are_those_of_the_batch(first, last, n):
    whole = fastsoftmax.sample(BATCH, temperature=0.7, top_p=0.9, rng=1, step=3, n=n)
    some = drawn(BATCH[first:last], Chunk((6, 4), (first, 0)), ONE._replace(n=n), key_of(1))
    assert np.array_equal(some, whole[first:last])


def test_rows_beside_each_other_have_streams_that_follow():
    whole = fastsoftmax.sample(BATCH, temperature=0.7, top_p=0.9, rng=1, step=3)
    assert np.array_equal(drawn(BATCH[4:5, 1:3], Chunk((6, 4), (4, 1)), key=key_of(1)), whole[4:5, 1:3])


def test_a_kept_set_is_of_the_same_coins():
    """XTC tosses one for each row, from its stream."""
    asked = {"samplers": fastsoftmax.SamplerChain("xtc(0.5, 0.1) temperature=0.7"), "rng": 1, "kept_set": True}
    whole, wanted = fastsoftmax.sample(BATCH[:, 0], **asked), ONE._replace(kept_set=True)
    key, chunk = key_of(1), Chunk((6,), (2,))
    some = draw(BATCH[2:4, 0], None, None, asked["samplers"], None, key, None, 0, wanted, Scratch(), chunk)
    assert np.array_equal(some.tokens, whole.tokens[2:4])
    offsets = whole.kept_set.offsets[2:5]
    assert np.array_equal(some.kept_set.tokens, whole.kept_set.tokens[offsets[0] : offsets[-1]])


def test_seeds_need_no_streams():
    assert drawn(BATCH[2, 1], Chunk((), ()), seed=7) == drawn(BATCH[2, 1], None, seed=7)
    whole = drawn(BATCH, None, seed=7)
    assert np.array_equal(drawn(BATCH[1:3, 2:4], Chunk((6, 4), (1, 2)), seed=7), whole[1:3, 2:4])


def test_messages_name_the_row_of_the_batch():
    wrong = BATCH.copy()
    wrong[4, 3, 9] = np.nan
    wrong[5] = -np.inf
    chunk = Chunk((6, 4), (4, 2))
    with pytest.raises(ValueError, match=r"^logits row 4, 3 is NaN at index 9, expected no NaN$"):
        drawn(wrong[4:, 2:], chunk, seed=1)
    with pytest.raises(ValueError, match=r"^logits row 5, 2 is all -inf, expected at least one token above -inf$"):
        distribution(wrong[5:, 2:], None, None, WORDS, None, None, Scratch(), Chunk((6, 4), (5, 2)))


def test_an_empty_batch_has_no_first_row():
    assert Chunk((0, 4), (0, 0)).first == Chunk((), ()).first == 0
