"""Temperature: divides the logits, flatter above 1, sharper below."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.step import SCALE, Facts, Rows, Step, number


@dataclass(frozen=True, eq=False)
class Temperature(Step):
    """Divide the logits by T.

    Parameters
    ----------
    temperature : float, default 1.0
        T >= 0. 0 keeps the first maximum alone, inf makes what is left equal, 1 is off.

    Notes
    -----
    llama.cpp, mlx-lm and koboldcpp put it after the filters; transformers, vLLM and SGLang before them. vLLM takes
    T below 0.01 as 0.01, and below 1e-5 as 0; SGLang takes T below 1e-6 as top-k = 1.
    Source: Ackley, Hinton and Sejnowski, "A learning algorithm for Boltzmann machines" (1985).
    """

    name = "temperature"
    way = SCALE

    temperature: Any = number(1.0, 0)

    @staticmethod
    def scale(facts: Facts, a: float, b: float, c: float) -> tuple[float, float, float]:
        """Return the slope; the least positive temperatures have a finite one, so that equal logits share the mass."""
        return (min(1.0 / a, 1.7e308) if a > 0.0 else 1.0 / a), 0.0, 0.0

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return a == 1.0
