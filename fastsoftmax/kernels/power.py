"""Powers of two by 16ths of an octave: one of 16 numbers by the low bits of each lane, and an exponent.

The 16 numbers stay in registers where the CPU can permute them: one instruction with AVX-512, five with AVX2 (float32
only). Elsewhere each lane is a load. The result is the same.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import Signature

from fastsoftmax._jit import intrinsic
from fastsoftmax.kernels import llvm
from fastsoftmax.kernels.lanes import Lanes
from fastsoftmax.kernels.llvm import LANES

ENTRIES = 16


def powers(table: Callable[[int], list[int]]) -> Callable[..., Any]:
    """Return an operation, on lanes or scalars: table[k] * 2**n, where the low bits of the float r hold 16 n + k.

    `table` gives the bits of the 16 numbers by the bits of a mantissa (23 or 52). The exponent is added as an integer:
    right as long as the result is a normal number.
    """

    @intrinsic
    def power(typing_context: Any, r: Any) -> Any:
        element = r.element if isinstance(r, Lanes) else r
        integer, mantissa = (llvm.I32, 23) if element == types.float32 else (llvm.I64, 52)
        # What the low bits k of r will add to the exponent's place is taken off beforehand.
        entries = [bits - (k << (mantissa - 4)) for k, bits in enumerate(table(mantissa))]

        def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
            carrier = arguments[0]
            if isinstance(r, Lanes):
                bits = builder.bitcast(carrier, llvm.vector(integer))
                entry = _look_up(context, builder, entries, bits)
                shifted = builder.shl(bits, llvm.constant(integer, mantissa - 4))
            else:
                bits = builder.bitcast(carrier, integer)
                entry = _load(builder, entries, bits)
                shifted = builder.shl(bits, integer(mantissa - 4))
            return builder.bitcast(builder.add(entry, shifted), carrier.type)

        return r(r), codegen

    return power


def _look_up(context: Any, builder: ir.IRBuilder, entries: list[int], bits: ir.Value) -> ir.Value:
    """Return the entries at the low 4 bits of each lane."""
    _, _, names = context.codegen().magic_tuple()
    features = names.split(",")
    if "+avx512f" in features:
        return _permute_512(builder, entries, bits)
    if "+avx2" in features and bits.type.element == llvm.I32:
        return _permute_256(builder, entries, bits)
    result = ir.Constant(bits.type, ir.Undefined)
    for lane in range(LANES):
        entry = _load(builder, entries, builder.extract_element(bits, llvm.I32(lane)))
        result = builder.insert_element(result, entry, llvm.I32(lane))
    return result


def _load(builder: ir.IRBuilder, entries: list[int], bits: ir.Value) -> ir.Value:
    """Return the entry at the low 4 bits of an integer, from memory."""
    array = ir.Constant(ir.ArrayType(bits.type, ENTRIES), entries)
    table = cgutils.global_constant(builder.module, "powers", array)
    index = builder.and_(bits, bits.type(ENTRIES - 1))
    return builder.load(builder.gep(table, [llvm.I32(0), index], inbounds=True))


def _permute_512(builder: ir.IRBuilder, entries: list[int], bits: ir.Value) -> ir.Value:
    if bits.type.element == llvm.I32:
        table = ir.Constant(bits.type, entries)
        return llvm.call(builder, "llvm.x86.avx512.permvar.si.512", bits.type, table, bits)
    name = "llvm.x86.avx512.vpermi2var.q.512"
    low, high = _halves_of(llvm.I64, entries)
    return _by_halves(builder, bits, lambda index: llvm.call(builder, name, low.type, low, index, high))


def _permute_256(builder: ir.IRBuilder, entries: list[int], bits: ir.Value) -> ir.Value:
    name = "llvm.x86.avx2.permd"
    low, high = _halves_of(llvm.I32, entries)

    def permute(index: ir.Value) -> ir.Value:
        first, second = (llvm.call(builder, name, low.type, half, index) for half in (low, high))
        in_second = builder.shl(index, ir.Constant(low.type, [28] * 8))  # bit 3 becomes the sign
        return builder.select(builder.icmp_signed("<", in_second, ir.Constant(low.type, [0] * 8)), second, first)

    return _by_halves(builder, bits, permute)


def _halves_of(integer: ir.Type, entries: list[int]) -> tuple[ir.Constant, ir.Constant]:
    half = ir.VectorType(integer, ENTRIES // 2)
    return ir.Constant(half, entries[: ENTRIES // 2]), ir.Constant(half, entries[ENTRIES // 2 :])


def _by_halves(builder: ir.IRBuilder, bits: ir.Value, operation: Callable[[ir.Value], ir.Value]) -> ir.Value:
    """Do an operation on the lower eight lanes and on the upper ones."""
    undefined = ir.Constant(bits.type, ir.Undefined)
    halves = []
    for first in (0, LANES // 2):
        order = ir.Constant(ir.VectorType(llvm.I32, LANES // 2), list(range(first, first + LANES // 2)))
        halves.append(operation(builder.shuffle_vector(bits, undefined, order)))
    return builder.shuffle_vector(*halves, ir.Constant(llvm.vector(llvm.I32), list(range(LANES))))
