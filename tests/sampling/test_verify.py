"""verify: what comes out of drafts is what the reference says, and has the law of the target."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

import fastsoftmax as fs
from fastsoftmax.samplers import Temperature
from reference.speculation import verify as reference

V = 9
CHAINS = (
    "",
    "temperature=0.7",
    "top_k=4 temperature=0.6",
    "temperature=1.5 top_p=0.8",
    "min_p=0.1 xtc(0.5, 0.2)",
    "temperature=0.0",
    "typical=0.7",
    "top_k=5 gumbel",
)
EDITS = "repetition=1.5 frequency(0.3, of=all, last=3) no_repeat_ngram=2 "
TREES = ([-1, 0, 1], [-1, -1, -1], [-1, -1, 0, 0, 1], [-1, 0, 0, 1, 1, 2])


def case_of(seed, nodes, batch=()):
    """Return rows of the target, drafted tokens, and the probabilities that they were drawn with."""
    rng = np.random.default_rng(seed)
    targets = rng.normal(size=(*batch, nodes + 1, V)) * 2
    chances = fs.softmax(rng.normal(size=(*batch, nodes, V)) * 2)
    draws = (rng.random((*batch, nodes, 1)) > chances.cumsum(axis=-1)).sum(axis=-1)
    return targets, np.minimum(draws, V - 1), chances


@given(
    seed=st.integers(0, 2**32),
    nodes=st.integers(0, 5),
    chain=st.sampled_from(CHAINS),
    drawn=st.booleans(),
    edits=st.sampled_from(["", EDITS]),
    tree=st.sampled_from([None, *TREES]),
)
def test_what_comes_out_is_what_the_reference_says(seed, nodes, chain, drawn, edits, tree):
    nodes = nodes if tree is None else len(tree)
    targets, tokens, chances = case_of(seed, nodes)
    samplers, draft = edits + chain, chances if drawn else None
    history, prompt = [3, 1, 3, 1], 2
    state = fs.SamplerChain(samplers).start(history[:prompt]).accept(history[prompt:]) if edits else None
    found = fs.verify(targets, tokens, draft=draft, parents=tree, samplers=samplers, state=state, seed=seed, step=7)
    words = {"history": history, "prompt": prompt} if edits else {}
    expected = reference(
        targets.tolist(),
        tokens.tolist(),
        samplers,
        draft=None if draft is None else draft.tolist(),
        parents=tree,
        seed=seed,
        step=7,
        **words,
    )
    assert found.tokens.tolist() == expected + [-1] * (nodes + 1 - len(expected))
    assert found.accepted == len(expected) - 1
    if edits:
        assert found.state == state.accept(expected)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("drawn", [False, True])
def test_batches_are_their_rows(dtype, drawn):
    targets, tokens, chances = case_of(1, 3, (2, 40))
    targets = targets.astype(dtype)
    chain = fs.SamplerChain(EDITS + "top_k=5 temperature=0.8")
    seeds = np.arange(80).reshape(2, 40)
    state = chain.start(np.random.default_rng(0).integers(0, V, (2, 40, 6)))
    draft = chances if drawn else None
    found = fs.verify(targets, tokens, draft=draft, samplers=chain, state=state, seed=seeds, step=3)
    for i, j in itertools.product(range(2), range(0, 40, 7)):
        one = fs.verify(
            targets[i, j],
            tokens[i, j],
            draft=chances[i, j] if drawn else None,
            samplers=chain,
            state=state[i, j],
            seed=int(seeds[i, j]),
            step=3,
        )
        assert one.tokens.tolist() == found.tokens[i, j].tolist()
        assert one.accepted == found.accepted[i, j]
        assert one.state == found.state[i, j]
    assert pickle.loads(pickle.dumps(found)) == found


def test_what_was_not_drawn_gives_what_sample_draws():
    """Without probabilities a text is the same with speculation and without: here by a draft that guesses half."""
    rng = np.random.default_rng(2)
    table = rng.normal(size=(V, V)) * 2  # the target is a Markov chain: its logits depend on the last token
    chain = fs.SamplerChain("repetition(1.3, last=4) temperature=0.8 top_p=0.9")
    plain, state = [0], chain.start([0])
    while len(plain) < 200:
        token, state = fs.sample(table[plain[-1]], samplers=chain, state=state, seed=5, step=len(plain))
        plain.append(int(token))
    fast, state, calls = [0], chain.start([0]), 0
    while len(fast) < 200:
        guess, draft = fast[-1], []
        for _ in range(3):
            guess = int(table[guess].argmax())
            draft.append(guess)
        rows = table[[fast[-1], *draft]]
        found = fs.verify(rows, draft, samplers=chain, state=state, seed=5, step=len(fast))
        fast += found.tokens[found.tokens >= 0].tolist()
        state, calls = found.state, calls + 1
    assert fast[:200] == plain
    assert calls < 180


@pytest.mark.parametrize("tree", [None, [-1, -1, 0]])
@pytest.mark.parametrize("chain", ["temperature=0.7", "top_p=0.95 temperature=1.2", "repetition=1.6 top_k=4"])
@pytest.mark.parametrize("likeness", [0.0, 1.0, 3.0])
def test_the_law_is_that_of_the_target(chain, likeness, tree):
    """The first two tokens of many drafts, good ones and bad ones, against the target's own probabilities.

    Drafts are drawn with the seeds and steps that they are verified with: the numbers of both must not be the same.
    """
    count, nodes = 40_000, 2 if tree is None else 3
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=V), rng.normal(size=(V, V))
    samplers = fs.SamplerChain(chain)
    start = samplers.start([2, 2])
    guess = fs.softmax(likeness * np.concatenate([first[None], second]) + rng.normal(size=(V + 1, V)) * 0.3)
    tokens = np.zeros((count, nodes), int)
    chances = np.zeros((count, nodes, V))
    targets = np.zeros((count, nodes + 1, V))
    targets[:, 0] = first
    seeds, depths = np.arange(count, dtype=np.uint64), [0] * nodes
    for node, parent in enumerate(range(-1, nodes - 1) if tree is None else tree):
        chances[:, node] = guess[0] if parent < 0 else guess[1 + tokens[:, parent]]
        depths[node] = 0 if parent < 0 else depths[parent] + 1
        own = seeds if node == 0 or parent >= 0 else seeds + np.uint64(2**40)  # siblings are drawn independently
        tokens[:, node] = fs.sample(np.log(chances[:, node]), seed=own, step=depths[node])
        targets[:, node + 1] = second[tokens[:, node]]
    state = fs.State.join([start] * count) if samplers.edits else None
    found = fs.verify(targets, tokens, draft=chances, parents=tree, samplers=samplers, state=state, seed=seeds).tokens
    expected = fs.probabilities(first, samplers=samplers, state=start)
    seen = np.bincount(found[:, 0], minlength=V)
    possible = expected > 0
    assert not seen[~possible].any()
    assert chisquare(seen[possible], expected[possible] * count).pvalue > 1e-4
    top = int(np.bincount(found[:, 0]).argmax())
    after = found[(found[:, 0] == top) & (found[:, 1] >= 0), 1]
    shares = fs.probabilities(second[top], samplers=samplers, state=start.accept(top))
    possible = shares > 0
    seen = np.bincount(after, minlength=V)
    assert not seen[~possible].any()
    assert after.size > 100
    assert chisquare(seen[possible], shares[possible] * after.size).pvalue > 1e-4


def test_like_drafts_are_accepted_more_often():
    targets, _, _ = case_of(5, 4, (2000,))
    same = fs.softmax(targets[:, :-1])
    tokens = fs.sample(targets[:, :-1], rng=1)
    other = np.roll(same, 1, axis=-1)
    good = fs.verify(targets, tokens, draft=same, rng=2).accepted.mean()
    bad = fs.verify(targets, fs.sample(np.log(other), rng=1), draft=other, rng=2).accepted.mean()
    assert good > 3.99
    assert bad < 2


def test_greedy_rows_take_the_largest():
    targets = np.array([[0.0, 5.0, 1.0], [9.0, 0.0, 1.0], [0.0, 1.0, 2.0]])
    found = fs.verify(targets, [1, 0], samplers="greedy", seed=1)
    assert found.tokens.tolist() == [1, 0, 2]
    found = fs.verify(targets, [1, 2], draft=np.full((2, 3), 1 / 3), samplers="temperature=0", seed=1)
    assert found.tokens.tolist() == [1, 0, -1]


def test_masks_hold_for_each_row():
    targets = np.zeros((2, 3))
    allowed = np.array([[True, False, False], [False, False, True]])
    found = fs.verify(targets, [0], samplers="top_k=3", allowed=allowed, seed=1)
    assert found.tokens.tolist() == [0, 2]


def test_wrong_drafts_are_refused():
    targets, tokens, chances = case_of(6, 2, (3,))
    chain = fs.SamplerChain("repetition=1.5")
    nan, never = chances.copy(), chances.copy()
    nan[1, 0] = np.nan
    never[2, 0, tokens[2, 0]] = 0.0
    beyond, holes = np.zeros((3, 2), int), targets.copy()
    beyond[1, 0], holes[2] = 9, np.nan
    cases = [
        (
            ValueError,
            r"draft_tokens\[1, 0\] is 9, expected below V = 9",
            {"tokens": beyond},
        ),
        (TypeError, "draft_tokens is .* expected integers", {"tokens": tokens / 2}),
        (ValueError, r"draft_tokens has shape \(\), expected \(..., N\)", {"tokens": 3}),
        (ValueError, r"target_logits has shape \(3, 3, 9\), expected \(3, 2, 'V'\)", {"tokens": tokens[:, :1]}),
        (ValueError, r"draft has shape \(3, 9\), expected \(3, 2, 9\)", {"draft": chances[:, 0]}),
        (ValueError, r"draft\[1, 0\] has nan for the drafted token", {"draft": nan}),
        (ValueError, r"draft\[2, 0\] has 0.0 for the drafted token", {"draft": never}),
        (ValueError, r"parents\[1\] is 1, expected -1 or an earlier node", {"parents": [-1, 1]}),
        (ValueError, "parents is .* expected 2 integers", {"parents": [0]}),
        (ValueError, "samplers has repetition, which asks what came before", {"samplers": chain}),
        (ValueError, r"state is of the batch \(\), expected \(3,\)", {"samplers": chain, "state": chain.start([1])}),
        (
            ValueError,
            "logits row 2, 0 is NaN at index 0",
            {"targets": holes},
        ),
        (ValueError, "rng and seed are both given", {"rng": 1}),
    ]
    for error, message, words in cases:
        given = {"targets": targets, "tokens": tokens, "seed": 1} | words
        with pytest.raises(error, match=message):
            fs.verify(given.pop("targets"), given.pop("tokens"), **given)


def test_parameters_and_keys_may_be_one_a_row():
    targets, tokens, chances = case_of(7, 2, (6,))
    heats = np.array([0.3, 0.6, 1.0, 1.5, 2.0, 0.0])
    for drawn, chain in ((True, "top_k=5"), (False, "top_k=5"), (False, "")):
        samplers = fs.SamplerChain(Temperature(heats), chain)
        draft = chances if drawn else None
        found = fs.verify(targets, tokens, draft=draft, samplers=samplers, seed=np.arange(6))
        for i, heat in enumerate(heats):
            one = fs.verify(
                targets[i],
                tokens[i],
                draft=chances[i] if drawn else None,
                samplers=f"temperature={heat} {chain}",
                seed=i,
            )
            assert one.tokens.tolist() == found.tokens[i].tolist()
        first = fs.verify(targets, tokens, draft=draft, samplers=samplers, rng=5).tokens[:, 0]
        if not drawn:  # as `sample` draws, row by row
            assert first.tolist() == fs.sample(targets[:, 0], samplers=samplers, rng=5).tolist()
