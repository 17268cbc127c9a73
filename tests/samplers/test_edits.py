"""Every edit of the registry, and the state it asks: what they make of logits is what the reference says."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastsoftmax as fs
from fastsoftmax.samplers import EDITS
from fastsoftmax.samplers.chain import SamplerChain
from reference import chain as reference
from reference.samplers import EDITS as TWINS

ROW = np.array([3.0, -1.0, 0.5, 2.0, 1.5, -2.0])
V = 6
tokens = st.integers(0, V - 1)
histories = st.lists(tokens, max_size=30) | st.lists(st.integers(0, 1), max_size=30)
sequences = st.lists(st.lists(tokens, min_size=1, max_size=3), max_size=3)


def values_of(field):
    """Return values of a parameter of an edit."""
    if "words" in field.metadata:
        return st.sampled_from(field.metadata["words"])
    if "sequences" in field.metadata:
        return sequences
    if "values" in field.metadata:
        return st.sampled_from([-np.inf, -1.5, 0.0, 2.0])
    limits = field.metadata["range"]
    if field.name == "token":
        return st.integers(-1, V - 1)
    if limits.whole:
        return st.integers(int(limits.low), 5)
    return st.floats(0.1 if limits.above else max(limits.low, -3), 3).map(lambda x: float(np.float32(x)))


def edits_of(kind):
    return st.builds(kind, **{one.name: values_of(one) for one in fields(kind)})


chains = st.lists(st.sampled_from(EDITS).flatmap(edits_of), min_size=1, max_size=4).map(
    lambda edits: SamplerChain(edits, "top_k=5 temperature=0.5")
)


@st.composite
def pasts(draw):
    """Draw a history, and how many of its tokens are the prompt."""
    history = draw(histories)
    return history, draw(st.integers(0, len(history)))


def state_of(chain, history, prompt):
    return chain.start(history[:prompt]).accept(history[prompt:])


def assert_same(row, chain, history, prompt, text=None):
    state = state_of(chain, history, prompt)
    expected = reference.edited(row.tolist(), text or str(chain), history, prompt)
    if max(expected) == -np.inf:
        with pytest.raises(ValueError, match="all -inf after the edits"):
            fs.probabilities(row, samplers=chain, state=state)
        return
    expected = np.array(reference.probabilities(row.tolist(), text or str(chain), history=history, prompt=prompt))
    found = fs.probabilities(row, samplers=chain, state=state)
    assert np.allclose(found, expected, rtol=1e-11, atol=0), (chain, history, prompt)


@given(past=pasts(), data=st.data())
@pytest.mark.parametrize("kind", EDITS, ids=lambda kind: kind.name)
def test_an_edit_does_what_the_reference_does(kind, past, data):
    assert_same(ROW, SamplerChain(data.draw(edits_of(kind))), *past)


@given(past=pasts(), chain=chains)
def test_chains_of_edits(past, chain):
    assert_same(ROW, chain, *past)


@given(past=pasts(), chain=chains, seed=st.integers(0, 2**64 - 1))
def test_a_run_of_tokens_is_that_of_the_reference(past, chain, seed):
    history, prompt = past
    state, now = state_of(chain, history, prompt), list(history)
    for step in range(8):
        if max(reference.edited(ROW.tolist(), str(chain), now, prompt)) == -np.inf:
            return
        token, state = fs.sample(ROW, samplers=chain, state=state, seed=seed, step=step)
        words = {"history": now, "prompt": prompt, "seed": seed, "step": step}
        assert token == reference.sample(ROW.tolist(), str(chain), **words)
        now.append(int(token))
        assert state.history().tolist() == now


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_an_edit_rounds_to_the_type_of_the_row(dtype):
    """float16 is widened first, so that a penalty is not lost in it."""
    generator = np.random.default_rng(1)
    chain = SamplerChain("repetition=1.3 presence(0.1, of=all) frequency(0.01, of=all)")
    row = generator.normal(size=2000).astype(dtype)
    history = generator.integers(0, 2000, 500).tolist()
    wide = row.astype(np.float64 if dtype == "float64" else np.float32)
    for name, words in reference.parse(str(chain)):
        wide = np.array(TWINS[name](wide.astype(float).tolist(), history, 0, **words)).astype(wide.dtype)
    found = fs.probabilities(row, samplers=chain, state=chain.start(history), out=np.empty(2000))
    assert np.allclose(found, fs.probabilities(wide.astype(float)), rtol=1e-6 if dtype == "float16" else 1e-12)


LONG = {  # chains and words that read a row in each way that there is
    "temperature alone": "temperature=0.8",
    "top-k": "top_k=40",
    "a short nucleus": "top_p=0.3",
    "a nucleus that is a cut of the row": "temperature=5.0 top_p=0.9",
    "min-p, a cut of the row": "temperature=5.0 min_p=0.15",
    "greedy": "temperature=0.0",
    "typical": "typical=0.5 temperature=0.7",
    "deviation": "top_n_sigma=1.5 min_p=0.001",
    "entropy": "top_h=0.7 gumbel",
    "everything listed": "xtc(0.5, 0.01) tail_free=0.9",
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(  # each compiles kernels of its own, which takes a minute where there is no AVX-512
    "dtype", ["float32", pytest.param("float64", marks=pytest.mark.long)]
)
@pytest.mark.parametrize("name", LONG)
def test_an_edited_row_is_read_as_one_that_was_edited_before(name, masked, dtype):
    """The same bits, in every group of a long row: those with an edit, those without, and the last, which is short."""
    generator = np.random.default_rng(len(name))
    row = (generator.normal(size=3333) * 2).astype(dtype)
    history = [0, 511, 512, 700, 1535, 1536, 1537, 3072, 3332, *generator.integers(1024, 3333, 400).tolist()]
    edits = "repetition=1.7 frequency(0.5, of=all) sequence_bias(sequences=[9,3331,2050], values=[3.0,-inf,3.0])"
    chain, rest = SamplerChain(edits, LONG[name]), SamplerChain(LONG[name])
    before = row.copy()
    for edit, words in reference.parse(edits):
        before = np.array(TWINS[edit](before.astype(float).tolist(), history, 0, **words)).astype(dtype)
    allowed = generator.random(3333) < 0.9 if masked else None
    rows = np.broadcast_to(row, (40, 3333))
    for details in (True, False):  # which are a chain's, step by step; without them a kept set is that of the words
        words = {"seed": np.arange(40), "details": details, "kept_set": True, "allowed": allowed}
        found, _ = fs.sample(rows, samplers=chain, state=chain.start([history] * 40), **words)
        expected = fs.sample(before, samplers=rest, **words)
        for field in ("tokens", "logprobs", "ranks", "kept", "kept_mass", "entropy"):
            assert np.array_equal(getattr(found, field), getattr(expected, field)), field
        assert found.kept_set == expected.kept_set
    state = chain.start(history)
    ours = fs.probabilities(row, samplers=chain, state=state, allowed=allowed)
    assert np.array_equal(ours, fs.probabilities(before, samplers=rest, allowed=allowed))
    for seed in range(40):
        assert fs.sample(row, samplers=chain, state=state, seed=seed)[0] == fs.sample(before, samplers=rest, seed=seed)


def test_threads_may_share_a_state():
    """Each goes on from it by a token of its own, and nobody sees another one's."""
    start = SamplerChain("repetition=1.5").start([1, 2, 3])
    with ThreadPoolExecutor(8) as pool:
        for _ in range(50):
            longer = partial(lambda start, token: start.accept(np.int64(token)).accept(token), start)
            ends = [*pool.map(longer, range(16))]
            assert [state.history().tolist() for state in ends] == [[1, 2, 3, token, token] for token in range(16)]
            start = ends[5].rewind(2)


@given(past=pasts(), new=st.lists(st.integers(-1, V - 1), max_size=12), back=st.integers(0, 12), chain=chains)
def test_states_that_grew_are_those_that_were_started(past, new, back, chain):
    history, prompt = past
    state = state_of(chain, history, prompt)
    longer = state.accept(new)
    assert state == state_of(chain, history, prompt)  # as it was
    known = [*history, *(token for token in new if token >= 0)]
    assert longer == state_of(chain, known, prompt)
    edited = [reference.edited(ROW.tolist(), str(chain), past, prompt) for past in (history, known)]
    if min(map(max, edited)) > -np.inf:  # counted from the shorter one, or anew
        every = [fs.probabilities(ROW, samplers=chain, state=one) for one in (state, longer, longer)]
        assert np.array_equal(every[1], fs.probabilities(ROW, samplers=chain, state=state_of(chain, known, prompt)))
    back = min(back, len(known) - prompt)
    assert longer.rewind(back) == state_of(chain, known[: len(known) - back], prompt)
    one, other = longer.rewind(back).accept(1), longer.rewind(back).accept(2)  # which must not share what they add
    assert one.history().tolist()[-1:] == [1]
    assert other.history().tolist()[-1:] == [2]
    assert longer.history().tolist() == known


def test_rows_of_a_state():
    chain = SamplerChain("repetition=1.5 frequency(0.5, last=3) temperature=0.5")
    prompts = [[1, 2], [], [3, 3, 3, 4]]
    batch = chain.start(prompts).accept([5, 5, 3])
    assert batch.batch == (3,)
    assert batch.lengths.tolist() == [3, 1, 5]
    assert batch.prompts.tolist() == [2, 0, 4]
    alone = [chain.start(prompt).accept(token) for prompt, token in zip(prompts, (5, 5, 3), strict=True)]
    assert all(batch[i] == alone[i] for i in range(3))
    assert fs.State.join(alone) == batch
    assert fs.State.join([batch[1:], batch[:1]]) == batch[[1, 2, 0]]
    assert batch[np.array([True, False, True])] == batch[[0, 2]]
    twice = batch[[0, 0]]
    assert twice.accept([1, 2])[0] == alone[0].accept(1)
    assert twice.accept([1, 2])[1] == alone[0].accept(2)
    picked = batch[[2]]
    assert batch.accept([1, 2, 0]).history(2).tolist() == [3, 3, 3, 4, 3, 0]
    assert picked.accept([1]).history(0).tolist() == [3, 3, 3, 4, 3, 1]
    found = fs.probabilities(np.stack([ROW] * 3), samplers=chain, state=batch)
    assert np.array_equal(found, [fs.probabilities(ROW, samplers=chain, state=state) for state in alone])
    assert pickle.loads(pickle.dumps(batch)) == copy.deepcopy(batch) == batch
    assert len({batch, copy.copy(batch)}) == 1
    assert repr(alone[1]) == f"<State of {str(chain)!r}, batch (), 1 tokens>"
    assert chain.start(np.array([[1, 2], [3, 4]])) == chain.start([[1, 2], [3, 4]])
    assert chain.start(np.zeros((2, 3, 4), int)).batch == (2, 3)


def test_parameters_may_be_one_a_row():
    chain = SamplerChain("repetition(penalty=[1.5,3.0], last=[1,2])", "top_k=3")
    state = chain.start([[0, 3], [0, 3]])
    each = [
        SamplerChain(f"repetition(penalty={penalty}, last={last}) top_k=3") for penalty, last in ((1.5, 1), (3.0, 2))
    ]
    expected = [fs.probabilities(ROW, samplers=one, state=one.start([0, 3])) for one in each]
    assert np.array_equal(fs.probabilities(np.stack([ROW, ROW]), samplers=chain, state=state), expected)
    turned = state[[1, 0]].accept([1, 1])
    found = fs.probabilities(np.stack([ROW, ROW]), samplers=turned.chain, state=turned)
    assert np.array_equal(
        found, [fs.probabilities(ROW, samplers=one, state=one.start([0, 3, 1])) for one in each[::-1]]
    )
    again = fs.State.join([one.start([0, 3]) for one in each])
    assert again.chain == chain
    assert again == state


def test_memory_of_a_state():
    """8 bytes a token and 64 more, for the counts of a text too, in which words come as often as in English."""
    chain = SamplerChain("repetition=1.1 presence(0.5, of=all) frequency(0.1, of=all)")  # which share a window
    state = chain.start(np.random.default_rng(0).zipf(1.3, 4000) % 50_000)
    fs.probabilities(np.zeros(50_000), samplers=chain, state=state)
    table, _ = state.counted
    assert sum(array.nbytes for array in (*state.read(), *table)) <= 8 * 4000 + 64


def test_a_sampler_keeps_its_state():
    chain = SamplerChain("repetition=1.8 temperature=0.7")
    sampler = fs.Sampler(chain, seed=3)
    sampler.start([1, 2])
    drawn = [int(sampler(ROW)) for _ in range(6)]
    state, expected = chain.start([1, 2]), []
    for step in range(6):
        token, state = fs.sample(ROW, samplers=chain, state=state, seed=3, step=step)
        expected.append(int(token))
    assert drawn == expected
    assert sampler.state == state
    sampler.rewind(4)
    assert sampler.step == 2
    assert [int(sampler(ROW)) for _ in range(4)] == expected[2:]
    other = pickle.loads(pickle.dumps(sampler))
    assert other(ROW) == sampler(ROW)
    fresh = fs.Sampler(chain, seed=3)  # which begins with nothing before it
    assert int(fresh(ROW)) == int(fs.sample(ROW, samplers=chain, state=chain.start(), seed=3)[0])
    with pytest.raises(ValueError, match=r"n is 9 .* expected at most 1"):
        fresh.rewind(9)
    assert fresh.step == 1


def test_details_tell_of_the_edited_row():
    chain = SamplerChain("repetition=4.0 temperature=0.5")
    state = chain.start([0])
    details, after = fs.sample(ROW, samplers=chain, state=state, seed=1, details=True, kept_set=True, top_logprobs=1)
    shares = fs.probabilities(ROW, samplers=chain, state=state)
    assert details.logprobs == pytest.approx(np.log(shares[details.tokens]))
    assert details.raw_logprobs == pytest.approx(fs.log_softmax(ROW)[details.tokens])
    assert details.top_logprobs.tokens.tolist() == [0]  # of the raw row
    assert after == state.accept(details.tokens)


@pytest.mark.parametrize(
    ("samplers", "message"),
    [
        ("top_k=3 repetition=2.0", "has repetition after top_k, expected it before"),
        ("repetition=0", r"repetition's penalty is 0.* expected a number in \(0, 3.4e\+38\]"),
        ("dry(1.0, base=0.5)", "dry's base is 0.5, expected a number in"),
        ("frequency(1.0, of=some)", "frequency's of is 'some', expected one of 'output', 'all', 'prompt'"),
        ("sequence_bias=[[1,2],[]]", r"sequence_bias's sequences\[1\] is empty"),
        ("sequence_bias=[[1,-2]]", r"sequence_bias's sequences\[0\] is -2, expected an integer in"),
        ("sequence_bias(sequences=[1,2], values=[1.0])", "values has 1 entries, expected one, or 2"),
        ("sequence_bias(sequences=[1], values=inf)", "values is inf, expected a number below inf"),
        ("no_repeat_ngram=-1", "no_repeat_ngram's size is -1, expected an integer >= 0"),
    ],
)
def test_refusals(samplers, message):
    with pytest.raises(ValueError, match=message):
        SamplerChain(samplers)


def test_wrong_states_are_refused():
    chain = SamplerChain("repetition=2.0")
    state = chain.start([1, 2])
    cases = [
        (ValueError, "samplers has repetition, which asks what came before", {"samplers": chain}),
        (ValueError, "state is given without samplers", {"state": state}),
        (TypeError, "state is 3, expected a State", {"samplers": chain, "state": 3}),
        (
            ValueError,
            "state is of the chain 'repetition=2.0', expected one of",
            {"samplers": "top_k=3", "state": state},
        ),
        (ValueError, "n and state are both given", {"samplers": chain, "state": state, "n": 2}),
        (ValueError, r"of the batch \(2,\), expected \(\)", {"samplers": chain, "state": chain.start([[1], [2]])}),
        (
            ValueError,
            "state has token 6, expected tokens below V = 6",
            {"samplers": chain, "state": chain.start([6])},
        ),
    ]
    for error, message, words in cases:
        with pytest.raises(error, match=message):
            fs.sample(ROW, **words)
    listing = SamplerChain("sequence_bias=[[9]]")
    with pytest.raises(ValueError, match="samplers has token 9, expected tokens below V = 6"):
        fs.sample(ROW, samplers=listing, state=listing.start())
    for error, message, call in (
        (TypeError, "prompts is 'abc'", lambda: chain.start("abc")),
        (ValueError, r"prompts\[1\]\[0\] is -1", lambda: chain.start([[1], [-1, 2]])),
        (TypeError, r"prompts is .* expected a sequence of integers", lambda: chain.start([0.5])),
        (ValueError, r"tokens has shape \(2,\), expected \(1,\) or", lambda: chain.start([[1]]).accept([1, 2])),
        (ValueError, r"tokens has -2, expected integers in \[-1", lambda: state.accept(-2)),
        (TypeError, "tokens is 0.5", lambda: state.accept(0.5)),
        (ValueError, "n is 1 for row 0, expected at most 0", lambda: state.rewind(1)),
        (ValueError, "row has 1 places, expected 0", lambda: state.history(0)),
        (
            ValueError,
            "states are of .* that differ in numbers",
            lambda: fs.State.join([state, SamplerChain("dry=1.0").start()]),
        ),
        (
            ValueError,
            "states differ in repetition's of",
            lambda: fs.State.join([state, SamplerChain("repetition(2.0, of=prompt)").start()]),
        ),
        (TypeError, r"states is \[\]", lambda: fs.State.join([])),
    ):
        with pytest.raises(error, match=message):
            call()
    with pytest.raises(ValueError, match="samplers has repetition, expected none that asks what came before"):
        fs.MarkovChain(1).fit([["a", "b"]]).walk(length=2, samplers=chain)


@pytest.mark.parametrize("kind", EDITS, ids=lambda kind: kind.name)
def test_an_edit_has_a_twin_and_says_what_it_is(kind):
    assert [one.name for one in fields(kind)] == reference.field_names(kind.name)
    for part in ("Parameters", "Notes", "Source"):
        assert part in kind.__doc__
    for one in fields(kind):
        assert f"{one.name} :" in kind.__doc__
    assert kind().is_idle()


@given(chain=chains)
def test_a_chain_is_what_its_string_and_its_json_say(chain):
    assert SamplerChain(str(chain)) == chain
    assert SamplerChain.from_json(chain.to_json()) == chain
    assert pickle.loads(pickle.dumps(chain)) == chain
