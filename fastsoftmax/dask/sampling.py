"""sample and probabilities over dask arrays."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
from dask.delayed import delayed

import fastsoftmax as fs
from fastsoftmax import _arrays, _checks
from fastsoftmax.dask.chunks import (
    as_dask,
    as_parameter,
    batch_of,
    joined,
    labels_of,
    meta_of,
    numbers_along,
    refuse_unknown,
    unified,
)
from fastsoftmax.dask.drawing import Fixed, distribution, draw, refuse_other_batch
from fastsoftmax.dask.results import details_of, part_of, state_of
from fastsoftmax.sampling.asked import NAMES, Asked, asked_of, edits_of
from fastsoftmax.sampling.batch import Batch
from fastsoftmax.sampling.functions import Wanted


def sample(
    logits: Any,
    /,
    *,
    temperature: Any = 1.0,
    top_k: Any = 0,
    top_p: Any = 1.0,
    min_p: Any = 0.0,
    samplers: Any = None,
    state: Any = None,
    n: int | None = None,
    rng: Any = None,
    seed: Any = None,
    step: Any = 0,
    allowed: Any = None,
    bias: Any = None,
    details: bool = False,
    kept_set: bool = False,
    top_logprobs: int = 0,
) -> Any:
    """Draw the tokens that `fastsoftmax.sample` draws, from a dask array of logits, when they are asked for.

    Parameters
    ----------
    logits : dask.array.Array, shape (..., V)
        As `fastsoftmax.sample` takes them, in any chunks. No row may hold a NaN or nothing but -inf.
    temperature, top_k, top_p, min_p, seed, step
        As in `fastsoftmax.sample`: scalars, arrays or dask arrays. They, `allowed` and the batch (...) broadcast to
        each other, and are split as the rows are.
    samplers, n, bias, details, kept_set, top_logprobs
        As in `fastsoftmax.sample`.
    state : State or dask.array.Array, optional
        What came before each row, as `SamplerChain.start` makes it, or as this function gives it back.
    rng : None, int or numpy.random.Generator, optional
        Source of a key, which is drawn from it once, now. Row i of the batch uses stream i of it, in whatever chunk.
    allowed : array_like or dask.array.Array, optional
        The tokens that may be drawn, as in `fastsoftmax.sample`.

    Returns
    -------
    dask.array.Array of int64, shape (...) or (..., n), or Details
        The tokens, the same for any chunks. A `Details` holds dask arrays, which ``dask.compute(details)`` computes
        together. With `state`, a pair of them and of a dask array without axes, whose one object is the next state.

    Raises
    ------
    TypeError, ValueError
        As `fastsoftmax.sample`, when the graph is built; and for chunks of unknown sizes. For what chunks hold, when it
        is computed: a row without a distribution is told by its number in the whole batch, a wrong parameter in a dask
        array of them by its place in its chunk.

    Notes
    -----
    Chunks that split the vocabulary are joined first, since a cut and a draw are decided by the masses of the whole
    row; joined chunks that pass Dask's ``array.chunk-size`` have fewer rows. With `rng`, `state` or `kept_set`, which
    go by the numbers of rows, the batch is split along its first axis alone. Each chunk is computed on the thread of
    its task alone. Memory: of each task, as `fastsoftmax.sample` of its chunk; a `state`, and a `bias` with rows, go to
    each task whole.

    Examples
    --------
    >>> import dask.array as da
    >>> logits = da.from_array([[1.0, 3.0, 2.0], [0.0, 0.0, 5.0]], chunks=(1, 2))
    >>> sample(logits, temperature=0.7, top_k=2, seed=[1, 2]).compute()
    array([2, 2])
    """
    asked = asked_of((temperature, top_k, top_p, min_p), samplers)
    draws = None if n is None else _checks.integer("n", n, 0, 2**40)
    flags = _checks.flag("details", details), _checks.flag("kept_set", kept_set)
    if state is not None and n is not None:
        raise ValueError("n and state are both given, expected one: a state goes on by one token a row")
    with _checks.key_of(rng, seed) as key:
        keyed = {"step": step} if seed is None else {"seed": seed, "step": step}
        in_order = seed is None or state is not None or flags[1]
        call = _call_of(logits, asked, keyed, state, allowed, bias, in_order)
        top = _checks.integer("top_logprobs", top_logprobs, 0, max(call.size, 2**16))
        wanted = Wanted(draws, *flags, top, None)
        results = call.mapped(partial(draw, fixed=call.fixed, key=key, wanted=wanted), call.labels, object)
        found: Any = part_of(results, "tokens", np.int64, draws)
        if any(flags) or top > 0:
            steps = 0 if isinstance(asked, tuple) else len(asked.rest)
            found = details_of(results, wanted, steps)
        return found if state is None else (found, state_of(results, call.fixed.batch))


def probabilities(
    logits: Any,
    /,
    *,
    temperature: Any = 1.0,
    top_k: Any = 0,
    top_p: Any = 1.0,
    min_p: Any = 0.0,
    samplers: Any = None,
    state: Any = None,
    allowed: Any = None,
    bias: Any = None,
) -> da.Array:
    """Return the distribution that `sample` draws from, chunk by chunk, when it is asked for.

    Parameters
    ----------
    logits, temperature, top_k, top_p, min_p, samplers, state, allowed, bias
        As in `sample`.

    Returns
    -------
    dask.array.Array, shape (..., V)
        What `fastsoftmax.probabilities` returns of the computed array, bit for bit, in chunks of whole rows.

    Raises
    ------
    TypeError, ValueError
        As in `sample`.

    Notes
    -----
    As in `sample`.

    Examples
    --------
    >>> import dask.array as da
    >>> probabilities(da.from_array([3.0, 2.0, 1.0], chunks=2), temperature=0.5, top_p=0.8).compute()
    array([1., 0., 0.])
    """
    asked = asked_of((temperature, top_k, top_p, min_p), samplers)
    call = _call_of(logits, asked, {}, state, allowed, bias, in_order=False)
    return call.mapped(partial(distribution, fixed=call.fixed), (*call.labels, len(call.labels)), call.dtype)


class _Call(NamedTuple):
    """The arguments of a call, checked, and how they are split among tasks."""

    pairs: list[Any]  # arrays with their labels: logits, parameters and masks by the names of `fixed`, numbers of rows
    chunks: dict[int, tuple[int, ...]]  # of the batch: Dask goes by the first array, which may have one row for all
    fixed: Fixed
    lazy: dict[str, Any]  # what each task takes whole
    size: int
    dtype: np.dtype[Any]

    @property
    def labels(self) -> tuple[int, ...]:
        """The labels of the batch; that of the vocabulary follows."""
        return tuple(range(len(self.fixed.batch)))

    def mapped(self, task: Any, labels: tuple[int, ...], dtype: Any) -> da.Array:
        """Return what a task makes of each chunk."""
        meta = meta_of(len(labels), dtype)
        words = {"token": task.func.__name__, "dtype": dtype, "meta": meta, "align_arrays": False} | self.lazy
        return da.blockwise(task, labels, *self.pairs, adjust_chunks=self.chunks, **words)


def _call_of(
    logits: Any, asked: Asked, keyed: Mapping[str, Any], state: Any, allowed: Any, bias: Any, in_order: bool
) -> _Call:
    """Check the arguments, and split them; `in_order` along the first axis of the batch alone."""
    logits, parameters = as_dask(logits), _checked(asked, keyed)
    chain = None if isinstance(asked, tuple) else asked
    arrays = _arrays_of(parameters, allowed)
    for name, array in (("logits", logits), *arrays.items()):
        refuse_unknown(name, array, range(array.ndim), "rows and tokens are told by their numbers")
    shapes = {name: array.shape[:-1] if name == "allowed" else array.shape for name, array in arrays.items()}
    shapes |= {} if chain is None else {name: np.shape(value) for name, value in chain.parameters.items()}
    batch = batch_of(logits.shape[:-1], shapes)
    dtype = _arrays.as_logits(np.empty(0, logits.dtype))[1]
    _check(np.broadcast_to(np.zeros((), dtype), (*batch, *logits.shape[-1:])), arrays.get("allowed"), bias)
    _check_state(asked, state, batch)
    whole = {"state": state, "bias": bias.copy() if hasattr(bias, "tocsr") else None}
    lazy = {name: delayed(value, pure=True, traverse=False) for name, value in whole.items() if value is not None}
    plain = {name: value for name, value in parameters.items() if name not in arrays}
    if isinstance(bias, Mapping):
        plain["bias"] = dict(bias)
    pairs, chunks = _split(logits, arrays, batch, in_order)
    return _Call(pairs, chunks, Fixed(batch, tuple(arrays), plain, chain), lazy, logits.shape[-1], dtype)


def _split(
    logits: da.Array, arrays: Mapping[str, da.Array], batch: tuple[int, ...], in_order: bool
) -> tuple[list[Any], dict[int, tuple[int, ...]]]:
    """Return logits, what goes along with them, and the numbers of rows, in chunks of the same rows; and these chunks.

    Labels of the batch are those from 0 on; the vocabulary's follows, and then that of a mask, which may be packed.
    """
    rows = len(batch)
    labelled = [(logits, (*labels_of(logits.ndim - 1, rows), rows))]
    for name, array in arrays.items():
        is_mask = name == "allowed"
        labels = labels_of(array.ndim - is_mask, rows)
        labelled.append((array, (*labels, rows + 1) if is_mask else labels))
    least = min(1, rows) if in_order else rows  # labels from this one on are not split
    whole = [
        (joined(array, [i for i, label in enumerate(labels) if label >= least]), labels) for array, labels in labelled
    ]
    chunks, pairs = unified(*whole)
    for axis, n in enumerate(batch):
        if sum(chunks.get(axis, ())) != n:  # an axis of the chain's parameters alone
            chunks[axis] = (n,)
    return [*pairs, *numbers_along(chunks, rows)], {axis: chunks[axis] for axis in range(rows)}


def _arrays_of(parameters: Mapping[str, Any], allowed: Any) -> dict[str, da.Array]:
    """Return what goes along with the rows, as dask arrays: parameters that are not one number, and a mask."""
    given = {name: as_parameter(name, value) for name, value in parameters.items()}
    arrays = {name: value for name, value in given.items() if isinstance(value, da.Array)}
    if isinstance(allowed, da.Array):
        arrays["allowed"] = allowed
    elif allowed is not None:
        arrays["allowed"] = da.from_array(np.array(_checks.as_array("allowed", allowed)), chunks=-1)  # it may change
    return arrays


def _checked(asked: Asked, keyed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a call, checked but for dask arrays of them."""
    words = {} if not isinstance(asked, tuple) else dict(zip(NAMES, asked, strict=True))
    found = {**words, **keyed}
    known = {name: value for name, value in found.items() if not isinstance(value, da.Array)}
    given = [name for name in NAMES if name in known]
    params = fs.SamplingParams(**{name: known[name] for name in given})
    found |= {name: getattr(params, name) for name in given}
    for name in keyed.keys() & known.keys():
        found[name] = _checks.kept(name, known[name], _checks.word_per_row(name, known[name], None))
    return found


def _check(shell: Any, mask: Any, bias: Any) -> None:
    """Refuse what cannot be, by logits that take no memory and of which none is read."""
    Batch(shell, None, bias)
    if mask is not None:  # of one row: the batch was checked, and a mask of it takes memory
        one = (1,) * (mask.ndim - 1)
        Batch(shell[(0,) * (shell.ndim - 1)], np.zeros((*one, *mask.shape[-1:]), mask.dtype))


def _check_state(asked: Asked, state: Any, batch: tuple[int, ...]) -> None:
    if isinstance(state, da.Array) and not isinstance(asked, tuple):
        return  # it is checked by each task
    edits_of(asked, state)
    if state is not None:
        refuse_other_batch(state, batch)
