"""Scratch memory for kernels, kept between calls."""

import os

import numpy as np

from fastsoftmax._arrays import Array

_LINE = 64  # bytes of a cache line: memory starts at one
_KEPT = 2**26  # bytes; more is not kept
AT_ONCE = os.cpu_count() or 1  # pieces of work that run: what more threads than that took is not kept


class Scratch:
    """Scratch memory that kernels reuse, one array a running piece of work."""

    def __init__(self) -> None:
        self._free: list[Array] = []

    def take(self, needed: int) -> Array:
        """Return memory of so many bytes, free or new."""
        try:
            scratch = self._free.pop()
        except IndexError:  # none, or another thread took it
            pass
        else:
            if scratch.size >= needed:
                return scratch
        scratch = np.empty(needed + _LINE, np.uint8)
        return scratch[-scratch.ctypes.data % _LINE :]

    def give_back(self, scratch: Array) -> None:
        """Take memory back for the next piece of work."""
        if scratch.size <= _KEPT and len(self._free) < AT_ONCE:
            self._free.append(scratch)
