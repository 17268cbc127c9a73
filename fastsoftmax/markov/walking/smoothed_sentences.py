"""Sentences with smoothing: whole walks as `smoothed` draws them, attempt after attempt until one fits.

Any word may come anywhere, so that there is no table of states that walks could be conditioned by. Of walks that end
after each word with probability 1/2 every eighth has three words: the first that does is the sentence.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from fastsoftmax._types import Ids, Positions
from fastsoftmax.markov.counts.transitions import BOUNDARY, last_of
from fastsoftmax.markov.smoothing.rules import Smoothed
from fastsoftmax.markov.walking.arguments import DrawLaw, progress_bar
from fastsoftmax.markov.walking.sentences import LONGEST, TRIES, Check, Condition, Reason, checked
from fastsoftmax.markov.walking.smoothed import drawn_after

_ATTEMPT = 2**40  # steps: no walk is longer


def smoothed_sentences(
    smoothed: Smoothed,
    n: int,
    given: list[int],
    condition: Condition,
    law: DrawLaw,
    check: Check,
    key: int,
    progress: bool,
) -> list[Ids | Reason]:
    """Return n sentences, or why there is none.

    Token t of attempt a at sentence i is that of a walk with smoothing, with seed key + i and step t + a 2**40: the
    first attempt is walk i. One that does not end within LONGEST words is not tried again, which would take minutes.
    """
    found: list[Ids | Reason] = [Reason.MEMORY] * n
    waiting = np.arange(n)
    certain = law.filters.temperature == 0.0 or law.filters.top_k == 1
    with progress_bar(progress, "speaking", n) as report:
        for attempt in range(1 if certain else TRIES):
            seeds = np.uint64(key) + waiting.astype(np.uint64)
            for i, ids in _walks(smoothed, given, condition, law, seeds, attempt):
                walk = int(waiting[i])
                found[walk] = ids if isinstance(ids, Reason) else checked(ids, check)
                if report is not None and not isinstance(found[walk], Reason):
                    report(1)
            again = [i for i in waiting.tolist() if isinstance(found[i], Reason) and found[i] != Reason.ENDLESS]
            waiting = np.array(again, np.int64)
            if waiting.size == 0:
                break
    return found


def _walks(
    smoothed: Smoothed,
    given: list[int],
    condition: Condition,
    law: DrawLaw,
    seeds: npt.NDArray[np.uint64],
    attempt: int,
) -> Iterator[tuple[int, Ids | Reason]]:
    """Yield the number and the tokens of each walk that ends within the condition, as it ends, or why it does not."""
    most = LONGEST + max(condition.least, len(given)) if condition.most is None else condition.most
    walks = [list(given) for _ in seeds]
    going: Positions = np.arange(len(walks))
    for step in range(len(given), most + 1):
        if going.size == 0:
            return
        contexts = [last_of(walks[i], smoothed.order) for i in going.tolist()]
        drawn = drawn_after(smoothed, contexts, law, seeds[going], step + attempt * _ATTEMPT)
        for i in going[drawn == BOUNDARY].tolist():
            fits = len(walks[i]) >= condition.least
            yield i, np.array(walks[i], np.int32) if fits else Reason.MEMORY
        going, drawn = going[drawn != BOUNDARY], drawn[drawn != BOUNDARY]
        for i, token in zip(going.tolist(), drawn.tolist(), strict=True):
            walks[i].append(token)
    for i in going.tolist():
        yield i, Reason.ENDLESS if condition.most is None else Reason.MEMORY
