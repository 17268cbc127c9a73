"""sample and probabilities of dask arrays: the tokens of the whole, for any chunks."""

import doctest
import sys

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastsoftmax as fs
from tests.dask.arrays import assert_same, da, dask, lazy, splits

sparse = pytest.importorskip("scipy.sparse", reason="scipy is not installed")

V = 300
CHAINS = [
    "top_k=40 xtc(0.5, 0.1) typical=0.9 temperature=0.7",
    "min_p=0.1 temperature=[0.5,1.0,2.0]",
    "temperature=0 top_k=3",
    "gumbel",
    "top_k=5",
]
KEEPER = fs.SamplerChain("repetition=1.5 mirostat_2(5.0)")


def logits(shape, dtype=np.float32, seed=0):
    return (np.random.default_rng(seed).standard_normal((*shape, V)) * 3).astype(dtype)


def split(data, value):
    """Return a parameter as it is, or as a dask array of any chunks."""
    lazily = np.ndim(value) > 0 and data.draw(st.booleans())
    return da.from_array(np.asarray(value), chunks=data.draw(splits(np.shape(value)))) if lazily else value


def of_rows(data, values):
    """Draw a parameter of rows of a batch (4, 3): a scalar, or one that broadcasts with it."""
    shape = data.draw(st.sampled_from([(), (3,), (4, 1), (4, 3), (1, 1), (2, 1, 1)]))
    kind = np.float64 if isinstance(values[0], float) else np.uint64
    several = np.random.default_rng(1).choice(np.array(values, kind), shape)
    return several if shape else several.item()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64, np.int32, bool])
def test_dtypes(dtype):
    rows = logits((7,), dtype)
    spread = da.from_array(rows, chunks=(3, 128))
    words = {"top_p": 0.9, "temperature": 0.7}
    assert_same(lazy.sample(spread, seed=range(7), **words), fs.sample(rows, seed=range(7), **words))
    assert_same(lazy.probabilities(spread, **words), fs.probabilities(rows, **words))


@given(st.data())
def test_words_of_any_chunks(data):
    rows = logits((4, 3))
    words = {
        "temperature": of_rows(data, [0.0, 0.5, 1.0, np.inf]),
        "top_k": of_rows(data, [0, 1, 40]),
        "top_p": of_rows(data, [0.5, 0.9, 1.0]),
        "min_p": of_rows(data, [0.0, 0.1]),
    }
    words = {name: value for name, value in words.items() if data.draw(st.booleans())}
    if data.draw(st.booleans()):
        words["allowed"] = logits(data.draw(st.sampled_from([(), (3,), (4, 1), (2, 1, 1)])), seed=2) > -1
    if data.draw(st.booleans()):
        words["bias"] = {3: 2.0, V - 1: -np.inf}
    spread = da.from_array(rows, chunks=data.draw(splits(rows.shape)))
    delayed = {name: value if name == "bias" else split(data, value) for name, value in words.items()}
    if data.draw(st.booleans()):
        assert_same(lazy.probabilities(spread, **delayed), fs.probabilities(rows, **words))
        return
    keys = {"step": of_rows(data, [0, 1, 2**64 - 1])}
    if data.draw(st.booleans()):
        keys["rng"] = 5
    else:
        keys["seed"] = of_rows(data, [1, 2, 2**63 + 1])
    told = {"n": data.draw(st.sampled_from([None, 0, 1, 3])), "top_logprobs": data.draw(st.sampled_from([0, 2]))}
    told |= {name: data.draw(st.booleans()) for name in ("details", "kept_set")}
    delayed |= {name: split(data, value) if name != "rng" else value for name, value in keys.items()}
    assert_same(lazy.sample(spread, **delayed, **told), fs.sample(rows, **words, **keys, **told))


@given(st.data())
def test_chains_of_any_chunks(data):
    rows = logits((4, 3))
    words = {"samplers": data.draw(st.sampled_from(CHAINS))}
    spread = da.from_array(rows, chunks=data.draw(splits(rows.shape)))
    assert_same(lazy.probabilities(spread, **words), fs.probabilities(rows, **words))
    words |= data.draw(st.sampled_from([{"rng": 1}, {"seed": 2}, {"seed": [[1], [2], [3], [4]], "step": 7}]))
    words |= {name: data.draw(st.booleans()) for name in ("details", "kept_set")}
    words["n"] = data.draw(st.sampled_from([None, 2]))
    assert_same(lazy.sample(spread, **words), fs.sample(rows, **words))


@given(st.data())
def test_a_state_of_any_chunks(data):
    rows = logits((5,))
    spread = da.from_array(rows, chunks=data.draw(splits(rows.shape)))
    chain = data.draw(st.sampled_from([KEEPER, fs.SamplerChain("dry=0.8 temperature=[0.5,1,1,1,2]")]))
    state = after = chain.start([[1, 2, 1, 2], [], [3], [4, 4], [5]])
    assert_same(
        lazy.probabilities(spread, samplers=chain, state=state), fs.probabilities(rows, samplers=chain, state=state)
    )
    keys = data.draw(st.sampled_from([{"rng": 1}, {"seed": 2}]))
    for step in range(3):
        words = {"samplers": chain, "details": step == 1, "step": step, **keys}
        found = lazy.sample(spread, state=after, **words)
        expected = fs.sample(rows, state=state, **words)
        assert_same(found, expected)
        after, state = found[1], expected[1]


def test_states_of_one_row_and_of_a_table():
    for shape in ((), (2, 3)):
        rows = logits(shape)
        spread = da.from_array(rows, chunks=(1,) * len(shape) + (100,))
        state = KEEPER.start([[1, 2]] * 6)[np.arange(6).reshape(shape)] if shape else KEEPER.start([1, 2])
        words = {"samplers": KEEPER, "state": state, "seed": 1}
        assert_same(lazy.sample(spread, **words), fs.sample(rows, **words))


@pytest.mark.parametrize("shape", [(1, V), (V,), (12, V)])
def test_a_sparse_bias(shape):
    entries = np.random.default_rng(1).standard_normal(shape) * (np.random.default_rng(2).random(shape) < 0.1)
    bias = sparse.coo_array(entries)
    rows = logits((4, 3))
    spread = da.from_array(rows, chunks=(3, 2, V))
    assert_same(lazy.sample(spread, seed=1, bias=bias), fs.sample(rows, seed=1, bias=bias))
    assert_same(lazy.probabilities(spread, bias=bias), fs.probabilities(rows, bias=bias))


def test_a_packed_mask():
    rows, packed = logits((4,)), np.random.default_rng(1).integers(1, 2**32, (4, 10), np.uint32)
    spread = da.from_array(rows, chunks=3)
    for mask in (packed, da.from_array(packed, chunks=(2, 3))):
        assert_same(lazy.sample(spread, seed=1, allowed=mask), fs.sample(rows, seed=1, allowed=packed))


def test_parameters_make_the_batch():
    row = logits(())
    spread = da.from_array(row, chunks=100)
    warm = np.linspace(0.5, 2, 6)
    expected = fs.sample(row, rng=1, temperature=warm)
    assert_same(lazy.sample(spread, rng=1, temperature=warm), expected)
    split = lazy.sample(spread, rng=1, temperature=da.from_array(warm, chunks=4))
    assert split.chunks == ((4, 2),)
    assert_same(split, expected)


def test_a_generator_gives_a_key_once():
    rows = da.from_array(logits((6,)), chunks=2)
    one, other = np.random.default_rng(1), np.random.default_rng(1)
    tokens = lazy.sample(rows, rng=one)
    assert np.array_equal(tokens.compute(), fs.sample(logits((6,)), rng=other))
    assert np.array_equal(tokens.compute(), tokens.compute())
    assert one.bit_generator.state == other.bit_generator.state
    with pytest.raises(ValueError, match=r"top_logprobs is -1"):
        lazy.sample(rows, rng=one, top_logprobs=-1)
    assert one.bit_generator.state == other.bit_generator.state
    assert len(np.unique(lazy.sample(da.zeros((64, 1000), chunks=(7, 1000))).compute())) > 32  # of unlike streams


def test_chunks_of_the_result():
    rows = da.zeros((10, 4, 6), chunks=((3, 7), (2, 2), (2, 4)))
    assert lazy.sample(rows, seed=1).chunks == ((3, 7), (2, 2))
    assert lazy.sample(rows, seed=1, n=5).chunks == ((3, 7), (2, 2), (5,))
    assert lazy.sample(rows, rng=1).chunks == ((3, 7), (4,))
    assert lazy.probabilities(rows).chunks == ((3, 7), (2, 2), (6,))
    details = lazy.sample(rows, seed=1, details=True, top_logprobs=2, samplers="xtc(0.5, 0.1) top_k=3")
    assert details.entropy.chunks == ((3, 7), (2, 2))
    assert details.top_logprobs.tokens.chunks == ((3, 7), (2, 2), (2,))
    assert details.kept_after.chunks == ((3, 7), (2, 2), (2,))
    assert details._repr_html_() is None


def test_each_chunk_is_drawn_from_once(monkeypatch):
    calls, draw = [], lazy.drawing.functions.draw

    def counted(*arguments):
        calls.append(arguments)
        return draw(*arguments)

    monkeypatch.setattr(lazy.drawing.functions, "draw", counted)
    rows = da.from_array(logits((6,)), chunks=2)
    words = {"details": True, "kept_set": True, "top_logprobs": 2}
    dask.compute(lazy.sample(rows, seed=1, **words), scheduler="synchronous")
    assert len(calls) == 3
    dask.compute(lazy.sample(rows, seed=1, samplers=KEEPER, state=KEEPER.start([[]] * 6)), scheduler="synchronous")
    assert len(calls) == 6


def test_equal_calls_have_equal_names():
    rows, state = da.from_array(logits((6,)), chunks=2), KEEPER.start([[1]] * 6)
    for words in ({"seed": 1, "top_p": 0.5}, {"rng": 1}, {"seed": 1, "bias": {1: 2.0}}):
        assert lazy.sample(rows, **words).name == lazy.sample(rows, **words).name
    one, other = (lazy.sample(rows, seed=1, samplers=KEEPER, state=state) for _ in range(2))
    assert [part.name for part in one] == [part.name for part in other]
    assert lazy.sample(rows, seed=1).name != lazy.sample(rows, seed=2).name
    told = [lazy.sample(rows, seed=seed, details=True, kept_set=True) for seed in (1, 1, 2)]
    assert told[0] == told[1] != told[2]
    assert len({*told}) == 2
    assert told[0] != fs.sample(logits((6,)), seed=1, details=True, kept_set=True)


def test_nothing_is_computed_ahead():
    def fail(chunk):
        raise AssertionError

    rows = da.ones((4, 5), chunks=2).map_blocks(fail, dtype=np.float64, meta=np.empty((0, 0)))
    first = rows[:, 0]
    words = {"temperature": first, "top_k": first, "allowed": rows > 0}
    for result in (
        lazy.sample(rows, seed=first, details=True, kept_set=True, **words),
        lazy.probabilities(rows, **words),
    ):
        with pytest.raises(AssertionError):
            dask.compute(result)


@pytest.mark.parametrize("keys", [{"seed": 1}, {"rng": 1}])
def test_a_row_is_told_by_its_number_in_the_whole(keys):
    rows = logits((7,))
    rows[5, 9] = np.nan
    table = np.stack([logits((7,)), rows])
    for array, sizes, place in ((rows, (3, 100), "5"), (table, (1, 2, V), "1, 5")):
        spread = da.from_array(array, chunks=sizes)
        with pytest.raises(ValueError, match=rf"^logits row {place} is NaN at index 9, expected no NaN$"):
            lazy.sample(spread, **keys).compute()
        with pytest.raises(ValueError, match=rf"^logits row {place} is NaN at index 9, expected no NaN$"):
            lazy.probabilities(spread).compute()
    empty = da.from_array(np.where(np.arange(7)[:, None] == 4, -np.inf, logits((7,))), chunks=(3, 100))
    with pytest.raises(ValueError, match=r"^logits row 4 is all -inf, expected at least one token above -inf$"):
        lazy.sample(empty, **keys).compute()
    with pytest.raises(ValueError, match=r"^logits is NaN at index 9, expected no NaN$"):
        lazy.sample(da.from_array(rows[5], chunks=100), **keys).compute()


@pytest.mark.parametrize(
    ("error", "message", "words"),
    [
        (ValueError, r"top_p\[1\] is 2.0, expected a number in \[0, 1\]", {"top_p": [1, 2]}),
        (ValueError, r"temperature is -1.0, expected a number >= 0", {"temperature": -1.0}),
        (TypeError, r"top_k is 1.5", {"top_k": 1.5}),
        (ValueError, r"seed\[1\] is -1, expected an integer in \[0, 2\*\*64\)", {"seed": [1, -1]}),
        (TypeError, r"step is None", {"step": None}),
        (ValueError, r"rng and seed are both given", {"rng": 1, "seed": 1}),
        (TypeError, r"rng is True", {"rng": True}),
        (ValueError, r"n is -1, expected an integer", {"n": -1}),
        (TypeError, r"details is 2, expected True or False", {"details": 2}),
        (ValueError, r"top_logprobs is 65537, expected an integer in \[0, 65536\]", {"top_logprobs": 65537}),
        (ValueError, r"top_p has shape \(3,\), expected a scalar or a shape that broadcasts", {"top_p": [1, 1, 1]}),
        (ValueError, r"a token of bias is 5, expected an integer in \[0, 4\]", {"bias": {5: 1.0}}),
        (ValueError, r"bias has shape \(3, 5\), expected", {"bias": sparse.csr_array((3, 5))}),
        (TypeError, r"bias is \[1\], expected a mapping", {"bias": [1]}),
        (TypeError, r"allowed has dtype int64", {"allowed": [1, 2]}),
        (ValueError, r"allowed has shape \(1, 6\) \(bool\)", {"allowed": np.ones((1, 6), bool)}),
        (ValueError, r"allowed has shape \(3,\), expected a scalar or", {"allowed": np.ones((3, 5), bool)}),
        (ValueError, r"samplers and top_k are both given", {"samplers": "top_p=0.5", "top_k": 3}),
        (ValueError, r"samplers has dry, which asks what came before", {"samplers": "dry=1.0"}),
        (ValueError, r"state is given without samplers", {"state": KEEPER.start([1])}),
        (ValueError, r"state is given without samplers", {"state": da.zeros(())}),
        (TypeError, r"state is 7, expected a State", {"samplers": KEEPER, "state": 7}),
        (
            ValueError,
            r"state is of the batch \(1,\), expected \(4,\)",
            {"samplers": KEEPER, "state": KEEPER.start([[1]])},
        ),
        (ValueError, r"n and state are both given", {"samplers": KEEPER, "state": KEEPER.start([[1]] * 4), "n": 2}),
    ],
)
def test_what_is_refused_at_once(error, message, words):
    with pytest.raises(error, match=message):
        lazy.sample(da.zeros((4, 5)), **words)


@pytest.mark.parametrize("function", [lazy.sample, lazy.probabilities])
def test_logits_that_are_none(function):
    for logits_of_it, message in (
        (np.zeros(3), r"^logits is ndarray of shape \(3,\) .*, expected a dask array"),
        (da.zeros(3, dtype=complex), r"^logits has dtype complex128, expected float16"),
        (da.zeros(()), r"^logits has shape \(\), expected \(..., V\) with V >= 1"),
        (da.zeros((3, 0)), r"^logits has shape \(3, 0\), expected \(..., V\) with V >= 1"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            function(logits_of_it)


def test_chunks_of_unknown_sizes():
    rows = logits((50,))
    spread = da.from_array(rows, chunks=(7, 100))
    keep = spread[:, 0] > 0
    with pytest.raises(ValueError, match=r"^logits has chunks of unknown sizes along axis 0, .* told by their numbers"):
        lazy.sample(spread[keep], seed=1)
    with pytest.raises(ValueError, match=r"^seed has chunks of unknown sizes along axis 0"):
        lazy.sample(spread, seed=da.arange(50, chunks=7)[keep])
    known = lazy.sample(spread[keep].compute_chunk_sizes(), rng=1)
    assert_same(known, fs.sample(rows[rows[:, 0] > 0], rng=1))


def test_what_chunks_hold_is_refused_when_it_is_computed():
    spread = da.from_array(logits((4,)), chunks=(3, 100))
    with pytest.raises(ValueError, match=r"^top_p\[0\] is 2.0, expected a number in \[0, 1\]$"):
        lazy.sample(spread, seed=1, top_p=da.from_array([1.0, 1.0, 1.0, 2.0], chunks=3)).compute()
    other = lazy.sample(spread, samplers=KEEPER, state=KEEPER.start([[1]] * 4), seed=1)[1]
    with pytest.raises(ValueError, match=r"^state is of the batch \(4,\), expected \(2,\), as the logits$"):
        dask.compute(lazy.sample(spread[:2], samplers=KEEPER, state=other, seed=1))


def test_an_empty_batch():
    for shape in ((0, V), (2, 0, V)):
        rows = np.zeros(shape)
        for words in ({"seed": 1}, {"rng": 1}, {"rng": 1, "details": True, "kept_set": True, "top_logprobs": 1}):
            assert_same(lazy.sample(da.from_array(rows, chunks=-1), **words), fs.sample(rows, **words))


def test_the_docstrings():
    assert doctest.testmod(sys.modules["fastsoftmax.dask.sampling"]).failed == 0


@pytest.mark.parametrize("chunks", [1, 2, 3])
def test_one_row_for_a_batch_of_parameters(chunks):
    """Dask goes by the first array for the sizes of chunks; the logits have one row."""
    row = np.array([[3.0, 1.0, 2.5, 0.5]])
    logits, seeds = da.from_array(row, chunks=(1, 2)), [1, 2, 3]
    cases = [
        (lazy.sample(logits, seed=seeds), fs.sample(row, seed=seeds)),
        (lazy.sample(logits, seed=da.from_array(seeds, chunks=chunks)), fs.sample(row, seed=seeds)),
        (lazy.softmax(logits, temperature=[0.5, 1.0, 2.0]), fs.softmax(row, temperature=[0.5, 1.0, 2.0])),
        (lazy.logsumexp(logits, temperature=[0.5, 1.0, 2.0]), fs.logsumexp(row, temperature=[0.5, 1.0, 2.0])),
    ]
    chain = "temperature=[0.5,1.0,2.0] top_k=2"
    cases += [(lazy.probabilities(logits, samplers=chain), fs.probabilities(row, samplers=chain))]
    mask = np.array([[[True, False, True, True]], [[True] * 4], [[False, True, True, True]]])
    words = {"temperature": [[0.5, 1.0, 2.0, 3.0]], "allowed": mask}
    cases += [(lazy.probabilities(logits, **words), fs.probabilities(row, **words))]
    for found, expected in cases:
        assert found.shape == expected.shape
        assert np.array_equal(found.compute(), expected)
        assert np.array_equal(found[-1:].compute(), expected[-1:])


def test_what_a_caller_changes_later_changes_nothing():
    logits, mask = da.from_array(np.zeros((4, 5)), chunks=(2, 5)), np.array([True, False, False, False, False])
    tokens, softmax = lazy.sample(logits, seed=1, allowed=mask), lazy.softmax(logits, where=mask)
    mask[:] = [False, True, True, True, True]
    assert tokens.compute().tolist() == [0, 0, 0, 0]
    assert softmax[0].compute().tolist() == [1, 0, 0, 0, 0]
