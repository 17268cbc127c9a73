"""Smoothing of Markov chains: some probability for every token, also after what was never seen.

A chain of order n counts n-grams of n + 1 tokens, (state, next). Shorter contexts are the ends of states: what was
counted after "b c" is the sum of what was counted after "a b c" for every a. Each rule gives one token's P(token |
state); `distribution` has all of them. The boundary, -1, is a token: before a sequence in states, next at its end.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from reference.markov import BOUNDARY, MarkovChain, Row, State

Rule = Callable[[MarkovChain, State, int], float]
Discounts = tuple[float, float, float]  # of counts of 1, of 2, and of 3 or more


def known(chain: MarkovChain) -> list[int]:
    """Return all tokens that can be next: those that the chain has learnt, and the boundary."""
    return sorted(chain.ids.values())


def distribution(chain: MarkovChain, state: State, rule: Rule) -> dict[int, float]:
    """Return P(token | state) of every known token, divided by their sum, which is 1 but for stupid_backoff."""
    values = {token: rule(chain, state, token) for token in known(chain)}
    total = math.fsum(values.values())
    return {token: value / total for token, value in values.items()}


def log_likelihood(chain: MarkovChain, ids: Sequence[int], rule: Rule) -> float:
    """Return the natural logarithm of the product of what the rule gives every token of a sequence, and its end."""
    padded = [BOUNDARY] * chain.order + [*ids, BOUNDARY]
    places = range(chain.order, len(padded))
    values = [rule(chain, tuple(padded[t - chain.order : t]), padded[t]) for t in places]
    return math.fsum(math.log(value) for value in values) if all(values) else -math.inf


def add_k(k: float = 1) -> Rule:
    """Return Lidstone's rule, Laplace's for k = 1: every token is counted k times more than it was."""

    def rule(chain: MarkovChain, state: State, token: int) -> float:
        tokens, row = known(chain), chain.rows.get(state, {})
        if token not in tokens:
            return 0
        return (row.get(token, 0) + k) / (math.fsum(row.values()) + k * len(tokens))

    return rule


def stupid_backoff(alpha: float = 0.4) -> Rule:
    """Return the rule of Brants et al. (2007): a token never seen takes alpha times its score after less context.

    The scores do not add up to 1.
    """

    def rule(chain: MarkovChain, state: State, token: int) -> float:
        row = counts(chain, len(state)).get(state, {})
        if token in row:
            return row[token] / math.fsum(row.values())
        return alpha * rule(chain, state[1:], token) if state else 0

    return rule


def kneser_ney(discount: float | Discounts | None = None) -> Rule:
    """Return interpolated Kneser-Ney, modified (Chen and Goodman 1999): discounts depend on the count.

    What is taken off the counts after a state is shared among all tokens by their probability after less context, and
    after no context at last, by 1 / V. Discounts not given are estimated for every length of context.
    """

    def rule(chain: MarkovChain, state: State, token: int) -> float:
        rows = counts(chain, len(state)) if len(state) == chain.order else continuations(chain, len(state))
        shorter = rule(chain, state[1:], token) if state else (token in known(chain)) / len(known(chain))
        if state not in rows:
            return shorter
        if discount is None:
            taken = estimated_discounts([count for row in rows.values() for count in row.values()])
        else:
            taken = discount if isinstance(discount, tuple) else (discount, discount, discount)
        row, total = rows[state], math.fsum(rows[state].values())
        off = {seen: taken[min(int(count), 3) - 1] for seen, count in row.items()}
        own = (row[token] - off[token]) / total if token in row else 0
        return own + math.fsum(off.values()) / total * shorter

    return rule


def counts(chain: MarkovChain, length: int) -> dict[State, Row]:
    """Return {context of that length: {next: count}}."""
    rows: dict[State, Row] = defaultdict(dict)
    for state, row in chain.rows.items():
        shorter = rows[state[len(state) - length :]]
        for token, count in row.items():
            shorter[token] = shorter.get(token, 0) + count
    return rows


def continuations(chain: MarkovChain, length: int) -> dict[State, Row]:
    """Return {context of that length: {next: how many different tokens were seen before both}}."""
    ngrams = {(*state, token)[-length - 2 :] for state, row in chain.rows.items() for token in row}
    rows: dict[State, Row] = defaultdict(dict)
    for (*context, token), extensions in Counter(ngram[1:] for ngram in ngrams).items():
        rows[tuple(context)][token] = extensions
    return rows


def estimated_discounts(all_counts: Sequence[float]) -> Discounts:
    """Return what to take off counts of 1, of 2, and of 3 or more: j - (j + 1) Y n[j + 1] / n[j].

    n[j] is how many counts are j, and Y = n[1] / (n[1] + 2 n[2]). KenLM's (0.5, 1, 1.5) where that cannot be, or is
    less than 0.
    """
    n = Counter(all_counts)
    if not (n[1] and n[2] and n[3]):
        return 0.5, 1, 1.5
    y = n[1] / (n[1] + 2 * n[2])
    one, two, more = (j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3))
    return (one, two, more) if min(one, two, more) >= 0 else (0.5, 1, 1.5)
