"""What other libraries' samplers answer, from their own tests and documents, and their words as chains of ours.

`samplers.json` holds the cases as they are stated there. `SKIPPED` are those that our samplers are not meant to give.
"""

import json
import math
from pathlib import Path
from typing import Any

Case = dict[str, Any]

STEPS_OF_LLAMA_CPP = {"k": "top_k", "p": "top_p", "m": "min_p"}
TOLERANCES = {"llama.cpp": 1e-5, "transformers": 1e-3, "FlashInfer": 2e-4, "mlx-lm": 1e-4, "exllamav3": 1e-5}
# Which rule of ours a peer's sampler has, where that is not the default.
RULES = {
    ("transformers", "top_k"): "ties=all",
    ("FlashInfer", "top_k"): "ties=all",
    ("FlashInfer", "top_p"): "ties=all",
    ("mlx-lm", "top_p"): "of=all",
    ("llama.cpp", "typical"): "equal=keep",
    ("transformers", "typical"): "ties=all",
    ("transformers", "top_h"): "rule=transformers",
    ("mlx-lm", "xtc"): "equal=drop, ties=all",
}
MAIN_WORDS = {"k", "p", "n", "mass", "epsilon", "top_h", "temp"}
SKIPPED = {
    "exllamav3-xtc_averaged-3": "tokens that XTC must not remove are not among our fields",
}


def load() -> dict[str, Case]:
    """Return the cases by name: peer, sampler, and a number."""
    cases: dict[str, Case] = {}
    for case in json.loads((Path(__file__).parent / "samplers.json").read_text(encoding="utf-8")):
        family = f"{case['peer']}-{case['sampler']}"
        cases[f"{family}-{1 + sum(name.rsplit('-', 1)[0] == family for name in cases)}"] = case
    return cases


def logits_of(case: Case) -> list[float]:
    """Return the logits that a case starts from."""
    kind, values = case["input"]["kind"], case["input"]["values"]
    if kind == "logits":
        return list(values)
    if kind == "rule":  # "token i in 0..9999 has logit log(i)"
        values = range(10_000)
    return [math.log(p) if p > 0 else -math.inf for p in values]


def chain_of(case: Case) -> str:
    """Return the chain that says what the peer's words say."""
    peer, sampler, words = case["peer"], case["sampler"], case["params"]
    if sampler == "chain" and "order" in words:
        return " ".join(step(peer, STEPS_OF_LLAMA_CPP[letter], words) for letter in words["order"])
    if sampler == "chain":
        return " ".join(f"{name}={value}" for name, value in words["steps"])
    chain = step(peer, sampler, words)
    return f"{chain} temperature={words['temperature']}" if "temperature" in words else chain


def step(peer: str, sampler: str, words: dict[str, Any]) -> str:
    """Return one step of a chain."""
    if sampler == "temperature":
        return f"temperature={words['temp']}"
    if sampler == "temperature_ext":
        low, high = max(0.0, words["temp"] - words["delta"]), words["temp"] + words["delta"]
        return f"dynamic_temperature(low={low}, high={high}, exponent={words['exponent']})"
    at_least = max(1, words.get("min_tokens_to_keep", words.get("min_keep", 1)))
    if sampler in ("xtc", "xtc_averaged"):
        probability = 1.0 if "seed" in words else words["probability"]  # that seed's coin lets it act
        fields = [f"probability={probability}", f"threshold={words['threshold']}"]
    else:
        value = words[sampler] if sampler in words else next(words[word] for word in words if word in MAIN_WORDS)
        if sampler == "top_k" and value > 0:
            value = max(value, at_least)
        fields = [str(min(value, 1.0) if sampler == "min_p" else value)]  # above 1 it keeps the largest, as at 1
    if at_least > 1 and sampler != "top_k":
        fields.append(f"min_keep={at_least}")
    if (peer, sampler) in RULES:
        fields.append(RULES[peer, sampler])
    return f"{sampler.removesuffix('_averaged')}({', '.join(fields)})"


def kept_after_each_step(case: Case) -> list[tuple[str, int]]:
    """Return chains of one step, two steps and so on, and how many tokens each leaves.

    llama.cpp counts the token at -inf among those it leaves. It can never be drawn, and ours do not count it.
    """
    steps = chain_of(case).split(") ")
    chains = [") ".join(steps[: i + 1]) + (")" if i + 1 < len(steps) else "") for i in range(len(steps))]
    drawable = sum(z > -math.inf for z in logits_of(case))
    counts = [min(count, drawable) for _, count in case["expected"]["values"]]
    return list(zip(chains, counts, strict=True))


def smallest_and_largest(case: Case) -> tuple[int, int]:
    """Return the smallest and the largest token that is left, of those that can be drawn."""
    smallest = max(case["expected"]["smallest_kept_id"], 1)
    return smallest, case["expected"]["largest_kept_id"]


def tolerance_of(case: Case) -> float:
    """Return how far a probability may be off: the peer's digits, or its own tests' tolerance."""
    return TOLERANCES.get(case["peer"], 1e-9)


def expected(case: Case) -> list[float]:
    """Return the numbers that a case expects, probabilities with a sum of 1."""
    kind, values = case["expected"]["kind"], case["expected"]["values"]
    if kind == "probabilities_not_renormalised":
        return [p / math.fsum(values) for p in values]
    if kind == "logits":
        masses = [math.exp(z - max(values)) for z in values]
        return [mass / math.fsum(masses) for mass in masses]
    return list(values) if isinstance(values, list) else [values]


def seen(case: Case, probabilities: list[float]) -> list[float]:
    """Return a distribution in the form that the case is stated in."""
    kind, values = case["expected"]["kind"], case["expected"]["values"]
    kept = [i for i, p in enumerate(probabilities) if p > 0]
    if kind == "kept_count":
        return [len(kept)]
    if kind in ("kept_ids", "token", "kept_values"):
        logits = logits_of(case)
        if case["expected"].get("order") == "descending":
            kept.sort(key=lambda i: -logits[i])
        return [logits[i] for i in kept] if kind == "kept_values" else kept
    if len(values) == len(probabilities):
        return probabilities
    left = [probabilities[i] for i in kept]
    return left if case["expected"]["order"] == "index" else sorted(left, reverse=True)
