"""Counting in parts, merging, and tables for walks: the same whatever the parts, the widths and the sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from fastsoftmax import MarkovChain
from fastsoftmax._jit import jit
from fastsoftmax.kernels.lanes.numbers import first_lane, splat
from fastsoftmax.kernels.markov.locate import locate, locate_one
from fastsoftmax.kernels.markov.sort import sort_rows
from fastsoftmax.kernels.markov.table import Filters, Rows, build_rows, empty, grown, room, row_is_sound
from fastsoftmax.markov.counts import counting, vocabulary
from fastsoftmax.markov.counts.counting import Sum, count, merged, ordered
from fastsoftmax.markov.counts.transitions import Edges, table

ARRAYS = ("contexts", "offsets", "tokens", "counts", "targets")


def assert_same(one, two):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one.transitions, name), getattr(two.transitions, name), strict=True)


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=30), min_size=1, max_size=6),
    st.integers(1, 7),
    st.integers(1, 9),
    st.sampled_from([0, 2**12, 2**20, 2**31 - 9]),
)
def test_parts_change_nothing(sequences, order, part, offset):
    shifted = [[token + offset for token in sequence] for sequence in sequences]
    whole = MarkovChain(order).fit(shifted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "PART", part)
        patch.setattr(vocabulary, "PART", part)
        assert_same(MarkovChain(order).fit(shifted), whole)
        assert_same(MarkovChain(order).fit(iter(shifted)), whole)
        if len(shifted) == 1:
            assert_same(MarkovChain(order).fit(np.array(shifted[0])), whole)
    plain = reference.MarkovChain(order).fit(shifted)
    assert len(whole.transitions.contexts) == len(plain.rows)
    assert whole.transitions.counts.sum() == sum(sum(row.values()) for row in plain.rows.values())


def test_a_long_array_in_parts(monkeypatch):
    tokens = np.random.default_rng(1).integers(0, 50, 20_000)
    for order in (1, 2, 5, 9):
        whole = MarkovChain(order).fit(tokens)
        with monkeypatch.context() as patch:
            patch.setattr(counting, "PART", 1000)
            assert_same(MarkovChain(order).fit(tokens), whole)


def test_a_generator_is_read_once_and_reported(capsys):
    def sequences():
        for i in range(3000):
            yield [f"w{i % 7}", "x", f"y{i % 3}"]

    chain = MarkovChain().fit(sequences(), progress=True)
    assert "counting tokens" in capsys.readouterr().err
    assert_same(chain, MarkovChain().fit(list(sequences())))
    assert chain.partial_fit(sequences(), 2, progress=True).transitions.counts.sum() == 3 * 3000 * 4


def test_a_sequence_that_fails_late_leaves_the_chain_alone(monkeypatch):
    monkeypatch.setattr(vocabulary, "PART", 4)
    chain = MarkovChain().fit([["a", "b"]])
    before = chain.transitions
    with pytest.raises(TypeError, match=r"sequences\[3\]\[0\] is 5"):
        chain.partial_fit([["a"], ["b"], ["a", "b", "c"], [5]])
    assert chain.transitions is before


def random_edges(rng, rows, kind):
    contexts = np.unique(rng.integers(-1, 4, (rows, 2)), axis=0).astype(np.int32)
    lengths = rng.integers(1, 5, len(contexts))
    tokens = np.concatenate([np.sort(rng.choice(6, length, replace=False)) - 1 for length in lengths])
    counts = rng.integers(1, 9, tokens.size).astype(kind)
    return Edges(contexts, np.append(0, np.cumsum(lengths)), tokens.astype(np.int32), counts)


def summed(*parts):
    total = {}
    for part in parts:
        for row, context in enumerate(part.contexts.tolist()):
            for edge in range(part.offsets[row], part.offsets[row + 1]):
                key = (*context, int(part.tokens[edge]))
                total[key] = total.get(key, 0) + part.counts[edge].item()
    return dict(sorted(total.items()))


@pytest.mark.parametrize("kind", [np.int64, np.float64])
def test_merged_edges(kind):
    rng = np.random.default_rng(3)
    for _ in range(30):
        parts = [random_edges(rng, rng.integers(1, 12), kind) for _ in range(rng.integers(1, 6))]
        total = Sum()
        for part in parts:
            total.add(part)
        assert list(summed(total.total()).items()) == list(summed(*parts).items())
        assert summed(merged(parts[0], parts[-1])) == summed(parts[0], parts[-1])
        mixed = merged(parts[0]._replace(counts=parts[0].counts.astype(np.float64)), parts[-1])
        assert mixed.counts.dtype == np.float64
        shuffled = rng.permutation(len(parts[0].contexts))
        rows = [slice(*parts[0].offsets[row : row + 2]) for row in shuffled]
        scattered = Edges(
            np.concatenate([parts[0].contexts[shuffled], parts[0].contexts[:1]]),
            np.append(0, np.cumsum([*(np.diff(parts[0].offsets)[shuffled]), parts[0].offsets[1]])),
            np.concatenate([*(parts[0].tokens[row] for row in rows), parts[0].tokens[: parts[0].offsets[1]]]),
            np.concatenate([*(parts[0].counts[row] for row in rows), parts[0].counts[: parts[0].offsets[1]]]),
        )
        assert list(summed(ordered(scattered)).items()) == list(summed(scattered).items())


def test_counts_beyond_32_bits():
    chain = MarkovChain().fit([["a", "b"], ["a", "c"]])
    for _ in range(3):
        chain.partial_fit([["a", "b"]], 2**40)
    assert chain.transitions.counts.max() == 3 * 2**40 + 2
    tokens, probabilities = chain.next_tokens("a")
    assert tokens == ["b", "c"]
    assert probabilities[1] == 1 / (3 * 2**40 + 2)
    plain = reference.MarkovChain().fit([["a", "b"], ["a", "c"]]).partial_fit([["a", "b"]], 3 * 2**40)
    assert list(chain.walk(200, 3, seed=1)) == plain.walk(200, 3, seed=1)


@pytest.mark.parametrize("slow", [True, False])
@pytest.mark.parametrize("bits", [1, 9, 10, 11, 30, 31, 41, 64])
def test_keys_are_sorted_and_ranked(monkeypatch, bits, slow):
    monkeypatch.setattr(counting, "_sorts_slowly", lambda: slow)
    keys = np.random.default_rng(bits).integers(0, (1 << bits) - 1, 3000, np.uint64, endpoint=True)
    keys[::3] = keys[1]
    np.testing.assert_array_equal(counting._sorted(keys.copy()), np.sort(keys))
    different, ranks = counting.ranked(keys.copy())
    np.testing.assert_array_equal(different, np.unique(keys))
    np.testing.assert_array_equal(different[ranks], keys)


def test_digits_that_all_keys_share_are_passed_over():
    keys = np.uint64(7 << 40) + np.random.default_rng(0).integers(0, 900, 1000, np.uint64)
    np.testing.assert_array_equal(counting._sorted(keys.copy()), np.sort(keys))
    np.testing.assert_array_equal(counting._sorted(np.full(5, 7 << 40, np.uint64)), np.full(5, 7 << 40))


@pytest.mark.parametrize("kind", [np.int64, np.float64])
@pytest.mark.parametrize("length", [1, 15, 16, 17, 40, 300])
@pytest.mark.parametrize("largest", [1, 3, 63, 64, 65, 1000, 2**52])
def test_rows_are_sorted_by_count_and_ties_keep_their_order(kind, length, largest):
    random = np.random.default_rng(length)
    counts = random.integers(1, largest, 3 * length, endpoint=True).astype(kind)
    if kind == np.float64:
        counts *= random.choice([0.25, 1.0, 1.5], counts.size)
    offsets, tokens = np.arange(0, 4 * length, length), np.arange(3 * length, dtype=np.int32)
    wanted = np.concatenate([row + np.argsort(-counts[row : row + length], kind="stable") for row in offsets[:-1]])
    by_count = counts.copy()
    sort_rows(offsets, by_count, tokens)
    np.testing.assert_array_equal(tokens, wanted)
    np.testing.assert_array_equal(by_count, counts[wanted])


def test_count_is_sorted():
    edges = count([np.array([3, 1, 3, 1, -1, 2, -1], np.int32)], 1, 2)
    assert summed(edges) == {(-1, 2): 2, (-1, 3): 2, (1, -1): 2, (1, 3): 2, (2, -1): 2, (3, 1): 4}
    assert list(summed(edges)) == [
        (int(edges.contexts[row, 0]), int(token))
        for row in range(len(edges.contexts))
        for token in edges.tokens[edges.offsets[row] : edges.offsets[row + 1]]
    ]
    assert table(edges).tokens.tolist() == [2, 3, -1, 3, -1, 1]


@pytest.mark.parametrize("temperature", [1.0, 0.7, 3.0])
@pytest.mark.parametrize("counts", ["even", "few", "many", "heavy"])
def test_every_kind_of_row_walks_as_the_reference(counts, temperature):
    """Rows of one run, of slots, of some runs without a guide, and of many with one; heavy ones have no slots."""
    rng = np.random.default_rng(5)
    draw = {
        "even": lambda k: np.full(k, 3),
        "few": lambda k: rng.integers(1, 3, k),
        "many": lambda k: rng.integers(1, 400, k),
        "heavy": lambda k: rng.integers(10**6, 10**6 + 9, k),
    }[counts]
    sizes = [1, 2, 3, 4, 17, 120]
    weights = {
        i: dict(zip(range(k), draw(k).tolist(), strict=True)) for i, k in zip(range(120), sizes * 20, strict=True)
    }
    chain, plain = MarkovChain.from_transitions(weights), reference.MarkovChain.from_transitions(weights)
    for words in ({}, {"top_k": 5}, {"top_p": 0.6}, {"min_p": 0.2}, {"top_k": 50, "top_p": 0.9, "min_p": 0.01}):
        expected = plain.walk(30, 40, temperature=temperature, seed=8, **words)
        assert list(chain.walk(30, 40, temperature=temperature, seed=8, **words)) == expected
        assert list(chain.walk(3000, 40, temperature=temperature, seed=8, **words))[:30] == expected  # a whole table


@pytest.mark.parametrize("n", [1, 15, 16, 17, 63, 64, 65, 200])
@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 33])
def test_any_number_and_length(n, length):
    sequences = [["a", "b", "c"], ["a", "c", "a", "d"], ["b"]]
    chain, plain = MarkovChain().fit(sequences), reference.MarkovChain().fit(sequences)
    for end in ("stop", "restart"):
        found = chain.walk(n, length, seed=6, on_dead_end=end)
        expected = plain.walk(n, length, seed=6, on_dead_end=end)
        assert list(found) == expected
        assert found.lengths.tolist() == [len(walk) for walk in expected]
        assert (found.ids >= 0).sum() == found.lengths.sum()


def test_many_short_walks_complete_the_table():
    tokens = np.random.default_rng(1).integers(0, 30, 3000)
    chain = MarkovChain().fit(tokens)
    expected = chain.walk(500, 50, temperature=0.7, seed=4).ids
    fresh, found = MarkovChain().fit(tokens), []
    for _ in range(40):
        found.append(fresh.walk(3, 50, temperature=0.7, seed=4).ids)
    (table,) = fresh._held.tables._tables
    assert table.complete
    for ids in found:
        np.testing.assert_array_equal(ids, expected[:3])


@jit
def _slots_at(table, u):
    found, _ = locate(splat(np.int64(0)), splat(u), table)
    return first_lane(found), locate_one(0, u, table)


def _edge_at(table, u):
    """Return the edge that u leads to, the same for sixteen walks and for one alone."""
    slot, alone = _slots_at(table, u)
    assert slot == alone
    return -2 - table.slots[slot]


def row_table(counts, cut):
    """Return the table of one row, whose edges lead nowhere and have their indices for tokens."""
    edges, none = len(counts), np.full(1, -1, np.int32)
    tokens, targets = np.arange(edges, dtype=np.int32), np.full(edges, -1, np.int32)
    rows = Rows(np.array([0, edges]), tokens, np.array(counts), targets, none)
    built = empty(1, *room(edges))
    built = built._replace(slots=np.full(built.slots.size, -1, np.int32))
    assert build_rows(rows, cut, 0, 1, built) == 1
    return built


@pytest.mark.parametrize(
    "counts",
    [
        [3] * 8,
        [4, 2, 1, 1],  # slots
        [2.5, 1.5],  # no slots
        [2**21, *[2**20] * 3, *[3 * 2**18] * 4],  # a search without a guide
        [2**30 - 7 * 2**20 - 28, *range(2**20 + 7, 2**20, -1)],  # with one
    ],
    ids=["run", "slots", "fractions", "runs", "guide"],
)
def test_the_map_from_u_to_edge(counts):
    """The first edge whose running sum exceeds u times the total: all is exact, the numbers being dyadic."""
    table, total = row_table(counts, Filters(1.0, 0, 1.0, 0.0)), sum(counts)
    begin = 0
    for edge, times in enumerate(counts):
        last = (begin + times) / total
        assert _edge_at(table, max(begin / total, 2.0**-54)) == edge
        assert _edge_at(table, last - 2.0**-53) == edge
        begin += times


def test_u_at_the_very_end_of_a_row():
    """Where its place in the last run is rounded up to the length of the run."""
    counts = [5496460] * 3 + [4573013] * 9
    assert _edge_at(row_table(counts, Filters(1.0, 0, 1.0, 0.0)), 1 - 2.0**-53) == len(counts) - 1


@pytest.mark.parametrize(
    ("cut", "kept"),
    [
        (Filters(1.0, 3, 1.0, 0.0), 3),
        (Filters(1.0, 0, 1.0, 0.5), 3),  # what is exactly at min-p stays
        (Filters(1.0, 0, 0.5, 0.0), 1),  # mass strictly before the second is a half, not below
        (Filters(1.0, 0, 0.51, 0.0), 2),
        (Filters(1.0, 0, 0.75, 0.0), 2),
        (Filters(1.0, 5, 0.9, 0.0), 4),  # of the 18 that top-k leaves, 17 are reached by the fourth
        (Filters(2.0, 0, 1.0, 0.6), 3),
        (Filters(0.0, 0, 1.0, 0.0), 1),
    ],
)
def test_cut_offs_of_a_row(cut, kept):
    counts = [8, 4, 4, 1, 1] if cut.top_k == 5 else [8, 4, 4]
    assert [_edge_at(row_table(counts, cut), u) for u in (2.0**-54, 1 - 2.0**-53)] == [0, kept - 1]


@pytest.mark.parametrize(
    ("change", "sound"),
    [
        ({}, True),
        ({"targets": [-1, 1, 0]}, True),
        ({"targets": [2, -1, 0]}, False),
        ({"targets": [-2, -1, 0]}, False),
        ({"tokens": [0, 2**31 - 2, 0]}, True),
        ({"tokens": [0, 2**31 - 1, 0]}, False),
        ({"tokens": [-2, 0, 0]}, False),
        ({"counts": [2.0, 2.0, 1.0]}, True),
        ({"counts": [1.0, 2.0, 1.0]}, False),
        ({"counts": [2.0, 0.0, 1.0]}, False),
        ({"counts": [np.inf, 1.0, 1.0]}, False),
        ({"counts": [np.nan, 1.0, 1.0]}, False),
        ({"counts": [8e307, 8e307, 1.0]}, True),
        ({"counts": [1e308, 1e308, 1.0]}, False),
        ({"offsets": [0, 3, 3]}, True),
        ({"offsets": [0, 4, 3]}, False),
        ({"offsets": [0, 0, 3]}, False),
        ({"offsets": [-1, 2, 3]}, False),
    ],
)
def test_a_row_that_a_file_may_hold(change, sound):
    row = {"offsets": [0, 2, 3], "tokens": [0, -1, 5], "counts": [2.0, 1.0, 1.0], "targets": [1, -1, 0], **change}
    types = {"offsets": np.int64, "tokens": np.int32, "counts": np.float64, "targets": np.int32}
    arrays = {name: np.array(row[name], kind) for name, kind in types.items()}
    assert row_is_sound(0, Rows(**arrays, lasts=np.zeros(2, np.int32))) == sound


def test_tables_that_cannot_be_numbered():
    full = empty(1, 1, 1)
    full.filled[:] = 2**32 - 2, 2**27 - 2, 0
    with pytest.raises(ValueError, match=r"takes more than 2\*\*32 slots or 2\*\*27 lines"):
        grown(full, 2, 1)
    with pytest.raises(ValueError, match="expected a smaller chain"):
        grown(full, 1, 2)
