"""Arrays without an owner: arguments that the caller holds, and small memory on the stack.

numba counts the references to an array at every call of a helper, even an inlined one: an atomic operation, which
holds up what the CPU does beside it. Of a borrowed array nothing is counted, nor of its parts and views, and whether it
may be written to is not part of its type, so that helpers compile once for both. An array that a kernel makes with
NumPy must not be borrowed: it is freed after its last use.

`borrowed` of an argument float32[1000] is the same 1,000 numbers; its part [8:24] is another borrowed array, of 16.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.typing.templates import Signature
from numba.extending import register_model
from numba.np import arrayobj

from fastsoftmax._jit import inline, intrinsic
from fastsoftmax.kernels.lanes import llvm
from fastsoftmax.kernels.lanes.numbers import IntRow, Number, Row


class Borrowed(types.Array):
    """The type of a borrowed array."""

    def __init__(self, dtype: Any, ndim: int, layout: Any, aligned: bool = True) -> None:
        name = f"borrowed({dtype}, {ndim}d, {layout}, {aligned})"
        super().__init__(dtype, ndim, layout, False, name, aligned)

    def copy(self, dtype: Any = None, ndim: Any = None, layout: Any = None, readonly: Any = None) -> Any:
        """Return the type of a part or a view."""
        kind = self.dtype if dtype is None else dtype
        return Borrowed(kind, self.ndim if ndim is None else ndim, layout or self.layout, self.aligned)


@register_model(Borrowed)
class _BorrowedModel(models.StructModel):  # type: ignore[misc]
    """An array as numba has it, but that numba does not know of its owner."""

    def __init__(self, manager: Any, kind: Any) -> None:
        counted = models.ArrayModel(manager, kind)
        fields = dict(zip(counted._fields, counted._members, strict=True))
        super().__init__(manager, kind, [*(fields | {"meminfo": types.voidptr}).items()])


@intrinsic
def borrowed(typing_context: Any, array: Any) -> Any:
    """Return an argument of a kernel as a borrowed array; None for None."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        if array == types.none:
            return arguments[0]
        view = context.make_array(array)(context, builder, arguments[0])
        view.meminfo = ir.Constant(view.meminfo.type, None)
        view.parent = ir.Constant(view.parent.type, None)
        return view._getvalue()

    if array == types.none:
        return array(array), codegen
    return Borrowed(array.dtype, array.ndim, array.layout, array.aligned)(array), codegen


@inline
def add_before(counts: IntRow) -> None:
    """Replace every count by the sum of those before it: where each kind begins, when what was counted is sorted."""
    before = 0
    for i in range(counts.size):
        count = counts[i]
        counts[i] = before
        before += count


@inline
def first_not_below(numbers: IntRow, first: int, last: int, bound: int) -> int:
    """Return the first place in [first, last) of sorted numbers whose number is not below the bound, or `last`."""
    low, high = first, last
    while low < high:
        middle = (low + high) >> 1
        if numbers[middle] < bound:
            low = middle + 1
        else:
            high = middle
    return low


@intrinsic
def carved(typing_context: Any, memory: Any, start: Any, size: Any, number: Any) -> Any:
    """Return `size` numbers of the type of `number`, aligned, from byte `start` of an array of bytes on."""

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        whole = context.make_array(memory)(context, builder, arguments[0])
        data = builder.gep(whole.data, [arguments[1]])
        return _borrowed_memory(context, builder, number, data, arguments[2])

    return Borrowed(number, 1, "C")(memory, types.int64, types.int64, number), codegen


@intrinsic
def moved(typing_context: Any, array: Any, other: Any, by: Any, where: Any) -> Any:
    """Return an array, or `where` it is asked for as many numbers of another one, from its number `by` on.

    `by` may be outside the other array: what is read must be inside.
    """

    def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
        result = context.make_array(array)(context, builder, arguments[0])
        data = context.make_array(other)(context, builder, arguments[1]).data
        start = builder.mul(arguments[2], llvm.I64(context.get_abi_sizeof(data.type.pointee)))
        there = builder.inttoptr(builder.add(builder.ptrtoint(data, llvm.I64), start), data.type)
        result.data = builder.select(arguments[3], there, result.data)
        return result._getvalue()

    return array(array, other, types.int64, types.boolean), codegen


def _borrowed_memory(context: Any, builder: Any, number: Any, data: ir.Value, size: ir.Value) -> ir.Value:
    """Return memory as a borrowed array of so many numbers."""
    element = context.get_data_type(number)
    array = context.make_array(Borrowed(number, 1, "C"))(context, builder)
    itemsize, owner = llvm.I64(context.get_abi_sizeof(element)), ir.Constant(array.meminfo.type, None)
    arrayobj.populate_array(array, builder.bitcast(data, element.as_pointer()), [size], [itemsize], itemsize, owner)
    return array._getvalue()


def on_stack(size: int) -> Callable[[Number], Row]:
    """Return an operation: memory for so many numbers, at most some tens of KB, until the kernel or function ends."""

    @intrinsic
    def memory(typing_context: Any, number: Any) -> Any:
        kind = Borrowed(number, 1, "C")

        def codegen(context: Any, builder: Any, signature: Signature, arguments: Any) -> ir.Value:
            memory = cgutils.alloca_once(builder, ir.ArrayType(context.get_data_type(number), size))
            memory.align = 64
            return _borrowed_memory(context, builder, number, memory, llvm.I64(size))

        return kind(number), codegen

    return memory
