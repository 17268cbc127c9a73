"""The library on Dask (the extra `dask`): the same numbers, tokens and counts, chunk by chunk, when they are wanted.

Read `chunks` (which axes are rows, and which chunks go together), `_softmax`, and `sampling` with `drawing` (what a
task does) and `results` (what is lazy of what it gives); then `fitting`, with `files` (what it reads), and `walking`.

A chunk is computed on the thread that Dask gives it and on no other, whatever `set_num_threads` says: Dask splits the
work already, and threads of threads would only wait for each other.
"""

try:
    import dask.array
except ImportError:
    raise ImportError("fastsoftmax.dask needs Dask: pip install 'fastsoftmax[dask]'") from None

from fastsoftmax.dask._softmax import log_softmax, logsumexp, softmax
from fastsoftmax.dask.fitting import fit
from fastsoftmax.dask.sampling import probabilities, sample
from fastsoftmax.dask.walking import walk

__all__ = ["fit", "log_softmax", "logsumexp", "probabilities", "sample", "softmax", "walk"]

del dask
