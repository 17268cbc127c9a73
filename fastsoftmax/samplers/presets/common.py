"""What presets share: a peer's way to say that a sampler is off, its temperature, and samplers with memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastsoftmax import _checks
from fastsoftmax.samplers.adaptive_p import AdaptiveP
from fastsoftmax.samplers.dynamic_temperature import DynamicTemperature
from fastsoftmax.samplers.mirostat import Mirostat
from fastsoftmax.samplers.mirostat_2 import Mirostat2
from fastsoftmax.samplers.step import Step
from fastsoftmax.samplers.temperature import Temperature


def keep(least: Any) -> Any:
    """Return how many tokens stay at least: one, where a peer says none."""
    return np.maximum(least, 1) if np.shape(least) else max(least, 1)


def or_off(value: Any, off: Any) -> Any:
    """Return a value, or what is off where a peer says None."""
    return off if value is None else value


def nothing_below(value: Any) -> Any:
    """Return a number that is at least 0: below it a peer's sampler is off."""
    return np.maximum(value, 0) if np.shape(value) else max(value, 0)


def heat_of(temperature: Any, breadth: Any, exponent: Any) -> Step:
    """Return the temperature of llama.cpp and koboldcpp: a dynamic one where it has a breadth."""
    if not np.any(np.greater(breadth, 0)):
        return Temperature(nothing_below(temperature))
    low, high = np.maximum(np.subtract(temperature, breadth), 0.0)[()], np.add(temperature, breadth)[()]
    return DynamicTemperature(low, high, exponent)


def mirostat_of(version: Any, tau: Any, eta: Any) -> Step | None:
    """Return mirostat, version 1 or 2; None for 0."""
    number = _checks.integer(Mirostat.name, version, 0, 2)
    return None if number == 0 else (Mirostat, Mirostat2)[number - 1](tau, eta)


def adaptive(target: Any, decay: Any, off: bool) -> Iterator[Step]:
    """Yield adaptive-p, unless its target says that it is off."""
    if not off:
        yield AdaptiveP(target, np.clip(decay, 0.0, 0.99)[()])
