"""Tiles of 16 by 16 numbers, transposed in registers: by four rounds of 16 shuffles, or as four tiles of 8 by 8.

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
            tile = _transposed(builder, tile, "+avx512f" in llvm.features(context))
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


def _transposed(builder: ir.IRBuilder, tile: list[ir.Value], wide: bool) -> list[ir.Value]:
    """Return the columns of a tile, given its rows: in registers of 512 bits, or of 256 and less."""
    if wide:
        for _ in range(4):
            pairs = zip(tile[: LANES // 2], tile[LANES // 2 :], strict=True)
            tile = [mixed for a, b in pairs for mixed in _interleave(builder, a, b)]
        return tile
    # A register of 256 bits has few shuffles across its halves: small tiles are transposed, and change places.
    width = 8 if tile[0].type.element == llvm.FLOAT else 4
    small = [llvm.parts(builder, row, width) for row in tile]
    columns = []
    for j in range(LANES // width):
        turned = [_turned(builder, [small[i + k][j] for k in range(width)]) for i in range(0, LANES, width)]
        columns += [_joined(builder, list(pieces)) for pieces in zip(*turned, strict=True)]
    return columns


def _interleave(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> list[ir.Value]:
    """Return a0 b0 a1 b1 ..., its lower and its upper half."""
    order = [lane for pair in zip(range(LANES), range(LANES, 2 * LANES), strict=True) for lane in pair]
    return [llvm.shuffle(builder, a, b, half) for half in (order[:LANES], order[LANES:])]


# Rounds of a small tile: how far below a row its partner is, and what the two become. Only the last crosses the halves.
_ROUNDS = {
    8: (
        (1, (0, 8, 1, 9, 4, 12, 5, 13), (2, 10, 3, 11, 6, 14, 7, 15)),
        (2, (0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15)),
        (4, (0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15)),
    ),
    4: ((1, (0, 4, 2, 6), (1, 5, 3, 7)), (2, (0, 1, 4, 5), (2, 3, 6, 7))),
}
_ORDER = {8: (0, 2, 1, 3, 4, 6, 5, 7), 4: (0, 1, 2, 3)}  # in which the columns come out


def _turned(builder: ir.IRBuilder, rows: list[ir.Value]) -> list[ir.Value]:
    """Return the columns of a tile of 8 by 8 or of 4 by 4."""
    for below, low, high in _ROUNDS[len(rows)]:
        for i in range(len(rows)):
            if i & below == 0:
                a, b = rows[i], rows[i + below]
                rows[i], rows[i + below] = llvm.shuffle(builder, a, b, low), llvm.shuffle(builder, a, b, high)
    return [rows[i] for i in _ORDER[len(rows)]]


def _joined(builder: ir.IRBuilder, pieces: list[ir.Value]) -> ir.Value:
    """Return vectors as one, two by two."""
    while len(pieces) > 1:
        pairs = zip(pieces[::2], pieces[1::2], strict=True)
        pieces = [llvm.shuffle(builder, a, b, range(2 * a.type.count)) for a, b in pairs]
    return pieces[0]


_turn_whole, _turn_part = _turn(True), _turn(False)
