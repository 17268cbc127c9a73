"""What came before a token: the windows of a history, how often tokens came there, and how long repetitions are."""

from collections import Counter
from collections.abc import Sequence

from reference.samplers.common import integer, one_of

PARTS = ("all", "output", "prompt")


def window(history: Sequence[int], prompt: int, of: str = "all", last: int = 0) -> list[int]:
    """Return a part of a history, whose first `prompt` tokens are the prompt: its `last` tokens, or all of it."""
    one_of("of", of, PARTS)
    integer("last", last, 0)
    part = {"all": history, "output": history[prompt:], "prompt": history[:prompt]}[of]
    return list(part[-last:] if last > 0 else part)


def counts(history: Sequence[int], prompt: int, of: str, last: int) -> Counter[int]:
    """Return how often each token came in a window."""
    return Counter(window(history, prompt, of, last))


def match(history: Sequence[int], place: int) -> int:
    """Return how many tokens before a place are those that the history ends with."""
    length = 0
    while length < place and history[place - 1 - length] == history[len(history) - 1 - length]:
        length += 1
    return length


def ends_with(history: Sequence[int], tokens: Sequence[int]) -> bool:
    """Return whether a history ends with some tokens."""
    return len(tokens) <= len(history) and list(history[len(history) - len(tokens) :]) == list(tokens)


def listed(sequences: Sequence[int | Sequence[int]]) -> list[list[int]]:
    """Return sequences of tokens; a token by itself is a sequence of one."""
    return [[one] if isinstance(one, int) else list(one) for one in sequences]
