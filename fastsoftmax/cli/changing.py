"""The commands that make a saved model of others: `add`, `merge` and `prune`."""

import math
import os
from fractions import Fraction
from typing import Any

from fastsoftmax import MarkovChain, MarkovText
from fastsoftmax.cli import output
from fastsoftmax.cli.inputs import UTF_8, InputError
from fastsoftmax.cli.models import checked_output, naming, saved, source_of


def add(model: str, texts: list[str], target: str, weight: int, encoding: str | None) -> None:
    """Learn from texts too, and save what comes of it."""
    checked_output(target)
    text = MarkovText.load(model, encoding=encoding or UTF_8)
    with naming(texts):
        text.partial_fit(source_of(texts, text.sequences, encoding or UTF_8), weight)
    _save(text, target)


def merge(models: list[str], target: str, weights: list[float]) -> None:
    """Add models up, each by its weight, and save what comes of it; with the text where all of them have theirs."""
    checked_output(target)
    if len(models) < 2:
        raise InputError(f"expected two models or more, got {len(models)}")
    if weights and len(weights) != len(models):
        raise InputError(f"weight is given {len(weights)} times, expected once for each of {len(models)} models")
    first = saved(models[0])
    whole: Any = MarkovChain(first.order)
    if isinstance(first, MarkovText):
        keeps = all(isinstance(model, MarkovText) and model.kept_tokens is not None for model in map(saved, models))
        whole = MarkovText(first.order, tokens=first.tokens, sequences=first.sequences, keep_text=keeps)
    for name, weight in zip(models, _whole(weights or [1.0] * len(models)), strict=True):
        whole.merge(saved(name), weight)
    _save(whole, target)


def prune(model: str, target: str, min_count: float) -> None:
    """Drop rare transitions, and save what is left."""
    checked_output(target)
    _save(saved(model).prune(min_count), target)


def _whole(weights: list[float]) -> list[float | Fraction]:
    """Return whole numbers in the ratio of weights: a merge by a fraction would scale what was merged before.

    What is no such ratio stays as it is, and is refused by the merge.
    """
    shares = [Fraction(weight).limit_denominator(10**6) if math.isfinite(weight) else Fraction(0) for weight in weights]
    if any(weight <= 0 or float(share) != weight for share, weight in zip(shares, weights, strict=True)):
        return [*weights]
    common = math.lcm(*(share.denominator for share in shares))
    return [share * common for share in shares]


def _save(model: MarkovChain | MarkovText, target: str) -> None:
    """Save a model, and print what it holds."""
    model.save(target)
    table = (model if isinstance(model, MarkovChain) else model.chain).transitions
    output.write(
        f"{target}: order {model.order}, {len(table.contexts):,} states, {table.tokens.size:,} transitions, "
        f"{os.path.getsize(target):,} bytes"
    )
