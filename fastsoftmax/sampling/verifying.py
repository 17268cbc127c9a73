"""Speculation: tokens that a cheap model drafted, checked so that what comes out has the law of the dear one."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastsoftmax import _arrays, _checks, _threads
from fastsoftmax._arrays import Array
from fastsoftmax._state import State
from fastsoftmax._values import Valued
from fastsoftmax.kernels.chain import verify as kernels
from fastsoftmax.kernels.chain.memory import list_start, memory_bytes
from fastsoftmax.samplers.chain import SamplerChain, chain_of
from fastsoftmax.sampling.asked import edits_of, law_of
from fastsoftmax.sampling.batch import Batch
from fastsoftmax.sampling.laws import Keyed, Law
from fastsoftmax.sampling.params import of, words_of
from fastsoftmax.sampling.scratch import Scratch
from fastsoftmax.sampling.words_law import WordsLaw

_scratch = Scratch()  # of `verify`
_NONE = np.empty((0, 0))  # distributions that drafts were drawn from, where none are given


@dataclass(frozen=True, eq=False)
class Verified(Valued):
    """What comes out of drafts.

    Attributes
    ----------
    tokens : ndarray of int64, shape (..., N + 1)
        The accepted tokens of each draft and one more, then -1.
    accepted : int64 or ndarray of int64, shape (...)
        How many were accepted.
    state : State or None
        The state after the tokens, where one was given.
    """

    tokens: npt.NDArray[np.int64]
    accepted: Any
    state: State | None = None


def verify(
    target_logits: Any,
    draft_tokens: Any,
    /,
    *,
    draft: Any = None,
    parents: Any = None,
    samplers: Any = (),
    state: State | None = None,
    rng: Any = None,
    seed: Any = None,
    step: Any = 0,
    allowed: Any = None,
) -> Verified:
    """Accept drafted tokens so that what comes out has exactly the target's law, after its samplers.

    Parameters
    ----------
    target_logits : array_like, shape (..., N + 1, V)
        The target's logits before the first token, and after each of the N drafted ones.
    draft_tokens : array_like of int, shape (..., N)
        The drafted tokens.
    draft : array_like, shape (..., N, V), optional
        The probabilities that each token was drawn with; float64 for the exact law. None where tokens were not drawn,
        as those of an n-gram or of a greedy model: then what comes out is what `sample` would draw, token by token.
    parents : array_like of int, shape (N,), optional
        For a tree: the node before each token, -1 for none, always an earlier one. Siblings are tried in their order;
        with `draft` they were drawn independently. By default each token follows the one before.
    samplers : str, SamplerChain, or samplers, default ()
        The target's chain, as `SamplerChain` takes it; none by default. None that learns from a draw, as mirostat.
    state : State, optional
        What came before, as in `sample`; the drafted tokens on the way to a row count for it too.
    rng, seed, step, allowed
        As in `sample`, for a batch of (...); `allowed` is (..., N + 1, V). The token at place i of what comes out has
        step + i.

    Returns
    -------
    Verified

    Raises
    ------
    TypeError, ValueError
        As `sample`; for a token outside the vocabulary, shapes that do not fit, parents that are no tree, or a drafted
        token without a probability in `draft`. Nothing changes then.

    Notes
    -----
    Acceptance, the draw that follows a refusal and the one after all tokens have random numbers of their own. A row
    takes the time of a draw by a chain; only rows on the accepted way are read. With nothing but a temperature all rows
    are drawn from, and with `draft` too all of a row is listed, which takes 20 times as long as with top-p.
    Sources: Leviathan, Kalman and Matias, "Fast inference from transformers via speculative decoding" (2023), arXiv
    2211.17192; Miao et al., "SpecInfer" (2024), arXiv 2305.09781, for trees.

    Examples
    --------
    >>> logits = [[0.0, 2.0, 1.0], [3.0, 0.0, 1.0], [0.0, 0.0, 5.0]]
    >>> found = verify(logits, [1, 2], samplers="top_k=2 temperature=0.5", seed=1)
    >>> found.tokens, int(found.accepted)
    (array([ 1,  0, -1]), 1)
    """
    chain = chain_of(samplers)
    if chain.keeper is not None:
        raise ValueError(f"samplers has {chain.keeper.name}, expected none whose law changes with each draw")
    tokens = _checks.as_array("draft_tokens", draft_tokens)
    if tokens.size and tokens.dtype.kind not in "iu":
        raise TypeError(f"draft_tokens is {_checks.described(draft_tokens)}, expected integers in [0, V)")
    if tokens.ndim == 0:
        raise ValueError("draft_tokens has shape (), expected (..., N)")
    batch, nodes = tokens.shape[:-1], tokens.shape[-1]
    edits = edits_of(chain, state)
    with _checks.key_of(rng, seed) as key:
        rows = Batch(target_logits, allowed)
        if rows.batch != (*batch, nodes + 1):
            shape = (*rows.batch, rows.size)
            raise ValueError(f"target_logits has shape {shape}, expected {(*batch, nodes + 1, 'V')} for the drafts")
        _refuse_tokens(tokens, rows.size)
        above = _parents_of(parents, nodes)
        drafts = tokens.reshape(-1, nodes).astype(np.int64) if nodes else np.zeros((rows.count, 0), np.int64)
        chances = None if draft is None else _chances_of(draft, (*tokens.shape, rows.size))
        if edits is not None:
            edits.fit(batch, rows.size)
        if edits is not None and chain.edits:
            rows.edit(edits.along(drafts, above))
        words = words_of(seed if key is None else key, step, batch)
        out, accepted = np.empty((len(drafts), nodes + 1), np.int64), np.empty(len(drafts), np.int64)
        _Drafts(rows, words, 0 if key is None else 1, drafts, above, chances, out, accepted, batch).check(chain)
    found = out.reshape(*batch, nodes + 1)
    after = None if state is None else state.accept(found)
    return Verified(found, accepted.reshape(batch)[()], after)


@dataclass(frozen=True, eq=False)
class _Drafts:
    """Drafts and the rows to check them by, and where to write what comes out of each."""

    rows: Batch
    words: Array
    stride: int
    tokens: Array
    above: Array  # the node before each
    chances: Array | None
    out: Array
    accepted: Array
    batch: tuple[int, ...]

    def check(self, chain: SamplerChain) -> None:
        """Check all drafts, some on each thread; raise for the first row or node that is refused."""
        refused, size, law = list[tuple[int, int]](), len(self.above) + 1, law_of(chain, self.batch)
        plain = isinstance(law, WordsLaw) and law.parameters.filters is None and self.chances is None
        steps = chain.rest.operations(self.batch, False)[0]
        steps = steps if len(steps) == 1 else np.repeat(steps, size, axis=0)

        def piece(start: int, stop: int) -> None:
            if not plain:
                wrong = self._by_chain(steps, start, stop)
                refused.extend([(start, wrong)] if wrong != -1 else [])
                return
            for one in range(start, stop):
                wrong = self._by_words(law, one)
                refused.extend([(one, wrong)] if wrong >= 0 else [])

        _threads.run(piece, len(self.tokens), self.rows.size * size)
        if refused:
            self._refuse(*min(refused))

    def _by_chain(self, steps: Array, start: int, stop: int) -> int:
        """Check some drafts by the kernel of chains; return what it returns."""
        nodes, rows = len(self.above), self.rows
        first, last = start * (nodes + 1), stop * (nodes + 1)
        part, scratch = rows.with_memory(first, last, memory_bytes, _scratch)
        chances = _NONE if self.chances is None else self.chances[start * nodes : stop * nodes]
        begin = list_start(rows.size, rows.number.itemsize)
        keyed = of(self.words, start, stop), self.stride * start, self.stride
        drafts = self.tokens[start:stop], self.above, chances
        out = self.out[start:stop], self.accepted[start:stop]
        given: Any = (*part, of(steps, first, last), *keyed, *drafts, rows.number, scratch, begin, *out)
        wrong = int(kernels.verify(*given))
        _scratch.give_back(scratch)
        return wrong

    def _by_words(self, law: Law, one: int) -> int:
        """Draw from all rows of a draft by the kernel of words, which lists none; return what that returns."""
        size = len(self.above) + 1
        part, scratch = self.rows.with_memory(one * size, (one + 1) * size, law.memory, _scratch)
        words = of(self.words, one, one + 1) + np.stack([np.zeros(size, np.uint64), _depths(self.above)], axis=1)
        keyed, drawn = Keyed(words, self.stride * one, 0, 0), np.empty((size, 1), np.int64)
        wrong = law.sample(slice(one, one + 1), part, keyed, self.rows.number, scratch, drawn, None, None)
        _scratch.give_back(scratch)
        if wrong < 0:
            self.accepted[one] = _agreed(drawn[:, 0], self.tokens[one], self.above, self.out[one])
        return wrong

    def _refuse(self, start: int, wrong: int) -> None:
        """Raise for a row or a node of the drafts from `start` on."""
        nodes = len(self.above)
        if wrong >= 0:
            self.rows.refuse(start * (nodes + 1) + wrong)
        draft, node = divmod(kernels.REFUSED - wrong, max(nodes, 1))
        place = [*np.unravel_index(start + draft, self.batch), node] if self.batch else [node]
        assert self.chances is not None
        row, token = self.chances[(start + draft) * nodes + node], self.tokens[start + draft, node]
        raise ValueError(
            f"draft[{', '.join(map(str, place))}] has {row[token]} for the drafted token {token}, or another number "
            "that is no probability, expected numbers in [0, 1], above 0 for it"
        )


def _depths(above: Array) -> npt.NDArray[np.uint64]:
    """Return how many tokens come before what comes first, and before what comes after each node."""
    depths = [0]
    for parent in above.tolist():
        depths.append(depths[parent + 1] + 1)
    return np.array(depths, np.uint64)


def _agreed(drawn: Array, tokens: Array, above: Array, out: Array) -> int:
    """Write the tokens that come out where one was drawn from each row; return how many nodes agree."""
    node, depth = -1, 0
    out[:] = -1
    while True:
        out[depth] = drawn[node + 1]
        children = np.flatnonzero((above == node) & (tokens == out[depth]))
        if not children.size:
            return depth
        node, depth = int(children[0]), depth + 1


def _refuse_tokens(tokens: Array, size: int) -> None:
    wrong = np.argwhere((tokens < 0) | (tokens >= size))
    if len(wrong):
        place = tuple(wrong[0])
        raise ValueError(f"draft_tokens[{', '.join(map(str, place))}] is {tokens[place]}, expected below V = {size}")


def _parents_of(parents: Any, nodes: int) -> Array:
    """Return the node before each token."""
    if parents is None:
        return np.arange(-1, nodes - 1)
    above = _checks.as_array("parents", parents)
    if above.dtype.kind not in "iu" or above.shape != (nodes,):
        raise ValueError(f"parents is {_checks.described(parents)}, expected {nodes} integers, one for each token")
    wrong = np.flatnonzero((above < -1) | (above >= np.arange(nodes)))
    if wrong.size:
        raise ValueError(f"parents[{wrong[0]}] is {above[wrong[0]]}, expected -1 or an earlier node")
    return above.astype(np.int64)


def _chances_of(draft: Any, shape: tuple[int, ...]) -> Array:
    """Return the probabilities that tokens were drawn with, a row each."""
    array = _checks.as_array("draft", draft)
    if array.shape != shape:
        raise ValueError(f"draft has shape {array.shape}, expected {shape}")
    if array.dtype not in (np.float32, np.float64):
        array = _arrays.widened(_arrays.as_logits(array)[0]).astype(np.float64)
    return np.ascontiguousarray(array).reshape(-1, shape[-1])
