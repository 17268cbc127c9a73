"""What installed peers leave of a row is what chains leave of it, but where a number is next to a bound.

A case is at a boundary if the peer's answer is ours for values a little off: by 1e-9 where the peer computes in
float64, by 1e-5 in float32. Both are counted, and none may differ beyond it.
"""

import numpy as np
import pytest

from fastsoftmax.samplers.chain import SamplerChain
from tests.samplers import peers

FLOAT64, FLOAT32 = (1e-9, 1e-7), (1e-5, 1e-3)  # how far a value may be off, and a probability


WARPERS = {
    "temperature": peers.heat,
    "top_h": peers.share,
    "top_k": lambda generator: int(generator.integers(1, 60)),
    "top_p": peers.share,
    "min_p": lambda generator: peers.share(generator, 0.0, 0.5),
    "typical_p": peers.share,
    "epsilon_cutoff": peers.tiny,
    "eta_cutoff": peers.tiny,
}


def preset_case(preset, row, words, **options):
    """Return a case of a preset, whose values are its words."""

    def chain_of(values):
        return SamplerChain.preset(preset, **dict(zip(words, values, strict=True)))

    return peers.Case(row, tuple(words.values()), chain_of, **options)


def warped(generator, names, exact):
    """Draw a row and the words of some warpers of transformers."""
    words = {name: WARPERS[name](generator) for name in names}
    words.setdefault("top_k", 0)
    if generator.random() < 0.3:
        words["min_tokens_to_keep"] = int(generator.integers(1, 6))
    kinds = peers.KINDS if exact else peers.FAR_APART
    row = peers.row_of(generator, kinds)
    heat = words.get("temperature", 1.0)
    rounded = (row / np.float32(heat)).astype(np.float64) * heat  # makes equal what is nearly so
    slack = {place: entropy_slack(row, heat) for place, name in enumerate(words) if name == "top_h" and not exact}
    return preset_case("transformers", row, words, slack=slack, roundings=(rounded,)), words


def entropy_slack(row, heat):
    """Return how far the entropy of a row may be off in float32, relative to it: much, where one token is sure."""
    z = np.sort(row)[:-101:-1].astype(np.float64) / heat
    z = z[z > z[0] - 700]
    weights = np.exp(z - z[0])
    entropy = np.log(weights.sum()) + (weights * (z[0] - z)).sum() / weights.sum()
    return min(2 * np.finfo(np.float32).eps * max(1.0, np.abs(z).max()) / max(entropy, 1e-12), 0.5)


def compare_with_transformers(exact, draws, record_property, name):
    peer = peers.Transformers(exact)
    tally = peers.Tally(*(FLOAT64 if exact else FLOAT32))
    for generator, names in draws:
        case, words = warped(generator, names, exact)
        tally.add(case, peer.left(case.row, words))
    tally.tell(f"transformers {name} in float{64 if exact else 32}", record_property)


@pytest.mark.parametrize("exact", [True, False], ids=["float64", "float32"])
@pytest.mark.parametrize("name", WARPERS)
def test_a_warper_of_transformers_alone(name, exact, record_property):
    draws = [(generator, [name]) for generator in peers.generators(100, [*WARPERS].index(name))]
    compare_with_transformers(exact, draws, record_property, name)


@pytest.mark.parametrize("exact", [True, False], ids=["float64", "float32"])
def test_chains_of_transformers(exact, record_property):
    draws = [
        (generator, [name for name in WARPERS if generator.random() < 0.45]) for generator in peers.generators(1000, 10)
    ]
    compare_with_transformers(exact, draws, record_property, "chains")


@pytest.mark.parametrize(
    ("logits", "words", "kept"),
    [
        ([1, 1, 1, 0], {"epsilon_cutoff": 0.5}, [1, 1, 1]),  # the equals of the first, where none is so likely
        ([2, 0, 0, 0], {"eta_cutoff": 0.9, "min_tokens_to_keep": 2}, [0, 0, 0, 2]),
        ([5, 0, 0, 0], {"typical_p": 0.5, "min_tokens_to_keep": 2}, [0, 5]),  # not those that are as near as the second
    ],
)
def test_transformers_keeps_equals(logits, words, kept):
    peer, row = peers.Transformers(exact=True), np.array(logits, np.float32)
    assert peer.left(row, {"top_k": 0} | words).logits.tolist() == kept
    chain = SamplerChain.preset("transformers", top_k=0, **words)
    assert peers.left_by_chain(row, chain).logits.tolist() == kept


@pytest.mark.parametrize("size", [2, 4, 16, 256])
def test_where_sums_are_exact_nothing_is_at_a_boundary(size):
    row = np.zeros(size, np.float32)
    transformers, llama = peers.Transformers(exact=False), peers.Llama()
    for count in range(1, size, max(1, size // 8)):
        share = count / size
        words = {"top_k": 0, "top_p": share}
        ours = peers.left_by_chain(row, SamplerChain.preset("transformers", **words))
        assert ours.is_of(transformers.left(row, words))
        for name in ("top_p", "typical", "min_p", "xtc"):
            ours = peers.left_by_chain(row, text_of(name, (share, 1)))
            assert ours.is_of(llama.left(row, [(name, *arguments_of(name, (share, 1)))])), (name, share)


HEATS = ("temp", "temp_ext")


def link_of(generator, name, least):
    """Draw the values of one sampler of llama.cpp, or of its string in a chain of ours."""
    draw = {
        "top_k": lambda: (int(generator.integers(1, 60)),),
        "top_p": lambda: (peers.share(generator), least),
        "min_p": lambda: (peers.share(generator, 0.0, 0.5), least),
        "typical": lambda: (peers.share(generator), least),
        "top_n_sigma": lambda: (float(np.float32(generator.uniform(0.2, 4.0))),),
        "temp": lambda: (0.0 if generator.random() < 0.05 else peers.heat(generator),),
        "temp_ext": lambda: (peers.heat(generator), peers.share(generator), float(generator.choice([0.5, 1.0, 2.0]))),
        "xtc": lambda: (peers.share(generator, 0.01, 0.6), least),
    }
    return draw[name]()


def text_of(name, values):
    """Return a sampler of llama.cpp as a chain of ours has it."""
    if name == "temp_ext":
        middle, distance, exponent = values
        low, high = max(0.0, middle - distance), middle + distance
        return f"dynamic_temperature(low={low!r}, high={high!r}, exponent={exponent!r})"
    forms = {
        "top_k": "top_k={0!r}",
        "top_p": "top_p({0!r}, min_keep={1})",
        "min_p": "min_p({0!r}, min_keep={1})",
        "typical": "typical({0!r}, min_keep={1}, equal=keep)",
        "top_n_sigma": "top_n_sigma={0!r}",
        "temp": "temperature={0!r}",
        "xtc": "xtc(1.0, {0!r}, min_keep={1})",
    }
    return forms[name].format(*values)


def arguments_of(name, values):
    """Return what the constructor of llama.cpp takes: xtc has a coin, which acts always, and a seed."""
    return (1.0, *values, 0) if name == "xtc" else values


def chained(generator, names):
    """Draw a row and a chain of samplers of llama.cpp in this order, and what its constructors take."""
    names = [name for place, name in enumerate(names) if not counts_what_is_masked(name, names[:place])]
    kinds = peers.WITHOUT_NAN if {"typical", "temp_ext", "xtc"} & {*names} else peers.FAR_APART
    row, least = peers.row_of(generator, kinds), int(generator.integers(1, 5))
    links = [(name, link_of(generator, name, least)) for name in names]
    if reaches_zero(row, links):
        links = [(name, values) for name, values in links if name != "typical"]
    names = [name for name, _ in links]
    sizes = [len(values) for _, values in links]
    starts = np.cumsum([0, *sizes])

    def chain_of(values):
        parts = [values[start : start + size] for start, size in zip(starts, sizes, strict=False)]
        return SamplerChain(" ".join(map(text_of, names, parts)))

    added = row.size * 2.0**-24  # the rounding of a sum, one by one, of as many equal numbers
    slack = {int(start): added for start, name in zip(starts, names, strict=False) if name in ("top_p", "typical")}
    slack[peers.SCALE] = added
    case = peers.Case(row, tuple(value for _, values in links for value in values), chain_of, slack)
    return case, [(name, *arguments_of(name, values)) for name, values in links]


def reaches_zero(row, links):
    """Return whether a temperature may leave a probability of 0 in float32: typical takes its logarithm."""
    cold = [values[0] - values[1] if name == "temp_ext" else values[0] for name, values in links if name in HEATS]
    return np.ptp(row) > 80 * np.prod(np.maximum(cold, 0.0))


def counts_what_is_masked(name, before):
    """Return whether top-n-sigma is followed by what takes its -inf for candidates, which is of no use.

    The entropy that typical takes is NaN then, temp_ext divides by the logarithm of their number, and xtc counts them
    among those that stay at least.
    """
    return "top_n_sigma" in before and name in ("typical", "temp_ext", "xtc")


@pytest.mark.parametrize("name", peers.Llama.WORDS)
def test_a_sampler_of_llama_cpp_alone(name, record_property):
    peer, tally = peers.Llama(), peers.Tally(*FLOAT32)
    for generator in peers.generators(100, 20 + [*peers.Llama.WORDS].index(name)):
        case, links = chained(generator, [name])
        tally.add(case, peer.left(case.row, links))
    tally.tell(f"llama.cpp {name}", record_property)


def test_chains_of_llama_cpp_in_any_order(record_property):
    peer, tally = peers.Llama(), peers.Tally(*FLOAT32)
    for generator in peers.generators(1500, 30):
        names = generator.choice([*peers.Llama.WORDS], size=generator.integers(2, 7)).tolist()
        names = [name for place, name in enumerate(names) if name != "xtc" or names[:place].count("xtc") < 4]
        case, links = chained(generator, names)
        tally.add(case, peer.left(case.row, links))
    tally.tell("llama.cpp in any order", record_property)


DEFAULT = {  # order of llama.cpp: names in its library, and the words of the preset
    "top_n_sigma": ("top_n_sigma",),
    "top_k": ("top_k",),
    "typical": ("typ_p",),
    "top_p": ("top_p",),
    "min_p": ("min_p",),
    "xtc": ("xtc_threshold",),
    "temp_ext": ("temp", "dynatemp_range", "dynatemp_exponent"),
}
MASSES = ("typ_p", "top_p")
OFF = {"top_k": 0, "top_p": 1, "min_p": 0, "temp": 1}


def test_the_default_order_of_llama_cpp(record_property):
    peer, tally = peers.Llama(), peers.Tally(*FLOAT32)
    for generator in peers.generators(1000, 40):
        names = [name for name in DEFAULT if generator.random() < 0.5]
        names = [name for place, name in enumerate(names) if not counts_what_is_masked(name, names[:place])]
        plain, links = chained(generator, names)
        values = {}
        for name, *arguments in links:
            values |= dict(zip(DEFAULT[name], arguments[1:] if name == "xtc" else arguments, strict=False))
        least = [arguments[-1] for name, *arguments in links if name in ("typical", "top_p", "min_p")]
        least += [arguments[2] for name, *arguments in links if name == "xtc"]
        words = {word: value for word, value in OFF.items() if word not in values} | values
        words |= {"min_keep": least[0]} if least else {}
        words |= {"xtc_probability": 1} if "xtc_threshold" in words else {}
        added = plain.slack[peers.SCALE]
        slack = {place: added for place, word in enumerate(words) if word in MASSES} | {peers.SCALE: added}
        tally.add(preset_case("llama.cpp", plain.row, words, slack=slack), peer.left(plain.row, links))
    tally.tell("llama.cpp in its default order", record_property)


FILTERS = {
    "top_p": peers.share,
    "min_p": lambda generator: peers.share(generator, 0.01, 0.5),
    "top_k": lambda generator: int(generator.integers(1, 60)),
    "xtc_threshold": lambda generator: peers.share(generator, 0.01, 0.5),
}


def compare_with_mlx(draws, record_property, name):
    peer, tally = peers.MLX(), peers.Tally(*FLOAT32)
    for generator, names in draws:
        row = peers.row_of(generator, peers.FAR_APART)
        words = {"temp": peers.heat(generator)} | {name: FILTERS[name](generator) for name in names}
        words["top_k"] = words.get("top_k", 0) if words.get("top_k", 0) < row.size else 0
        if "xtc_threshold" in words:
            words |= {"xtc_threshold": min(0.5, words["xtc_threshold"]), "xtc_probability": 1}
        if generator.random() < 0.3:
            words["min_tokens_to_keep"] = int(generator.integers(1, min(6, row.size + 1)))
        tally.add(preset_case("mlx-lm", row, words), peer.left(row, **words))
    tally.tell(f"mlx-lm {name}", record_property)


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_of_mlx_lm_alone(name, record_property):
    compare_with_mlx(
        [(generator, [name]) for generator in peers.generators(100, 50 + [*FILTERS].index(name))], record_property, name
    )


def test_chains_of_mlx_lm(record_property):
    draws = [
        (generator, [name for name in FILTERS if generator.random() < 0.5]) for generator in peers.generators(500, 60)
    ]
    compare_with_mlx(draws, record_property, "chains")
