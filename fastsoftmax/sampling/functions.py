"""From logits to tokens: by temperature, top-k, top-p and min-p, or by a chain of samplers."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastsoftmax import _arrays, _checks
from fastsoftmax._arrays import Array
from fastsoftmax.sampling.asked import Asked, asked_of, edits_of, law_of, one_law, parameters_given
from fastsoftmax.sampling.batch import Batch, Part
from fastsoftmax.sampling.details import Recorder, kept_set_of, top_logprobs_of
from fastsoftmax.sampling.laws import Keyed
from fastsoftmax.sampling.one_row import draw_one, is_one_token
from fastsoftmax.sampling.params import words_of
from fastsoftmax.sampling.scratch import Scratch

if TYPE_CHECKING:  # the samplers are imported when a chain is first asked for
    from fastsoftmax._state import State
    from fastsoftmax.sampling.edits import Edits

_DRAW_COST = 32  # a draw takes as long as this many elements of softmax, the unit of _threads
_DRAWS = 2**18  # draws of a row between two looks at signals

_scratch = Scratch()  # of `sample` and `probabilities`


def sample(
    logits: Any,
    /,
    *,
    temperature: Any = 1.0,
    top_k: Any = 0,
    top_p: Any = 1.0,
    min_p: Any = 0.0,
    samplers: Any = None,
    state: "State | None" = None,
    n: int | None = None,
    rng: Any = None,
    seed: Any = None,
    step: Any = 0,
    allowed: Any = None,
    bias: Any = None,
    details: bool = False,
    kept_set: bool = False,
    top_logprobs: int = 0,
    out: npt.NDArray[np.int64] | None = None,
) -> Any:
    """Draw tokens from logits.

    Parameters
    ----------
    logits : array_like, shape (..., V)
        As `softmax` takes them. No row may hold a NaN or nothing but -inf.
    temperature, top_k, top_p, min_p
        As in `SamplingParams`: scalars, or arrays. They, `seed`, `step`, `allowed` and the batch (...) broadcast to
        each other, as NumPy's arrays do: two temperatures of one row give two tokens.
    samplers : str, SamplerChain, or samplers, optional
        A chain instead of the four words: any samplers, in any order, as `SamplerChain` takes them.
    state : State, optional
        What came before each row, as ``SamplerChain.start`` of the same chain makes it: penalties and other edits ask
        for it, and mirostat. Then a pair is returned, of what is returned otherwise and of the state after the tokens.
    n : int, optional
        Draws a row; by default one, without an axis for it.
    rng : None, int or numpy.random.Generator, optional
        Source of a 64-bit key, through `numpy.random.default_rng` (SPEC 7). Row i of the batch uses stream i of it.
    seed : int or array_like of int, optional
        A key in [0, 2**64), a scalar or one a row. Then a row's token depends on its own logits, parameters, seed and
        step alone, whatever else is in the batch. A scalar gives every row the same uniform number: rows that should be
        independent need seeds of their own.
    step : int or array_like of int, default 0
        Position in the sequence, a scalar or one a row: another step is another, independent draw.
    allowed : array_like, optional
        The tokens that may be drawn, as a grammar gives them: bool, shape (..., V), or packed as uint32 or int32, 32
        tokens an integer, the lowest bit first, shape (..., ceil(V / 32)). What a narrower mask does not reach, as that
        of a tokenizer where logits are padded, is not allowed. It is applied as the logits are read, without a copy;
        what is not allowed counts as -inf, even a NaN.
    bias : mapping or sparse array, optional
        What to add to logits before anything else: {token: value} for all rows, or a `scipy.sparse` array of shape
        (V,), (1, V) or (rows, V). Values are below inf; each sum is rounded once, to float32 (float64 for such logits).
        Rows are copied for it, a part of the batch at a time.
    details : bool, default False
        Return a `Details`: tokens with their log-probabilities, ranks, and what is known of the set kept.
    kept_set : bool, default False
        Return a `Details` that has the kept set too: its tokens and their probabilities.
    top_logprobs : int, default 0
        Return a `Details` that has so many most likely tokens too, with their log-probabilities.
    out : array or tensor of int64, optional
        Where to write the tokens.

    Returns
    -------
    int64 or ndarray of int64, shape (...) or (..., n), or Details
        Tokens in [0, V). A token of probability 0 is never among them. With `state`, a pair of them and the next state.

    Raises
    ------
    TypeError, ValueError
        For a row without a distribution, a parameter outside its range, shapes that do not fit, or `rng` and `seed`
        together. Nothing is written then.

    Notes
    -----
    A draw is the inverse of the cumulative distribution, in index order, at
    ``u = philox4x32_10(key=seed, counter=(step, draw, stream))``, 53 bits strictly inside (0, 1). The same tokens come
    out for any number of threads and on any CPU. A row takes O(V + n log V) time, without sorting (O(n V) with
    `details`).
    Memory: the result, and 21 V + 2**16 bytes for each thread (37 V for float64; with `samplers` 40 V more), of which
    up to 64 MB for each CPU are kept for the next call; 80 bytes a row for arrays of parameters, seeds and steps; 8 a
    draw for `out`, 3/8 a logit for `allowed`, and for `top_logprobs` once more what it returns and 32 a row. Rows that
    do not lie contiguous are copied, 2**22 numbers or one row at a time for each thread. With a `bias` all rows are
    copied so, at up to 48 bytes a number, and 32 bytes an entry of the bias. Integers are converted all at once;
    `details` of masked or biased ones convert them a second time.
    Sources: Holtzman et al., "The curious case of neural text degeneration" (2020) for top-p; Nguyen et al., "Turning
    up the heat: min-p sampling" (2024); Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).

    Examples
    --------
    >>> int(sample([1.0, 3.0, 2.0], temperature=0.7, top_k=2, seed=1))
    2
    """
    asked = asked_of((temperature, top_k, top_p, min_p), samplers)
    edits = None if state is None and type(asked) is tuple else edits_of(asked, state)
    if (
        type(seed) is int is type(step)
        and rng is None
        and is_one_token(n, allowed, bias, details, kept_set, top_logprobs, out)
    ):
        law = one_law(asked)
        if law is not None and 0 <= seed < 2**64 and 0 <= step < 2**64:
            law = law if state is None else law.keeping(state.numbers)
            token = draw_one(logits, law, edits, seed, step, _scratch)
            if token is not None:
                return token if state is None else (token, state.drawn(token, law.learned))
    wanted = Wanted(n, details, kept_set, top_logprobs, out)
    if rng is None and seed is not None:  # without the two microseconds of a context
        return draw(logits, allowed, bias, asked, edits, None, seed, step, wanted, _scratch)
    with _checks.key_of(rng, seed) as key:
        return draw(logits, allowed, bias, asked, edits, key, seed, step, wanted, _scratch)


def probabilities(
    logits: Any,
    /,
    *,
    temperature: Any = 1.0,
    top_k: Any = 0,
    top_p: Any = 1.0,
    min_p: Any = 0.0,
    samplers: Any = None,
    state: "State | None" = None,
    allowed: Any = None,
    bias: Any = None,
    out: Any = None,
) -> Any:
    """Return the distribution that `sample` draws from.

    Parameters
    ----------
    logits, temperature, top_k, top_p, min_p, samplers, state, allowed, bias
        As in `sample`. Of samplers that toss a coin, as XTC, it is the mean over how the coin may fall.
    out : array, optional
        Where to write: the shape of `logits`, any float dtype.

    Returns
    -------
    ndarray, shape (..., V)
        In the float dtype of `logits`, or `out`. Rows sum to 1; what a filter removed is exactly 0.

    Raises
    ------
    TypeError, ValueError
        As in `sample`, before anything is written.

    Notes
    -----
    O(V) time a row without sorting. Memory: the result (with `out` too), and otherwise as `sample`.

    Examples
    --------
    >>> probabilities([3.0, 2.0, 1.0], temperature=0.5, top_p=0.8)
    array([1., 0., 0.])
    """
    asked = asked_of((temperature, top_k, top_p, min_p), samplers)
    return distribution(logits, allowed, bias, asked, edits_of(asked, state), out, _scratch)


def distribution(
    logits: Any,
    allowed: Any,
    bias: Any,
    asked: Asked,
    edits: "Edits | None",
    out: Any,
    pool: Scratch,
    chunk: "Chunk | None" = None,
) -> Any:
    """Return what `probabilities` does, of all rows or of a chunk of them."""
    origin = () if chunk is None else chunk.origin
    rows = Batch(logits, allowed, bias, parameters_given(asked), edits=edits, origin=origin)
    law = law_of(asked, rows.batch)
    law = law if edits is None else law.keeping(edits.state.numbers)
    shape = (*rows.batch, rows.size)
    if out is None:
        result, (target, _) = _arrays.empty(shape, rows.dtype)
        masses = target
    else:
        result, (target, _) = out, _arrays.as_out(out, shape)
        masses = np.empty(shape, target.dtype)  # into the user's array only when all rows are known to be fine
    rows.compute_for(target)
    masses = masses.reshape(rows.count, rows.size)

    def work(some: slice, _: int, part: Part, scratch: Array) -> int:
        return law.probabilities(some, part, rows.number, scratch, masses[some])

    rows.each(work, pool, law.memory)
    if out is not None:
        np.copyto(target, masses.reshape(shape))
    return result


class Chunk(NamedTuple):
    """Where the rows of a call are in a larger batch, by whose numbers of rows streams and messages go."""

    batch: tuple[int, ...]
    origin: tuple[int, ...]  # the place of the first row

    @property
    def first(self) -> int:
        """The number of the first row; the others follow it wherever streams are asked for."""
        return int(np.ravel_multi_index(self.origin, self.batch)) if self.origin and 0 not in self.batch else 0


class Wanted(NamedTuple):
    """What a call is to return."""

    n: int | None
    details: bool
    kept_set: bool
    top_logprobs: int
    out: npt.NDArray[np.int64] | None


def draw(
    logits: Any,
    allowed: Any,
    bias: Any,
    asked: Asked,
    edits: "Edits | None",
    key: int | None,
    seed: Any,
    step: Any,
    wanted: Wanted,
    pool: Scratch,
    chunk: Chunk | None = None,
) -> Any:
    """Draw with a key and a stream a row, or else with a seed a row; return the next state, too, where there is one.

    The rows may be a `chunk` of a larger batch, whose streams and numbers they then have.
    """
    if edits is not None and wanted.n is not None:
        raise ValueError("n and state are both given, expected one: a state goes on by one token a row")
    origin, stream = ((), 0) if chunk is None else (chunk.origin, chunk.first)
    given = {**parameters_given(asked), "seed": seed, "step": step}
    rows = Batch(logits, allowed, bias, given, edits=edits, origin=origin)
    batch, count, size, number = rows.batch, rows.count, rows.size, rows.number
    words = words_of(seed if key is None else key, step, batch)
    draws = 1 if wanted.n is None else _checks.integer("n", wanted.n, 0, 2**40)
    top = _checks.integer("top_logprobs", wanted.top_logprobs, 0, max(size, 2**16))
    details, kept_set = _checks.flag("details", wanted.details), _checks.flag("kept_set", wanted.kept_set)
    law, state = law_of(asked, batch, details), None if edits is None else edits.state
    law = law if state is None else law.keeping(state.numbers)
    result_shape = batch if wanted.n is None else (*batch, draws)
    out = wanted.out
    if out is not None:
        target = _arrays.as_tokens_out(out, result_shape)
    tokens = np.empty((count, draws), np.int64)
    recorder = None
    if details or kept_set or top > 0:
        raw = rows if bias is None is allowed is edits else Batch(logits, batch=batch)
        recorder = Recorder(raw, draws, law, details)
    keyed = Keyed(words, 0, 0, 0) if key is None else Keyed(words, stream, 1, 0)
    span = max(_DRAWS, size)  # so many that going over the row again costs little

    def work(some: slice, turn: int, part: Part, scratch: Array) -> int:
        first = turn * span
        facts = left = None
        if recorder is not None:
            facts, left = recorder.part(some, slice(first, first + span)), recorder.left[some]
        drawn = keyed.of(some.start, some.stop)._replace(first=first)
        return law.sample(some, part, drawn, number, scratch, tokens[some, first : first + span], facts, left)

    rows.each(work, pool, law.memory, size + _DRAW_COST * min(draws, span), max(-(-draws // span), 1))
    result: Any = tokens.reshape(result_shape)[()]
    after = None if state is None else state.drawn(result, law.learned)
    if out is not None:
        np.copyto(target, result)
        result = out
    if recorder is not None:
        kept = kept_set_of(rows, law, keyed, recorder, pool) if kept_set else None
        top_logprobs = top_logprobs_of(raw, top, pool) if top > 0 else None
        result = recorder.details(result, batch, kept, top_logprobs)
    return result if after is None else (result, after)
