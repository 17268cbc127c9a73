"""Quadratic smoothing: what is near to the largest logit comes nearer, what is far goes further."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.step import SCALE, Facts, Rows, Step, number


@dataclass(frozen=True, eq=False)
class Quadratic(Step):
    """Bend the logits: what is d below the largest comes to be factor d^2 (k + s d) below it.

    k is (3 - curve) / 2 and s is (curve - 1) / 2.

    Parameters
    ----------
    factor : float, default 0.0
        >= 0; 0 is off.
    curve : float, default 1.0
        In [1, 3]: 1 is a parabola, 3 a cubic.

    Notes
    -----
    koboldcpp applies it inside its temperature, text-generation-webui after it.
    Source: kalomaze, text-generation-webui, pull request 5403 (2024).
    """

    name = "quadratic"
    way = SCALE

    factor: Any = number(0.0, 0)
    curve: Any = number(1.0, 1, 3)

    @staticmethod
    def scale(facts: Facts, a: float, b: float, c: float) -> tuple[float, float, float]:
        """Return the coefficients of a logit, its square and its cube; logits are negative."""
        return 0.0, -0.5 * (3.0 - b) * a, 0.5 * (b - 1.0) * a

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return a == 0.0
