"""A sampler: parameters, a key, a workspace and a count of steps."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fastsoftmax import _arrays, _checks, _threads
from fastsoftmax._arrays import Array
from fastsoftmax.kernels.sampling import sample
from fastsoftmax.sampling.functions import Wanted, draw
from fastsoftmax.sampling.memory import AT_ONCE, Memory
from fastsoftmax.sampling.params import SamplingParams, parameters_of, words_of

_counting = _threads.lock()  # held while a step is taken or given back, never for work


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
    Memory: as `sample`; what calls took is kept for later ones, once for each CPU at most.

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
        self._memory = Memory()
        self._ready: list[_Ready] = []

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("params", "step", "_key", "_seed")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _memory=Memory(), _ready=[])

    def __call__(
        self,
        logits: Any,
        /,
        *,
        n: int | None = None,
        allowed: Any = None,
        bias: Any = None,
        details: bool = False,
        kept_set: bool = False,
        top_logprobs: int = 0,
        out: npt.NDArray[np.int64] | None = None,
    ) -> Any:
        """Draw tokens from logits, as `sample` does at the sampler's step, and take a step.

        Parameters
        ----------
        logits, n, allowed, bias, details, kept_set, top_logprobs, out
            As in `sample`.

        Returns
        -------
        int64 or ndarray of int64, shape (...) or (..., n), or Details
            As in `sample`.

        Raises
        ------
        TypeError, ValueError
            As in `sample`. The step is then given back, unless another thread has taken a later one meanwhile.
        """
        with _counting:
            step = self.step
            self.step = step + 1
        try:
            usual = n is None is out is allowed is bias and details is False is kept_set
            if usual and type(top_logprobs) is int and top_logprobs == 0:
                token = self._draw_one(logits, step)
                if token is not None:
                    return token
            wanted = Wanted(n, details, kept_set, top_logprobs, out)
            params = self.params.values()
            return draw(logits, allowed, bias, params, self._key, self._seed, step, wanted, self._memory)
        except BaseException:
            with _counting:
                if self.step == step + 1:
                    self.step = step
            raise

    def _draw_one(self, logits: Any, step: int) -> Any:
        """Draw a token from one plain row with what is ready from an earlier call; None for any other logits."""
        if type(logits) is not np.ndarray or not logits.flags.c_contiguous:
            return None
        if logits.ndim != 1 and (logits.ndim != 2 or len(logits) != 1):
            return None
        if type(step) is not int or not 0 <= step < 2**64:
            return None
        row, _ = _arrays.as_logits(logits)
        try:
            ready = self._ready.pop()
        except IndexError:  # the first call, or other threads have them all
            ready = None
        if ready is None or ready.params is not self.params or ready.shape != (*row.shape, row.itemsize):
            if not 0 < row.size < 2**31:
                return None
            ready = _Ready(row, self.params, self._seed if self._key is None else self._key, self._memory)
        token = ready.draw(row, step)
        if len(self._ready) < AT_ONCE:
            self._ready.append(ready)
        return token


class _Ready:
    """All that a kernel takes to draw from one row, but the row: nothing is allocated between calls."""

    def __init__(self, row: Array, params: SamplingParams, seed: Any, memory: Memory) -> None:
        self.params, self.shape = params, (*row.shape, row.itemsize)
        self._number = _arrays.number_for(row)
        self._parameters = parameters_of(*params.values(), row.shape[:-1])
        self._words = words_of(seed, 0, row.shape[:-1])
        self._memory = memory.take(row.size, self._number)
        self._token = np.empty((1, 1), np.int64)

    def draw(self, row: Array, step: int) -> Any:
        """Return a token, or None for a row without a distribution."""
        rows = row.reshape(1, -1)
        rows.setflags(write=False)
        self._words[0, 1] = step
        refused = sample(
            rows, None, self._parameters, self._words, 0, 0, 0, self._number, self._memory, self._token, None
        )
        if refused >= 0:
            return None
        return self._token[0, 0] if row.ndim == 1 else self._token[0].copy()
