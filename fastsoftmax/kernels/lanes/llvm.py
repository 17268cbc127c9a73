"""LLVM instructions on vectors of 16, for the code that the intrinsics emit."""

from collections.abc import Iterable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils

LANES = 16
HALF, FLOAT, DOUBLE = ir.HalfType(), ir.FloatType(), ir.DoubleType()
BIT, I8, I16, I32, I64 = (ir.IntType(width) for width in (1, 8, 16, 32, 64))


def vector(element: ir.Type) -> ir.VectorType:
    """Return the type of 16 elements."""
    return ir.VectorType(element, LANES)


def constant(element: ir.Type, value: float | int) -> ir.Constant:
    """Return a number in every lane."""
    return ir.Constant(vector(element), [value] * LANES)


def features(context: Any) -> list[str]:
    """Return what the CPU that the code is for can do, as LLVM says it: "+avx2"."""
    _, _, names = context.codegen().magic_tuple()
    found: list[str] = names.split(",")
    return found


def is_arm(context: Any) -> bool:
    """Return whether the code is for a 64-bit ARM CPU, all of which have NEON."""
    triple, _, _ = context.codegen().magic_tuple()
    return str(triple).startswith(("aarch64", "arm64"))


def call(builder: ir.IRBuilder, name: str, result: ir.Type, *arguments: ir.Value) -> ir.Value:
    """Call a function that LLVM knows by name."""
    function_type = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), arguments)


def suffix(vector: ir.VectorType) -> str:
    """Return how the names of LLVM's functions on such vectors end."""
    return f"v{LANES}" + {FLOAT: "f32", DOUBLE: "f64", I16: "i16", I32: "i32", I64: "i64"}[vector.element]


def splat(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Return a value in every lane."""
    single = builder.insert_element(ir.Constant(vector(value.type), ir.Undefined), value, I32(0))
    return builder.shuffle_vector(single, ir.Constant(vector(value.type), ir.Undefined), constant(I32, 0))


def parts(builder: ir.IRBuilder, vector: ir.Value, width: int) -> list[ir.Value]:
    """Return the lanes of a vector, `width` of them at a time."""
    count = vector.type.count
    return [shuffle(builder, vector, vector, range(first, first + width)) for first in range(0, count, width)]


def join(builder: ir.IRBuilder, vectors: Sequence[ir.Value]) -> ir.Value:
    """Return the lanes of vectors of one size, one after the other; a power of two of vectors."""
    while len(vectors) > 1:
        pairs = zip(vectors[::2], vectors[1::2], strict=True)
        vectors = [shuffle(builder, a, b, range(2 * a.type.count)) for a, b in pairs]
    return vectors[0]


def halves(builder: ir.IRBuilder, vector: ir.Value) -> list[ir.Value]:
    """Return the lower eight lanes and the upper ones."""
    return parts(builder, vector, LANES // 2)


def shuffle(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, order: Iterable[int]) -> ir.Value:
    """Return the lanes of a and b, one after the other, in an order."""
    lanes = list(order)
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, len(lanes)), lanes))


def fold(builder: ir.IRBuilder, vector: ir.Value, combine: Any) -> ir.Value:
    """Combine the halves of a vector until one lane is left: a fixed tree."""
    width = LANES
    while width > 1:
        width //= 2
        vector = combine(*parts(builder, vector, width))
    return builder.extract_element(vector, I32(0))
