"""A chain of samplers: from one row of logits to a token, in any order.

    top_n_sigma=1.0 min_p=0.05 xtc(probability=0.5, threshold=0.1) temperature=0.8

Each step sees what the one before has left; edits, which change logits for what came before, stand first. The token is
drawn by the inverse of the cumulative distribution, in index order, or, where the chain ends with `gumbel`, as the
largest perturbed logit.
"""

import inspect
import math
import re
import struct
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from itertools import pairwise, product
from typing import Any

from reference.philox import COIN, GUMBEL, key, uniform
from reference.samplers import EDITS, FILTERS, KEEPERS, SAMPLERS, SCALES
from reference.samplers.common import between, log_mass, log_probabilities
from reference.samplers.gumbel import perturbed
from reference.sampling import check_logits, draw, order

Steps = Sequence[tuple[str, dict[str, Any]]]

STEP = re.compile(r"(?P<name>\w+)(?:=(?P<value>\[[^\s()=]*\]|[^\s(),=]+)|\((?P<fields>[^()]*)\))?(?=\s|$)")
FIELD = re.compile(r"""\s*(?:(?P<name>\w+)\s*=\s*)?(?P<value>\[.*\]|'[^']*'|"[^"]*"|[^\s'"=]+)\s*""")
COMPLETE = ("adaptive_p", "greedy", "gumbel", "min_k", "mirostat", "mirostat_2", "p_less")  # need no field


def parse(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the samplers of a chain and their fields; ValueError that tells the place.

    `name=value` sets the first field, `name(field=value, ...)` any, and values without a name there the first ones.
    """
    steps = []
    at = len(text) - len(text.lstrip())
    while at < len(text):
        found = STEP.match(text, at)
        if not found:
            raise ValueError(f"samplers at {at}: {text[at : at + 20]!r}, expected name=value or name(field=value, ...)")
        name, place = found["name"], f"samplers at {at}"
        if name not in SAMPLERS:
            raise ValueError(f"{place}: there is no sampler {name!r}{nearest(name, SAMPLERS)}")
        inside = found["value"] if found["value"] is not None else found["fields"]
        if inside is None and name not in COMPLETE:
            raise ValueError(f"{place}: {name} is without a value, expected {name}=value")
        steps.append((name, fields_of(name, inside or "", place)))
        at = found.end() + len(text[found.end() :]) - len(text[found.end() :].lstrip())
    return steps


def fields_of(name: str, text: str, place: str) -> dict[str, Any]:
    """Return the fields that are written inside the parentheses of a sampler."""
    allowed = field_names(name)
    fields: dict[str, Any] = {}
    for i, part in enumerate(parts_of(text) if text.strip() else []):
        found = FIELD.fullmatch(part)
        if not found or (found["name"] is None and i >= len(allowed)):
            raise ValueError(f"{place}: {part.strip()!r} in {name}, expected field=value")
        field = found["name"] or allowed[i]
        if field not in allowed:
            raise ValueError(f"{place}: {name} has no field {field!r}{nearest(field, allowed)}")
        if field in fields:
            raise ValueError(f"{place}: {name} has {field} twice")
        fields[field] = value_of(found["value"])
    return fields


def field_names(name: str) -> list[str]:
    """Return the fields of a sampler, the main one first."""
    if name == "gumbel":
        return ["draws"]
    fields = [*inspect.signature(SAMPLERS[name]).parameters.values()][3 if name in EDITS else 1 :]
    return [field.name for field in fields if field.kind is not field.KEYWORD_ONLY]


def parts_of(text: str) -> list[str]:
    """Return what has commas between it, but not within brackets."""
    parts = [""]
    for letter in text:
        if letter == "," and parts[-1].count("[") == parts[-1].count("]"):
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def value_of(text: str) -> Any:
    """Return the number, the word, or the list that a text is."""
    if text.startswith("["):
        return [value_of(part.strip()) for part in parts_of(text[1:-1])] if text[1:-1].strip() else []
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text.strip("'\"")


def nearest(name: str, names: Sequence[str] | dict[str, Any]) -> str:
    """Return which of the names may be meant, to put at the end of a message."""
    matches = get_close_matches(name, names)
    return f", did you mean {' or '.join(matches)}?" if matches else f"; there are {', '.join(names) or 'none'}"


def edited(logits: Sequence[float], samplers: str | Steps, history: Sequence[int], prompt: int) -> list[float]:
    """Return the logits after the edits that a chain begins with; the first `prompt` tokens of the history are one."""
    now = list(logits)
    for name, fields in steps_of(samplers):
        if name in EDITS:
            now = EDITS[name](now, history, prompt, **fields)
    return now


def survivors(
    logits: Sequence[float], samplers: str | Steps, coins: Sequence[float] = (), number: float | None = None
) -> tuple[list[int], list[float]]:
    """Return the tokens that can be drawn, in the one order, and their logits, which a scale counts from the largest.

    `coins` are the uniform numbers of the XTC steps in turn; a coin that is missing is one that lets XTC act. `number`
    is what a sampler keeps from one draw to the next, None before the first.
    """
    steps = [step for step in steps_of(samplers) if step[0] not in EDITS]
    check_logits(logits)
    tosses = iter(coins)
    tokens = [i for i in order(logits) if logits[i] > -math.inf]
    now = [float(logits[i]) for i in tokens]
    if now[0] == math.inf:  # these alone, as equals
        tokens = tokens[: now.count(math.inf)]
        now = [0.0] * len(tokens)
    row = now  # all of it, at the scale that the survivors have
    for name, fields in steps:
        places = list(range(len(now)))
        if name in FILTERS:
            extra: dict[str, float | None] = {"number": number} if name in KEEPERS else {}
            if name == "top_p":
                extra = {"whole": log_mass(row)}
            elif name == "xtc":
                extra = {"u": next(tosses, 0.0)}
            places = FILTERS[name](now, **fields, **extra)
        elif name in SCALES:
            row = [z - now[0] for z in row]  # a constant changes nothing, and nothing is rounded or runs over
            now = [z - now[0] for z in now]
            if name != "adaptive_p":  # that is the last, and nobody asks for the row any more
                row = [z for z in SCALES[name](now, **fields, row=row) if z > -math.inf]
            now = SCALES[name](now, **fields, **({"number": number} if name in KEEPERS else {}))
            places = [i for i, z in enumerate(now) if z > -math.inf]
        tokens = [tokens[i] for i in places]
        now = [now[i] for i in places]
    return tokens, now


def steps_of(samplers: str | Steps) -> Steps:
    """Return the steps of a chain; ValueError if something follows what must be last."""
    steps = parse(samplers) if isinstance(samplers, str) else samplers
    for (name, _), (following, _) in pairwise(steps):
        if name == "gumbel" or (name in KEEPERS and following != "gumbel"):
            raise ValueError(f"{following} follows {name}, expected {name} to be the last sampler")
        if following in EDITS and name not in EDITS:
            raise ValueError(f"{following} follows {name}, expected edits to be the first samplers")
    return steps


def masses_of(
    logits: Sequence[float], steps: Steps, coins: Sequence[float], number: float | None = None
) -> list[float]:
    """Return exp(z - max) of every token that can be drawn and 0 for the others, in index order."""
    masses = [0.0] * len(logits)
    tokens, now = survivors(logits, steps, coins, number)
    largest = max(now)
    for i, z in zip(tokens, now, strict=True):
        masses[i] = math.exp(z - largest)
    return masses


def probabilities(
    logits: Sequence[float],
    samplers: str | Steps,
    *,
    history: Sequence[int] = (),
    prompt: int = 0,
    number: float | None = None,
) -> list[float]:
    """Return the distribution that `sample` draws from: the mean over what the coins of XTC may say."""
    steps = steps_of(samplers)
    logits = edited(logits, steps, history, prompt)
    shares = xtc_shares(steps)
    mixture = [0.0] * len(logits)
    for coins in product((0.0, 1.0), repeat=len(shares)):  # 0 lets it act, 1 does not
        weight = math.prod(1 - share if coin else share for coin, share in zip(coins, shares, strict=True))
        if weight > 0:
            masses = masses_of(logits, steps, coins, number)
            total = math.fsum(masses)
            mixture = [before + weight * mass / total for before, mass in zip(mixture, masses, strict=True)]
    return mixture


def sample(
    logits: Sequence[float],
    samplers: str | Steps,
    *,
    n: int | None = None,
    seed: int,
    step: int = 0,
    stream: int = 0,
    history: Sequence[int] = (),
    prompt: int = 0,
    number: float | None = None,
) -> int | list[int]:
    """Return a token, or a list of n; draw j takes uniform(seed, step, j, stream).

    The coin of the i-th XTC step is that number under key(seed, COIN, i). With `gumbel` the noise of a token is
    uniform(key(seed, GUMBEL, j), step, token, stream); distinct draws take that of j=0, and the n largest. `history` is
    what came before, `prompt` how many of its tokens are the prompt, and `number` the number that a sampler keeps, as
    `after` returns it for the token before.
    """
    if n is not None and n < 0:
        raise ValueError(f"n is {n}, expected an integer >= 0")
    steps = steps_of(samplers)
    shares = xtc_shares(steps)
    logits = edited(logits, steps, history, prompt)
    survivors(logits, steps, number=number)  # refuses what is wrong, for n=0, too
    left = cache(lambda *coins: survivors(logits, steps, coins, number))
    masses = cache(lambda *coins: masses_of(logits, steps, coins, number))
    if steps and steps[-1] == ("gumbel", {"draws": "distinct"}):
        found = by_noise(*left(), key(seed, GUMBEL), step, stream)
        found += [-1] * (len(range(1 if n is None else n)) - len(found))
        return found[0] if n is None else found[:n]
    drawn = []
    for j in range(1 if n is None else n):
        coins = coins_of(shares, seed, step, j, stream)
        if steps and steps[-1][0] == "gumbel":
            drawn.append(by_noise(*left(*coins), key(seed, GUMBEL, j), step, stream)[0])
        else:
            drawn.append(draw(masses(*coins), uniform(seed, step, j, stream)))
    return drawn[0] if n is None else drawn


def after(
    logits: Sequence[float],
    samplers: str | Steps,
    token: int,
    *,
    seed: int,
    step: int = 0,
    stream: int = 0,
    history: Sequence[int] = (),
    prompt: int = 0,
    number: float | None = None,
) -> float | None:
    """Return the number that a sampler keeps after `sample` has drawn a token; None where none keeps one.

    It is rounded to float32. The probability that a filter learns from is that in what all of the chain leaves, and the
    one that adaptive-p learns from is that before it.
    """
    steps = steps_of(samplers)
    place = next((i for i, (name, _) in enumerate(steps) if name in KEEPERS), None)
    if place is None:
        return None
    name, fields = steps[place]
    first, learn = KEEPERS[name]
    seen = steps[:place] if name in SCALES else steps[: place + 1]
    coins = coins_of(xtc_shares(steps), seed, step, 0, stream)
    tokens, now = survivors(edited(logits, steps, history, prompt), seen, coins, number)
    probability = math.exp(log_probabilities(now)[tokens.index(token)])
    learned = learn(first(**fields) if number is None else number, probability, **fields)
    return float(struct.unpack("f", struct.pack("f", learned))[0])


def coins_of(shares: Sequence[float], seed: int, step: int, draw: int, stream: int) -> list[float]:
    """Return how the coin of each XTC step falls: 0 lets it act, 1 does not."""
    tosses = (uniform(key(seed, COIN, i), step, draw, stream) for i in range(len(shares)))
    return [0.0 if u < share else 1.0 for u, share in zip(tosses, shares, strict=True)]


def xtc_shares(steps: Steps) -> list[float]:
    """Return the probability of each XTC step to act."""
    shares = [fields.get("probability", 0.0) for name, fields in steps if name == "xtc"]
    for share in shares:
        between("xtc.probability", share, 0, 1)
    return shares


def by_noise(tokens: Sequence[int], logits: Sequence[float], seed: int, step: int, stream: int) -> list[int]:
    """Return the tokens by their logits after Gumbel noise, the largest first."""
    noisy = {i: perturbed(z, uniform(seed, step, i, stream)) for i, z in zip(tokens, logits, strict=True)}
    return sorted(tokens, key=lambda i: (-noisy[i], i))
