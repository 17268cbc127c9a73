"""Adapters of installed peers, rows for them, and how what they leave of a row is compared with what a chain leaves.

What is left is compared by its logits, not by its tokens: which of equal tokens stay is chance in most peers. A token
less likely than FAINT is not looked at, since float32 has no number for it.
"""

import ctypes
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations, product
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings

import fastsoftmax as fs

FAINT = 1e-30
NICE = (0.1, 0.25, 0.5, 0.75, 0.9)  # shares that masses of small whole numbers reach exactly

SCALE = -1  # in place of a parameter's

Array = npt.NDArray[Any]
Generator = np.random.Generator


def generators(usual: int, seed: int) -> list[Generator]:
    """Return a generator for each case: as many as the hypothesis profile says."""
    count = max(20, usual * settings.default.max_examples // 100)
    return [np.random.default_rng([seed, place]) for place in range(count)]


class Case(NamedTuple):
    """A row, the values of a chain, and the chain that has them. Floats are what a boundary may be near to."""

    row: Array
    values: tuple[Any, ...]
    chain_of: Callable[[tuple[Any, ...]], Any]
    slack: Mapping[int, float] = MappingProxyType({})  # how far a value may be off at least, by its place, or SCALE
    roundings: tuple[Array, ...] = ()  # the row, as the arithmetic of the peer may have rounded it

    @property
    def chain(self) -> Any:
        return self.chain_of(self.values)


class Left(NamedTuple):
    """The logits that can be drawn, ascending, and their probabilities."""

    logits: Array
    probabilities: Array

    def is_like(self, other: "Left", closeness: float) -> bool:
        return self.is_of(other) and np.allclose(self.probabilities, other.probabilities, rtol=closeness, atol=1e-7)

    def is_of(self, other: "Left") -> bool:
        return np.array_equal(self.logits, other.logits)


def left_by(row: Array, probabilities: Array) -> Left:
    """Return what of a row has a probability."""
    places = np.flatnonzero(probabilities > FAINT)
    places = places[np.lexsort((probabilities[places], row[places]))]
    return Left(row[places], probabilities[places])


def left_by_scores(row: Array, scores: Array) -> Left:
    """Return what of a row has a score above -inf, as the peer hands it to its softmax."""
    weights = np.exp(scores.astype(np.float64) - scores.max())
    return left_by(row, weights / weights.sum())


def left_by_chain(row: Array, chain: Any, read: Array | None = None) -> Left:
    """Return what a chain leaves of a row; `read` is what it gets instead, token by token."""
    return left_by(row, fs.probabilities(row if read is None else read, samplers=chain))


def is_at_boundary(case: Case, theirs: Left, by: float, closeness: float) -> bool:
    """Return whether what a peer leaves differs only by tokens that are decided by values a little off.

    A value is a parameter, or the scale of the row: with it all probabilities and the entropy move. One or two are off,
    or all. Logits that are equal but for rounding are one. Where only the probabilities differ, since a step before the
    last one left something else, they are those of such values.
    """
    ours = left_by_chain(case.row, case.chain)
    neighbours = (left_by_chain(case.row, chain, read) for read, chain in _neighbours(case, by))
    if ours.is_of(theirs):
        return any(one.is_like(theirs, closeness) for one in neighbours)
    order = np.unique(case.row)
    with np.errstate(invalid="ignore"):  # two of -inf
        starts = np.diff(order) > by / 10 * np.maximum(1.0, np.abs(order[1:]))
    groups = np.concatenate([[0], np.cumsum(starts)])

    def counts(left: Left) -> Array:
        return np.bincount(groups[np.searchsorted(order, left.logits)], minlength=len(groups))

    wanted, least, most = counts(theirs), counts(ours), counts(ours)
    for one in neighbours:
        least, most = np.minimum(least, counts(one)), np.maximum(most, counts(one))
        if ((least <= wanted) & (wanted <= most)).all():
            return True
    return False


def _neighbours(case: Case, by: float) -> Iterator[tuple[Array, Any]]:
    """Return rows and chains that are a little off."""
    floats = [place for place, value in enumerate(case.values) if isinstance(value, float)]
    sizes = [max(by, case.slack.get(place, by)) for place in (SCALE, *floats)]
    for signs in _signs(len(sizes)):
        values = list(case.values)
        for place, sign, size in zip(floats, signs[1:], sizes[1:], strict=True):
            moved = values[place] * (1.0 + sign * size)
            values[place] = moved if values[place] >= 1.0 else min(moved, 1.0)
        chain = case.chain_of(tuple(values))
        scaled = case.row.astype(np.float64) * (1.0 + signs[0] * sizes[0])
        for read in (scaled,) if signs[0] else (case.row, *case.roundings):
            yield read, chain


def _signs(count: int) -> Iterator[tuple[int, ...]]:
    """Return which of some values are off, and to which side: none, one, two, all to the same."""
    yield (0,) * count
    for size in range(1, min(2, count) + 1):
        for places, signs in product(combinations(range(count), size), product((-1, 1), repeat=size)):
            off = dict(zip(places, signs, strict=True))
            yield tuple(off.get(place, 0) for place in range(count))
    yield from ((sign,) * count for sign in (-1, 1))


class Tally:
    """How many cases are equal, how many differ within the boundary, and which differ beyond it."""

    def __init__(self, by: float, closeness: float) -> None:
        self.by, self.closeness = by, closeness
        self.equal = self.near = 0
        self.differences = list[str]()

    def add(self, case: Case, theirs: Left) -> None:
        ours = left_by_chain(case.row, case.chain)
        if ours.is_like(theirs, self.closeness):
            self.equal += 1
        elif is_at_boundary(case, theirs, self.by, self.closeness):
            self.near += 1
        else:
            self.differences.append(_shown(case, theirs, ours))

    def tell(self, name: str, record_property: Callable[[str, object], None]) -> None:
        """Record the counts, and fail if there are differences beyond the boundary."""
        record_property("equal", self.equal)
        record_property("at a boundary", self.near)
        print(f"{name}: {self.equal} equal, {self.near} at a boundary, {len(self.differences)} beyond it")
        assert not self.differences, f"{len(self.differences)} differ, as:\n" + "\n".join(self.differences[:3])


def _shown(case: Case, theirs: Left, ours: Left) -> str:
    row = case.row.tolist() if case.row.size <= 40 else f"{case.row.size} logits, {case.row[:3]}..."
    pairs = ((theirs.logits, ours.logits), (ours.logits, theirs.logits))
    missing, more = (np.setdiff1d(*pair).tolist()[:8] for pair in pairs)
    return (
        f"{case.chain} of {row}: the peer leaves {theirs.logits.size} {theirs.logits[-8:].tolist()}, p "
        f"{theirs.probabilities[-3:].tolist()}, ours {ours.logits.size} {ours.logits[-8:].tolist()}, p "
        f"{ours.probabilities[-3:].tolist()}; theirs alone {missing}, ours alone {more}"
    )


KINDS = ("real", "real", "normal", "ties", "flat", "counts", "powers", "near", "wide", "holes")
FAR_APART = tuple(kind for kind in KINDS if kind != "near")  # float32 keeps apart what differs, also after a scale
WITHOUT_NAN = tuple(kind for kind in FAR_APART if kind not in ("wide", "holes"))  # no p is 0, so p log p is a number


def row_of(generator: Generator, kinds: tuple[str, ...] = KINDS) -> Array:
    """Draw a row of float32 logits, as models have them, or hard for comparisons."""
    size = int(generator.choice([1, 2, 3, 7, 40, 101, 600, 3000]))
    kind = generator.choice(kinds)
    z = generator.normal(size=size) * generator.choice([0.5, 2.0, 4.0])
    if kind == "real":  # a body, and a few that stand out
        z = z + 17.0
        few = generator.integers(0, size, size=min(size, 12))
        z[few] += generator.exponential(4.0, size=few.size)
    elif kind == "ties":
        z = np.round(z)
    elif kind == "flat":
        z[:] = z[0]
    elif kind == "counts":  # masses of whole numbers, which reach a share exactly
        z = np.log(generator.integers(1, 9, size=size))
    elif kind == "powers":
        z = np.log(2.0) * -np.minimum(np.arange(size), 40.0)
    elif kind == "near":  # equal but for rounding
        z = np.round(z) * (1 + generator.integers(-2, 3, size=size) * 2.0**-23)
    elif kind == "wide":
        z = z * 100.0
    elif kind == "holes":
        z[generator.random(size) < 0.5] = -np.inf
        z[generator.integers(size)] = 1.0
    return generator.permutation(z).astype(np.float32)


def share(generator: Generator, low: float = 0.02, high: float = 0.999) -> float:
    """Draw a share in (0, 1) that float32 has, so that a peer reads the same number."""
    return float(np.float32(generator.choice(NICE) if generator.random() < 0.4 else generator.uniform(low, high)))


def tiny(generator: Generator) -> float:
    """Draw a cut-off of probabilities: often as small as they are used."""
    return float(np.float32(10.0 ** generator.uniform(-5, -0.3)))


def heat(generator: Generator) -> float:
    """Draw a temperature."""
    return float(np.float32(generator.choice([0.5, 2.0]) if generator.random() < 0.3 else generator.uniform(0.2, 3.0)))


class Transformers:
    """The warpers of transformers in its own order, over tensors of float64 or float32."""

    def __init__(self, exact: bool) -> None:
        reason = "transformers is not installed"
        self.torch = pytest.importorskip("torch", reason="torch is not installed")
        self.warpers = pytest.importorskip("transformers.generation.logits_process", reason=reason)
        self.dtype = self.torch.float64 if exact else self.torch.float32

    def left(self, row: Array, words: dict[str, Any]) -> Left:
        """Return what `generate(do_sample=True)` draws from."""
        scores = self.torch.from_numpy(row).to(self.dtype)[None]
        for warper in self._strung(**words):
            scores = warper(None, scores)
        return left_by_scores(row, scores[0].numpy())

    def _strung(
        self,
        temperature: float | None = None,
        top_h: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        typical_p: float | None = None,
        epsilon_cutoff: float | None = None,
        eta_cutoff: float | None = None,
        min_tokens_to_keep: int = 1,
    ) -> Iterator[Any]:
        least = {"min_tokens_to_keep": min_tokens_to_keep}
        if temperature is not None:
            yield self.warpers.TemperatureLogitsWarper(temperature)
        if top_h is not None:
            yield self.warpers.TopHLogitsWarper(top_h)
        if top_k:
            yield self.warpers.TopKLogitsWarper(top_k, **least)
        if top_p is not None:
            yield self.warpers.TopPLogitsWarper(top_p, **least)
        if min_p is not None:
            yield self.warpers.MinPLogitsWarper(min_p, **least)
        if typical_p is not None:
            yield self.warpers.TypicalLogitsWarper(typical_p, **least)
        if epsilon_cutoff is not None:
            yield self.warpers.EpsilonLogitsWarper(epsilon_cutoff, **least)
        if eta_cutoff is not None:
            eta = self.warpers.EtaLogitsWarper(eta_cutoff, **least)
            eta.epsilon = eta.epsilon.to(self.dtype)  # it is a float32 tensor whatever the scores are
            yield eta


class _ChainParams(ctypes.Structure):
    _fields_ = (("no_perf", ctypes.c_bool),)


class _Candidates(ctypes.Structure):
    """llama_token_data_array of llama.h."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("selected", ctypes.c_int64),
        ("sorted", ctypes.c_bool),
    )


class Llama:
    """The samplers of llama.cpp, through the C API that the library in the wheel of xllamacpp exports."""

    CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
    WORDS: ClassVar = {  # of each sampler's constructor
        "top_k": [ctypes.c_int32],
        "top_p": [ctypes.c_float, ctypes.c_size_t],
        "min_p": [ctypes.c_float, ctypes.c_size_t],
        "typical": [ctypes.c_float, ctypes.c_size_t],
        "top_n_sigma": [ctypes.c_float],
        "temp": [ctypes.c_float],
        "temp_ext": [ctypes.c_float, ctypes.c_float, ctypes.c_float],
        "xtc": [ctypes.c_float, ctypes.c_float, ctypes.c_size_t, ctypes.c_uint32],
    }

    def __init__(self) -> None:
        package = pytest.importorskip("xllamacpp", reason="xllamacpp is not installed")
        folder, pointer = Path(package.__file__).parent, ctypes.c_void_p
        signatures = {
            "llama_sampler_chain_init": (pointer, [_ChainParams]),
            "llama_sampler_chain_add": (None, [pointer, pointer]),
            "llama_sampler_apply": (None, [pointer, ctypes.POINTER(_Candidates)]),
            "llama_sampler_free": (None, [pointer]),
            **{f"llama_sampler_init_{name}": (pointer, words) for name, words in self.WORDS.items()},
        }
        files = [path for ending in ("so", "pyd", "dll") for path in folder.glob(f"*.{ending}")]
        libraries = [ctypes.CDLL(str(path)) for path in files]
        libraries = [one for one in libraries if all(hasattr(one, name) for name in signatures)]
        if not libraries:
            pytest.skip("the library in this wheel of xllamacpp does not export the samplers of llama.cpp")
        self.library = libraries[0]
        for name, (result, arguments) in signatures.items():
            function = getattr(self.library, name)
            function.restype, function.argtypes = result, arguments

    def left(self, row: Array, links: list[tuple[Any, ...]]) -> Left:
        """Return what samplers in this order leave; each has its name and the arguments of its constructor."""
        candidates = np.zeros(row.size, self.CANDIDATE)
        candidates["id"], candidates["logit"] = np.arange(row.size), row
        array = _Candidates(candidates.ctypes.data, row.size, -1, False)
        chain = self.library.llama_sampler_chain_init(_ChainParams(True))
        for name, *arguments in links:
            link = getattr(self.library, f"llama_sampler_init_{name}")(*arguments)
            self.library.llama_sampler_chain_add(chain, link)
        self.library.llama_sampler_apply(chain, ctypes.byref(array))
        self.library.llama_sampler_free(chain)
        first = (array.data - candidates.ctypes.data) // self.CANDIDATE.itemsize  # xtc moves the beginning
        kept = candidates[first : first + array.size]
        scores = np.full(row.size, -np.inf, np.float32)
        scores[kept["id"]] = kept["logit"]
        return left_by_scores(row, scores)


class MLX:
    """The filters of mlx-lm's `make_sampler`, in its order."""

    def __init__(self) -> None:
        self.mx = pytest.importorskip("mlx.core", reason="mlx is not installed")
        self.filters = pytest.importorskip("mlx_lm.sample_utils", reason="mlx-lm is not installed")
        self.mx.disable_compile()  # which would be done again for each row and each value

    def left(
        self,
        row: Array,
        temp: float,
        top_p: float = 0.0,
        min_p: float = 0.0,
        min_tokens_to_keep: int = 1,
        top_k: int = 0,
        xtc_threshold: float = 0.0,
        xtc_probability: float = 0.0,
    ) -> Left:
        """Return what `make_sampler` draws from, given log-probabilities as `generate_step` gives them."""
        scores = self.mx.array(row)[None]
        scores = scores - self.mx.logsumexp(scores, axis=-1, keepdims=True)
        if 0 < top_p < 1:
            scores = self.filters.apply_top_p(scores, top_p)
        if min_p:
            scores = self.filters.apply_min_p(scores, min_p, min_tokens_to_keep)
        if xtc_probability:
            scores = self.filters.apply_xtc(scores, xtc_probability, xtc_threshold, [])
        if top_k:
            scores = self.filters.apply_top_k(scores, top_k)
        return left_by_scores(row, np.array(scores[0] * (1.0 / temp)))
