"""What is measured in a case, in words: the one place from which every table and figure of the report takes them."""

from collections.abc import Mapping
from typing import Any

from bench.chains import ZIPF
from bench.results import Case

HEADLINES = (  # also where a peer is faster
    "softmax/softmax/llm-128256-float32-1-1t",
    "softmax/softmax/llm-1000-float32-1-1t",
    "softmax/softmax/llm-128256-float32-64-all",
    "softmax/softmax/normal-128-float32-100000-1t",
    "softmax/log_softmax/llm-128256-float32-1-1t",
    "sample/greedy/llm-128256-float32-1-1t",
    "sample/temperature/llm-128256-float32-1-1t",
    "sample/top_p/llm-128256-float32-1-1t",
    "sample/min_p/llm-128256-float32-1-1t",
    "sample/chat/llm-128256-float32-1-1t",
    "sample/chat/llm-1000-float32-1-1t",
    "sample/temperature n=1000/llm-128256-float32-1-1t",
    "walk/plain/text-order2-1t",
    "walk/plain (one walk)/text-small-order1-1t",
    "walk/plain/zipf-5M-order1-1t",
    "walk/T=0.7/zipf-5M-order1-1t",
    "fit/fit/text-order2-all",
    "fit/fit/zipf-5M-order1-all",
    "fit/text file/book-4MB-all",
)
LOGITS = {  # kinds of rows, made in bench/data.py
    "llm": "logits",
    "real": "logits of SmolLM2",
    "normal": "Gaussian logits",
    "flat": "equal logits",
    "near_flat": "nearly equal logits",
    "ascending": "ascending logits",
    "descending": "descending logits",
    "one_hot": "one-hot logits",
    "ties": "rounded logits",
    "half_masked": "half-masked logits",
    "two_valued": "logits of two values",
}
BETWEEN = {"softmax": " of ", "sample": ", from ", "walk": " over ", "fit": " of ", "chain": " of ", "graph": " of "}


def whole(case: Case) -> str:
    """Return what a case is, in a line."""
    return f"{what(case)}{BETWEEN[case.group]}{source(case)}"


def what(case: Case) -> str:
    """Return what is done: the time is that of this."""
    of_group = {"softmax": _function, "sample": _token, "walk": _step, "fit": _count, "chain": _call, "graph": _asked}
    return of_group[case.group](case)


def source(case: Case) -> str:
    """Return what it is done with. Threads are told where there are more than one."""
    if case.group in ("softmax", "sample"):
        text = rows(case.facts) + (", in a torch tensor" if "(tensor)" in case.name else "")
        if case.group == "sample" and case.facts["batch"] > 1:
            text = f"each of {text}"
    elif case.group == "graph":
        text = f"a graph of {case.facts['edges']:,} edges and {case.facts['states']:,} states"
    else:
        text = _corpus(case)
    threads = case.facts["threads"]
    return text + (f", {threads} threads" if threads > 1 else "")


def rows(facts: Mapping[str, Any]) -> str:
    """Return what rows of logits are, as far as the facts tell."""
    batch = facts.get("batch")
    text = "rows" if batch is None else "one row" if batch == 1 else f"{batch:,} rows"
    if "vocabulary" in facts:
        text += f" of {facts['vocabulary']:,} {LOGITS[facts['kind']]}"
    return text + (f", {facts['dtype']}" if "dtype" in facts else "")


def _function(case: Case) -> str:
    name, _, first = case.name.split(" T=")[0].partition(" along ")
    return f"`{name}`{' along the first axis' if first else ''}{_filters(case.facts)}"


def _token(case: Case) -> str:
    facts = case.facts
    if "samplers" in facts:
        name = "" if case.name.startswith("samplers ") else f"{case.name}: "
        return f"{name}a token by `{facts['samplers']}`"
    if facts["temperature"] == 0:
        return "the likeliest token"
    return ("a token" if facts["n"] == 1 else f"{facts['n']:,} tokens") + _filters(facts)


def _step(case: Case) -> str:
    n = case.facts["n"]
    kind = "sentences" if case.facts["on_dead_end"] == "stop" else "walks"
    return f"a step of {'one walk' if n == 1 else f'{n:,} {kind}'}{_filters(case.facts)}"


def _count(case: Case) -> str:
    return "reading and counting a word" if "bytes" in case.facts else "counting a token"


def _call(case: Case) -> str:
    if case.name == "load":
        return f"opening a file of {case.facts['bytes'] / 1e6:,.1f} MB, a model"
    if case.name == "next_tokens":
        return "a call of `next_tokens`, for a model"
    return f"tabulating a transition{_filters(case.facts)}"


def _asked(case: Case) -> str:
    facts = case.facts
    if "weights" in facts:
        return f"adding an edge, {facts['weights']},"
    if "p" in facts:
        return f"a step of {facts['n']:,} walks from states, p {facts['p']:g} and q {facts['q']:g},"
    return {"stationary": "the stationary distribution", "hitting_times": "the hitting times of a state"}[case.name]


def _corpus(case: Case) -> str:
    name, _, order = case.on.rpartition("-")[0].partition("-order")
    facts = case.facts
    if "bytes" in facts and case.group == "fit":
        return f"a file of {facts['bytes'] / 1e6:g} MB, order {facts['order']}"
    if name in ZIPF:
        counted = f"{facts['edges']:,} transitions" if "edges" in facts else f"{ZIPF[name][1]:,} integers"
        return f"{counted}, order {order}"
    return f"{'a text' if name == 'text' else 'a short text'}, order {order}"


def _filters(facts: Mapping[str, Any]) -> str:
    """Return the temperature, unless it is 1, and the filters that are not off."""
    temperature, names = facts.get("temperature", 1), {"top_k": 0, "top_p": 1, "min_p": 0}
    text = f" at temperature {temperature:g}" if temperature != 1 else ""
    on = [f"{name.replace('_', '-')} {facts[name]:g}" for name, off in names.items() if facts.get(name, off) != off]
    return text + (f" with {', '.join(on)}" if on else "")
