"""Powers of two by whole octaves, and by 16ths: a number by the low bits of each lane, and an exponent.

The numbers stay in registers where the CPU can permute them: one instruction with AVX-512, five for 16 with AVX2
(float32 only), three for four with NEON, which looks up bytes. Elsewhere each lane is a load. The result is the same.

Of 23 the low four bits are 7, and one octave is left: 2**(7 / 16) = 1.3543 with an exponent of 1 is 2.7085.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import Signature

from fastsoftmax._jit import intrinsic
from fastsoftmax.kernels.lanes import llvm
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.numbers import Lanes

EXPONENT_OF_1 = 127  # as float32 stores it


@intrinsic
def octaves(typing_context: Any, r: Any) -> Any:
    """Return 2**n as float32, where the low nine bits of r, lanes or a scalar, hold n + 127; 0 for 0."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        lanes = isinstance(r, Lanes)
        bits = builder.bitcast(arguments[0], llvm.vector(llvm.I32) if lanes else llvm.I32)
        shifted = builder.shl(bits, llvm.constant(llvm.I32, 23) if lanes else llvm.I32(23))
        return builder.bitcast(shifted, arguments[0].type)

    return r(r), codegen


def powers(table: Callable[[int], list[int]]) -> Callable[..., Any]:
    """Return an operation, on lanes or scalars: table[k] * 2**n, where the low bits of the float r hold 16 n + k.

    `table` gives the bits of the 16 numbers by the bits of a mantissa (23 or 52). The exponent is added as an integer:
    right as long as the result is a normal number.
    """

    @intrinsic
    def power(typing_context: Any, r: Any) -> Any:
        element = r.element if isinstance(r, Lanes) else r
        integer, mantissa = (llvm.I32, 23) if element == types.float32 else (llvm.I64, 52)
        numbers = table(mantissa)
        place = mantissa - (len(numbers).bit_length() - 1)
        # What the low bits k of r will add to the exponent's place is taken off beforehand.
        entries = [bits - (k << place) for k, bits in enumerate(numbers)]

        def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
            carrier = arguments[0]
            if isinstance(r, Lanes):
                bits = builder.bitcast(carrier, llvm.vector(integer))
                entry = _look_up(context, builder, entries, bits)
                shifted = builder.shl(bits, llvm.constant(integer, place))
            else:
                bits = builder.bitcast(carrier, integer)
                entry = _load(builder, entries, bits)
                shifted = builder.shl(bits, integer(place))
            return builder.bitcast(builder.add(entry, shifted), carrier.type)

        return r(r), codegen

    return power


def _look_up(context: Any, builder: ir.IRBuilder, entries: list[int], bits: ir.Value) -> ir.Value:
    """Return the entries at the low bits of each lane."""
    features = llvm.features(context)
    if "+avx512f" in features:
        return _permute_512(builder, entries, bits)
    if "+avx2" in features and bits.type.element == llvm.I32:
        return _by_halves(builder, bits, lambda index: _permute_256(builder, entries, index))
    if llvm.is_arm(context):
        return _by_bytes(builder, entries, bits)
    result = ir.Constant(bits.type, ir.Undefined)
    for lane in range(LANES):
        entry = _load(builder, entries, builder.extract_element(bits, llvm.I32(lane)))
        result = builder.insert_element(result, entry, llvm.I32(lane))
    return result


def _load(builder: ir.IRBuilder, entries: list[int], bits: ir.Value) -> ir.Value:
    """Return the entry at the low bits of an integer, from memory."""
    array = ir.Constant(ir.ArrayType(bits.type, len(entries)), entries)
    table = cgutils.global_constant(builder.module, "powers", array)
    index = builder.and_(bits, bits.type(len(entries) - 1))
    return builder.load(builder.gep(table, [llvm.I32(0), index], inbounds=True))


def _permute_512(builder: ir.IRBuilder, entries: list[int], bits: ir.Value) -> ir.Value:
    if bits.type.element == llvm.I64:
        low, high = _registers(llvm.I64, entries, 8)
        name = "llvm.x86.avx512.vpermi2var.q.512"
        return _by_halves(builder, bits, lambda index: llvm.call(builder, name, low.type, low, index, high))
    (table,) = _registers(llvm.I32, entries, 16)
    return llvm.call(builder, "llvm.x86.avx512.permvar.si.512", bits.type, table, bits)


def _permute_256(builder: ir.IRBuilder, entries: list[int], index: ir.Value) -> ir.Value:
    """Permute both registers of eight by the low three bits, then choose by the fourth."""
    tables = _registers(llvm.I32, entries, 8)
    low, high = (llvm.call(builder, "llvm.x86.avx2.permd", index.type, table, index) for table in tables)
    as_sign = builder.shl(index, ir.Constant(index.type, [28] * 8))
    chosen = builder.icmp_signed("<", as_sign, ir.Constant(index.type, [0] * 8))
    return builder.select(chosen, high, low)


def _by_bytes(builder: ir.IRBuilder, entries: list[int], bits: ir.Value) -> ir.Value:
    """Look up each byte of an entry in four registers of 16 bytes: entry 2 of 4 bytes is the bytes 8, 9, 10 and 11."""
    integer, size = bits.type.element, bits.type.element.width // 8
    memory = b"".join(entry.to_bytes(size, "little") for entry in entries)
    sixteen = ir.VectorType(llvm.I8, 16)
    tables = [ir.Constant(sixteen, list(memory[i : i + 16])) for i in range(0, len(memory), 16)]
    in_each_byte, places = (int.from_bytes(one, "little") for one in (bytes([size] * size), bytes(range(size))))
    index = builder.and_(bits, llvm.constant(integer, len(entries) - 1))
    index = builder.add(builder.mul(index, llvm.constant(integer, in_each_byte)), llvm.constant(integer, places))
    found = []
    for part in llvm.parts(builder, index, 16 // size):
        wanted = builder.bitcast(part, sixteen)
        entry = llvm.call(builder, "llvm.aarch64.neon.tbl4.v16i8", sixteen, *tables[:4], wanted)
        if size == 8:  # what is beyond the first 64 bytes is 0 so far, and what is not beyond stays
            wanted = builder.sub(wanted, ir.Constant(sixteen, [64] * 16))
            entry = llvm.call(builder, "llvm.aarch64.neon.tbx4.v16i8", sixteen, entry, *tables[4:], wanted)
        found.append(builder.bitcast(entry, part.type))
    return llvm.join(builder, found)


def _registers(integer: ir.Type, entries: list[int], size: int) -> list[ir.Constant]:
    kind = ir.VectorType(integer, size)
    return [ir.Constant(kind, entries[i : i + size]) for i in range(0, len(entries), size)]


def _by_halves(builder: ir.IRBuilder, bits: ir.Value, operation: Callable[[ir.Value], ir.Value]) -> ir.Value:
    """Do an operation on the lower eight lanes and on the upper ones."""
    return llvm.join(builder, [operation(half) for half in llvm.halves(builder, bits)])
