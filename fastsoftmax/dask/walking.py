"""Walks on a cluster: each task draws some by their numbers, as one process draws all."""

import copy
from typing import Any

import dask
import dask.array as da
import numpy as np

from fastsoftmax import MarkovChain, _checks, _threads
from fastsoftmax.markov.walking.arguments import key_of

_TOKENS = 2**24  # that one task draws: 64 MiB


def walk(
    chain: MarkovChain,
    n: int,
    length: int = 100,
    *,
    rng: int | np.random.Generator | None = None,
    seed: int | None = None,
    **words: Any,
) -> da.Array:
    """Return the walks of `MarkovChain.walk`, some of them at a time, when they are asked for.

    Parameters
    ----------
    chain : MarkovChain
        As it is now: what it learns later changes nothing. It goes to each worker once.
    n, length : int
        How many walks, and the tokens of each at most.
    rng, seed
        As in `MarkovChain.walk`; a key is drawn from `rng` at once, so that a walk stays the same.
    **words
        The other arguments of `MarkovChain.walk`, but no `progress`.

    Returns
    -------
    dask array of int32, shape (n, length)
        What `ids` of `Walks` is: the numbers of tokens, -1 after the end. ``chain.vocabulary`` has the tokens.

    Raises
    ------
    KeyError, TypeError, ValueError
        As `MarkovChain.walk`, at once.

    Notes
    -----
    Walk w depends on the key and w alone. Memory of a worker: the chain, what `MarkovChain.walk` takes beside it, and
    64 MiB for each thread.

    Examples
    --------
    >>> import fastsoftmax as fs, fastsoftmax.dask
    >>> chain = fs.MarkovChain().fit([["a", "b", "a"], ["b", "a", "c"]])
    >>> walks = fastsoftmax.dask.walk(chain, 10**6, 20, seed=1)
    >>> walks[:3].compute().tolist() == chain.walk(3, 20, seed=1).ids.tolist()
    True
    """
    if "progress" in words:
        raise TypeError("progress is given, expected none: what computes the walks can show one")
    if not isinstance(chain, MarkovChain):
        raise TypeError(f"chain is {_checks.described(chain)}, expected a MarkovChain")
    several, steps = _checks.integer("n", n, 0, 2**32), _checks.integer("length", length, 0, 2**40)
    with key_of(rng, seed) as key:
        chain.walk(0, steps, seed=key, **words)  # refuses what it would refuse
    sent, draw = dask.delayed(copy.copy(chain), pure=False), dask.delayed(_walked, pure=True)
    rows = max(1, _TOKENS // max(steps, 1))
    numbers = [range(first, min(first + rows, several)) for first in range(0, several, rows)] or [range(0)]
    parts = [draw(sent, some.start, some.stop, steps, key, words) for some in numbers]
    shapes = [(len(some), steps) for some in numbers]
    return da.concatenate([da.from_delayed(*one, np.int32) for one in zip(parts, shapes, strict=True)])


def _walked(chain: MarkovChain, first: int, stop: int, length: int, key: int, words: dict[str, Any]) -> Any:
    with _threads.alone():
        return chain.walk(range(first, stop), length, seed=key, **words).ids
