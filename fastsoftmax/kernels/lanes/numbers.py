"""Sixteen numbers at once: LLVM vectors as numba values, with the few operations that the kernels need.

A loop that a compiler vectorises for itself adds in an order that depends on the CPU. Here the lanes are part of the
program: LLVM splits 16 of them into what the CPU has (one AVX-512 register of float32, two of AVX2), each sees the same
operations, and every CPU gives the same bits.
"""

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import types
from numba.core.extending import models, overload, register_model, type_callable
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import Signature

from fastsoftmax._jit import helper_options, intrinsic
from fastsoftmax.kernels.lanes import llvm
from fastsoftmax.kernels.lanes.llvm import LANES

# How kernels' arguments are annotated; numba takes their types from the call.
Number = Any  # a scalar float32 or float64: the type that a kernel computes in
Vector = Any  # sixteen of them, or a mask; helpers of pure arithmetic take single numbers too
Row = npt.NDArray[Any]  # one dimension: logits, weights or results, in any of the stored types
Rows = npt.NDArray[Any]  # two dimensions of that
FloatRow = npt.NDArray[np.float64]
IntRow = npt.NDArray[np.signedinteger[Any]]
IntRows = npt.NDArray[np.int64]
WordRow = npt.NDArray[np.uint64]


class Lanes(types.Type):
    """The numba type of 16 elements of one scalar type (boolean: a mask)."""

    def __init__(self, element: types.Type) -> None:
        self.element = element
        super().__init__(name=f"Lanes({element})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, dmm: Any, fe_type: Lanes) -> None:
        super().__init__(dmm, fe_type, ir.VectorType(ELEMENT[fe_type.element], LANES))


ELEMENT = {
    types.float32: llvm.FLOAT,
    types.float64: llvm.DOUBLE,
    types.int32: llvm.I32,
    types.int64: llvm.I64,
    types.uint64: llvm.I64,
    types.boolean: llvm.BIT,
}
MASK = Lanes(types.boolean)


def by_type(single: Callable[..., Any], double: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is `single` where its first argument has float32 elements, `double` where float64."""
    return _chosen(lambda x: single if (x.element if isinstance(x, Lanes) else x) == types.float32 else double)


def if_given(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is None where its first argument is."""
    return given_or(lambda: function, lambda *arguments: None)


def given_or(load: Callable[[], Callable[..., Any]], other: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is the other one where its first argument is None; else it is loaded when compiled."""
    return _chosen(lambda x: other if x == types.none else load())


def _chosen(choice: Callable[[Any], Callable[..., Any]]) -> Callable[..., Any]:
    """Return a function that is chosen by the type of its first argument."""

    def chosen(x: Any, *others: Any) -> Any:
        raise NotImplementedError("kernels call this; Python cannot")

    @overload(chosen, strict=False, jit_options=helper_options())
    def choose(x: Any, *others: Any) -> Any:
        return choice(x)

    return chosen


@intrinsic
def splat(typing_context: Any, scalar: Any) -> Any:
    """Return the scalar in every lane."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return llvm.splat(builder, arguments[0])

    return Lanes(scalar)(scalar), codegen


@intrinsic
def like(typing_context: Any, x: Any, value: Any) -> Any:
    """Return the scalar `value` in the type of x: a scalar, or the same number in every lane."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        element = x.element if isinstance(x, Lanes) else x
        number = context.cast(builder, arguments[1], value, element)
        return llvm.splat(builder, number) if isinstance(x, Lanes) else number

    return x(x, value), codegen


@intrinsic
def fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c, rounded once: lanes or scalars."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        if isinstance(a, Lanes):
            return llvm.call(builder, f"llvm.fma.{llvm.suffix(arguments[0].type)}", arguments[0].type, *arguments)
        return builder.fma(*arguments)

    return a(a, a, a), codegen


@intrinsic
def bits_of(typing_context: Any, x: Any) -> Any:
    """Return the bits of a float64 as an int64."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.bitcast(arguments[0], llvm.I64)

    return types.int64(types.float64), codegen


@intrinsic
def float_of(typing_context: Any, bits: Any) -> Any:
    """Return the float64 that has these bits (an int64)."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.bitcast(arguments[0], llvm.DOUBLE)

    return types.float64(types.int64), codegen


@intrinsic
def blend(typing_context: Any, mask: Any, a: Any, b: Any) -> Any:
    """Return a where the mask holds, else b."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.select(*arguments)

    return a(mask, a, b), codegen


@intrinsic
def larger(typing_context: Any, a: Any, b: Any) -> Any:
    """Return the larger of a and b in each lane; b where either is NaN (one instruction: check NaN apart)."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.select(builder.fcmp_ordered(">", *arguments), *arguments)

    return a(a, b), codegen


@intrinsic
def smaller(typing_context: Any, a: Any, b: Any) -> Any:
    """Return the smaller of a and b in each lane; b where either is NaN."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.select(builder.fcmp_ordered("<", *arguments), *arguments)

    return a(a, b), codegen


@intrinsic
def not_below(typing_context: Any, a: Any, b: Any) -> Any:
    """Return the mask of the lanes in which a >= b, or either is NaN."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.fcmp_unordered(">=", *arguments)

    return MASK(a, b), codegen


@intrinsic
def unordered(typing_context: Any, a: Any, b: Any) -> Any:
    """Return the mask of the lanes in which a or b is NaN."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.fcmp_unordered("uno", *arguments)

    return MASK(a, b), codegen


@intrinsic
def lane_bits(typing_context: Any, mask: Any) -> Any:
    """Return the mask as an integer whose bit i is lane i."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.zext(builder.bitcast(arguments[0], ir.IntType(LANES)), llvm.I64)

    return types.int64(mask), codegen


@intrinsic
def mask_of(typing_context: Any, bits: Any) -> Any:
    """Return the mask whose lane i is bit i of an integer."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.bitcast(builder.trunc(arguments[0], ir.IntType(LANES)), llvm.vector(llvm.BIT))

    return MASK(types.int64), codegen


@intrinsic
def lowest_bit(typing_context: Any, bits: Any) -> Any:
    """Return the index of the lowest set bit of a positive int64."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.cttz(arguments[0], llvm.BIT(1))

    return types.int64(bits), codegen


@intrinsic
def count_lanes(typing_context: Any, mask: Any) -> Any:
    """Return in how many lanes the mask holds."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.zext(builder.ctpop(builder.bitcast(arguments[0], ir.IntType(LANES))), llvm.I64)

    return types.int64(mask), codegen


@intrinsic
def indices(typing_context: Any, start: Any) -> Any:
    """Return start, start + 1, ..., start + 15 as int32."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        first = llvm.splat(builder, builder.trunc(arguments[0], llvm.I32))
        return builder.add(first, ir.Constant(llvm.vector(llvm.I32), list(range(LANES))))

    return Lanes(types.int32)(types.int64), codegen


@intrinsic
def numbers(typing_context: Any, lanes: Any) -> Any:
    """Return whole numbers in [0, 2**53] as float64."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.uitofp(arguments[0], llvm.vector(llvm.DOUBLE))

    return Lanes(types.float64)(lanes), codegen


@intrinsic
def truncate(typing_context: Any, lanes: Any) -> Any:
    """Return float64 in [0, 2**51) cut to int64."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        x, whole = arguments[0], llvm.vector(llvm.I64)
        if "+avx512dq" in llvm.features(context):
            return builder.fptosi(x, whole)
        # Other CPUs have no such instruction: the low bits of 2**52 + x are the nearest whole number, or that plus 1.
        large = llvm.constant(llvm.DOUBLE, 2.0**52)
        nearest = builder.fadd(x, large)
        is_above = builder.fcmp_ordered(">", builder.fsub(nearest, large), x)
        found = builder.sub(builder.bitcast(nearest, whole), builder.bitcast(large, whole))
        return builder.add(found, builder.sext(is_above, whole))

    return Lanes(types.int64)(lanes), codegen


@intrinsic
def doubles_of(typing_context: Any, lanes: Any) -> Any:
    """Return the float64 that have these bits (64-bit integers)."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.bitcast(arguments[0], llvm.vector(llvm.DOUBLE))

    return Lanes(types.float64)(lanes), codegen


@intrinsic
def counting(typing_context: Any, start: Any, stride: Any) -> Any:
    """Return start, start + stride, ..., start + 15 stride, in the type of start: int64 or uint64."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        first, step = (llvm.splat(builder, argument) for argument in arguments)
        return builder.add(first, builder.mul(step, ir.Constant(llvm.vector(llvm.I64), list(range(LANES)))))

    return Lanes(start)(start, start), codegen


@intrinsic
def sum_lanes(typing_context: Any, lanes: Any) -> Any:
    """Return the sum of the lanes as a float64, added in a fixed tree."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        vector = arguments[0]
        if lanes.element == types.float32:
            vector = builder.fpext(vector, llvm.vector(llvm.DOUBLE))
        return llvm.fold(builder, vector, builder.fadd)

    return types.float64(lanes), codegen


@intrinsic
def sum_in_order(typing_context: Any, lanes: Any) -> Any:
    """Return the sum of the lanes as a float64, added from the first to the last."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        vector = arguments[0]
        if lanes.element == types.float32:
            vector = builder.fpext(vector, llvm.vector(llvm.DOUBLE))
        numbers = [builder.extract_element(vector, llvm.I32(lane)) for lane in range(LANES)]
        return reduce(builder.fadd, numbers)

    return types.float64(lanes), codegen


@intrinsic
def first_lane(typing_context: Any, lanes: Any) -> Any:
    """Return the first lane."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.extract_element(arguments[0], llvm.I32(0))

    return lanes.element(lanes), codegen


@intrinsic
def smallest_lane(typing_context: Any, lanes: Any) -> Any:
    """Return the smallest lane (no lane may be NaN)."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return llvm.fold(builder, arguments[0], lambda a, b: builder.select(builder.fcmp_ordered("<", a, b), a, b))

    return lanes.element(lanes), codegen


@intrinsic
def largest_lane(typing_context: Any, lanes: Any) -> Any:
    """Return the largest lane (no lane may be NaN)."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return llvm.fold(builder, arguments[0], lambda a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b))

    return lanes.element(lanes), codegen


@intrinsic
def widen(typing_context: Any, x: Any) -> Any:
    """Return lanes, or a scalar, as float64."""
    element: Any = x
    wide: Any = types.float64
    kind: Any = llvm.DOUBLE
    if isinstance(x, Lanes):
        element, wide, kind = x.element, Lanes(types.float64), llvm.vector(llvm.DOUBLE)

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.fpext(arguments[0], kind) if element == types.float32 else arguments[0]

    return wide(x), codegen


@intrinsic
def narrow(typing_context: Any, lanes: Any, like: Any) -> Any:
    """Return lanes of float64 in the type of the scalar `like`, rounded."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.fptrunc(arguments[0], llvm.vector(llvm.FLOAT)) if like == types.float32 else arguments[0]

    return Lanes(like)(lanes, like), codegen


def _register(function: Any, emit: Any, emit_whole: Any, result: types.Type | None = None) -> None:
    """Let `function` (an operator) take two Lanes of one type, by one of two ways to emit it: numbers, whole numbers.

    The result is of their type unless given.
    """

    @type_callable(function)
    def typer(typing_context: Any) -> Any:
        return lambda a, b: (result or a) if isinstance(a, Lanes) and a == b else None

    @lower_builtin(function, Lanes, Lanes)  # type: ignore[untyped-decorator]
    def lower(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        number = isinstance(signature.args[0].element, types.Float)
        return (emit if number else emit_whole)(builder, *arguments)


def _register_comparison(function: Any, sign: str) -> None:
    _register(
        function,
        lambda builder, a, b: builder.fcmp_ordered(sign, a, b),
        lambda builder, a, b: builder.icmp_signed(sign, a, b),
        MASK,
    )


_register(operator.add, ir.IRBuilder.fadd, ir.IRBuilder.add)
_register(operator.sub, ir.IRBuilder.fsub, ir.IRBuilder.sub)
_register(operator.mul, ir.IRBuilder.fmul, ir.IRBuilder.mul)
_register(operator.truediv, ir.IRBuilder.fdiv, None)
_register(operator.or_, None, ir.IRBuilder.or_)  # of whole numbers, or of masks
_register(operator.and_, None, ir.IRBuilder.and_)
_register(operator.xor, None, ir.IRBuilder.xor)
_register(operator.lshift, None, ir.IRBuilder.shl)
_register(operator.rshift, None, ir.IRBuilder.lshr)  # zeros enter
for _name, _sign in {"gt": ">", "lt": "<", "le": "<=", "ge": ">=", "eq": "=="}.items():
    _register_comparison(getattr(operator, _name), _sign)
