"""A sampler: parameters, a key, a workspace and a count of steps."""

from dataclasses import fields, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastsoftmax import _checks, _threads
from fastsoftmax._grid import html
from fastsoftmax.sampling.asked import edits_of, one_law
from fastsoftmax.sampling.functions import Wanted, draw
from fastsoftmax.sampling.laws import Law
from fastsoftmax.sampling.one_row import draw_one, is_one_token
from fastsoftmax.sampling.params import SamplingParams
from fastsoftmax.sampling.scratch import Scratch

if TYPE_CHECKING:  # the samplers are imported when a chain is first asked for
    from fastsoftmax._state import State
    from fastsoftmax.samplers.chain import SamplerChain
    from fastsoftmax.sampling.edits import Edits

_counting = _threads.lock()  # held while a step is taken or given back, never for work


class Sampler:
    """A sampler that keeps its parameters and its workspace, and counts its own steps.

    Parameters
    ----------
    params : SamplingParams, SamplerChain or str, optional
        Parameters, or give their fields by name; or a chain of samplers, also as its string.
    rng : None, int or numpy.random.Generator, optional
        As in `sample`; the key is drawn from it once, here.
    seed : int or array_like of int, optional
        As in `sample`.
    **words
        Fields of `SamplingParams`; they replace those of `params`. Or `samplers`, a chain.

    Attributes
    ----------
    params : SamplingParams or SamplerChain
        How logits become a distribution.
    step : int
        The step of the next call, in [0, 2**64). Setting it goes back or ahead.
    state : State or None
        What came before, where the chain asks for it; None before the first call and before `start`.

    Raises
    ------
    TypeError, ValueError
        For a parameter or a seed outside its range, or `rng` and `seed` together.

    Notes
    -----
    Any number of threads may call one sampler, each call has a step of its own; one that keeps a state is for one
    thread at a time, since each call goes on from the one before. A copy, also a pickled one, draws what
    the sampler itself would draw next.
    Memory: as `sample`; what calls took is kept for later ones, once for each CPU at most.

    Examples
    --------
    >>> sampler = Sampler(temperature=0.7, top_p=0.9, seed=1)
    >>> [int(sampler([1.0, 3.0, 2.0])) for _ in range(5)]
    [2, 1, 1, 1, 1]
    """

    def __init__(
        self,
        params: "SamplingParams | SamplerChain | str | None" = None,
        /,
        *,
        rng: Any = None,
        seed: Any = None,
        samplers: Any = None,
        **words: Any,
    ) -> None:
        _refuse_unknown(words)
        self.params = _params_of(params, samplers, words)
        self._step = 0
        with _checks.key_of(rng, seed) as key:
            self._key = key
        self._seed = None if seed is None else _checks.kept("seed", seed, _checks.word_per_row("seed", seed, None))
        self._scratch = Scratch()
        self._law: tuple[SamplingParams | SamplerChain | None, Law | None] = (None, None)  # params, and their law
        self.state: State | None = None

    def start(self, prompts: Any = ()) -> None:
        """Begin anew, with prompts as `SamplerChain.start` takes them; the step stays.

        Raises
        ------
        TypeError, ValueError
            As `SamplerChain.start`, or without a chain.
        """
        if isinstance(self.params, SamplingParams):
            raise ValueError("the sampler has no chain, expected one: only samplers ask what came before")
        self.state = self.params.start(prompts)

    def rewind(self, n: int) -> None:
        """Go back to before the last `n` calls: their steps, and their tokens where there is a state.

        Raises
        ------
        TypeError, ValueError
            If there were fewer.
        """
        back = _checks.integer("n", n, 0)
        state = None if self.state is None else self.state.rewind(back)
        if back > self._step:
            raise ValueError(f"n is {back}, expected at most {self._step}, the sampler's step")
        self.step, self.state = self._step - back, state

    @property
    def step(self) -> int:
        """The step of the next call. Setting it goes back or ahead."""
        return self._step

    @step.setter
    def step(self, step: int) -> None:
        self._step = _checks.integer("step", step, 0, 2**64 - 1)

    def __repr__(self) -> str:
        words = [repr(str(self.params))]
        if isinstance(self.params, SamplingParams):
            words = [f"{field.name}={getattr(self.params, field.name)!r}" for field in fields(SamplingParams)]
        source = f"seed={self._seed!r}" if self._key is None else f"rng=<key {self._key:#x}>"
        return f"Sampler({', '.join([*words, source, f'step={self._step}'])})"

    def _repr_html_(self) -> str:
        params = {"samplers": str(self.params)}
        if isinstance(self.params, SamplingParams):
            params = {field.name: repr(getattr(self.params, field.name)) for field in fields(SamplingParams)}
        source = {"seed": repr(self._seed)} if self._key is None else {"rng": f"key {self._key:#x}"}
        rows = params | source | {"step": str(self.step)}
        return html({"Sampler": [*rows], "": [*rows.values()]})

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("params", "_step", "_key", "_seed", "state")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _scratch=Scratch(), _law=(None, None))

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
            step = self._step
            self._step = step + 1
        try:
            state, edits = None, None
            if not isinstance(self.params, SamplingParams):
                state = self._state_for(self.params, logits)
                edits = edits_of(self.params, state)
            if is_one_token(n, allowed, bias, details, kept_set, top_logprobs, out):
                token = self._draw_one(logits, state, edits, step)
                if token is not None:
                    return token
            wanted = Wanted(n, details, kept_set, top_logprobs, out)
            asked = self.params.values() if isinstance(self.params, SamplingParams) else self.params
            result = draw(logits, allowed, bias, asked, edits, self._key, self._seed, step, wanted, self._scratch)
            if state is not None:
                result, self.state = result
            return result
        except BaseException:
            with _counting:
                if self._step == step + 1:
                    self._step = step
            raise

    def _state_for(self, chain: "SamplerChain", logits: Any) -> "State | None":
        """Return the state, with nothing before the first call; None where nothing asks for it."""
        if self.state is None and chain.asking is not None:
            return chain.start(np.zeros((*_checks.as_array("logits", logits).shape[:-1], 0), np.int32))
        return self.state

    def _draw_one(self, logits: Any, state: "State | None", edits: "Edits | None", step: int) -> Any:
        """Draw a token from one plain row; None for any other logits, and where a parameter is one a row."""
        params, law = self._law
        if params is not self.params:  # somebody has set them
            params = self.params
            law = one_law(params.values() if isinstance(params, SamplingParams) else params)
            self._law = params, law
        key = self._seed if self._key is None else self._key
        if law is None or type(key) is not int or step >= 2**64:
            return None
        law = law if state is None else law.keeping(state.numbers)
        token = draw_one(logits, law, edits, key, step, self._scratch)
        if token is not None and state is not None:
            self.state = state.drawn(token, law.learned)
        return token


def _params_of(params: Any, samplers: Any, words: dict[str, Any]) -> "SamplingParams | SamplerChain":
    """Return what a sampler is made from: parameters and words, or a chain."""
    if samplers is None and (params is None or isinstance(params, SamplingParams)):
        return replace(SamplingParams() if params is None else params, **words)
    from fastsoftmax.samplers.chain import SamplerChain, chain_of

    if params is None or isinstance(params, SamplingParams):
        given = "params" if params is not None else next(iter(words), None)
    elif isinstance(params, (SamplerChain, str)):
        given = "samplers" if samplers is not None else next(iter(words), None)
        samplers = params
    else:
        raise TypeError(f"params is {_checks.described(params)}, expected a SamplingParams, a SamplerChain or a string")
    if given is not None:
        raise ValueError(f"a chain and {given} are both given, expected one")
    return chain_of(samplers)


def _refuse_unknown(words: dict[str, Any]) -> None:
    """Raise an error for a word that is no field of `SamplingParams`."""
    known = [field.name for field in fields(SamplingParams)]
    for word in words:
        if word not in known:
            near = get_close_matches(word, [*known, "rng", "seed", "samplers"], 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise TypeError(f"Sampler takes no {word}, expected params, rng, seed or one of {', '.join(known)}{hint}")
