"""What a chain holds: its model, and the last things made of it.

A fit puts a model; a walk at temperature 2 makes a table of it, which is kept for the next walk at that temperature; a
merge puts a new model in its place, and the table is forgotten.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from fastsoftmax import _threads
from fastsoftmax._last import Last
from fastsoftmax.markov.counts.kept import KeptText
from fastsoftmax.markov.counts.model import Model, merged
from fastsoftmax.markov.counts.transitions import Transitions
from fastsoftmax.markov.smoothing.rules import Rule, Smoothed
from fastsoftmax.markov.walking.novelty import Overlap
from fastsoftmax.markov.walking.sentences import LastWalks
from fastsoftmax.markov.walking.walks import TableCache

if TYPE_CHECKING:  # the samplers are imported when a chain is first asked for
    from fastsoftmax.samplers.chain import SamplerChain

_swapping = _threads.lock()  # held for a comparison and an assignment, never for work


class Held:
    """The model of a chain, None while it is empty. Threads may share it: it is replaced, never changed."""

    def __init__(self, model: Model | None = None) -> None:
        self.model = model
        self.tables = TableCache()
        self._smoothed = Last[tuple[Transitions, Rule], Smoothed]()
        self._conditioned = Last["tuple[Transitions, SamplerChain]", Model]()
        self._overlap = Last[KeptText, Overlap]()
        self.speakers = LastWalks()

    def __reduce__(self) -> tuple[Any, ...]:
        return Held, (self.model,)

    def fitted(self) -> Model:
        """Return the model. ValueError if there is none."""
        model = self.model
        if model is None:
            raise ValueError("the chain is empty, expected a call of fit first")
        return model

    def put(self, model: Model) -> None:
        """Forget everything and hold this model."""
        self.swap(lambda _: model)

    def add(self, part: Model, weight: Fraction) -> None:
        """Add the counts of a part, `weight` times."""
        self.swap(lambda model: merged(model, part, weight))

    def swap(self, build: Callable[[Model | None], Model | None]) -> None:
        """Replace the model by build(model), built again if another thread replaced it meanwhile."""
        while True:
            model = self.model
            built = build(model)
            with _swapping:
                if self.model is model:
                    self.model = built
                    break
        self.tables.clear()
        self._smoothed.clear()
        self._conditioned.clear()
        self._overlap.clear()
        self.speakers.clear()

    def conditioned(self, model: Model, chain: "SamplerChain | None") -> Model:
        """Return what a chain of samplers makes of a model, anew unless it was the last one; None changes nothing."""
        if chain is None:
            return model
        from fastsoftmax.markov.walking.conditioned import conditioned  # its kernels are imported when asked for

        return self._conditioned.get((model.transitions, chain), lambda: conditioned(model, chain))

    def smoothed(self, model: Model, rule: Rule) -> Smoothed:
        """Return a model with smoothing, built anew unless it was the last one."""
        return self._smoothed.get(
            (model.transitions, rule), lambda: Smoothed(model.transitions, model.vocabulary, rule)
        )

    def overlap(self, model: Model) -> Overlap:
        """Return the index of the text of a model, built anew unless it was the last one. ValueError without a text."""
        text = model.text
        if text is None:
            what = "expected a model that was fitted with keep_text=True, and not changed by its chain"
            raise ValueError(f"novelty or max_copied is given, {what}")
        model.transitions.check()
        return self._overlap.get(text, lambda: Overlap(text.joined()))
