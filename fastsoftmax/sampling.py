"""From logits to tokens: temperature, top-k, top-p, min-p and the draw."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fastsoftmax import _arrays, _checks, _threads
from fastsoftmax._arrays import Array
from fastsoftmax.kernels import sampling as kernels
from fastsoftmax.kernels.select import GROUP
from fastsoftmax.kernels.weights import BLOCK

_DRAW_COST = 32  # a draw takes as long as this many elements of softmax, the unit of _threads
_DRAWS = 2**18  # draws of a row between two looks at signals


@dataclass(frozen=True)
class SamplingParams:
    """How logits become a distribution. Each field is a scalar, or has one value a row of the batch.

    Applied in this order; each filter works on the renormalised survivors of the one before (as in Hugging Face
    transformers and vLLM). Larger logits come first, lower indices first among equals.

    Parameters
    ----------
    temperature : float, default 1.0
        T >= 0 divides the logits. 0 is greedy: the first maximum. inf is uniform over what is not -inf.
    top_k : int, default 0
        Keep the first k tokens. 0 is off, and so is k at or above the vocabulary size.
    top_p : float, default 1.0
        Nucleus: keep a token while the mass strictly before it is below p, so the one that crosses p stays. 1 is off.
    min_p : float, default 0.0
        Keep tokens whose probability is at least `min_p` times the largest. 0 is off.

    Raises
    ------
    TypeError, ValueError
        For a value outside its range, or of another type.
    """

    temperature: Any = 1.0
    top_k: Any = 0
    top_p: Any = 1.0
    min_p: Any = 0.0

    def __post_init__(self) -> None:
        for name, check in _PARAMETER_CHECKS.items():
            check(getattr(self, name), None)


_PARAMETER_CHECKS: dict[str, Callable[[Any, tuple[int, ...] | None], Array]] = {
    "temperature": _checks.temperature_per_row,
    "top_k": _checks.top_k_per_row,
    "top_p": lambda value, shape: _checks.fraction_per_row("top_p", value, shape),
    "min_p": lambda value, shape: _checks.fraction_per_row("min_p", value, shape),
}


def sample(
    logits: Any,
    /,
    *,
    temperature: Any = 1.0,
    top_k: Any = 0,
    top_p: Any = 1.0,
    min_p: Any = 0.0,
    n: int | None = None,
    rng: Any = None,
    seed: Any = None,
    step: Any = 0,
    out: npt.NDArray[np.int64] | None = None,
) -> Any:
    """Draw tokens from logits.

    Parameters
    ----------
    logits : array_like, shape (..., V)
        As `softmax` takes them. No row may hold a NaN or nothing but -inf.
    temperature, top_k, top_p, min_p
        As in `SamplingParams`: scalars, or arrays that broadcast to the batch shape (...).
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
    out : ndarray of int64, optional
        Where to write the tokens.

    Returns
    -------
    int64 or ndarray of int64, shape (...) or (..., n)
        Tokens in [0, V). A token of probability 0 is never among them.

    Raises
    ------
    TypeError, ValueError
        For a row without a distribution, a parameter outside its range, shapes that do not fit, or `rng` and `seed`
        together. Nothing is written then.

    Notes
    -----
    A draw is the inverse of the cumulative distribution, in index order, at
    ``u = philox4x32_10(key=seed, counter=(step, draw, stream))``, 53 bits strictly inside (0, 1). The same tokens come
    out for any number of threads and on any CPU. A row takes O(V + n log V) time, without sorting, and the call O(V)
    memory a thread beside its result of n numbers a row.
    Sources: Holtzman et al., "The curious case of neural text degeneration" (2020) for top-p; Nguyen et al., "Turning
    up the heat: min-p sampling" (2024); Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).

    Examples
    --------
    >>> int(sample([1.0, 3.0, 2.0], temperature=0.7, top_k=2, seed=1))
    2
    """
    params = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p}
    return _sample(logits, params, n, _checks.key_of(rng, seed), seed, step, out, _Workspaces())


def probabilities(
    logits: Any,
    /,
    *,
    temperature: Any = 1.0,
    top_k: Any = 0,
    top_p: Any = 1.0,
    min_p: Any = 0.0,
    out: Any = None,
) -> Any:
    """Return the distribution that `sample` draws from.

    Parameters
    ----------
    logits, temperature, top_k, top_p, min_p
        As in `sample`.
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
    O(V) time a row without sorting, O(V) memory a thread; with `out`, a copy of the result too.

    Examples
    --------
    >>> probabilities([3.0, 2.0, 1.0], temperature=0.5, top_p=0.8)
    array([1., 0., 0.])
    """
    carrier, result_dtype = _logits(logits)
    shape = carrier.shape
    parameters = _per_row({"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p}, shape[:-1])
    result, (target, _) = _arrays.empty(shape, result_dtype) if out is None else (out, _arrays.as_out(out, shape))
    rows = _arrays.read_rows(carrier)
    number = _arrays.number_for(carrier, target)
    status = np.zeros(len(rows), np.int8)
    # into an array of the user's only when all rows are known to be fine
    out_rows = target.reshape(rows.shape) if out is None else np.empty(rows.shape, target.dtype)
    workspaces = _Workspaces()

    def piece(start: int, stop: int) -> None:
        part = slice(start, stop)
        workspace = workspaces.take(shape[-1], number.dtype)
        kernels.probabilities(rows[part], _of(parameters, part), number, workspace, out_rows[part], status[part])
        workspaces.give_back(workspace)

    _threads.run(piece, *rows.shape)
    _check_status(status, rows, number, shape)
    if out is not None:
        np.copyto(target, out_rows.reshape(shape))
    return result


class Sampler:
    """A sampler that keeps its parameters and its workspace, and counts its own steps.

    Parameters
    ----------
    params : SamplingParams, optional
        Or give its fields by name.
    rng : None, int or numpy.random.Generator, optional
        As in `sample`; the key is drawn from it once, here.
    seed : int or array_like of int, optional
        As in `sample`.
    **fields
        Fields of `SamplingParams`; they replace those of `params`.

    Attributes
    ----------
    params : SamplingParams
        How logits become a distribution.
    step : int
        The step of the next call. Setting it goes back or ahead.

    Raises
    ------
    TypeError, ValueError
        For a parameter or a seed outside its range, or `rng` and `seed` together.

    Notes
    -----
    Any number of threads may call one sampler: each call has a step of its own. A copy, also a pickled one, draws what
    the sampler itself would draw next.

    Examples
    --------
    >>> sampler = Sampler(temperature=0.7, top_p=0.9, seed=1)
    >>> [int(sampler([1.0, 3.0, 2.0])) for _ in range(5)]
    [2, 1, 1, 1, 1]
    """

    def __init__(
        self, params: SamplingParams | None = None, /, *, rng: Any = None, seed: Any = None, **fields: Any
    ) -> None:
        if params is not None and not isinstance(params, SamplingParams):
            raise TypeError(f"params is {_checks.described(params)}, expected a SamplingParams")
        self.params = replace(SamplingParams() if params is None else params, **fields)
        self.step = 0
        self._key = _checks.key_of(rng, seed)
        if seed is not None:
            _checks.word_per_row("seed", seed, None)
        self._seed = seed
        self._lock = threading.Lock()
        self._workspaces = _Workspaces()

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("params", "step", "_key", "_seed")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock(), _workspaces=_Workspaces())

    def __call__(self, logits: Any, /, *, n: int | None = None, out: npt.NDArray[np.int64] | None = None) -> Any:
        """Draw tokens from logits, as `sample` does at the sampler's step, and take a step.

        Parameters
        ----------
        logits, n, out
            As in `sample`.

        Returns
        -------
        int64 or ndarray of int64, shape (...) or (..., n)
            Tokens in [0, V).

        Raises
        ------
        TypeError, ValueError
            As in `sample`. The step is then given back, unless another thread has taken a later one meanwhile.
        """
        with self._lock:
            step = self.step
            self.step = step + 1
        fields = {name: getattr(self.params, name) for name in _PARAMETER_CHECKS}
        try:
            return _sample(logits, fields, n, self._key, self._seed, step, out, self._workspaces)
        except BaseException:
            with self._lock:
                if self.step == step + 1:
                    self.step = step
            raise


class _Workspaces:
    """Scratch arrays that kernels reuse, one set a running piece of work."""

    def __init__(self) -> None:
        self._free: list[kernels.Workspace] = []

    def take(self, size: int, dtype: np.dtype[Any]) -> kernels.Workspace:
        """Return a free set for rows of `size` logits, or a new one."""
        while self._free:
            try:
                workspace = self._free.pop()
            except IndexError:  # another thread took it
                break
            if workspace[3].shape == (max(size, 1),) and workspace[3].dtype == dtype:
                return workspace
        groups, blocks, size = -(-size // GROUP), -(-size // BLOCK), max(size, 1)
        maxima, sums = np.empty(groups, dtype), np.empty(blocks)
        return maxima, sums, np.empty(size, np.int32), np.empty(size, dtype), np.empty(size, dtype), np.empty(size)

    def give_back(self, workspace: kernels.Workspace) -> None:
        self._free.append(workspace)


def _sample(
    logits: Any,
    params: dict[str, Any],
    n: int | None,
    key: int | None,
    seed: Any,
    step: Any,
    out: npt.NDArray[np.int64] | None,
    workspaces: _Workspaces,
) -> Any:
    """Draw with a key and a stream a row, or else with a seed a row."""
    carrier, _ = _logits(logits)
    shape = carrier.shape
    batch = shape[:-1]
    parameters = _per_row(params, batch)
    seeds = _checks.word_per_row("seed", seed if key is None else key, batch)
    steps = _checks.word_per_row("step", step, batch)
    draws = 1 if n is None else _checks.integer("n", n, 0)
    result_shape = batch if n is None else (*batch, draws)
    if out is not None:
        if not isinstance(out, np.ndarray) or out.dtype != np.int64:
            raise TypeError(f"out is {_checks.described(out)}, expected an int64 array")
        _arrays.check_out(out, result_shape)
    rows = _arrays.read_rows(carrier)
    number = _arrays.number_for(carrier)
    tokens = np.empty((len(rows), draws), np.int64)
    status = np.zeros(len(rows), np.int8)
    stride = 0 if key is None else 1
    span = max(_DRAWS, shape[-1])  # so many that going over the row again costs little
    spans = max(1, -(-draws // span))

    def draw(first_row: int, last_row: int, first: int) -> None:
        part = slice(first_row, last_row)
        workspace = workspaces.take(shape[-1], number.dtype)
        some, (key, step) = _of(parameters, part), _of((seeds, steps), part)
        drawn = tokens[part, first : first + span]
        stream = stride * first_row
        kernels.sample(rows[part], some, key, step, stream, stride, first, number, workspace, drawn, status[part])
        workspaces.give_back(workspace)

    def piece(start: int, stop: int) -> None:
        if spans == 1:
            draw(start, stop, 0)
            return
        for item in range(start, stop):
            row, place = divmod(item, spans)
            draw(row, row + 1, place * span)

    _threads.run(piece, len(rows) * spans, shape[-1] + _DRAW_COST * min(draws, span))
    _check_status(status, rows, number, shape)
    if out is None:
        return tokens.reshape(result_shape)[()]
    np.copyto(out, tokens.reshape(result_shape))
    return out


def _logits(logits: Any) -> _arrays.Numbers:
    numbers = _arrays.as_logits(logits)
    shape = numbers[0].shape
    if not shape or shape[-1] == 0:
        raise ValueError(f"logits has shape {shape}, expected (..., V) with V >= 1")
    if shape[-1] >= 2**31:
        raise ValueError(f"logits has V = {shape[-1]}, expected below 2**31")
    return numbers


def _per_row(params: dict[str, Any], batch: tuple[int, ...]) -> tuple[Array, ...]:
    return tuple(check(params[name], batch) for name, check in _PARAMETER_CHECKS.items())


def _of(vectors: tuple[Array, ...], part: slice) -> Any:
    """Return what the vectors have for a part of the rows; one entry is for all rows."""
    return tuple(vector if vector.size == 1 else vector[part] for vector in vectors)


def _check_status(status: npt.NDArray[np.int8], rows: Array, number: Any, shape: tuple[int, ...]) -> None:
    """Raise for the first row without a distribution."""
    if not status.any():
        return
    row = int(np.flatnonzero(status)[0])
    place = f" row {', '.join(map(str, np.unravel_index(row, shape[:-1])))}" if len(shape) > 1 else ""
    if status[row] == kernels.EMPTY:
        raise ValueError(f"logits{place} is all -inf, expected at least one token above -inf")
    index = kernels.first_nan(rows[row], number)
    raise ValueError(f"logits{place} is NaN at index {index}, expected no NaN")
