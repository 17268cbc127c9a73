"""The one place that knows numba's options: how kernels are compiled, and where their machine code is kept.

    decorators   jit, inline, function, intrinsic: what a kernel, a helper and an instruction are
    helpers      a helper stays LLVM code until a kernel calls it; only kernels become machine code
    compiling    on a thread of its own, out of reach of Ctrl-C and forks; once, though many processes start at once
    locks        one process at a time
    cache        machine code on disk, named by the files that it was made from
    prebuilt     machine code that came with the package

Kernels release the GIL and never use numba's threading layers: rows are split among Python threads (see `_threads`),
so nothing depends on which layer is installed, no concurrent call or forked child can abort the process, and a
kernel compiles once for any number of threads.

No fastmath flag is set anywhere: sums have a fixed order of lanes, so that every CPU gives the same bits.
"""

from fastsoftmax._jit.cache import cache_directories
from fastsoftmax._jit.compiling import OLDEST_NUMBA, NotCompiledError, looking
from fastsoftmax._jit.decorators import Direct, function, helper_options, inline, intrinsic, jit
from fastsoftmax._jit.prebuilt import why_unused

__all__ = [
    "OLDEST_NUMBA",
    "Direct",
    "NotCompiledError",
    "cache_directories",
    "function",
    "helper_options",
    "inline",
    "intrinsic",
    "jit",
    "looking",
    "why_unused",
]
