"""Between arrays and lanes: loads, stores, and hints to the caches.

Arrays hold float32, float64, or 16-bit numbers as carriers: uint16 for the bits of float16, int16 for those of
bfloat16 (numba has neither type on a CPU). `load` widens and `store` rounds to nearest even, in registers.

The bits 0x3C00 of a float16 are loaded as 1.0; 1 + 2**-12 is stored as 0x3C00 again, the nearest float16.
"""

import math
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import Signature

from fastsoftmax._jit import intrinsic
from fastsoftmax.kernels.lanes import llvm
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.numbers import ELEMENT, Lanes

LINE = 64  # bytes that memory moves at once
STORED = {
    types.float32: llvm.FLOAT,
    types.float64: llvm.DOUBLE,
    types.int32: llvm.I32,
    types.int64: llvm.I64,
    types.uint16: llvm.I16,
    types.int16: llvm.I16,
}


def address(context: Any, builder: ir.IRBuilder, array: Any, value: ir.Value, index: ir.Value) -> ir.Value:
    """Return the address of array[index] as a pointer to a vector."""
    data = context.make_array(array)(context, builder, value).data
    return builder.bitcast(builder.gep(data, [index]), llvm.vector(STORED[array.dtype]).as_pointer())


def lanes_inside(builder: ir.IRBuilder, start: ir.Value, stop: ir.Value) -> ir.Value:
    """Return the mask of the lanes whose index, start + lane, is below stop."""
    count = builder.sub(stop, start)
    for word, limit in (("<", LANES), (">", 0)):  # within [0, 16] it may be compared as 32 bits, in half the registers
        count = builder.select(builder.icmp_signed(word, count, llvm.I64(limit)), count, llvm.I64(limit))
    lanes = ir.Constant(llvm.vector(llvm.I32), list(range(LANES)))
    return builder.icmp_signed("<", lanes, llvm.splat(builder, builder.trunc(count, llvm.I32)))


def masked_load(builder: ir.IRBuilder, pointer: ir.Value, inside: ir.Value) -> ir.Value:
    """Load the lanes that are inside; the others are 0."""
    vector = pointer.type.pointee
    name = f"llvm.masked.load.{llvm.suffix(vector)}.p0"
    return llvm.call(builder, name, vector, pointer, llvm.I32(1), inside, ir.Constant(vector, None))


def masked_store(builder: ir.IRBuilder, value: ir.Value, pointer: ir.Value, inside: ir.Value) -> None:
    """Store the lanes that are inside."""
    name = f"llvm.masked.store.{llvm.suffix(value.type)}.p0"
    llvm.call(builder, name, ir.VoidType(), value, pointer, llvm.I32(1), inside)


def widen_stored(builder: ir.IRBuilder, value: ir.Value, stored: types.Type, element: ir.Type) -> ir.Value:
    """Return what was loaded from an array of type `stored` as numbers."""
    if stored == types.uint16:
        value = builder.fpext(builder.bitcast(value, llvm.vector(llvm.HALF)), llvm.vector(llvm.FLOAT))
    elif stored == types.int16:
        bits = builder.shl(builder.zext(value, llvm.vector(llvm.I32)), llvm.constant(llvm.I32, 16))
        value = builder.bitcast(bits, llvm.vector(llvm.FLOAT))
    if value.type.element == llvm.FLOAT and element == llvm.DOUBLE:
        value = builder.fpext(value, llvm.vector(llvm.DOUBLE))
    return value


def round_to_stored(builder: ir.IRBuilder, value: ir.Value, stored: types.Type) -> ir.Value:
    """Return numbers as an array of type `stored` holds them; int64 lose their upper half in an array of int32."""
    if stored == types.int32 and value.type.element == llvm.I64:
        return builder.trunc(value, llvm.vector(llvm.I32))
    if stored == types.float64:
        return value if value.type.element == llvm.DOUBLE else builder.fpext(value, llvm.vector(llvm.DOUBLE))
    if value.type.element == llvm.DOUBLE:
        value = builder.fptrunc(value, llvm.vector(llvm.FLOAT))
    if stored == types.uint16:
        return builder.bitcast(builder.fptrunc(value, llvm.vector(llvm.HALF)), llvm.vector(llvm.I16))
    if stored == types.int16:
        return _round_to_bfloat16(builder, value)
    return value


def _round_to_bfloat16(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Add half a unit of the upper 16 bits, less one where they are even; a NaN becomes the quiet NaN."""

    def constant(number: int) -> ir.Constant:
        return llvm.constant(llvm.I32, number)

    bits = builder.bitcast(value, llvm.vector(llvm.I32))
    odd = builder.and_(builder.lshr(bits, constant(16)), constant(1))
    rounded = builder.lshr(builder.add(bits, builder.add(odd, constant(0x7FFF))), constant(16))
    nan = builder.fcmp_unordered("uno", value, value)
    return builder.trunc(builder.select(nan, constant(0x7FC0), rounded), llvm.vector(llvm.I16))


@intrinsic
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """Return array[index : index + 16] in the type that the array has."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        return builder.load(address(context, builder, array, *arguments), align=1)

    return Lanes(array.dtype)(array, types.int64), codegen


@intrinsic
def load_as(typing_context: Any, array: Any, index: Any, number: Any) -> Any:
    """Return array[index : index + 16], in any of the stored types, as numbers of the type of the scalar `number`."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        value = builder.load(address(context, builder, array, arguments[0], arguments[1]), align=1)
        return widen_stored(builder, value, array.dtype, ELEMENT[number])

    return Lanes(number)(array, types.int64, number), codegen


@intrinsic
def load_part(typing_context: Any, array: Any, index: Any, stop: Any, fill: Any) -> Any:
    """Return array[index : index + 16], with `fill` in the lanes at or after `stop`; none of those is read."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        values, start, end, filler = arguments
        pointer = address(context, builder, array, values, start)
        inside = lanes_inside(builder, start, end)
        value = masked_load(builder, pointer, inside)
        value = widen_stored(builder, value, array.dtype, ELEMENT[fill])
        return builder.select(inside, value, llvm.splat(builder, filler))

    return Lanes(fill)(array, types.int64, types.int64, fill), codegen


@intrinsic
def allow(typing_context: Any, lanes: Any, allowed: Any, index: Any) -> Any:
    """Return the lanes, logits from `index` on (a multiple of 16), with -inf where their bits in `allowed` are 0.

    `allowed` has a uint16 for 16 tokens, the lowest bit first, or is None: all are allowed.
    """

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        vector, bits, start = arguments
        if allowed == types.none:
            return vector
        data = context.make_array(allowed)(context, builder, bits).data
        word = builder.load(builder.gep(data, [builder.lshr(start, llvm.I64(4))]))
        mask = builder.bitcast(word, llvm.vector(llvm.BIT))
        return builder.select(mask, vector, ir.Constant(vector.type, [-math.inf] * LANES))

    return lanes(lanes, allowed, types.int64), codegen


@intrinsic
def append(typing_context: Any, array: Any, index: Any, lanes: Any, mask: Any) -> Any:
    """Write the lanes in which the mask holds, one after the other, from array[index] on.

    Up to 16 elements from there on may be overwritten.
    """

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        values, start, vector, inside = arguments
        data = context.make_array(array)(context, builder, values).data
        features, size = llvm.features(context), array.dtype.bitwidth
        if "+avx512f" in features:
            _append_parts(builder, data, start, vector, inside, 512 // size, _compress)
        elif "+avx2" in features:
            _append_parts(builder, data, start, vector, inside, 256 // size, _compress_by_table)
        elif llvm.is_arm(context):
            _append_parts(builder, data, start, vector, inside, 128 // size, _compress_by_bytes)
        else:
            _append_one_by_one(builder, data, start, vector, inside)
        return context.get_dummy_value()

    return types.void(array, types.int64, lanes, mask), codegen


def _append_parts(
    builder: ir.IRBuilder,
    data: ir.Value,
    start: ir.Value,
    vector: ir.Value,
    mask: ir.Value,
    width: int,
    compress: Callable[[ir.IRBuilder, ir.Value, ir.Value], ir.Value],
) -> None:
    """Compress a register at a time and write all of it: a masked compressing store is slow on some CPUs."""
    for part, inside in zip(llvm.parts(builder, vector, width), llvm.parts(builder, mask, width), strict=True):
        packed = compress(builder, part, inside)
        pointer = builder.bitcast(builder.gep(data, [start]), packed.type.as_pointer())
        builder.store(packed, pointer, align=1)
        count = builder.ctpop(builder.zext(builder.bitcast(inside, ir.IntType(width)), llvm.I64))
        start = builder.add(start, count)


def _compress(builder: ir.IRBuilder, part: ir.Value, inside: ir.Value) -> ir.Value:
    """Return the lanes of 512 bits in which the mask holds, one after the other."""
    kind = {llvm.FLOAT: "f32", llvm.DOUBLE: "f64", llvm.I32: "i32"}[part.type.element]
    name = f"llvm.x86.avx512.mask.compress.v{part.type.count}{kind}"
    return llvm.call(builder, name, part.type, part, part, inside)


def _compress_by_table(builder: ir.IRBuilder, part: ir.Value, inside: ir.Value) -> ir.Value:
    """Return the lanes of 256 bits in which the mask holds: a permutation by one of 256 (16 for float64) orders."""
    eight = 8
    order = builder.zext(_order_of(builder, inside, eight), ir.VectorType(llvm.I32, eight))
    floats = ir.VectorType(llvm.FLOAT, eight)
    packed = llvm.call(builder, "llvm.x86.avx2.permps", floats, builder.bitcast(part, floats), order)
    return builder.bitcast(packed, part.type)


def _compress_by_bytes(builder: ir.IRBuilder, part: ir.Value, inside: ir.Value) -> ir.Value:
    """Return the lanes of 128 bits in which the mask holds: an order of bytes, one of 16 (4 for float64)."""
    sixteen = ir.VectorType(llvm.I8, 16)
    order = _order_of(builder, inside, 16)
    packed = llvm.call(builder, "llvm.aarch64.neon.tbl1.v16i8", sixteen, builder.bitcast(part, sixteen), order)
    return builder.bitcast(packed, part.type)


def _order_of(builder: ir.IRBuilder, inside: ir.Value, words: int) -> ir.Value:
    """Return from a table the order of words (bytes) in which the lanes of a mask come first."""
    width = inside.type.count
    orders = [_order(mask, width, words // width) for mask in range(2**width)]
    kind = ir.ArrayType(ir.ArrayType(llvm.I8, words), len(orders))
    table = cgutils.global_constant(builder, f"fastsoftmax.orders.{width}", ir.Constant(kind, orders))
    index = builder.zext(builder.bitcast(inside, ir.IntType(width)), llvm.I64)
    place = builder.gep(table, [llvm.I64(0), index])
    return builder.load(builder.bitcast(place, ir.VectorType(llvm.I8, words).as_pointer()), align=1)


def _order(mask: int, width: int, words: int) -> list[int]:
    """Return the order of words in which the lanes of a mask come first.

    Of four lanes of two words each, the last lane alone gives 6, 7, then anything.
    """
    lanes = [lane for lane in range(width) if mask >> lane & 1]
    order = [lane * words + word for lane in lanes for word in range(words)]
    return order + [0] * (width * words - len(order))


def _append_one_by_one(
    builder: ir.IRBuilder, data: ir.Value, index: ir.Value, vector: ir.Value, mask: ir.Value
) -> None:
    """Write every lane to the place that is next, which moves on where the mask holds."""
    for lane in range(LANES):
        builder.store(builder.extract_element(vector, llvm.I32(lane)), builder.gep(data, [index]))
        index = builder.add(index, builder.zext(builder.extract_element(mask, llvm.I32(lane)), llvm.I64))


@intrinsic
def gather(typing_context: Any, array: Any, indices: Any) -> Any:
    """Return array[i] for every lane i of `indices` (int64, not negative); int32 are widened."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        data = context.make_array(array)(context, builder, arguments[0]).data
        stored, everywhere = llvm.vector(STORED[array.dtype]), llvm.constant(llvm.BIT, 1)
        size = array.dtype.bitwidth // 8
        offsets = builder.mul(arguments[1], llvm.constant(llvm.I64, size))
        addresses = builder.add(llvm.splat(builder, builder.ptrtoint(data, llvm.I64)), offsets)
        pointers = builder.inttoptr(addresses, llvm.vector(data.type))
        name = f"llvm.masked.gather.{llvm.suffix(stored)}.v{LANES}p0"
        found = llvm.call(builder, name, stored, pointers, llvm.I32(size), everywhere, ir.Constant(stored, None))
        return builder.sext(found, llvm.vector(llvm.I64)) if array.dtype == types.int32 else found

    return Lanes(types.int64 if array.dtype == types.int32 else array.dtype)(array, indices), codegen


@intrinsic
def element(typing_context: Any, array: Any, index: Any, like: Any) -> Any:
    """Return array[index] as a number of the type of the scalar `like`."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        data = context.make_array(array)(context, builder, arguments[0]).data
        value = llvm.splat(builder, builder.load(builder.gep(data, [arguments[1]])))
        return builder.extract_element(widen_stored(builder, value, array.dtype, ELEMENT[like]), llvm.I32(0))

    return like(array, types.int64, like), codegen


@intrinsic
def store(typing_context: Any, array: Any, index: Any, lanes: Any) -> Any:
    """Write array[index : index + 16], rounded to the array's type."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        pointer = address(context, builder, array, arguments[0], arguments[1])
        builder.store(round_to_stored(builder, arguments[2], array.dtype), pointer, align=1)
        return context.get_dummy_value()

    return types.void(array, types.int64, lanes), codegen


@intrinsic
def store_part(typing_context: Any, array: Any, index: Any, stop: Any, lanes: Any) -> Any:
    """Write array[index : min(index + 16, stop)], rounded to the array's type."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        values, start, end, numbers = arguments
        pointer = address(context, builder, array, values, start)
        value = round_to_stored(builder, numbers, array.dtype)
        masked_store(builder, value, pointer, lanes_inside(builder, start, end))
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64, lanes), codegen


@intrinsic
def stream(typing_context: Any, array: Any, index: Any, lanes: Any) -> Any:
    """Write array[index : index + 16] past the caches (`until_line` says which indices start a cache line)."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        pointer = address(context, builder, array, arguments[0], arguments[1])
        value = round_to_stored(builder, arguments[2], array.dtype)
        instruction = builder.store(value, pointer, align=min(LINE, LANES * array.dtype.bitwidth // 8))
        instruction.set_metadata("nontemporal", builder.module.add_metadata([llvm.I32(1)]))
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
            llvm.call(
                builder, "llvm.prefetch.p0", ir.VoidType(), pointer, llvm.I32(writing), llvm.I32(near), llvm.I32(1)
            )
            return context.get_dummy_value()

        return types.void(array, types.int64), codegen

    return ask


prefetch, prefetch_far, prefetch_to_write = _prefetch(0, 3), _prefetch(0, 2), _prefetch(1, 3)


@intrinsic
def until_line(typing_context: Any, array: Any, index: Any) -> Any:
    """Return how many elements after array[index] the next cache line starts."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        data = context.make_array(array)(context, builder, arguments[0]).data
        address = builder.ptrtoint(builder.gep(data, [arguments[1]]), llvm.I64)
        bytes_left = builder.and_(builder.neg(address), llvm.I64(LINE - 1))
        return builder.udiv(bytes_left, llvm.I64(array.dtype.bitwidth // 8))

    return types.int64(array, types.int64), codegen


@intrinsic
def finish_streams(typing_context: Any) -> Any:
    """Let what was streamed be seen before anything that is written later."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen
