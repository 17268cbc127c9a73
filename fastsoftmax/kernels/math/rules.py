"""The samplers' rules as functions of the kernels: one function for each kind of rule, which asks for a sampler's code.

A rule is a few additions and at most two logarithms, and there is one call a step.

The rules named "limit" with the code of min-p, void facts and a = 0.05 give log(0.05) = -2.996, the least logit that
stays.
"""

from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from fastsoftmax._jit import inline
from fastsoftmax.kernels.math.exp import exp, log
from fastsoftmax.samplers.step import Step


def _compiled(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Return a rule as a helper of kernels, with the logarithm and the exponential of the kernels."""
    return inline(FunctionType(rule.__code__, {**rule.__globals__, "log": log, "exp": exp}, rule.__name__))


def _either(own: int, rule: Callable[..., Any], others: Callable[..., Any] | None) -> Callable[..., Any]:
    """Return a function that applies a rule where the code is its own, and else asks the others."""
    if others is None:
        return inline(lambda code, *arguments: rule(*arguments))

    def chosen(code: float, *arguments: Any) -> Any:
        if code == own:
            return rule(*arguments)
        return others(code, *arguments)

    return inline(chosen)


def folded(name: str, samplers: Iterable[type[Step]]) -> Callable[..., Any]:
    """Return one function for the rules of that name of all samplers that have one."""
    function: Callable[..., Any] | None = None
    for sampler in samplers:
        if hasattr(sampler, name):
            function = _either(sampler.code, _compiled(getattr(sampler, name)), function)
    assert function is not None
    return function
