"""What a function of the kernels is: a kernel, a helper of kernels, or an instruction."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numba.extending
import numpy as np
from numba.core import types

from fastsoftmax._jit.cache import DiskCache
from fastsoftmax._jit.compiling import watched
from fastsoftmax._jit.helpers import HelperCompiler, KernelCompiler

Function = TypeVar("Function", bound=Callable[..., Any])

KERNELS: list[Any] = []
"""All kernels of the modules that are imported."""

_OPTIONS = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_HELPER = {**_OPTIONS, "no_cpython_wrapper": True, "pipeline_class": HelperCompiler}


def jit(function: Function) -> Function:
    """Compile a kernel that Python calls: lazily, once a signature, kept on disk. Kernels do not call kernels."""
    kernel = numba.njit(pipeline_class=KernelCompiler, **_OPTIONS)(function)
    if _is_compiled(kernel):
        kernel._cache = DiskCache(function)
        kernel.compile = watched(kernel, kernel._cache)
        KERNELS.append(kernel)
    return kernel  # type: ignore[no-any-return]


class Direct(dict[str, Any]):
    """What numba calls of a kernel, by the character of a dtype: without its look at them a call takes 0.4 us less.

    `example` gives arguments for a dtype. What is called must be given such: nothing checks their types. Whether an
    array may be written to does not matter.
    """

    def __init__(self, kernel: Callable[..., Any], example: Callable[[np.dtype[Any]], tuple[Any, ...]]) -> None:
        super().__init__()
        self._kernel: Any = kernel
        self._example = example

    def __missing__(self, char: str) -> Any:
        kernel = self._kernel
        if _is_compiled(kernel):
            signature = tuple(map(kernel.typeof_pyval, self._example(np.dtype(char))))
            kernel.compile(signature)
            kernel = kernel.overloads[signature].entry_point
        self[char] = kernel
        return kernel


def inline(function: Function) -> Function:
    """Compile a helper into every kernel that calls it."""
    return _helper(function, forceinline=True)


def function(function: Function) -> Function:
    """Compile a helper as a function of each kernel that calls it: a long one, whose call costs next to nothing."""
    return _helper(function, forceinline=False)


def helper_options() -> Any:
    """Return the options of `inline`, for numba's `overload`."""
    return {**_HELPER, "forceinline": True}


def intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make an operation from the LLVM instructions that `function` emits; its first argument is numba's own."""
    return numba.extending.intrinsic(function)  # type: ignore[no-any-return]


def _helper(function: Function, *, forceinline: bool) -> Function:
    helper = numba.njit(forceinline=forceinline, **_HELPER)(function)
    if _is_compiled(helper):
        helper.add_overload = lambda compiled: helper.overloads.update({tuple(compiled.signature.args): compiled})
        helper._compile_for_args = _refused(function)
        template_of = helper.get_call_template
        helper.get_call_template = lambda args, words: template_of([*map(_general, args)], words)
    return helper  # type: ignore[no-any-return]


def _general(kind: Any) -> Any:
    """Return the type of an argument as a helper is compiled for it: for any int, not once for 0 and once for 1."""
    return kind.literal_type if isinstance(kind, types.IntegerLiteral) else kind


def _refused(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what a call from Python comes to, since a helper has no machine code that Python could call."""

    def refuse(*arguments: Any, **words: Any) -> Any:
        raise TypeError(f"{function.__qualname__} is a helper of kernels: call it in a function that is @jit")

    return refuse


def _is_compiled(function: Any) -> bool:
    return isinstance(function, numba.core.dispatcher.Dispatcher)  # a plain function under NUMBA_DISABLE_JIT
