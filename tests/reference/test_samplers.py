"""The reference's samplers: what other libraries answer, worked examples, and what holds for every row."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import sampling
from reference.chain import after, parse, probabilities, sample, survivors
from reference.philox import COIN, GUMBEL, key, philox4x32, uniform
from reference.samplers import (
    EDITS,
    FILTERS,
    SAMPLERS,
    SCALES,
    adaptive_p,
    dynamic_temperature,
    epsilon,
    eta,
    greedy,
    gumbel,
    min_k,
    min_p,
    mirostat,
    mirostat_2,
    p_less,
    p_step,
    quadratic,
    tail_free,
    temperature,
    top_a,
    top_h,
    top_k,
    top_n_sigma,
    top_p,
    typical,
    xtc,
)
from reference.samplers.common import entropy, log_mass
from tests import vectors

INF = math.inf
CASES = vectors.load()


def logs(*masses):
    return [math.log(mass) for mass in masses]


def named(kind):
    return [name for name, case in CASES.items() if (case["expected"]["kind"] == "kept_after_each_step") == kind]


@pytest.mark.parametrize("name", named(False))
def test_peers(name):
    case = CASES[name]
    if name in vectors.SKIPPED:
        pytest.skip(vectors.SKIPPED[name])
    found = probabilities(vectors.logits_of(case), vectors.chain_of(case))
    assert vectors.seen(case, found) == pytest.approx(vectors.expected(case), abs=vectors.tolerance_of(case))


@pytest.mark.parametrize("name", named(True))
def test_peers_step_by_step(name):
    case = CASES[name]
    for chain, count in vectors.kept_after_each_step(case):
        tokens, _ = survivors(vectors.logits_of(case), chain)
        assert len(tokens) == count, chain
    assert (min(tokens), max(tokens)) == vectors.smallest_and_largest(case)


def test_the_skipped_are_cases():
    assert vectors.SKIPPED.keys() <= CASES.keys()
    assert len(CASES) == 99
    assert len(named(True)) == 19


def test_scales_by_hand():
    assert temperature.scale([8.0, 2.0, 0.0, -4.0], 0.5) == [16, 4, 0, -8]
    assert temperature.scale([3.0, 3.0, 1.0], 0) == [3, -INF, -INF]
    assert temperature.scale([3.0, 1.0], INF) == [0, 0]
    # Of two equal tokens H = ln 2, all there can be: the highest temperature.
    assert dynamic_temperature.scale([1.0, 1.0], 0.5, 4.0) == [0.25, 0.25]
    shares = logs(0.5, 0.25, 0.25)
    heat = 0.5 + 1.5 * (1.5 * math.log(2) / math.log(3)) ** 2
    assert dynamic_temperature.scale(shares, 0.5, 2.0, 2.0) == pytest.approx([z / heat for z in shares])
    assert dynamic_temperature.scale([5.0], 0.1, 0.1) == [5]
    assert dynamic_temperature.scale([2.0, 1.0], 0, 0) == [2, -INF]
    assert quadratic.scale([3.0, 1.0, 0.0], 0.5) == [3, 1, -1.5]  # 3 - d^2 / 2
    assert quadratic.scale([3.0, 1.0, 0.0], 0.5, 3) == [3, -1, -10.5]  # 3 + d^3 / 2
    assert quadratic.scale([3.0, 1.0], 0.5, 2) == [3, 0]  # 3 - d^2 / 4 + d^3 / 4
    # p = 0.8, 0.2 with the target 0.5: both at d = 1.
    assert adaptive_p.scale(logs(0.8, 0.2), 0.5) == pytest.approx([0, 0])
    assert adaptive_p.scale(logs(0.8, 0.2), 0.2) == pytest.approx([5 - 10 * 4 / 3, 5])
    # An average of 0.8 asks for 2 * 0.5 - 0.8 = 0.2 next; one of 2 for 0.
    assert adaptive_p.scale(logs(0.8, 0.2), 0.5, 0.9, number=0.8) == pytest.approx([5 - 10 * 4 / 3, 5])
    assert adaptive_p.scale(logs(1.0), 0.5, 0.9, number=2.0) == pytest.approx([5 - 10 * (10 / 3) ** 2 / (13 / 3)])
    assert adaptive_p.first(0.3) == 0.3
    assert adaptive_p.learn(0.5, 0.1, 0.3, 0.75) == pytest.approx(0.25 * 0.1 + 0.75 * 0.5)
    assert gumbel.perturbed(2.0, math.exp(-1)) == 2
    assert gumbel.perturbed(2.0, math.exp(-math.e)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("count", "places"),
    [
        (top_k.keep([2, 1, 1, 0], 2), [0, 1]),
        (top_k.keep([2, 1, 1, 0], 2, "all"), [0, 1, 2]),
        (top_k.keep([2, 1, 1, 0], -1), [0, 1, 2, 3]),
        (top_p.keep(logs(4, 2, 1, 1), 0.75), [0, 1]),
        (top_p.keep(logs(4, 2, 1, 1), 0.75, equal="keep"), [0, 1, 2]),
        (top_p.keep(logs(4, 2, 1, 1), 0.76), [0, 1, 2]),
        (top_p.keep(logs(4, 2, 1, 1), 0.76, ties="all"), [0, 1, 2, 3]),
        (top_p.keep(logs(4, 2, 1, 1), 0.76, crossing="drop"), [0, 1]),
        (top_p.keep(logs(4, 2, 1, 1), 0.75, crossing="drop"), [0, 1]),
        (top_p.keep(logs(4, 2, 1, 1), 0.4, crossing="drop"), [0]),
        (top_p.keep(logs(4, 2, 1, 1), 0, min_keep=3), [0, 1, 2]),
        (top_p.keep([0] * 10, 0.1), [0]),
        (top_p.keep([0] * 10, 0.1, equal="keep"), [0, 1]),
        (top_p.keep(logs(4, 2), 0.5, of="all", whole=math.log(8)), [0]),
        (top_p.keep(logs(4, 2), 0.6, of="all", whole=math.log(8)), [0, 1]),
        (min_p.keep(logs(4, 2, 1), 0.5), [0, 1]),
        (min_p.keep([1, 1, 0], 1), [0, 1]),
        (min_p.keep(logs(4, 2, 1), 1, min_keep=2), [0, 1]),
        # H = 1.28: the surprises are 0.92, 1.61, 1.61, 1.61.
        (typical.keep(logs(4, 2, 2, 2), 0.5), [1, 2, 3]),
        (typical.keep(logs(4, 2, 2, 2), 0.4), [1, 2]),
        (typical.keep(logs(21, 21, 20, 19, 19), 0.3), [1, 2]),  # of the two equals above the one that leaves no gap
        (typical.keep([0] * 7, 0.4), [0, 1, 2]),
        (typical.keep(logs(4, 2, 2, 2), 0.4, equal="keep"), [1, 2, 3]),
        (typical.keep(logs(4, 2, 2, 2), 0.4, ties="all"), [1, 2, 3]),
        (typical.keep(logs(4, 2, 2, 2), 0.1, min_keep=4), [0, 1, 2, 3]),
        (epsilon.keep(logs(0.7, 0.2, 0.1), 0.2), [0, 1]),
        (epsilon.keep([0] * 10, 0.1), list(range(10))),
        (epsilon.keep(logs(0.7, 0.2, 0.1), 0.9), [0]),
        # Uniform: exp(-H) = 1/4, and the cut-off sqrt(0.36) / 4 = 0.15.
        (eta.keep([0] * 4, 0.36), [0, 1, 2, 3]),
        (eta.keep(logs(0.96, 0.02, 0.02), 0.04), [0]),  # H = 0.2: the cut-off is 0.04
        (top_a.keep(logs(0.5, 0.3, 0.2), 0.8), [0, 1, 2]),  # 0.2 = 0.8 * 0.25
        (top_a.keep(logs(0.5, 0.3, 0.2), 0.9), [0, 1]),
        # p = 0.5, 0.3, 0.15, 0.05: slopes 0.2, 0.15, 0.1, bends 0.05, 0.05: the weights are a half each.
        (tail_free.keep(logs(0.5, 0.3, 0.15, 0.05), 0.4), [0]),
        (tail_free.keep(logs(0.5, 0.3, 0.15, 0.05), 0.6), [0]),
        (tail_free.keep(logs(0.5, 0.3, 0.15, 0.05), 0.6, crossing="keep"), [0, 1]),
        (tail_free.keep(logs(0.5, 0.3, 0.15, 0.05), 0.6, min_keep=3), [0, 1, 2]),
        (tail_free.keep([0] * 6, 0.5), [0, 1]),  # no bend: a quarter each, 0.75 at the third
        (tail_free.keep([1, 0], 0), [0, 1]),
        (top_n_sigma.keep([2, 0], 1.9), [0]),  # the deviation is 1
        (top_n_sigma.keep([2, 0], 2), [0, 1]),
        (top_n_sigma.keep([2, 0], 1.5, "sample"), [0, 1]),  # it is the root of 2
        (top_n_sigma.keep([2, 0], 1.4, "sample"), [0]),
        # H = 1.5 ln 2; of the first alone 0, of the first two 0.64.
        (top_h.keep(logs(2, 1, 1), 0.6), [0]),
        (top_h.keep(logs(2, 1, 1), 0.62), [0, 1]),
        (top_h.keep(logs(2, 1, 1), 1), [0, 1, 2]),
        # The terms are 0.5 ln 2 each, a third of H.
        (top_h.keep(logs(2, 1, 1), 0.33, "transformers"), [0]),
        (top_h.keep(logs(2, 1, 1), 2 / 3, "transformers"), [0, 1]),
        (top_h.keep([0] * 101, 1, "transformers"), list(range(100))),
        (p_less.keep(logs(0.5, 0.4, 0.1)), [0]),  # 0.42
        (p_less.keep(logs(0.4, 0.35, 0.25)), [0, 1]),  # 0.345
        (p_less.keep([0] * 7), list(range(7))),
        (xtc.keep(logs(4, 3, 2, 1), 1, 0.2), [2, 3]),
        (xtc.keep(logs(4, 3, 2, 1), 1, 0.2, equal="drop"), [1, 2, 3]),
        (xtc.keep(logs(4, 3, 2, 1), 1, 0.2, min_keep=3), [0, 1, 2, 3]),
        (xtc.keep(logs(4, 3, 2, 1), 1, 0.35), [0, 1, 2, 3]),
        (xtc.keep(logs(4, 3, 2, 1), 0.5, 0.2, u=0.5), [0, 1, 2, 3]),
        (xtc.keep(logs(4, 3, 2, 1), 0.5, 0.2, u=0.49), [2, 3]),
        (min_k.keep([9, 8, 5, 4, 0]), [0, 1]),  # 1, 3 / 2, 1 / 3, 4 / 4
        (min_k.keep([9, 8, 5, 4, 0], 28), [0, 1, 2]),  # 28 / 9 = 3.1
        (min_k.keep([4, 3, 1]), [0]),  # 1, 2 / 2: the first of equals
        (min_k.keep([4, 4, 4]), [0, 1, 2]),
        (min_k.keep([4, 1], 1e300), [0, 1]),
        (p_step.keep(logs(8, 4, 1, 0.9), 0.4), [0, 1]),
        (p_step.keep(logs(8, 4, 1, 0.9), 0.6), [0]),
        (greedy.keep([1, 1, 0]), [0]),
    ],
)
def test_filters_by_hand(count, places):
    assert count == places


def test_every_sampler_has_its_name():
    assert len(SAMPLERS) == len(EDITS) + len(FILTERS) + len(SCALES) + 1 == 29
    for name, function in SAMPLERS.items():
        assert function.__module__ == f"reference.samplers.{name}"


LOGITS = st.one_of(
    st.lists(st.floats(-20, 20), min_size=1, max_size=12),
    st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=12),
).map(lambda logits: sorted(logits, reverse=True))
SHARES = st.floats(0, 1)
TIES, CROSSING, EQUAL = (
    st.sampled_from(["first", "all"]),
    st.sampled_from(["keep", "drop"]),
    st.sampled_from(["keep", "drop"]),
)
LEAST = st.integers(1, 4)
FIELDS = {
    "top_k": {"k": st.integers(-1, 14), "ties": TIES},
    "top_p": {"p": SHARES, "min_keep": LEAST, "ties": TIES, "crossing": CROSSING, "equal": EQUAL},
    "min_p": {"p": SHARES, "min_keep": LEAST},
    "typical": {"p": SHARES, "min_keep": LEAST, "ties": TIES, "equal": EQUAL},
    "epsilon": {"epsilon": SHARES, "min_keep": LEAST},
    "eta": {"epsilon": SHARES, "min_keep": LEAST},
    "top_a": {"a": SHARES, "min_keep": LEAST},
    "tail_free": {"z": SHARES, "min_keep": LEAST, "crossing": CROSSING},
    "top_n_sigma": {"n": st.floats(0, 4), "sigma": st.sampled_from(["population", "sample"]), "min_keep": LEAST},
    "top_h": {"alpha": SHARES, "rule": st.sampled_from(["paper", "transformers"]), "min_keep": LEAST},
    "p_less": {},
    "xtc": {"probability": SHARES, "threshold": SHARES, "min_keep": LEAST, "equal": EQUAL, "u": SHARES},
    "min_k": {"tau": st.floats(0, 100)},
    "p_step": {"ratio": SHARES, "min_keep": LEAST},
    "greedy": {},
    "mirostat": {"number": st.floats(-2, 40)},
    "mirostat_2": {"number": st.floats(-2, 40)},
}
filtered = st.sampled_from(sorted(FILTERS)).flatmap(
    lambda name: st.tuples(st.just(name), st.fixed_dictionaries(FIELDS[name]))
)


@given(LOGITS, filtered)
def test_what_stays_is_a_band(logits, step):
    name, fields = step
    places = FILTERS[name](logits, **fields)
    assert places == sorted(set(places))
    assert places
    assert len(places) >= min(fields.get("min_keep", 1), len(logits))
    assert places == list(range(places[0], places[-1] + 1))
    assert places[0] == 0 or name in ("typical", "xtc")


OFF = (
    "top_k=0 top_k=-1 top_p=1.0 min_p=0 typical=1 epsilon=0 eta=0 top_a=0 tail_free=1 top_n_sigma=0 top_h=0 xtc=0 "
    "p_step=0 temperature=1 dynamic_temperature(low=1, high=1) quadratic=0"
)


@given(LOGITS)
def test_off_is_off(logits):
    everything = list(range(len(logits)))
    for name, fields in parse(OFF):
        found = SAMPLERS[name](logits, **fields)
        assert found == (everything if name in FILTERS else logits), name
        assert SAMPLERS[name](logits) == found, name  # so is the default
    assert sorted(survivors(logits, OFF)[0]) == everything


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=10), filtered, st.integers(-(2**40), 2**40))
def test_a_constant_changes_nothing(logits, step, constant):
    """Integers, so that adding one is exact."""
    name, fields = step
    ranked = sorted(logits, reverse=True)
    assert FILTERS[name](ranked, **fields) == FILTERS[name]([z + constant for z in ranked], **fields)


@given(LOGITS, st.sampled_from(["temperature", "dynamic_temperature", "quadratic"]), st.data())
def test_scales_keep_the_order(logits, name, data):
    some = st.floats(0.01, 10)
    ranges = {
        "temperature": {"temperature": some},
        "dynamic_temperature": {"low": some, "high": some, "exponent": some},
        "quadratic": {"factor": some, "curve": st.floats(1, 3)},
    }
    found = SCALES[name](logits, **data.draw(st.fixed_dictionaries(ranges[name])))
    assert found == sorted(found, reverse=True)
    assert all(a == b for a, b, z, y in zip(found, found[1:], logits, logits[1:], strict=False) if z == y)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([-INF, INF, *map(float, range(-8, 9)), 0.3, -0.3]), min_size=1, max_size=12),
    st.sampled_from([0, 0.3, 1, 2.5, INF]),
    st.integers(-1, 13),
    st.sampled_from([0, 0.3, 0.5, 0.77, 0.9, 1]),
    st.sampled_from([0, 0.01, 0.11, 0.37, 1]),
)
def test_the_four_words_are_a_chain(logits, heat, k, p, m):
    if max(logits) == -INF:
        return
    words = {"temperature": heat, "top_k": k, "top_p": p, "min_p": m}
    chain = f"temperature={heat} top_k={k} top_p={p} min_p={m}"
    found = probabilities(logits, chain)
    assert found == pytest.approx(sampling.probabilities(logits, **words), abs=1e-15, rel=1e-12)
    assert sample(logits, chain, n=4, seed=5, step=2, stream=1) == sampling.sample(
        logits, **words, n=4, seed=5, step=2, stream=1
    )


def test_parse():
    text = "  top_n_sigma=1.0 min_p=0.05\txtc(probability=0.5, threshold = 0.1) temperature=inf\n"
    assert parse(text) == [
        ("top_n_sigma", {"n": 1.0}),
        ("min_p", {"p": 0.05}),
        ("xtc", {"probability": 0.5, "threshold": 0.1}),
        ("temperature", {"temperature": INF}),
    ]
    assert parse("""top_k(3, ties="all") top_k(ties=all,k=3) top_k(3, ties='all')""") == 3 * parse("top_k(3,ties=all)")
    assert parse("greedy p_less min_k gumbel") == [("greedy", {}), ("p_less", {}), ("min_k", {}), ("gumbel", {})]
    assert parse("min_k=3 min_k(3)") == 2 * [("min_k", {"tau": 3})]
    assert parse("") == parse(" ") == []
    assert isinstance(parse("top_k=3")[0][1]["k"], int)


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ("top_k=3 topp=0.9", r"samplers at 8: there is no sampler 'topp', did you mean top_p"),
        ("zzzzz", "no sampler 'zzzzz'; there are repetition, presence"),
        ("top_k(3", r"samplers at 0: 'top_k\(3', expected name=value"),
        ("top_k=3, top_p=0.9", "samplers at 0: 'top_k=3, top_p=0.9'"),
        ("top_k", "top_k is without a value, expected top_k=value"),
        ("top_k(3, tie=all)", "top_k has no field 'tie', did you mean ties?"),
        ("top_k(3, k=2)", "top_k has k twice"),
        ("p_less(0.5)", "'0.5' in p_less, expected field=value"),
        ("top_p(whole=1)", "no field 'whole'"),
        ("greedy=1", "'1' in greedy"),
        ("gumbel(u=1)", "gumbel has no field 'u'; there are draws"),
        ("gumbel top_k=3", "top_k follows gumbel, expected gumbel to be the last"),
        ("adaptive_p=0.5 top_k=3", "top_k follows adaptive_p"),
        ("top_k=2.5", "top_k.k is 2.5, expected an integer >= -1"),
        ("top_k=-2", "top_k.k is -2"),
        ("top_k(2, ties=some)", "top_k.ties is 'some', expected 'first' or 'all'"),
        ("top_p=1.5", r"top_p.p is 1.5, expected a number in \[0, 1\]"),
        ("top_p=nan", "top_p.p is nan"),
        ("top_p=x", "top_p.p is x"),
        ("top_p(0.5, min_keep=0)", "top_p.min_keep is 0, expected an integer >= 1"),
        ("top_p(0.5, of=none)", "top_p.of is 'none'"),
        ("min_p=-0.1", "min_p.p is -0.1"),
        ("typical=2", "typical.p is 2"),
        ("epsilon=2", "epsilon.epsilon is 2"),
        ("eta=2", "eta.epsilon is 2"),
        ("top_a=2", "top_a.a is 2"),
        ("tail_free=2", "tail_free.z is 2"),
        ("top_n_sigma=-1", "top_n_sigma.n is -1, expected a finite number >= 0"),
        ("top_h=2", "top_h.alpha is 2"),
        ("xtc=2", "xtc.probability is 2"),
        ("xtc=nan", "xtc.probability is nan"),
        ("xtc(0.5, threshold=2)", "xtc.threshold is 2"),
        ("min_k=inf", "min_k.tau is inf"),
        ("p_step=2", "p_step.ratio is 2"),
        ("temperature=-1", r"temperature.temperature is -1, expected a number in \[0, inf\]"),
        ("dynamic_temperature(high=inf)", "dynamic_temperature.high is inf"),
        ("quadratic(1, curve=4)", r"quadratic.curve is 4, expected a number in \[1, 3\]"),
        ("adaptive_p=2", "adaptive_p.target is 2"),
        ("adaptive_p(decay=-1)", "adaptive_p.decay is -1"),
        ("mirostat=-1", "mirostat.tau is -1"),
        ("mirostat(eta=inf)", "mirostat.eta is inf"),
        ("mirostat_2=inf", "mirostat_2.tau is inf"),
        ("mirostat_2(eta=-1)", "mirostat_2.eta is -1"),
        ("mirostat_2 top_k=3", "top_k follows mirostat_2"),
    ],
)
def test_refusals(chain, message):
    with pytest.raises(ValueError, match=message):
        sample([1.0, 2.0], chain, n=0, seed=1)
    with pytest.raises(ValueError, match=message):
        probabilities([1.0, 2.0], chain)


def test_refusals_of_rows_and_numbers():
    with pytest.raises(ValueError, match="NaN at index 1"):
        survivors([1.0, math.nan], "")
    with pytest.raises(ValueError, match="all -inf"):
        probabilities([-INF], "")
    with pytest.raises(ValueError, match="n is -1"):
        sample([1.0], "", n=-1, seed=0)
    with pytest.raises(ValueError, match="seed is -1"):
        sample([1.0], "", seed=-1)
    with pytest.raises(ValueError, match=r"domain is 4294967296, expected an integer in \[0, 2\*\*32\)"):
        key(1, 2**32)


def test_survivors_by_hand():
    logits = [1.0, 3.0, -INF, 3.0, 2.0]
    assert survivors(logits, "") == ([1, 3, 4, 0], [3, 3, 2, 1])
    assert survivors(logits, "top_k=3") == ([1, 3, 4], [3, 3, 2])
    assert survivors(logits, "temperature=0.5 top_k=3") == ([1, 3, 4], [0, 0, -2])  # counted from the largest
    assert survivors(logits, "temperature=0") == ([1], [0])
    assert survivors([1.0, INF, -INF, INF], "temperature=2") == ([1, 3], [0, 0])
    assert survivors(logits, [("top_k", {"k": 1})]) == ([1], [3])
    # At T=1 the first holds 2/3 and one is enough; at T=2 it takes two.
    assert survivors([math.log(4), math.log(2)], "top_p=0.6 temperature=2")[0] == [0]
    assert survivors([math.log(4), math.log(2)], "temperature=2 top_p=0.6")[0] == [0, 1]
    with pytest.raises(ValueError, match="top_k"):
        survivors(logits, "top_k=-5")


def test_a_joint_filter_sees_the_whole_row():
    """0.6 of all is less than 0.7, of what top-k has left it is more; also after a temperature."""
    logits = logs(0.6, 0.2, 0.2)
    assert survivors(logits, "top_k=2 top_p=0.7")[0] == [0]
    assert survivors(logits, "top_k=2 top_p(0.7, of=all)")[0] == [0, 1]
    squares = [z / 2 for z in logits]
    assert survivors(squares, "top_k=2 temperature=0.5 top_p(0.7, of=all)")[0] == [0, 1]
    assert survivors(squares, "top_k=2 dynamic_temperature(low=0.5, high=0.5) top_p(0.61, of=all)")[0] == [0, 1]
    assert survivors(squares, "top_k=2 temperature=0.5 top_p(0.59, of=all)")[0] == [0]
    assert survivors(logits, "top_k=2 quadratic=0.5 top_p(0.49, of=all)")[0] == [0, 1]  # exp(-1.2 / 2) is 0.55: 0.48
    assert survivors(logits, "top_k=2 quadratic=0.5 top_p(0.47, of=all)")[0] == [0]


def test_coins():
    logits = logs(0.4, 0.3, 0.2, 0.1)
    chain = "xtc(probability=0.5, threshold=0.25)"
    assert survivors(logits, chain)[0] == survivors(logits, chain, [0.49])[0] == [1, 2, 3]
    assert survivors(logits, chain, [0.5])[0] == [0, 1, 2, 3]
    twice = f"{chain} xtc(0.25, threshold=0.25)"
    assert [survivors(logits, twice, coins)[0] for coins in ([0, 1], [1, 0], [0, 0])] == [[1, 2, 3], [1, 2, 3], [2, 3]]
    parts = [[0.4, 0.3, 0.2, 0.1], [0, 1 / 2, 1 / 3, 1 / 6], [0, 0, 2 / 3, 1 / 3]]
    weights = [0.5 * 0.75, 0.5 * 0.75 + 0.5 * 0.25, 0.5 * 0.25]
    mixture = [sum(w * part[i] for w, part in zip(weights, parts, strict=True)) for i in range(4)]
    assert probabilities(logits, twice) == pytest.approx(mixture)


def test_key():
    assert (COIN, GUMBEL) == (1, 3)
    x0, x1, _, _ = philox4x32((3, 7, 0xFFFFFFFF, 0xFFFFFFFF), (0x11111111, 0x22222222))
    assert key(0x2222222211111111, GUMBEL, 7) == x0 << 32 | x1
    assert len({key(seed, domain, i) for seed in range(9) for domain in (COIN, GUMBEL) for i in range(9)}) == 162


def test_draws_are_those_of_their_uniforms():
    logits = logs(0.1, 0.4, 0.2, 0.3)
    chain = "xtc(0.5, threshold=0.35) xtc(0.5, threshold=0.25) temperature=0.9"
    seed, step, stream = 2**63 + 5, 9, 3
    for j, token in enumerate(sample(logits, chain, n=40, seed=seed, step=step, stream=stream)):
        coins = [uniform(key(seed, COIN, i), step, j, stream) for i in (0, 1)]
        masses = [0.0] * 4
        for i, z in zip(*survivors(logits, chain, coins), strict=True):
            masses[i] = math.exp(z)
        assert token == sampling.draw(masses, uniform(seed, step, j, stream))
    noisy = sample(logits, "top_k=3 gumbel", n=40, seed=seed, step=step, stream=stream)
    for j, token in enumerate(noisy):
        noise = [uniform(key(seed, GUMBEL, j), step, i, stream) for i in range(4)]
        assert token == max((1, 2, 3), key=lambda i: gumbel.perturbed(logits[i], noise[i]))
    assert sample(logits, "top_k=3 gumbel", seed=seed, step=step, stream=stream) == noisy[0]
    assert sample(logits, "greedy gumbel", n=3, seed=1) == sample(logits, "temperature=0", n=3, seed=1) == [1, 1, 1]


@pytest.mark.parametrize(
    "chain", ["min_p=0.3 xtc(0.4, threshold=0.15) temperature=2", "xtc(0.4, threshold=0.15) temperature=2 gumbel"]
)
def test_frequencies(chain):
    logits, n = logs(0.1, 0.4, 0.2, 0.3), 3000
    tokens = sample(logits, chain, n=n, seed=11)
    shares = probabilities(logits, chain)
    chi_square = sum((tokens.count(i) - n * p) ** 2 / (n * p) for i, p in enumerate(shares) if p > 0)
    assert all(tokens.count(i) == 0 for i, p in enumerate(shares) if p == 0)
    assert chi_square < 16.3  # one in a thousand, 3 degrees of freedom


def test_mirostat_by_hand():
    zipf = [-2 * math.log(rank) for rank in range(1, 1001)]  # s = 2, and k = sqrt(2^mu / (1 - 1 / 1000))
    assert len(mirostat.keep(zipf)) == 32  # mu = 10
    assert len(mirostat.keep(zipf, number=9.0)) == 22
    assert len(mirostat.keep(zipf, number=30.0)) == 1000
    assert mirostat.keep(zipf, number=-5.0) == mirostat.keep([1.0], number=50.0) == [0]
    harmonic = [-math.log(rank) for rank in range(1, 8)]  # s = 1, and k = 2^mu / ln 7
    assert len(mirostat.keep(harmonic, number=3.0)) == 4
    assert mirostat.keep([0.0, 0.0], number=math.log2(1.01)) == [0, 1]  # s = 0: all, or one
    assert mirostat.keep([0.0, 0.0], number=math.log2(0.99)) == [0]
    assert (
        len(mirostat.keep([0.0, -1.0, -800.0, -900.0], number=2.0)) == len(mirostat.keep([0.0, -1.0], number=2.0)) == 2
    )
    shares = logs(0.5, 0.25, 0.125, 0.125)
    assert [len(mirostat_2.keep(shares, number=mu)) for mu in (-1.0, 1.0, 2.0, 2.9, 3.0)] == [1, 1, 2, 2, 4]
    assert len(mirostat_2.keep(shares, 1.5)) == 4  # mu begins as 3
    assert mirostat.first(5.0) == mirostat_2.first(5.0) == 10
    assert mirostat.learn(10.0, 0.25, 5.0, 0.1) == mirostat_2.learn(10.0, 0.25, 5.0, 0.1) == pytest.approx(10.3)


def test_what_a_draw_teaches():
    row = [math.log(share) for share in (0.5, 0.25, 0.125, 0.125)]
    assert after(row, "top_k=2", 0, seed=1) is None
    # mirostat_2=1 keeps two of them, 2 / 3 and 1 / 3 then.
    assert after(row, "mirostat_2=1", 1, seed=1) == pytest.approx(2 - 0.1 * (math.log2(3) - 1))
    assert after(row, "mirostat_2=1 gumbel", 0, seed=1, number=1.5) == pytest.approx(1.5 - 0.1 * (math.log2(1.0) - 1))
    # adaptive_p learns from what top_k leaves, 2 / 3, not from what it makes of it.
    assert after(row, "top_k=2 adaptive_p(0.4, decay=0.5)", 0, seed=1) == pytest.approx(0.5 * 2 / 3 + 0.5 * 0.4)
    assert after(row, "presence=1 mirostat_2=1", 1, seed=1, history=[0]) == after(
        [row[0] - 1, *row[1:]], "mirostat_2=1", 1, seed=1
    )


def test_adaptive_p_is_last():
    logits = logs(0.1, 0.4, 0.2, 0.3)
    found = probabilities(logits, "min_p=0.3 adaptive_p=0.3")
    assert found[0] == 0
    assert found.index(max(found)) == 3  # 0.3 of 0.9
    assert set(sample(logits, "adaptive_p=0.3 gumbel", n=50, seed=2)) > {2, 3}


def test_entropy_and_mass():
    assert entropy([0.0] * 8) == pytest.approx(math.log(8))
    assert entropy([0.0, -1e308]) == entropy([1e308, -1e308]) == 0
    tiny = math.exp(-40)
    assert entropy([0.0, -40.0]) == pytest.approx(41 * tiny, rel=1e-12)  # nothing cancels
    assert log_mass(logs(0.2, 0.3, 0.5)) == pytest.approx(0, abs=1e-15)
