"""What `sample` can tell of its draws: probabilities, ranks, and the kept set that they come from."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastsoftmax import _arrays, _threads
from fastsoftmax._arrays import Array
from fastsoftmax._grid import html
from fastsoftmax._values import Valued, by_value, is_lazy
from fastsoftmax.kernels.sampling import describe as kernels
from fastsoftmax.kernels.softmax import logs
from fastsoftmax.sampling.asked import law_of
from fastsoftmax.sampling.batch import Batch, Part
from fastsoftmax.sampling.laws import Keyed, Law
from fastsoftmax.sampling.params import of
from fastsoftmax.sampling.scratch import Scratch

_UNTOUCHED = np.ones(1)  # the temperature of raw log-probabilities
_AT_ONCE = 2**16  # draws of a row whose log-probabilities are computed together


@by_value
class KeptSet(NamedTuple):
    """The tokens that the filters leave, of all rows one after the other.

    Attributes
    ----------
    offsets : ndarray of int64, shape (rows + 1,)
        The tokens of row i of the flattened batch are those in ``offsets[i]:offsets[i + 1]``.
    tokens : ndarray of int64
        In index order.
    probabilities : ndarray of float64
        What they are drawn with; those of a row sum to 1.
    """

    offsets: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]


@by_value
class TopLogprobs(NamedTuple):
    """The most likely tokens under the untouched softmax of each row.

    Attributes
    ----------
    tokens : ndarray of int64, shape (..., n)
        The most likely first; -1 where a row has fewer tokens above -inf.
    logprobs : ndarray of float64, shape (..., n)
        Natural logarithms of their probabilities; -inf there. NaN in a row that holds one, below the mask.
    """

    tokens: npt.NDArray[np.int64]
    logprobs: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Details(Valued):
    """Draws, and what there is to know of them. Shapes as that of `tokens`, or as the batch, (...).

    Attributes
    ----------
    tokens : int64 or ndarray of int64, shape (...) or (..., n)
        What `sample` returns otherwise.
    logprobs : float64 or ndarray of float64, shape of `tokens`
        Natural logarithms of the probabilities that the tokens were drawn with.
    raw_logprobs : float64 or ndarray of float64, shape of `tokens`
        The same under the untouched softmax: T = 1, no filter, mask or bias.
    tempered_logprobs : float64 or ndarray of float64, shape of `tokens`
        The same under the softmax at the temperature: no filter, mask or bias. Of a chain it is the product of its
        temperatures, wherever they stand; at T = 0 the largest logits share the probability.
    ranks : int64 or ndarray of int64, shape of `tokens`
        How many tokens come before, by logit (with the bias, among the allowed): 0 for the most likely.
    kept : int64 or ndarray of int64, shape (...)
        How many tokens the filters leave; those whose probability rounds to 0 are never drawn, but count.
    kept_mass : float64 or ndarray of float64, shape (...)
        Their share of the softmax at the temperature, before any filter.
    entropy : float64 or ndarray of float64, shape (...)
        Of the distribution that is drawn from, in nats.
    kept_set : KeptSet or None
        Where it was asked for.
    top_logprobs : TopLogprobs or None
        Where it was asked for.
    kept_after : ndarray of int64, shape (..., steps), or None
        How many tokens each step of a chain left, where `details` were asked for with `samplers`.
    """

    tokens: Any
    logprobs: Any
    raw_logprobs: Any
    tempered_logprobs: Any
    ranks: Any
    kept: Any
    kept_mass: Any
    entropy: Any
    kept_set: KeptSet | None = None
    top_logprobs: TopLogprobs | None = None
    kept_after: Any = None

    def _repr_html_(self) -> str | None:
        if is_lazy(self.tokens):
            return None
        tokens = np.ravel(self.tokens)
        draws = max(tokens.size // max(np.size(self.kept), 1), 1)
        kept, entropies = (np.repeat(np.ravel(one), draws).tolist() for one in (self.kept, self.entropy))
        columns: dict[str, list[str] | list[float]] = {
            "token": list(map(str, tokens.tolist())),
            "rank": list(map(str, np.ravel(self.ranks).tolist())),
            "log-probability": [f"{x:.6g}" for x in np.ravel(self.logprobs).tolist()],
            "probability": np.exp(np.ravel(self.logprobs)).tolist(),
            "tokens kept": list(map(str, kept)),
            "entropy, nats": [f"{x:.6g}" for x in entropies],
        }
        return html(columns)


class Recorder:
    """The arrays that the kernel fills in, a part of the rows and draws at a time.

    `raw` are the logits without a mask or a bias, `law` is what they are drawn by; its steps are `told` of, or not.
    """

    def __init__(self, raw: Batch, draws: int, law: Law, told: bool = False) -> None:
        rows, ends = raw.count, law.ends
        self._raw, self._ends, self._temperatures = raw, ends if told else [], law.temperatures
        self.left = np.zeros(
            (rows, (ends[-1] if ends else 0) + 3)
        )  # tokens after each operation of a chain, and two more numbers
        self._of_rows = np.zeros(rows, np.int64), np.zeros(rows), np.zeros(rows)
        self._of_draws = np.zeros((rows, draws)), np.zeros((rows, draws), np.int64)
        self._places, self._set = np.full(rows, -1), (np.empty(0, np.int64), np.empty(0))

    def part(self, rows: slice, draws: slice) -> kernels.Facts:
        """Return what the kernel takes for some rows and draws."""
        of_rows = [of[rows] for of in (*self._of_rows, self._places)]
        of_draws = [of[rows, draws] for of in self._of_draws]
        return kernels.Facts._make([*of_rows, *of_draws, *self._set])

    def kept_set(self) -> KeptSet:
        """Return the memory of the kept sets, which the kernel fills in from now on; it has counted their tokens."""
        offsets = np.concatenate([[0], np.cumsum(self._of_rows[0])])
        self._places, self._set = offsets[:-1], (np.empty(offsets[-1], np.int64), np.empty(offsets[-1]))
        return KeptSet(offsets, *self._set)

    def details(
        self,
        tokens: Any,
        batch: tuple[int, ...],
        kept_set: KeptSet | None,
        top_logprobs: TopLogprobs | None,
    ) -> Details:
        """Return all of it in the shapes that a user expects."""
        kept, kept_mass, entropy = (facts.reshape(batch)[()] for facts in self._of_rows)
        shape = np.shape(tokens)
        logprobs, ranks = (facts.reshape(shape)[()] for facts in self._of_draws)
        drawn = np.reshape(tokens, self._of_draws[0].shape)
        raw = logprobs_of(self._raw, drawn, _UNTOUCHED)
        warm = (self._temperatures == 1.0).all()
        tempered = raw.copy() if warm else logprobs_of(self._raw, drawn, self._temperatures)
        raw, tempered = raw.reshape(shape)[()], tempered.reshape(shape)[()]
        after = None
        if self._ends:
            after = self.left[:, self._ends].astype(np.int64).reshape(*batch, len(self._ends))
        return Details(tokens, logprobs, raw, tempered, ranks, kept, kept_mass, entropy, kept_set, top_logprobs, after)


def logprobs_of(raw: Batch, tokens: npt.NDArray[np.int64], temperatures: Array) -> npt.NDArray[np.float64]:
    """Return the log-probabilities of some tokens of each row under softmax; of a token of -1 it is -inf.

    There is a temperature for each row, or one for all rows. NaN in a row that holds one.
    """
    logprobs = np.empty(tokens.shape)

    def piece(start: int, stop: int) -> None:
        logits, _ = raw.part(start, stop)
        largest, log_sums = np.empty(stop - start), np.empty(stop - start)
        own = of(temperatures, start, stop)
        logs.log_sums(logits, own, raw.number, largest, log_sums)
        tops, sums = largest[:, np.newaxis], log_sums[:, np.newaxis]
        for first in range(0, tokens.shape[1], _AT_ONCE):
            some = tokens[start:stop, first : first + _AT_ONCE]
            chosen = _arrays.widened(np.take_along_axis(logits, np.maximum(some, 0), axis=1)).astype(np.float64)
            with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # inf - inf, and T = 0
                far = np.isinf(chosen - tops)  # -inf also at T = inf
                distances = np.where(chosen == tops, 0.0, np.where(far, -np.inf, (chosen - tops) / own[:, np.newaxis]))
            found = np.where((some < 0) & ~np.isnan(sums), -np.inf, distances - sums)
            logprobs[start:stop, first : first + _AT_ONCE] = found

    _threads.run(piece, raw.count, raw.size)
    return logprobs


def kept_set_of(rows: Batch, law: Law, draws: Keyed, recorder: Recorder, pool: Scratch) -> KeptSet:
    """List what the law leaves of rows that the recorder was told of; nothing of those without a distribution."""
    found = recorder.kept_set()
    _tell(recorder, rows, law, draws, pool)
    return found


def _tell(recorder: Recorder, rows: Batch, law: Law, draws: Keyed, pool: Scratch) -> None:
    """Tell a recorder of rows without a draw."""
    nothing = np.empty((rows.count, 0), np.int64)

    def work(some: slice, _: int, part: Part, scratch: Array) -> int:
        first, (logits, *others) = some.start, part
        while True:
            rest = slice(first, some.stop)
            keyed, facts = draws.of(first, some.stop), recorder.part(rest, slice(0))
            told: Part = (logits, *others)
            refused = law.sample(rest, told, keyed, rows.number, scratch, nothing[rest], facts, recorder.left[rest])
            if refused < 0:
                return -1
            first, logits = first + refused + 1, logits[refused + 1 :]  # such rows have neither a mask nor edits

    rows.each(work, pool, law.memory)


def top_logprobs_of(raw: Batch, n: int, pool: Scratch) -> TopLogprobs:
    """Return the n most likely tokens of each row under softmax."""
    law = law_of((1.0, n, 1.0, 0.0), ())
    recorder, draws = Recorder(raw, 0, law), Keyed(np.zeros((1, 2), np.uint64), 0, 0, 0)
    _tell(recorder, raw, law, draws, pool)
    kept = kept_set_of(raw, law, draws, recorder, pool)
    tokens = np.full((raw.count, n), -1)
    for row in range(raw.count):
        part = slice(kept.offsets[row], kept.offsets[row + 1])
        logits = _arrays.widened(raw.part(row, row + 1)[0][0, kept.tokens[part]])
        order = np.argsort(-logits, kind="stable")[:n]  # lower indices first among equals
        tokens[row, : order.size] = kept.tokens[part][order]
    return TopLogprobs(tokens.reshape(*raw.batch, n), logprobs_of(raw, tokens, _UNTOUCHED).reshape(*raw.batch, n))
