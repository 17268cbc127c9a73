"""Sentences that fit: how many words they have, which they hold and which they end with, by trying all.

Of all sentences of up to so many words those that fit are kept, each with the probability that a walk says it. The law
of sentences that fit is these probabilities over their sum.
"""

from collections.abc import Sequence
from typing import Any

from reference.markov import MarkovChain, Token

Sentence = tuple[Token, ...]


def sentences(
    chain: MarkovChain,
    max_words: int,
    *,
    min_words: int = 1,
    start: Sequence[Token] = (),
    containing: Sequence[Sequence[Token]] = (),
    ending: Sequence[Token] = (),
    **words: Any,
) -> dict[Sentence, float]:
    """Return the sentences that fit, with the probability of each after its start; `words` are those of a draw."""
    found: dict[Sentence, float] = {}
    begun = [(tuple(start), 1.0)]
    while begun:
        said, probability = begun.pop()
        if chain._state(chain._known(said)) not in chain.rows:
            continue  # it breaks off
        for token, p in zip(*chain.next_tokens(said, **words), strict=True):
            if token is not None and len(said) < max_words:
                begun.append(((*said, token), probability * p))
            elif token is None and len(said) >= min_words and fits(said, containing, ending):
                found[said] = probability * p
    return found


def fits(sentence: Sentence, containing: Sequence[Sequence[Token]], ending: Sequence[Token]) -> bool:
    """Whether a sentence holds all these phrases, and ends with that one."""
    places = range(len(sentence) + 1)
    held = all(any(sentence[i : i + len(phrase)] == tuple(phrase) for i in places) for phrase in containing)
    return held and sentence[len(sentence) - len(ending) :] == tuple(ending)
