"""Tiles of 16 by 16 numbers, transposed in registers: four rounds of 16 shuffles.

Of a tile whose first row is 1, 2, ..., 16 the first column becomes 1, 2, ..., 16.
"""

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.typing.templates import Signature

from fastsoftmax._jit import inline, intrinsic
from fastsoftmax.kernels.lanes import llvm
from fastsoftmax.kernels.lanes import loads as memory
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.numbers import ELEMENT, Number, Row


@inline
def turn(
    source: Row, start: int, stride: int, rows: int, columns: int, target: Row, to: int, step: int, number: Number
) -> None:
    """Write source[start + r * stride + c] to target[to + c * step + r], for r < rows and c < columns, at most 16."""
    if rows == LANES and columns == LANES:
        _turn_whole(source, start, stride, rows, columns, target, to, step, number)
    else:
        _turn_part(source, start, stride, rows, columns, target, to, step, number)


def _turn(whole: bool) -> Any:
    """Return the operation, for whole tiles or for any part of one: nothing else is read or written."""

    @intrinsic
    def operation(
        typing_context: Any,
        source: Any,
        start: Any,
        stride: Any,
        rows: Any,
        columns: Any,
        target: Any,
        to: Any,
        step: Any,
        number: Any,
    ) -> Any:
        def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
            from_array, first, from_step, height, width, to_array, base, to_step, _ = arguments

            def pointer(array: Any, value: ir.Value, begin: ir.Value, distance: ir.Value, i: int) -> ir.Value:
                index = builder.add(begin, builder.mul(distance, llvm.I64(i)))
                return memory.address(context, builder, array, value, index)

            tile = []
            for i in range(LANES):
                place = pointer(source, from_array, first, from_step, i)
                if whole:
                    value = builder.load(place, align=1)
                else:
                    value = memory.masked_load(builder, place, _inside(builder, i, height, width))
                tile.append(memory.widen_stored(builder, value, source.dtype, ELEMENT[number]))
            for _ in range(4):
                pairs = zip(tile[: LANES // 2], tile[LANES // 2 :], strict=True)
                tile = [mixed for a, b in pairs for mixed in _interleave(builder, a, b)]
            for i in range(LANES):
                value = memory.round_to_stored(builder, tile[i], target.dtype)
                place = pointer(target, to_array, base, to_step, i)
                if whole:
                    builder.store(value, place, align=1)
                else:
                    memory.masked_store(builder, value, place, _inside(builder, i, width, height))
            return context.get_dummy_value()

        indices = types.int64, types.int64
        signature = types.void(source, *indices, *indices, target, *indices, number)
        return signature, codegen

    return operation


def _inside(builder: ir.IRBuilder, i: int, count: ir.Value, limit: ir.Value) -> ir.Value:
    """Return the mask of the first `limit` lanes, or of none from the vector i = count on."""
    exists = builder.icmp_signed("<", llvm.I64(i), count)
    return memory.lanes_inside(builder, llvm.I64(0), builder.select(exists, limit, llvm.I64(0)))


def _interleave(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> list[ir.Value]:
    """Return a0 b0 a1 b1 ..., its lower and its upper half."""
    order = [lane for pair in zip(range(LANES), range(LANES, 2 * LANES), strict=True) for lane in pair]
    halves = order[:LANES], order[LANES:]
    return [builder.shuffle_vector(a, b, ir.Constant(llvm.vector(llvm.I32), half)) for half in halves]


_turn_whole, _turn_part = _turn(True), _turn(False)
