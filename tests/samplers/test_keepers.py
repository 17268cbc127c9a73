"""Samplers that keep a number from one draw to the next: mirostat's mu, and the average of adaptive-p."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastsoftmax as fs
from fastsoftmax.samplers import SAMPLERS
from fastsoftmax.samplers.chain import SamplerChain
from reference import chain as reference
from reference.samplers import KEEPERS
from tests.samplers.strategies import FREE, is_possible, rows, steps_of

KINDS = [kind for kind in SAMPLERS if kind.name in KEEPERS]
CHAINS = [
    "mirostat(3.0, eta=0.3)",
    "temperature=0.8 mirostat",
    "mirostat_2(3.0, eta=0.2)",
    "temperature=1.3 mirostat_2",
    "xtc(0.5, 0.1) mirostat_2=2.0",
    "adaptive_p(0.3, decay=0.9)",
    "min_p=0.02 adaptive_p(0.5, decay=0.5)",
    "top_k=50 temperature=2.0 adaptive_p(0.2, 0.99) gumbel",
    "repetition=1.2 mirostat_2=4.0 gumbel",
]
ROWS = np.random.default_rng(4).normal(size=(50, 400)) * 2.5

keepers = st.sampled_from(KINDS).flatmap(steps_of)
chains = (
    st.tuples(st.lists(st.sampled_from(FREE).flatmap(steps_of), max_size=2), keepers)
    .map(lambda pair: [*pair[0], pair[1]])
    .filter(is_possible)
    .map(SamplerChain)
)


def run(chain, steps, seed, table=ROWS):
    """Draw so many tokens, each from the row of the table that the one before says; return them and the states."""
    state, tokens, states = chain.start([7]), [7], []
    for step in range(steps):
        token, state = fs.sample(table[tokens[-1] % len(table)], samplers=chain, state=state, seed=seed, step=step)
        tokens.append(int(token))
        states.append(state)
    return tokens, states


def reference_run(text, steps, seed, table=ROWS):
    tokens, number, numbers = [7], None, []
    lists = table.tolist()
    for step in range(steps):
        row = lists[tokens[-1] % len(table)]
        words = {"seed": seed, "step": step, "history": tokens, "prompt": 1, "number": number}
        token = reference.sample(row, text, **words)
        number = reference.after(row, text, token, **words)
        tokens.append(token)
        numbers.append(number)
    return tokens, numbers


@pytest.mark.parametrize("text", CHAINS)
def test_a_run_is_that_of_the_reference(text):
    tokens, states = run(SamplerChain(text), 300, 5)
    expected, numbers = reference_run(text, 300, 5)
    assert tokens == expected
    assert np.allclose([float(state.numbers) for state in states], numbers, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["mirostat=3.0", "mirostat_2=3.0", "min_p=0.02 adaptive_p(0.3, 0.9)"])
def test_ten_thousand_steps_are_those_of_the_reference(text):
    small = ROWS[:, :60]
    assert run(SamplerChain(text), 10_000, 1, small)[0] == reference_run(text, 10_000, 1, small)[0]


@given(row=rows(), chain=chains, seed=st.integers(0, 2**64 - 1), number=st.floats(-3, 30, width=32))
def test_a_draw_and_what_is_learned_from_it(row, chain, seed, number):
    if chain.keeper is None:  # a decay of 1
        return
    chained = SamplerChain(chain)
    state = chained.start().drawn(np.int64(0), np.array([number], np.float32)).rewind(0)
    token, after = fs.sample(row, samplers=chained, state=state, seed=seed)
    words = {"seed": seed, "number": float(np.float32(number))}
    assert token == reference.sample(row.tolist(), str(chain), **words)
    expected = reference.after(row.tolist(), str(chain), token, **words)
    assert np.allclose(after.numbers, expected, rtol=1e-6, atol=1e-6), str(chain)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_run_on_long_rows_that_keeps_most_of_them(dtype):
    """A large mu leaves most of a row, which is cut then and not listed; and a small one a short list of it."""
    table = np.random.default_rng(1).normal(size=(20, 3000)).astype(dtype)
    for text in ("mirostat_2(11.0, eta=0.5)", "mirostat_2(3.0, eta=0.5)", "temperature=0.5 mirostat_2(13.0, eta=1.0)"):
        tokens, states = run(SamplerChain(text), 60, 5, table)
        expected, numbers = reference_run(text, 60, 5, table)
        assert tokens == expected
        assert np.allclose([float(state.numbers) for state in states], numbers, rtol=1e-6)


@pytest.mark.parametrize("text", CHAINS)
def test_rows_of_a_batch_are_rows_by_themselves(text):
    """Also with parameters and seeds of their own, in any dtype, with details, and by a Sampler."""
    chain = SamplerChain(text)
    batch, alone = chain.start([[7]] * 3), [chain.start([7]) for _ in range(3)]
    sampler = fs.Sampler(chain, seed=np.arange(3))
    sampler.start([[7]] * 3)
    for step in range(20):
        table = ROWS[[step, step + 1, step + 2]].astype(["float32", "float64", "float16"][step % 3])
        found, after = fs.sample(table, samplers=chain, state=batch, seed=np.arange(3), step=step, details=True)
        tokens, batch = fs.sample(table, samplers=chain, state=batch, seed=np.arange(3), step=step)
        assert after == batch
        assert np.array_equal(sampler(table), tokens)
        assert np.array_equal(found.tokens, tokens)
        pairs = [fs.sample(table[i], samplers=chain, state=alone[i], seed=i, step=step) for i in range(3)]
        alone = [state for _, state in pairs]
        assert tokens.tolist() == [token for token, _ in pairs]
        assert batch.numbers.tolist() == [float(state.numbers) for state in alone]
    assert sampler.state == batch
    assert fs.State.join(alone) == batch


def test_states_go_back_are_picked_and_are_copied():
    chain = SamplerChain("mirostat_2=[2.0,4.0]")
    state = chain.start([[1], [2]])
    assert state.numbers.tolist() == [4.0, 8.0]
    states = [state]
    for step in range(5):
        _, state = fs.sample(ROWS[:2], samplers=chain, state=state, seed=3, step=step)
        states.append(state)
    for back in range(6):
        assert np.array_equal(state.rewind(back).numbers, states[5 - back].numbers)
    assert np.array_equal(state[1].numbers, state.numbers[1])
    assert state[::-1].chain == SamplerChain("mirostat_2=[4.0,2.0]")
    assert np.array_equal(state[::-1].rewind(3).numbers, states[2].numbers[::-1])
    for same in (pickle.loads(pickle.dumps(state)), copy.deepcopy(state)):
        assert same == state
        assert np.array_equal(same.rewind(2).numbers, states[3].numbers)
    assert state.accept([5, -1]).numbers.tolist() == state.numbers.tolist()  # what nobody drew teaches nothing
    assert chain.start([[1], [2]]) != state


def test_a_state_takes_eight_bytes_a_token():
    state = SamplerChain("mirostat_2").start()
    for token in range(2000):
        state = state.drawn(np.int64(token), np.zeros(1, np.float32))
    assert state._shared.memory.nbytes <= 8 * 2000 * 1.3 + 64


def test_the_surprise_settles_at_tau():
    """What mirostat is for: the mean surprise of what is drawn is tau, however the rows are peaked."""
    for text in ("mirostat_2(3.0, eta=0.05)", "mirostat(3.0, eta=0.05)"):
        chain = SamplerChain(text)
        state, surprise = chain.start(), []
        for step in range(3000):
            found, state = fs.sample(
                ROWS[step % 50] * 0.5, samplers=chain, state=state, seed=1, step=step, details=True
            )
            surprise.append(-found.logprobs / np.log(2))
        assert abs(np.mean(surprise[500:]) - 3.0) < 0.05


def test_the_likeliest_token_stays():
    """vllm-project/vllm tests/v1/sample/test_mirostat.py @9b6fe1a328 (pull request, 2026)."""
    row = [10.0, 9.9, 1.0, -5.0]
    for name in ("mirostat", "mirostat_2"):
        state = SamplerChain(name).start().drawn(np.int64(0), np.array([0.5], np.float32))
        found = fs.probabilities(row, samplers=name, state=state)
        assert found[0] > 0
        assert found[3] == 0


def test_adaptive_p_without_decay_asks_for_no_state():
    expected = fs.probabilities(ROWS[0], samplers="adaptive_p=0.3")
    assert np.array_equal(fs.probabilities(ROWS[0], samplers="adaptive_p(0.3, decay=1.0)"), expected)
    chain = SamplerChain("adaptive_p(0.3, decay=[1.0,0.5])")
    state = chain.start([[], []])
    _, state = fs.sample(ROWS[:2], samplers=chain, state=state, seed=0)
    assert state.numbers[0] == np.float32(0.3)
    assert state.numbers[1] != np.float32(0.3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fs.sample(ROWS, samplers="mirostat_2"), "samplers has mirostat_2, which asks what came before"),
        (lambda: fs.probabilities(ROWS, samplers="adaptive_p(0.5, 0.9)"), "adaptive_p, which asks what came before"),
        (lambda: SamplerChain("mirostat top_k=3"), "has top_k after mirostat, expected gumbel after it"),
        (lambda: SamplerChain("mirostat_2=-1"), r"mirostat_2's tau is -1.0, expected a number in \[0, 1e\+06\]"),
        (lambda: SamplerChain("mirostat(5.0, eta=nan)"), "mirostat's eta is nan"),
        (
            lambda: fs.verify(ROWS[:2], [1], samplers="mirostat", state=SamplerChain("mirostat").start()),
            "samplers has mirostat, expected none whose law changes with each draw",
        ),
        (
            lambda: fs.MarkovChain(1).fit([list("aab")]).walk(3, samplers="mirostat_2"),
            "samplers has mirostat_2, expected none that asks what came before",
        ),
        (lambda: SamplerChain("mirostat=[1.0,2.0]").start([[1], [2], [3]]), "mirostat's tau"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_nothing_changes_where_a_row_is_refused():
    chain = SamplerChain("mirostat_2")
    state = chain.start([[1], [2]])
    with pytest.raises(ValueError, match="is NaN"):
        fs.sample(np.array([[1.0, 2.0, 3.0], [1.0, np.nan, 2.0]]), samplers=chain, state=state, seed=1)
    assert state == chain.start([[1], [2]])
