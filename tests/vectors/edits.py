"""What other libraries' edits answer, from their own tests, as chains of ours and histories.

`edits.json` holds the cases as they are stated there. `SKIPPED` are those that our edits are not meant to give.
"""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

Case = dict[str, Any]

FADES = "exllamav3 lets a penalty fade with the distance, which ours do not"
SKIPPED = {
    "exllamav3-presence_frequency-2": FADES,
    "exllamav3-repetition_penalty-1": FADES,
    "transformers-repetition_penalty_normalized-1": "it reads the whole row for a penalty; open in transformers",
}


class Question(NamedTuple):
    """Logits, a chain, and what came before."""

    logits: list[float]
    chain: str
    history: list[int]
    prompt: int


def load() -> dict[str, Case]:
    """Return the cases by name: peer, sampler, and a number."""
    cases: dict[str, Case] = {}
    for case in json.loads((Path(__file__).parent / "edits.json").read_text(encoding="utf-8")):
        family = f"{case['peer']}-{case['sampler']}"
        cases[f"{family}-{1 + sum(name.rsplit('-', 1)[0] == family for name in cases)}"] = case
    return cases


def question_of(case: Case) -> Question:
    """Return what is asked."""
    words = case["params"]
    history = words.get("history", [])
    if isinstance(history, str):  # "200 times token 7"
        times, token = (int(word) for word in history.split() if word.isdigit())
        history = [token] * times
    prompt = words.get("prompt_ignore_length", 0)
    if "encoder_history" in words:
        prompt, history = len(words["encoder_history"]), words["encoder_history"] + history
    elif "current_length" in words:
        prompt, history = words.get("prompt_length", 0), [3] * words["current_length"]
    return Question(_logits_of(case, history), _chain_of(case["sampler"], words), history, prompt)


def _logits_of(case: Case, history: list[int]) -> list[float]:
    kind, values = case["input"]["kind"], case["input"]["values"]
    if kind == "logits":
        size = max([len(values), *(token + 1 for token in history)])  # one case has a history of other tokens
        return [*map(float, values), *[0.0] * (size - len(values))]
    if kind == "rule":  # "all logits 2"
        return [2.0] * case["params"]["vocab"]
    if kind == "none":
        return [0.0] * 12
    return [math.log(p) for p in values]


def _chain_of(sampler: str, words: dict[str, Any]) -> str:
    last = words.get("penalty_last_n", words.get("repeat_last_n", words.get("context", 0)))
    of = f"of=all, last={last}"
    if sampler == "dry":
        length, breakers = words["allowed_length"], "".join(repr(words["sequence_breakers"]).split())
        return f"dry({words['multiplier']}, base={words['base']}, allowed_length={length}, breakers={breakers})"
    if sampler in ("penalties", "presence_frequency", "presence_penalty", "frequency_penalty", "repetition_penalty"):
        repeat = words.get("penalty_repeat", words.get("repeat", words["penalty"] if "repetition" in sampler else 1))
        often = words.get("penalty_freq", words.get("frequency", words["penalty"] if "frequency_" in sampler else 0))
        once = words.get("penalty_present", words.get("presence", words["penalty"] if "presence_p" in sampler else 0))
        if words.get("repeat_last_n") == 0:  # which is off
            return ""
        if "prompt_ignore_length" in words:
            of = "of=output"
        return f"repetition({repeat}, {of}) frequency({often}, {of}) presence({once}, {of})"
    if sampler == "encoder_repetition_penalty":
        return f"repetition({1 / words['penalty']}, of=prompt)"
    if sampler.endswith("no_repeat_ngram"):
        return f"no_repeat_ngram({words['ngram_size']}, of={'prompt' if sampler.startswith('enc') else 'all'})"
    if sampler == "bad_words":
        sequences = [one for one in words["bad_words"] if one != [words["eos_token_id"]]]
        return f"sequence_bias({_text(sequences)})"
    if sampler == "sequence_bias":
        sequences, added = zip(*words["sequence_bias"], strict=True)
        return f"sequence_bias({_text([*sequences])}, values={_text([*added])})"
    if sampler == "logit_bias":
        tokens, values = [*map(int, words["bias"])], [*map(float, words["bias"].values())]
        return f"sequence_bias({_text(tokens)}, values={_text(values)})"
    if sampler == "ban_tokens":
        return f"sequence_bias({_text(words['ids'])})"
    until, of = (words["min_length"], "all") if sampler == "min_length" else (words["min_new_tokens"], "output")
    return f"sequence_bias([{words['eos_token_id']}], of={of}, until={until})"


def _text(values: list[Any]) -> str:
    return "".join(repr(values).split())


def answers(case: Case, question: Question, logits: list[float]) -> bool:
    """Return whether some logits are those that a case expects."""
    kind, values = case["expected"]["kind"], case["expected"]["values"]
    if kind == "token":
        return logits.index(max(logits)) == values
    if kind == "banned_ids":
        return [i for i, z in enumerate(logits) if z == -math.inf] == values
    if kind == "logits_at":
        others = values.get("others")
        wanted = {int(i): float(z) for i, z in values.items() if i != "others"}
        return all(_near(z, wanted.get(i, z if others is None else others)) for i, z in enumerate(logits))
    if kind == "penalties":
        return all(_near(z, -values.get(str(i), 0.0)) for i, z in enumerate(logits))
    if kind == "probabilities":
        masses = [math.exp(z - max(logits)) for z in logits]
        found = [mass / sum(masses) for mass in masses]
        order = case["expected"].get("order")
        wanted = sorted(values) if order != "index" else values
        return all(abs(p - q) < 1e-5 for p, q in zip(sorted(found) if order != "index" else found, wanted, strict=True))
    return all(_near(z, float(y)) for z, y in zip(logits, values, strict=False))


def _near(z: float, y: float) -> bool:
    return z == y or abs(z - y) <= 1e-5 * max(1.0, abs(y))
