"""Markov chains on tokens: the smallest language model.

A state is the last `order` tokens. P(next | state) is how often `next` has followed `state`, over how often
anything has. Before the first token of a sequence, and after its last, stands the boundary (None to the user,
-1 as an id): walks start where sequences start and end where they end. Of order 0 the one state is (): tokens are drawn
independently of one another.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import islice
from typing import Self, TypeVar

from reference.biased import biased_walk
from reference.chain import probabilities
from reference.philox import uniform
from reference.sampling import check_parameters, cut, draw

Token = str | int
State = tuple[int, ...]
Row = dict[int, float]  # the next tokens of a state, with their counts
Drawn = TypeVar("Drawn", int, State)
Law = tuple[list[Drawn], list[float]]  # the next tokens, or states, that can be drawn, with their masses
Walks = list[list[Token | None]]

BOUNDARY = -1


class MarkovChain:
    """A Markov chain; its tokens are all words, numbered as they appear, or all integers >= 0."""

    def __init__(self, order: int = 1) -> None:
        if order < 0:
            raise ValueError(f"order is {order}, expected an integer >= 0")
        self.order = order
        self.ids: dict[Token | None, int] = {None: BOUNDARY}
        self.rows: dict[State, Row] = {}

    @classmethod
    def from_transitions(
        cls,
        transitions: Mapping[Token | tuple[Token, ...], Mapping[Token | None, float]],
        start: Mapping[Token | tuple[Token, ...], float] | None = None,
    ) -> Self:
        """Make a chain of given weights, {state: {next: weight}}; next None is the end of a sequence, weight 0 no edge.

        `start` has how likely each state is to start a sequence; without it each counts as seen once.
        """
        if not transitions:
            raise ValueError("transitions is empty, expected at least one state")
        keys = [key if isinstance(key, tuple) else (key,) for key in transitions]
        chain = cls(order=len(keys[0]))
        given: dict[State, Row] = {}
        for key, weights in zip(keys, transitions.values(), strict=True):
            if len(key) != chain.order:
                raise ValueError(f"state {key!r} has {len(key)} tokens, expected {chain.order} as in the first")
            if not any(weights.values()):
                raise ValueError(f"state {key!r} has no next token, expected at least one")
            state = tuple(chain._learn(token) for token in key)
            given[state] = {}
            for token, weight in weights.items():
                if isinstance(weight, bool) or not 0 <= weight < math.inf:
                    raise ValueError(f"weight of {token!r} after {key!r} is {weight}, expected a number >= 0")
                if weight > 0:
                    given[state][BOUNDARY if token is None else chain._learn(token)] = weight
        for first, weight in (dict.fromkeys(transitions, 1) if start is None else start).items():
            state = tuple(chain._learn(token) for token in (first if isinstance(first, tuple) else (first,)))
            padded = (BOUNDARY,) * chain.order + state
            for t in range(chain.order):
                if weight > 0:
                    chain._count(padded[t : t + chain.order], padded[t + chain.order], weight)
        chain.rows.update(given)
        return chain

    @classmethod
    def from_matrix(
        cls,
        matrix: Sequence[Sequence[float]],
        states: Sequence[Token] | None = None,
        start: Mapping[Token, float] | None = None,
    ) -> Self:
        """Make a chain of a matrix: row i has the probabilities, or the counts, of what comes after state i.

        Probabilities of a row add up to 1; otherwise all entries are whole numbers. A row of zeros is a dead end.
        """
        names = range(len(matrix)) if states is None else states
        whole = all(float(entry).is_integer() for row in matrix for entry in row)
        for name, row in zip(names, matrix, strict=True):
            if not whole and any(row) and abs(math.fsum(row) - 1) > 1e-9:
                raise ValueError(f"the row of {name!r} adds up to {math.fsum(row)}, expected 1, or whole numbers")
        pairs = [(i, j) for i in names for j in names]
        weights = [entry for row in matrix for entry in row]
        return cls.from_edges([i for i, _ in pairs], [j for _, j in pairs], weights, start)

    @classmethod
    def from_edges(
        cls,
        sources: Sequence[Token],
        targets: Sequence[Token],
        weights: float | Sequence[float] = 1,
        start: Mapping[Token, float] | None = None,
    ) -> Self:
        """Make a chain of a list of edges; equal ones are added up, and those of weight 0 are none.

        Without `start`, how likely each state is to start a walk, the chain has no beginning.
        """
        chain = cls()
        for token in (*sources, *targets):
            chain._learn(token)
        each = [weights] * len(sources) if isinstance(weights, int | float) else weights
        for source, target, weight in zip(sources, targets, each, strict=True):
            if not 0 <= weight < math.inf:
                raise ValueError(f"weight of {target!r} after {source!r} is {weight}, expected a number >= 0")
            if weight > 0:
                chain._count((chain.ids[source],), chain.ids[target], weight)
        for state, weight in (start or {}).items():
            if weight > 0:
                chain._count((BOUNDARY,), chain.ids[state], weight)
        return chain

    def fit(self, sequences: Iterable[Sequence[Token]]) -> Self:
        """Forget everything, then count the transitions of these sequences."""
        part = MarkovChain(self.order).partial_fit(sequences)
        self.ids, self.rows = part.ids, part.rows
        return self

    def partial_fit(self, sequences: Iterable[Sequence[Token]], weight: int = 1) -> Self:
        """Add the transitions of these sequences, each as if seen `weight` times."""
        part = MarkovChain(self.order)
        for sequence in check_sequences(sequences):
            for state, following in self._transitions([part._learn(token) for token in sequence]):
                part._count(state, following, 1)
        return self.merge(part, weight)

    def merge(self, other: "MarkovChain", weight: float | Fraction = 1) -> Self:
        """Add the counts of another chain, `weight` times: parts merged in order equal the whole.

        Counts stay whole: for three tenths, 0.3, those here are multiplied by 10, and those of the other by 3.
        """
        share = Fraction(weight).limit_denominator(10**6)
        if not share > 0:
            raise ValueError(f"weight is {weight}, expected a number > 0")
        if other.order != self.order:
            raise ValueError(f"other has order {other.order}, expected {self.order}")
        merged = MarkovChain(self.order)
        for chain, times in ((self, share.denominator), (other, share.numerator)):
            number = {i: BOUNDARY if token is None else merged._learn(token) for token, i in chain.ids.items()}
            for state, row in chain.rows.items():
                for following, count in row.items():
                    merged._count(tuple(number[i] for i in state), number[following], count * times)
        self.ids, self.rows = merged.ids, merged.rows
        return self

    def prune(self, min_count: float) -> Self:
        """Drop the transitions seen less than `min_count` times, and the states that have none left."""
        pruned = {s: {token: c for token, c in row.items() if c >= min_count} for s, row in self.rows.items()}
        self.rows = {state: row for state, row in pruned.items() if row}
        return self

    def walk(
        self,
        n: int = 1,
        length: int = 100,
        *,
        start: Token | Sequence[Token] | None = None,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        samplers: str | None = None,
        seed: int,
        on_dead_end: str = "stop",
    ) -> Walks:
        """Walk n times; `length` counts the start. Token t of walk w takes uniform(seed, t, restarts, w).

        A walk ends with its sequence, or at a dead end, a state without a row. With on_dead_end="restart" it
        goes back to the boundary instead and draws that token again; with "raise" a dead end is an error. `samplers`
        is a chain instead of the four parameters.
        """
        check_parameters(temperature, top_k, top_p, min_p)
        if on_dead_end not in ("stop", "restart", "raise"):
            raise ValueError(f"on_dead_end is {on_dead_end!r}, expected 'stop', 'restart' or 'raise'")
        if n < 0 or length < 0:
            raise ValueError(f"n is {n} and length {length}, expected integers >= 0")
        beginning = self._known(start)
        if len(beginning) > length:
            raise ValueError(f"length is {length}, expected at least the {len(beginning)} tokens of start")
        laws = {s: law(row, temperature, top_k, top_p, min_p, samplers) for s, row in self.rows.items()}
        first_tokens, _ = laws.get(self._state([]), ([], []))
        if on_dead_end == "restart" and set(first_tokens) <= {BOUNDARY}:
            raise ValueError("on_dead_end is 'restart', expected a chain in which a sequence can start")
        middle = law(self._middle(beginning), temperature, top_k, top_p, min_p)
        if not beginning and self._state([]) not in self.rows:  # no sequence begins: in any state, all alike
            anywhere = sorted(state for state in self.rows if BOUNDARY not in state)
            middle = anywhere, [1.0] * len(anywhere)
        walks = []
        for w in range(n):
            begun = beginning
            if middle[0]:  # no sequence begins so: at a state that does, by how often each was seen
                states, masses = middle
                begun = list(states[draw(masses, uniform(seed, len(beginning), 0, w))])[:length]
            walks.append(self._walk(laws, begun, length, seed, w, on_dead_end))
        return [self._tokens(ids) for ids in walks]

    def _middle(self, beginning: list[int]) -> dict[State, float]:
        """Return the states that begin with fewer tokens than the order that begin no sequence, with their counts."""
        if not 0 < len(beginning) < self.order:
            return {}
        begun = self._state(beginning)
        reached = any(state[1:] == begun[:-1] and begun[-1] in row for state, row in self.rows.items())
        if begun in self.rows or reached:
            return {}
        return {s: math.fsum(r.values()) for s, r in self.rows.items() if s[: len(beginning)] == tuple(beginning)}

    def _walk(
        self,
        laws: Mapping[State, Law[int]],
        beginning: list[int],
        length: int,
        seed: int,
        w: int,
        on_dead_end: str,
    ) -> list[int]:
        ids = list(beginning)
        state = self._state(ids)
        restarts = 0
        while len(ids) < length:
            token = BOUNDARY
            if state in laws:
                tokens, masses = laws[state]
                token = tokens[draw(masses, uniform(seed, len(ids), restarts, w))]
            elif on_dead_end == "raise":
                raise ValueError(f"state {self._tokens(state)} of walk {w} at {len(ids)} is a dead end")
            if token != BOUNDARY:
                ids.append(token)
                state = (*state, token)[1:]
                restarts = 0
            elif on_dead_end == "restart":
                state = self._state([])
                restarts += 1
            else:
                break
        return ids

    def walk_from(
        self,
        starts: Sequence[Token],
        length: int = 80,
        *,
        p: float = 1.0,
        q: float = 1.0,
        extend: bool = False,
        restart: float = 0.0,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        samplers: str | None = None,
        seed: int,
    ) -> Walks:
        """Walk from each start, with the bias of node2vec and restarts, as `biased` says."""
        check_parameters(temperature, top_k, top_p, min_p)
        laws = {s: law(row, temperature, top_k, top_p, min_p, samplers) for s, row in self.rows.items()}
        walks = []
        for w, start in enumerate(self._known(list(starts))):
            walks.append(biased_walk(self.rows, laws, start, length, p, q, extend, restart, seed, w))
        return [self._tokens(ids) for ids in walks]

    def next_tokens(
        self,
        context: Token | Sequence[Token] | None,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        samplers: str | None = None,
    ) -> tuple[list[Token | None], list[float]]:
        """Return the tokens that can follow, likeliest first, and their probabilities; None is the end."""
        check_parameters(temperature, top_k, top_p, min_p)
        state = self._state(self._known(context))
        if state not in self.rows:
            raise KeyError(f"context {context!r} has never been followed by anything")
        tokens, masses = law(self.rows[state], temperature, top_k, top_p, min_p, samplers)
        total = math.fsum(masses)
        return self._tokens(tokens), [mass / total for mass in masses]

    def scores(self, sequence: Sequence[Token], *, end: bool = True, unseen: str = "impossible") -> list[float]:
        """Return the natural logarithm of P(token | those before it) of each token, and of the end if asked for.

        It is -inf for a transition never seen. With unseen="skip" it is NaN for a token never seen at all, and where
        the state holds one.
        """
        if unseen not in ("impossible", "skip"):
            raise ValueError(f"unseen is {unseen!r}, expected 'impossible' or 'skip'")
        (sequence,) = check_sequences([sequence])
        unknown = BOUNDARY - 1
        logarithms = []
        for state, following in self._transitions([self.ids.get(token, unknown) for token in sequence]):
            row = self.rows.get(state, {})
            if unseen == "skip" and unknown in (*state, following):
                logarithms.append(math.nan)
            elif following not in row:
                logarithms.append(-math.inf)
            else:
                logarithms.append(math.log(row[following] / math.fsum(row.values())))
        return logarithms if end else logarithms[:-1]

    def log_likelihood(self, sequence: Sequence[Token], *, end: bool = True, unseen: str = "impossible") -> float:
        """Return the natural logarithm of P(sequence and its end): the sum of the scores that are not left out."""
        return math.fsum(score for score in self.scores(sequence, end=end, unseen=unseen) if not math.isnan(score))

    def perplexity(self, sequences: Iterable[Sequence[Token]]) -> float:
        """Return exp(-log-likelihood per predicted token, ends included): the effective number of choices."""
        held = check_sequences(sequences)
        predicted = sum(len(sequence) + 1 for sequence in held)
        return math.exp(-sum(self.log_likelihood(sequence) for sequence in held) / predicted)

    def _learn(self, token: Token) -> int:
        """Return the id of a token, new if need be: the next number for a word, itself for an integer."""
        if isinstance(token, bool) or not isinstance(token, str | int):
            raise TypeError(f"token {token!r} is of {type(token)}, expected str or int")
        if any(isinstance(known, str) != isinstance(token, str) for known in islice(self.ids, 1, 2)):
            raise TypeError(f"token {token!r} is of {type(token)}, expected tokens of one type only")
        if isinstance(token, int) and not 0 <= token < 2**31 - 1:
            raise ValueError(f"token is {token}, expected an integer in [0, 2**31 - 1)")
        return self.ids.setdefault(token, token if isinstance(token, int) else len(self.ids) - 1)

    def _count(self, state: State, following: int, times: float) -> None:
        row = self.rows.setdefault(state, {})
        row[following] = row.get(following, 0) + times

    def _transitions(self, ids: Sequence[int]) -> Iterator[tuple[State, int]]:
        """Yield every (state, next) of a sequence, from the boundary before it to the boundary after it."""
        padded = [BOUNDARY] * self.order + list(ids) + [BOUNDARY]
        for t in range(self.order, len(padded)):
            yield tuple(padded[t - self.order : t]), padded[t]

    def _state(self, ids: Sequence[int]) -> State:
        """Return the last `order` ids, with the boundary before them where there are fewer."""
        return ((BOUNDARY,) * self.order + tuple(ids))[len(ids) :]

    def _known(self, tokens: Token | Sequence[Token] | None) -> list[int]:
        """Return the ids of one token, of several or of none; KeyError for one never seen."""
        if tokens is None:
            return []
        if isinstance(tokens, str | int):
            tokens = [tokens]
        for token in tokens:
            if token is None or token not in self.ids:
                raise KeyError(f"token {token!r} is unknown to the chain")
        return [self.ids[token] for token in tokens]

    def _tokens(self, ids: Iterable[int]) -> list[Token | None]:
        token = {i: token for token, i in self.ids.items()}
        return [token[i] for i in ids]


def law(
    row: Mapping[Drawn, float],
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
    samplers: str | None = None,
) -> Law[Drawn]:
    """Return the next tokens, or states, that can be drawn and their masses: larger count first, then smaller id."""
    if not row:
        return [], []
    ranked = sorted(row, key=lambda token: (-row[token], token))
    if samplers is not None:  # the counts' logarithms are logits; what is left is in the order of its own masses
        shares = probabilities([math.log(row[token]) for token in ranked], samplers)
        left = {token: share for token, share in zip(ranked, shares, strict=True) if share > 0}
        return (drawable := sorted(left, key=lambda token: (-left[token], token))), [left[token] for token in drawable]
    kept = cut(tempered([row[token] for token in ranked], temperature), top_k, top_p, min_p)
    masses = [mass for mass in kept if mass > 0]
    return ranked[: len(masses)], masses


def tempered(counts: Sequence[float], temperature: float) -> list[float]:
    """Return masses in the ratios of softmax(log(counts) / T), for counts from the largest down.

    That is counts ** (1 / T); (counts / largest) ** (1 / T) does not overflow. T=0: the first count alone.
    T=1: the counts themselves, except for weights so small that u times their sum could be subnormal.
    """
    if temperature == 0:
        return [1.0]
    if temperature == 1 and counts[0] >= 1:
        return list(counts)
    return [(count / counts[0]) ** (1 / temperature) for count in counts]


def check_sequences(sequences: Iterable[Sequence[Token]]) -> list[Sequence[Token]]:
    """Return the sequences; a bare str is refused: its characters are seldom the tokens that were meant."""
    if isinstance(sequences, str):
        raise TypeError("sequences is a str, expected sequences of tokens such as [text.split()]")
    checked = list(sequences)
    if not checked:
        raise ValueError("sequences is empty, expected at least one sequence")
    for position, sequence in enumerate(checked):
        if isinstance(sequence, str | int):
            raise TypeError(f"sequences[{position}] is {sequence!r}, expected a sequence of tokens")
        if not sequence:
            raise ValueError(f"sequences[{position}] is empty, expected at least one token")
    return checked
