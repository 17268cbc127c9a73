"""Sixteen numbers at once: LLVM vectors as numba values, with the few operations that the kernels need.

A loop that a compiler vectorises for itself adds in an order that depends on the CPU. Here the lanes are part of the
program: LLVM splits a vector of 16 into what the CPU has (one AVX-512 register of float32, two of AVX2), every lane
sees the same operations, and every CPU gives the same bits.

Arrays hold float32, float64, or 16-bit numbers as carriers: uint16 for the bits of float16, int16 for those of
bfloat16 (numba has neither type on a CPU). `load` widens and `store` rounds to nearest even, in registers.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.extending import models, overload, register_model
from numba.core.typing.templates import Signature

from fastsoftmax._jit import intrinsic

LANES = 16
LINE = 64  # bytes that memory moves at once

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
        super().__init__(dmm, fe_type, ir.VectorType(_ELEMENT[fe_type.element], LANES))


_HALF, _FLOAT, _DOUBLE = ir.HalfType(), ir.FloatType(), ir.DoubleType()
_BIT, _I16, _I32, _I64 = (ir.IntType(width) for width in (1, 16, 32, 64))
_ELEMENT = {types.float32: _FLOAT, types.float64: _DOUBLE, types.boolean: _BIT}
_STORED = {types.float32: _FLOAT, types.float64: _DOUBLE, types.uint16: _I16, types.int16: _I16}
_MASK = Lanes(types.boolean)


def _vector(element: ir.Type) -> ir.VectorType:
    return ir.VectorType(element, LANES)


def _constant(element: ir.Type, value: float | int) -> ir.Constant:
    return ir.Constant(_vector(element), [value] * LANES)


def _call(builder: ir.IRBuilder, name: str, result: ir.Type, *arguments: ir.Value) -> ir.Value:
    function_type = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), arguments)


def _suffix(vector: ir.VectorType) -> str:
    return f"v{LANES}" + {_FLOAT: "f32", _DOUBLE: "f64", _I16: "i16"}[vector.element]


def _splat(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    single = builder.insert_element(ir.Constant(_vector(value.type), ir.Undefined), value, _I32(0))
    return builder.shuffle_vector(single, ir.Constant(_vector(value.type), ir.Undefined), _constant(_I32, 0))


def _address(context: Any, builder: ir.IRBuilder, array: Any, value: ir.Value, index: ir.Value) -> ir.Value:
    """Return the address of array[index] as a pointer to a vector."""
    data = context.make_array(array)(context, builder, value).data
    return builder.bitcast(builder.gep(data, [index]), _vector(_STORED[array.dtype]).as_pointer())


def _inside(builder: ir.IRBuilder, start: ir.Value, stop: ir.Value) -> ir.Value:
    """Return the mask of the lanes whose index, start + lane, is below stop."""
    lanes = ir.Constant(_vector(_I64), list(range(LANES)))
    return builder.icmp_signed("<", lanes, _splat(builder, builder.sub(stop, start)))


def _masked_load(builder: ir.IRBuilder, pointer: ir.Value, inside: ir.Value) -> ir.Value:
    """Load the lanes that are inside; the others are 0."""
    vector = pointer.type.pointee
    name = f"llvm.masked.load.{_suffix(vector)}.p0"
    return _call(builder, name, vector, pointer, _I32(1), inside, ir.Constant(vector, None))


def _masked_store(builder: ir.IRBuilder, value: ir.Value, pointer: ir.Value, inside: ir.Value) -> None:
    """Store the lanes that are inside."""
    name = f"llvm.masked.store.{_suffix(value.type)}.p0"
    _call(builder, name, ir.VoidType(), value, pointer, _I32(1), inside)


def _widen_stored(builder: ir.IRBuilder, value: ir.Value, stored: types.Type, element: ir.Type) -> ir.Value:
    if stored == types.uint16:
        value = builder.fpext(builder.bitcast(value, _vector(_HALF)), _vector(_FLOAT))
    elif stored == types.int16:
        bits = builder.shl(builder.zext(value, _vector(_I32)), _constant(_I32, 16))
        value = builder.bitcast(bits, _vector(_FLOAT))
    if value.type.element == _FLOAT and element == _DOUBLE:
        value = builder.fpext(value, _vector(_DOUBLE))
    return value


def _round_to_stored(builder: ir.IRBuilder, value: ir.Value, stored: types.Type) -> ir.Value:
    if stored == types.float64:
        return value if value.type.element == _DOUBLE else builder.fpext(value, _vector(_DOUBLE))
    if value.type.element == _DOUBLE:
        value = builder.fptrunc(value, _vector(_FLOAT))
    if stored == types.uint16:
        return builder.bitcast(builder.fptrunc(value, _vector(_HALF)), _vector(_I16))
    if stored == types.int16:
        return _round_to_bfloat16(builder, value)
    return value


def _round_to_bfloat16(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Add half a unit of the upper 16 bits, less one where they are even; a NaN becomes the quiet NaN."""
    bits = builder.bitcast(value, _vector(_I32))
    upper = builder.lshr(bits, _constant(_I32, 16))
    odd = builder.and_(upper, _constant(_I32, 1))
    rounded = builder.lshr(builder.add(bits, builder.add(odd, _constant(_I32, 0x7FFF))), _constant(_I32, 16))
    nan = builder.fcmp_unordered("uno", value, value)
    return builder.trunc(builder.select(nan, _constant(_I32, 0x7FC0), rounded), _vector(_I16))


def by_type(single: Callable[..., Any], double: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is `single` where its first argument has float32 elements, `double` where float64."""

    def chosen(x: Any, *others: Any) -> Any:
        raise NotImplementedError("kernels call this; Python cannot")

    @overload(chosen, strict=False, jit_options={"forceinline": True})
    def choose(x: Any, *others: Any) -> Any:
        return single if (x.element if isinstance(x, Lanes) else x) == types.float32 else double

    return chosen


@intrinsic
def load(typing_context: Any, array: Any, index: Any, like: Any) -> Any:
    """Return array[index : index + 16] as numbers of the type of the scalar `like`."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        value = builder.load(_address(context, builder, array, arguments[0], arguments[1]), align=1)
        return _widen_stored(builder, value, array.dtype, _ELEMENT[like])

    return Lanes(like)(array, types.int64, like), codegen


@intrinsic
def load_part(typing_context: Any, array: Any, index: Any, stop: Any, fill: Any) -> Any:
    """Return array[index : index + 16], with `fill` in the lanes at or after `stop`; none of those is read."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        values, start, end, filler = arguments
        pointer = _address(context, builder, array, values, start)
        inside = _inside(builder, start, end)
        value = _masked_load(builder, pointer, inside)
        value = _widen_stored(builder, value, array.dtype, _ELEMENT[fill])
        return builder.select(inside, value, _splat(builder, filler))

    return Lanes(fill)(array, types.int64, types.int64, fill), codegen


@intrinsic
def element(typing_context: Any, array: Any, index: Any, like: Any) -> Any:
    """Return array[index] as a number of the type of the scalar `like`."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        data = context.make_array(array)(context, builder, arguments[0]).data
        value = _splat(builder, builder.load(builder.gep(data, [arguments[1]])))
        return builder.extract_element(_widen_stored(builder, value, array.dtype, _ELEMENT[like]), _I32(0))

    return like(array, types.int64, like), codegen


@intrinsic
def store(typing_context: Any, array: Any, index: Any, lanes: Any) -> Any:
    """Write array[index : index + 16], rounded to the array's type."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        pointer = _address(context, builder, array, arguments[0], arguments[1])
        builder.store(_round_to_stored(builder, arguments[2], array.dtype), pointer, align=1)
        return context.get_dummy_value()

    return types.void(array, types.int64, lanes), codegen


@intrinsic
def stream(typing_context: Any, array: Any, index: Any, lanes: Any) -> Any:
    """Write array[index : index + 16] past the caches (`until_line` says which indices start a cache line)."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        pointer = _address(context, builder, array, arguments[0], arguments[1])
        value = _round_to_stored(builder, arguments[2], array.dtype)
        instruction = builder.store(value, pointer, align=min(LINE, LANES * array.dtype.bitwidth // 8))
        instruction.set_metadata("nontemporal", builder.module.add_metadata([_I32(1)]))
        return context.get_dummy_value()

    return types.void(array, types.int64, lanes), codegen


def _prefetch(writing: int, near: int) -> Callable[..., Any]:
    """Return an operation that asks for the cache line of array[index], into the cache that is `near` (3: the first).

    The index may lie beyond the array's end: nothing waits for the line, and nothing faults.
    """

    @intrinsic
    def ask(typing_context: Any, array: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
            data = context.make_array(array)(context, builder, arguments[0]).data
            pointer = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
            _call(builder, "llvm.prefetch.p0", ir.VoidType(), pointer, _I32(writing), _I32(near), _I32(1))
            return context.get_dummy_value()

        return types.void(array, types.int64), codegen

    return ask  # type: ignore[no-any-return]


prefetch, prefetch_far, prefetch_to_write = _prefetch(0, 3), _prefetch(0, 2), _prefetch(1, 3)


@intrinsic
def until_line(typing_context: Any, array: Any, index: Any) -> Any:
    """Return how many elements after array[index] the next cache line starts."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        data = context.make_array(array)(context, builder, arguments[0]).data
        address = builder.ptrtoint(builder.gep(data, [arguments[1]]), _I64)
        bytes_left = builder.and_(builder.neg(address), _I64(LINE - 1))
        return builder.udiv(bytes_left, _I64(array.dtype.bitwidth // 8))

    return types.int64(array, types.int64), codegen


@intrinsic
def finish_streams(typing_context: Any) -> Any:
    """Let what was streamed be seen before anything that is written later."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def store_part(typing_context: Any, array: Any, index: Any, stop: Any, lanes: Any) -> Any:
    """Write array[index : min(index + 16, stop)], rounded to the array's type."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        values, start, end, numbers = arguments
        pointer = _address(context, builder, array, values, start)
        value = _round_to_stored(builder, numbers, array.dtype)
        _masked_store(builder, value, pointer, _inside(builder, start, end))
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64, lanes), codegen


@intrinsic
def splat(typing_context: Any, scalar: Any) -> Any:
    """Return the scalar in every lane."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return _splat(builder, arguments[0])

    return Lanes(scalar)(scalar), codegen


@intrinsic
def like(typing_context: Any, x: Any, value: Any) -> Any:
    """Return the scalar `value` in the type of x: a scalar, or the same number in every lane."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        element = x.element if isinstance(x, Lanes) else x
        number = context.cast(builder, arguments[1], value, element)
        return _splat(builder, number) if isinstance(x, Lanes) else number

    return x(x, value), codegen


@intrinsic
def fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c, rounded once: lanes or scalars."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        if isinstance(a, Lanes):
            return _call(builder, f"llvm.fma.{_suffix(arguments[0].type)}", arguments[0].type, *arguments)
        return builder.fma(*arguments)

    return a(a, a, a), codegen


def powers(table: Callable[[int], list[int]]) -> Callable[..., Any]:
    """Return an operation, on lanes or scalars: table[k] * 2**n, where the low bits of the float r hold 16 n + k.

    `table` gives the bits of the 16 numbers by the bits of a mantissa (23 or 52). The exponent is added as an integer:
    right as long as the result is a normal number.
    """

    @intrinsic
    def power(typing_context: Any, r: Any) -> Any:
        element = r.element if isinstance(r, Lanes) else r
        integer, mantissa = (_I32, 23) if element == types.float32 else (_I64, 52)
        # What the low bits k of r will add to the exponent's place is taken off beforehand.
        entries = [bits - (k << (mantissa - 4)) for k, bits in enumerate(table(mantissa))]

        def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
            carrier = arguments[0]
            if isinstance(r, Lanes):
                bits = builder.bitcast(carrier, _vector(integer))
                entry = _look_up(context, builder, entries, bits)
                shifted = builder.shl(bits, _constant(integer, mantissa - 4))
            else:
                bits = builder.bitcast(carrier, integer)
                entry = _entry(builder, entries, bits)
                shifted = builder.shl(bits, integer(mantissa - 4))
            return builder.bitcast(builder.add(entry, shifted), carrier.type)

        return r(r), codegen

    return power  # type: ignore[no-any-return]


def _entry(builder: ir.IRBuilder, entries: list[int], bits: ir.Value) -> ir.Value:
    """Return the entry at the low 4 bits of an integer, from memory."""
    array = ir.Constant(ir.ArrayType(bits.type, len(entries)), entries)
    table = cgutils.global_constant(builder.module, "powers", array)
    index = builder.and_(bits, bits.type(len(entries) - 1))
    return builder.load(builder.gep(table, [_I32(0), index], inbounds=True))


def _look_up(context: Any, builder: ir.IRBuilder, entries: list[int], bits: ir.Value) -> ir.Value:
    """Return the entries at the low 4 bits of each lane: from registers where the CPU can, else from memory."""
    single = bits.type.element == _I32
    _, _, features = context.codegen().magic_tuple()
    if "+avx512f" not in features.split(","):
        result = ir.Constant(bits.type, ir.Undefined)
        for lane in range(LANES):
            entry = _entry(builder, entries, builder.extract_element(bits, _I32(lane)))
            result = builder.insert_element(result, entry, _I32(lane))
        return result
    if single:
        table = ir.Constant(bits.type, entries)
        return _call(builder, "llvm.x86.avx512.permvar.si.512", bits.type, table, bits)
    undefined = ir.Constant(bits.type, ir.Undefined)
    half = ir.VectorType(_I64, 8)
    low, high = ir.Constant(half, entries[:8]), ir.Constant(half, entries[8:])
    halves = []
    for first in (0, 8):
        lanes = ir.Constant(ir.VectorType(_I32, 8), list(range(first, first + 8)))
        index = builder.shuffle_vector(bits, undefined, lanes)
        halves.append(_call(builder, "llvm.x86.avx512.vpermi2var.q.512", half, low, index, high))
    return builder.shuffle_vector(*halves, ir.Constant(ir.VectorType(_I32, LANES), list(range(LANES))))


@intrinsic
def bits_of(typing_context: Any, x: Any) -> Any:
    """Return the bits of a float64 as an int64."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.bitcast(arguments[0], _I64)

    return types.int64(types.float64), codegen


@intrinsic
def float_of(typing_context: Any, bits: Any) -> Any:
    """Return the float64 that has these bits (an int64)."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.bitcast(arguments[0], _DOUBLE)

    return types.float64(types.int64), codegen


@intrinsic
def select(typing_context: Any, mask: Any, a: Any, b: Any) -> Any:
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
def unordered(typing_context: Any, a: Any, b: Any) -> Any:
    """Return the mask of the lanes in which a or b is NaN."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.fcmp_unordered("uno", *arguments)

    return _MASK(a, b), codegen


@intrinsic
def lane_bits(typing_context: Any, mask: Any) -> Any:
    """Return the mask as an integer whose bit i is lane i."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.zext(builder.bitcast(arguments[0], ir.IntType(LANES)), _I64)

    return types.int64(mask), codegen


@intrinsic
def lowest_bit(typing_context: Any, bits: Any) -> Any:
    """Return the index of the lowest set bit of a positive int64."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.cttz(arguments[0], _BIT(1))

    return types.int64(bits), codegen


def _fold(builder: ir.IRBuilder, vector: ir.Value, combine: Any) -> ir.Value:
    """Combine the halves of a vector until one lane is left: a fixed tree."""
    width = LANES
    while width > 1:
        width //= 2
        undefined = ir.Constant(vector.type, ir.Undefined)
        low = ir.Constant(ir.VectorType(_I32, width), list(range(width)))
        high = ir.Constant(ir.VectorType(_I32, width), list(range(width, 2 * width)))
        vector = combine(
            builder.shuffle_vector(vector, undefined, low), builder.shuffle_vector(vector, undefined, high)
        )
    return builder.extract_element(vector, _I32(0))


@intrinsic
def sum_lanes(typing_context: Any, lanes: Any) -> Any:
    """Return the sum of the lanes as a float64, added in a fixed tree."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        vector = arguments[0]
        if lanes.element == types.float32:
            vector = builder.fpext(vector, _vector(_DOUBLE))
        return _fold(builder, vector, builder.fadd)

    return types.float64(lanes), codegen


@intrinsic
def largest_lane(typing_context: Any, lanes: Any) -> Any:
    """Return the largest lane (no lane may be NaN)."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return _fold(builder, arguments[0], lambda a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b))

    return lanes.element(lanes), codegen


@intrinsic
def widen(typing_context: Any, lanes: Any) -> Any:
    """Return the lanes as float64."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.fpext(arguments[0], _vector(_DOUBLE)) if lanes.element == types.float32 else arguments[0]

    return Lanes(types.float64)(lanes), codegen


@intrinsic
def narrow(typing_context: Any, lanes: Any, like: Any) -> Any:
    """Return lanes of float64 in the type of the scalar `like`, rounded."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.fptrunc(arguments[0], _vector(_FLOAT)) if like == types.float32 else arguments[0]

    return Lanes(like)(lanes, like), codegen


def _register(function: Any, result: types.Type | None, emit: Any) -> None:
    """Let `function` (an operator) take two Lanes of one type; the result type is theirs unless given."""

    @intrinsic
    def operation(typing_context: Any, a: Any, b: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
            return emit(builder, *arguments)

        return (result or a)(a, b), codegen

    @overload(function)
    def typed(a: Any, b: Any) -> Any:
        def implementation(a: Any, b: Any) -> Any:
            return operation(a, b)

        return implementation if isinstance(a, Lanes) and a == b else None


_register(operator.add, None, ir.IRBuilder.fadd)
_register(operator.sub, None, ir.IRBuilder.fsub)
_register(operator.mul, None, ir.IRBuilder.fmul)
_register(operator.truediv, None, ir.IRBuilder.fdiv)
_register(operator.or_, _MASK, ir.IRBuilder.or_)
_register(operator.and_, _MASK, ir.IRBuilder.and_)
_register(operator.gt, _MASK, lambda builder, a, b: builder.fcmp_ordered(">", a, b))
_register(operator.lt, _MASK, lambda builder, a, b: builder.fcmp_ordered("<", a, b))
_register(operator.ge, _MASK, lambda builder, a, b: builder.fcmp_ordered(">=", a, b))
_register(operator.eq, _MASK, lambda builder, a, b: builder.fcmp_ordered("==", a, b))
