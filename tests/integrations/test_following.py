"""A loop of somebody else's: the tokens are those of a loop of one's own, whatever it does with them."""

import numpy as np
import pytest

import fastsoftmax as fs
from fastsoftmax.integrations.following import Follower

CHAIN = "repetition(1.3, of=all) dry=0.8 temperature=0.9 mirostat_2(3.0, eta=0.3)"
V = 50


def nothing():
    """Where texts begin."""


def logits_after(text):
    """Return what a model would make of a text: a pure function of it."""
    return np.random.default_rng([len(text), *text]).normal(size=V).astype(np.float32) * 2


def expected(prompt, seed, length, chain=CHAIN):
    """Return the text that a loop of one's own draws."""
    chain = fs.SamplerChain(chain)
    state, text = chain.start(prompt), list(prompt)
    for step in range(length):
        token, state = fs.sample(logits_after(text), samplers=chain, state=state, seed=seed, step=step)
        text.append(int(token))
    return text


def drawn(follower, texts):
    """Return the texts of equal length with the next token of each."""
    texts = np.asarray(texts, np.int64)
    return np.column_stack([texts, follower.draw(texts, np.stack([logits_after(text) for text in texts.tolist()]))])


def test_a_batch_draws_what_each_row_draws():
    prompts, seeds = [[1, 2, 3], [4, 5, 6], [1, 2, 3]], [7, 8, 9]
    follower, texts = Follower(CHAIN, None, seeds, None, nothing), np.array(prompts)
    for _ in range(30):
        texts = drawn(follower, texts)
    assert texts.tolist() == [expected(prompt, seed, 30) for prompt, seed in zip(prompts, seeds, strict=True)]


def test_padding_on_the_left_is_no_part_of_a_prompt():
    follower, texts = Follower("repetition=1.5", None, [1, 2], 0, nothing), np.array([[0, 0, 3], [0, 4, 0]])
    rows = np.zeros((2, 5))
    rows[:] = [2.0, 2.1, 1.9, 2.2, 2.0]
    tokens = follower.draw(texts, rows)
    chain = fs.SamplerChain("repetition=1.5")
    alone = [chain.start([3]), chain.start([4, 0])]
    assert tokens.tolist() == [
        int(fs.sample(row, samplers=chain, state=state, seed=seed)[0])
        for row, state, seed in zip(rows, alone, [1, 2], strict=True)
    ]
    assert follower._state is not None
    assert [follower._state.history(i).tolist()[:-1] for i in range(2)] == [[3], [4, 0]]


def test_a_row_that_has_ended_leaves_the_others_alone():
    follower, texts = Follower(CHAIN, None, [7, 8], None, nothing), np.array([[1, 2], [3, 4]])
    for step in range(20):
        texts = drawn(follower, texts)
        if step >= 5:
            texts[0, -1] = 0
    assert texts[1].tolist() == expected([3, 4], 8, 20)
    assert texts[0, :7].tolist() == expected([1, 2], 7, 5)


def test_a_loop_may_go_back():
    chain = "repetition(1.3, of=all) dry=0.8 temperature=0.9"
    follower, text = Follower(chain, None, 7, None, nothing), [1, 2]
    wanted = expected([1, 2], 7, 12, chain)
    for length in range(2, 10):
        text = drawn(follower, [wanted[:length]])[0].tolist()
        assert text == wanted[: length + 1]
    wrong = [*wanted[:6], 49, 48]  # as a draft that was tried and refused
    follower.draw(np.array([[*wanted[:6], 49]]), logits_after([*wanted[:6], 49])[np.newaxis])
    follower.draw(np.array([wrong]), logits_after(wrong)[np.newaxis])
    for length in range(7, 14):
        assert drawn(follower, [wanted[:length]])[0].tolist() == wanted[: length + 1]


def test_what_learns_from_draws_refuses_to_go_back():
    follower, texts = Follower(CHAIN, None, 7, None, nothing), np.array([[1, 2]])
    for _ in range(3):
        texts = drawn(follower, texts)
    with pytest.raises(ValueError, match=r"the texts go back by 2 tokens, expected none, since .* learns"):
        drawn(follower, texts[:, :3])
    assert drawn(follower, texts)[0].tolist() == expected([1, 2], 7, 4)


def test_texts_that_begin_anew():
    follower = Follower("temperature=1.0", 3, None, None, nothing)
    rows = np.zeros((1, 2**20), np.float32)
    tokens = [int(follower.draw(np.array([text]), rows)[0]) for text in ([1, 2], [1, 2], [1, 2, 3, 4], [5])]
    again = Follower("temperature=1.0", 3, None, None, nothing)
    assert [int(again.draw(np.array([text]), rows)[0]) for text in ([1, 2], [1, 2])] == tokens[:2]
    assert len(set(tokens)) == 4
    seeded = Follower("temperature=1.0", None, 3, None, nothing)
    assert len({int(seeded.draw(np.array([text]), rows)[0]) for text in ([1, 2], [1, 2], [3])}) == 1


def test_texts_without_a_prompt():
    follower, texts = Follower(CHAIN, None, [5, 6], None, nothing), np.zeros((2, 0), np.int64)
    for _ in range(10):
        texts = drawn(follower, texts)
    assert texts.tolist() == [expected([], 5, 10), expected([], 6, 10)]


def test_bad_input():
    with pytest.raises(ValueError, match="rng and seed are both given"):
        Follower("top_k=2", 1, 2, None, nothing)
    with pytest.raises(ValueError, match="seed is 7 for 3 rows, expected one for each, or rng"):
        Follower("top_k=2", None, 7, None, nothing).draw(np.zeros((3, 1), np.int64), np.zeros((3, 4)))
    with pytest.raises(ValueError, match="seed"):
        Follower("top_k=2", None, [7, 8], None, nothing).draw(np.zeros((3, 1), np.int64), np.zeros((3, 4)))
    with pytest.raises(ValueError, match="no sampler 'top_q'"):
        Follower("top_q=2", None, 7, None, nothing)
    follower = Follower("temperature=1.0", None, 7, None, nothing)
    with pytest.raises(ValueError, match="NaN"):
        follower.draw(np.zeros((1, 1), np.int64), np.full((1, 4), np.nan))
    assert follower.draw(np.zeros((1, 1), np.int64), np.zeros((1, 4))).shape == (1,)


@pytest.mark.parametrize("pad", ["<pad>", True, 2.0])
def test_a_pad_is_a_token(pad):
    with pytest.raises(TypeError, match=r"pad is .*, expected the id of a token"):
        Follower("top_k=2", None, 7, pad, nothing)


def test_seeds_are_checked_at_once():
    with pytest.raises(ValueError, match="seed is -1"):
        Follower("top_k=2", None, -1, None, nothing)
    with pytest.raises(ValueError, match=r"seed has shape \(2,\), expected \(1,\)"):
        Follower("top_k=2", None, [1, 2], None, nothing).draw(np.zeros((1, 1), np.int64), np.zeros((1, 4)))
