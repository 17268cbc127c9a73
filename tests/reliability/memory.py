"""Memory: calls keep nothing, and take no more than the docstrings say.

Each group of calls runs in a process of its own, and so does each peak: what one leaves to the allocator does not hide
what the next takes. Only Linux tells the numbers that are looked at here.
"""

import argparse
import copy
import gc
import json
import os
import pickle
import re
import subprocess
import sys
import tempfile
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from numba.core.runtime import rtsys

import fastsoftmax
from fastsoftmax import MarkovChain, MarkovText, Sampler, SamplingParams
from tests.cases import DTYPES
from tests.reliability import Check, Progress, SkipError

CALLS = 100_000
QUARTERS = 4
MIB = 2**20
MOST = {"rss": MIB, "numba": 0, "objects": 100, "files": 0, "threads": 0, "maps": 8}
TRACED = 16  # bytes a call that Python's memory may grow by, less than any object
SLACK = 4 * MIB  # stacks of threads, huge pages, Python's own


class Grows(NamedTuple):
    """A call that is made again and again; it is told its number."""

    name: str
    call: Callable[[int], object]
    share: float = 1.0
    """Of the usual number of calls, for those that take long."""


class Takes(NamedTuple):
    """A call, and how many bytes it may take, its result among them."""

    call: Callable[[], object]
    bound: float


class Seen(NamedTuple):
    """What a case has come to: figures and what they may be."""

    name: str
    what: str
    figure: float
    bound: float
    calls: int = 1

    @property
    def after(self) -> str:
        return f"more after {self.calls:,} calls" if self.calls > 1 else "at the peak of a call"


def status(name: str) -> int:
    """Return bytes that the system tells of this process."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


def state() -> dict[str, int]:
    """Return all that could grow."""
    gc.collect()
    numba = rtsys.get_allocation_stats()
    return {
        "rss": int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
        "numba": numba.alloc - numba.free,
        "objects": len(gc.get_objects()),
        "files": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "maps": Path("/proc/self/maps").read_text().count("\n"),
    }


def repeat(call: Callable[[int], object], first: int, last: int) -> None:
    for number in range(first, last):
        call(number)


def traced(call: Callable[[int], object], first: int, calls: int) -> tuple[int, int]:
    """Return by how many bytes Python's memory grows, and how many objects wait in cycles for a garbage collection."""
    tracemalloc.start()
    try:
        repeat(call, first, first + calls)
        gc.collect()
        gc.disable()
        before, _ = tracemalloc.get_traced_memory()
        repeat(call, first + calls, first + 2 * calls)
        cycles = gc.collect()
        return tracemalloc.get_traced_memory()[0] - before, cycles
    finally:
        tracemalloc.stop()
        gc.enable()


def grown(case: Grows, calls: int) -> Iterator[Seen]:
    """Yield by how much everything has grown over the calls, after a quarter of them to warm up."""
    calls = max(QUARTERS, int(calls * case.share)) // QUARTERS * QUARTERS
    quarter = calls // QUARTERS
    repeat(case.call, 0, quarter)
    states = [state()]
    for first in range(quarter, quarter + calls, quarter):
        repeat(case.call, first, first + quarter)
        states.append(state())
    for what, most in MOST.items():
        steps = [after[what] - before[what] for before, after in pairwise(states)]
        yield Seen(case.name, what, max(0, QUARTERS * min(steps)), most, calls)  # a leak is one in every quarter
    some = max(2, min(1000, quarter))
    more, cycles = traced(case.call, quarter + calls, some)
    yield Seen(case.name, "traced bytes", max(0, more), 2**17 + TRACED * some, some)
    yield Seen(case.name, "objects in cycles", cycles, some // 2, some)


def peak(name: str, case: Takes) -> Seen:
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before = status("VmRSS")
    result = case.call()
    figure = status("VmHWM") - before
    del result
    return Seen(name, "bytes", figure, case.bound + SLACK)


def softmaxes(_: Path) -> list[Grows]:
    rows = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)
    typed = {dtype: rows.astype(dtype) for dtype in DTYPES}
    keep, wide, results = rows > 0, np.arange(40.0).reshape(4, 10), np.empty((3, 8))
    cases = [
        Grows(f"{call.__name__} of {dtype}", lambda i, call=call, x=typed[dtype]: call(x))
        for call in (fastsoftmax.softmax, fastsoftmax.log_softmax, fastsoftmax.logsumexp)
        for dtype in DTYPES
    ]
    for call in (fastsoftmax.softmax, fastsoftmax.log_softmax, fastsoftmax.logsumexp):
        options: dict[str, Callable[[int], object]] = {
            "a list": lambda i, call=call: call([1, 2, 3]),
            "axis": lambda i, call=call: call(rows, axis=0),
            "all axes": lambda i, call=call: call(rows, axis=None),
            "where": lambda i, call=call: call(rows, where=keep),
            "strides": lambda i, call=call: call(wide[::2, ::3]),
            "another temperature each time": lambda i, call=call: call(rows, temperature=1 + i / 1000),
            "temperatures": lambda i, call=call: call(rows, temperature=[1.0, 2.0, float(i)]),
            "another length each time": lambda i, call=call: call(np.zeros(1 + i % 5000)),
            "a wrong temperature": refused(lambda i, call=call: call(rows, temperature=-1 - i)),
            "another wrong dtype each time": refused(lambda i, call=call: call(np.empty(1, f"S{1 + i % 10**6}"))),
        }
        cases += [Grows(f"{call.__name__} with {name}", option) for name, option in options.items()]
    for call in (fastsoftmax.softmax, fastsoftmax.log_softmax):
        cases.append(Grows(f"{call.__name__} with out", lambda i, call=call: call(rows, out=results)))
        cases.append(Grows(f"{call.__name__} with dtype", lambda i, call=call: call(rows, dtype=np.float64)))
    return cases


def samples(_: Path) -> list[Grows]:
    row = np.random.default_rng(0).standard_normal(50).astype(np.float32)
    rows, tokens, shares = np.stack([row, row[::-1]]), np.empty(2, np.int64), np.empty((2, 50))
    packed, biases = np.array([-1, 3], np.int32), scipy.sparse.csr_array(np.eye(2, 50))
    generator, sampler, all_at_once = np.random.default_rng(0), Sampler(seed=1), Sampler(seed=1, top_p=0.9)
    holes = np.full((2, 50), np.nan)
    cuts: dict[str, Any] = {"temperature": 0.7, "top_k": 20, "top_p": 0.9, "min_p": 0.01}

    def stepped(i: int) -> None:
        sampler.step = i
        sampler(rows, n=2, details=True)

    options: dict[str, dict[str, Any]] = {
        "a seed": {"seed": 1},
        "cut-offs": cuts | {"seed": 1},
        "a generator": {"rng": generator},
        "no seed": {},
        "seeds and steps": {"seed": [1, 2], "step": [3, 4]},
        "several draws": {"seed": 1, "n": 3},
        "parameters of rows": {"seed": 1, "temperature": [0.5, 2.0], "top_k": [0, 3]},
        "allowed": {"seed": 1, "allowed": row > 0},
        "allowed, packed": {"seed": 1, "allowed": packed},
        "bias": {"seed": 1, "bias": {3: 1.5}},
        "sparse bias": {"seed": 1, "bias": biases},
        "details": {"seed": 1, "details": True},
        "kept_set": {"seed": 1, "kept_set": True, "top_p": 0.5},
        "top_logprobs": {"seed": 1, "top_logprobs": 3},
        "out": {"seed": 1, "out": tokens},
    }
    slow = {"bias", "sparse bias", "no seed", "top_logprobs"}
    return [
        *(
            Grows(f"sample with {name}", lambda i, o=option: fastsoftmax.sample(rows, **o), 0.3 if name in slow else 1)
            for name, option in options.items()
        ),
        Grows("sample at another temperature each time", lambda i: fastsoftmax.sample(row, temperature=1 + i, seed=i)),
        Grows("sample of another length each time", lambda i: fastsoftmax.sample(np.zeros(1 + i % 10**5), seed=i), 0.3),
        Grows("sample of NaN", refused(lambda i: fastsoftmax.sample(holes, seed=i))),
        Grows("sample with a wrong top_p", refused(lambda i: fastsoftmax.sample(row, top_p=1.5 + i))),
        Grows("probabilities", lambda i: fastsoftmax.probabilities(rows, **cuts)),
        Grows("probabilities with out", lambda i: fastsoftmax.probabilities(rows, out=shares, allowed=row > 0)),
        Grows("probabilities of NaN", refused(lambda i: fastsoftmax.probabilities(holes))),
        Grows("Sampler", lambda i: sampler(row)),
        Grows("Sampler of rows", lambda i: all_at_once(rows)),
        Grows("Sampler with other parameters each time", lambda i: setattr_and_call(sampler, i, row)),
        Grows("Sampler with details, at a step", stepped),
        Grows("Sampler of NaN", refused(lambda i: sampler(holes))),
        Grows("Sampler with kept_set", lambda i: sampler(row, kept_set=True)),
        Grows("Sampler with top_logprobs", lambda i: sampler(row, top_logprobs=2), 0.3),
        Grows("Sampler with n, allowed and bias", lambda i: sampler(row, n=2, allowed=row > 0, bias={0: 1.0}), 0.3),
        Grows("a new Sampler", lambda i: Sampler(temperature=1 + i, seed=i)(row)),
        Grows("a copied Sampler", lambda i: pickle.loads(pickle.dumps(copy.copy(sampler)))(row)),
        Grows("SamplingParams", lambda i: SamplingParams(temperature=1 + i, top_k=i, top_p=0.5)),
        Grows("SamplingParams with a wrong min_p", refused(lambda i: SamplingParams(min_p=-1 - i))),
        Grows("set_num_threads", lambda i: fastsoftmax.set_num_threads(1 + i % 3)),
        Grows("get_num_threads", lambda i: fastsoftmax.get_num_threads()),
    ]


def setattr_and_call(sampler: Sampler, i: int, row: np.ndarray) -> None:
    sampler.params = SamplingParams(temperature=1 + i)
    sampler(row)


def many_threads(_: Path) -> list[Grows]:
    """Calls above the size that threads share, and calls from threads that do not live long."""
    batch = np.random.default_rng(0).standard_normal((64, 5000)).astype(np.float32)
    holes, sampler = np.where(batch > 3.5, np.nan, batch), Sampler(seed=1)
    text = MarkovChain().fit(np.random.default_rng(0).integers(0, 100, (20, 100)))

    def in_threads(count: int, call: Callable[[], object]) -> None:
        threads = [threading.Thread(target=call) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def resized(i: int) -> None:
        fastsoftmax.set_num_threads(1 + i % 4)
        fastsoftmax.softmax(batch)

    def mixed() -> None:
        sampler(batch[0, :50])
        fastsoftmax.sample(batch[:3, :50], temperature=40.0, top_p=0.9)
        fastsoftmax.softmax(batch[0])
        text.walk(2, 10)

    return [
        Grows("softmax on several threads", lambda i: fastsoftmax.softmax(batch), 0.01),
        Grows("softmax of columns on several threads", lambda i: fastsoftmax.softmax(batch, axis=0), 0.01),
        Grows("softmax of copies on several threads", lambda i: fastsoftmax.softmax(batch[:, ::-1]), 0.01),
        Grows("log_softmax on several threads", lambda i: fastsoftmax.log_softmax(batch), 0.01),
        Grows("logsumexp on several threads", lambda i: fastsoftmax.logsumexp(batch), 0.01),
        Grows("sample on several threads", lambda i: fastsoftmax.sample(batch, seed=i), 0.01),
        Grows("sample of NaN on several threads", refused(lambda i: fastsoftmax.sample(holes)), 0.01),
        Grows("probabilities on several threads", lambda i: fastsoftmax.probabilities(batch, top_k=50), 0.01),
        Grows("walk on several threads", lambda i: text.walk(200, 200, seed=i), 0.01),
        Grows("a call of a new thread", lambda i: in_threads(1, mixed), 0.01),
        Grows("calls of ten new threads", lambda i: in_threads(10, mixed), 0.001),
        Grows("set_num_threads between calls", resized, 0.01),
    ]


def chains(_: Path) -> list[Grows]:
    tokens = np.random.default_rng(0).integers(0, 8, (4, 30))
    lists, words = tokens.tolist(), [[f"w{token}" for token in row] for row in tokens]
    chain, of_words, fitted = MarkovChain(2).fit(tokens), MarkovChain().fit(words), MarkovChain()
    grown_chain, other = MarkovChain().fit(words), MarkovChain().fit([["w1", "w9"]])
    dead = MarkovChain.from_transitions({"a": {"b": 1}})
    walks, walks_of_words = chain.walk(4, 20, seed=1), of_words.walk(4, 20, seed=1)
    endless = {"on_dead_end": "restart", "seed": 1}
    cases = [
        Grows("fit", lambda i: fitted.fit(tokens)),
        Grows("fit of lists", lambda i: MarkovChain(3).fit(lists)),
        Grows("fit of words", lambda i: fitted.fit(words)),
        Grows("fit of long n-grams", lambda i: MarkovChain(9).fit(tokens * 10**8), 0.3),
        Grows("fit of nothing", refused(lambda i: fitted.fit([[]]))),
        Grows("fit of both kinds", refused(lambda i: fitted.fit([["a"], [i]]))),
        Grows("partial_fit", lambda i: grown_chain.partial_fit(words, 2), 0.3),
        Grows("partial_fit of the other kind", refused(lambda i: grown_chain.partial_fit(tokens))),
        Grows("merge", lambda i: grown_chain.merge(other), 0.3),
        Grows("merge of another order", refused(lambda i: grown_chain.merge(chain))),
        Grows("prune", lambda i: copy.copy(chain).prune(1 + i % 2)),
        Grows(
            "from_transitions", lambda i: MarkovChain.from_transitions({"a": {"b": 1 + i, None: 0.5}, "b": {"a": 1}})
        ),
        Grows("from_transitions that are wrong", refused(lambda i: MarkovChain.from_transitions({"a": {"b": -i}}))),
        Grows("walk", lambda i: chain.walk(2, 10)),
        Grows("walk with a seed", lambda i: chain.walk(2, 10, seed=i)),
        Grows("walk of words", lambda i: list(of_words.walk(2, 10, seed=i))),
        Grows("walk at another temperature each time", lambda i: chain.walk(2, 10, temperature=1 + i / 100, seed=1)),
        Grows("walk with other cut-offs", lambda i: chain.walk(2, 10, top_k=1 + i, top_p=0.9, min_p=i / 10**9, seed=1)),
        Grows("walk from a start", lambda i: chain.walk(2, 10, start=walks[0][:2], seed=i)),
        Grows("walk from an unknown start", refused(lambda i: of_words.walk(2, 10, start="none")), 0.1),
        Grows("walk with restarts", lambda i: chain.walk(2, 10, on_dead_end="restart", seed=i)),
        Grows("walk that may not end", lambda i: of_words.walk(1, 2, on_dead_end="raise", seed=i)),
        Grows("walk to a dead end", refused(lambda i: dead.walk(1, 9, on_dead_end="raise", seed=i))),
        Grows("walk of a new chain", lambda i: MarkovChain().fit(tokens).walk(2, 100, seed=i)),
        Grows("next_tokens", lambda i: of_words.next_tokens("w1", temperature=1 + i)),
        Grows("next_tokens after the unknown", refused(lambda i: of_words.next_tokens("w77")), 0.1),
        Grows("log_likelihood", lambda i: chain.log_likelihood(lists[0])),
        Grows("log_likelihood of the other kind", refused(lambda i: chain.log_likelihood(words[0]))),
        Grows("perplexity", lambda i: chain.perplexity(lists)),
        Grows("stationary", lambda i: chain.stationary(temperature=1 + i), 0.01),
        Grows("entropy_rate", lambda i: chain.entropy_rate(temperature=1 + i), 0.01),
        Grows("communicating_classes", lambda i: chain.communicating_classes(top_k=1 + i), 0.02),
        Grows("period", lambda i: chain.period(()), 0.02),
        Grows("period of the unknown", refused(lambda i: chain.period([99]))),
        Grows("copy", lambda i: copy.copy(chain).walk(1, 5)),
        Grows("deepcopy", lambda i: copy.deepcopy(of_words).walk(1, 5), 0.3),
        Grows("pickle", lambda i: pickle.loads(pickle.dumps(of_words)).walk(1, 5), 0.3),
        Grows("transitions, vocabulary, repr", lambda i: (of_words.transitions, of_words.vocabulary, repr(of_words))),
        Grows("Walks", lambda i: (len(walks), walks[1], walks[1:3], list(walks), walks_of_words[-1], repr(walks))),
        Grows("Walks out of range", refused(lambda i: walks[99])),
    ]
    for name in ("add-k", "stupid-backoff", "kneser-ney"):
        rule: dict[str, Any] = {"smoothing": name}
        cases += [
            Grows(f"walk, {name}", lambda i, rule=rule: chain.walk(2, 4, **rule, **endless), 0.1),
            Grows(f"next_tokens, {name}", lambda i, rule=rule: chain.next_tokens(lists[0][:2], **rule), 0.3),
            Grows(f"log_likelihood, {name}", lambda i, rule=rule: chain.log_likelihood(lists[0], **rule), 0.3),
            Grows(f"perplexity, {name}", lambda i, rule=rule: chain.perplexity(lists, **rule), 0.3),
        ]

    def other_rule(i: Any) -> object:
        return chain.perplexity(lists, smoothing="stupid-backoff", alpha=1 / (1 + i))

    return [*cases, Grows("perplexity with another rule each time", other_rule, 0.05)]


TEXT = "The cat sat on the mat. A dog ran to the cat! Who sat there? The dog sat on the cat.\n\nThe mat ran.\n"
MARKOVIFY = '{"state_size": 1, "chain": "[[[\\"___BEGIN__\\"], {\\"a\\": 2}], [[\\"a\\"], {\\"___END__\\": 1}]]"}'


def texts(folder: Path) -> list[Grows]:
    path, damaged = folder / "text", folder / "not-utf-8"
    path.write_text(TEXT)
    damaged.write_bytes(b"\xff\xfe words")
    text, order_2, kept = MarkovText(1).fit(TEXT), MarkovText(2).fit(TEXT), MarkovText(1, keep_text=True).fit(TEXT)
    more = MarkovText(1).fit(TEXT)
    return [
        Grows("MarkovText.fit", lambda i: text.fit(TEXT), 0.2),
        Grows("MarkovText.fit of a file", lambda i: MarkovText().fit(path), 0.1),
        Grows("MarkovText.fit of lines", lambda i: MarkovText(sequences="lines").fit([TEXT, path]), 0.1),
        Grows("MarkovText.fit of characters", lambda i: MarkovText(3, tokens="characters").fit(TEXT), 0.1),
        Grows("MarkovText.fit with a function", lambda i: MarkovText(tokens=str.split).fit(TEXT), 0.1),
        Grows("MarkovText.fit that keeps the text", lambda i: kept.fit(TEXT).generate(1, novelty=0.1, seed=i), 0.05),
        Grows("MarkovText.fit of nothing", refused(lambda i: text.fit("")), 0.2),
        Grows("MarkovText.fit of what is not text", refused(lambda i: text.fit(damaged)), 0.1),
        Grows("MarkovText.partial_fit", lambda i: more.partial_fit(TEXT, 2), 0.1),
        Grows("MarkovText.merge", lambda i: more.merge(text), 0.2),
        Grows("MarkovText.prune", lambda i: copy.deepcopy(text).prune(2), 0.2),
        Grows("generate", lambda i: text.generate(2, seed=i)),
        Grows("generate from a start", lambda i: order_2.generate(1, start="The cat", seed=i)),
        Grows("generate from an unknown start", refused(lambda i: text.generate(1, start="none")), 0.1),
        Grows("generate with bounds", lambda i: text.generate(2, min_words=3, max_words=8, seed=i)),
        Grows("generate with other bounds each time", lambda i: text.generate(1, max_words=3 + i % 40, seed=i), 0.2),
        Grows("generate at another temperature each time", lambda i: text.generate(1, temperature=1 + i, seed=i)),
        Grows("generate with max_chars", lambda i: text.generate(2, max_chars=25, seed=i), 0.1),
        Grows("generate with novelty", lambda i: kept.generate(2, novelty=0.5, seed=i), 0.1),
        Grows("generate that cannot", lambda i: text.generate(1, max_chars=1, seed=i), 0.01),
        Grows("generate with novelty but no text", refused(lambda i: text.generate(1, novelty=0.5))),
        Grows("MarkovText.next_tokens", lambda i: text.next_tokens("cat", temperature=1 + i)),
        Grows("MarkovText.log_likelihood", lambda i: text.log_likelihood(TEXT), 0.2),
        Grows("MarkovText.perplexity", lambda i: text.perplexity(TEXT, smoothing="kneser-ney"), 0.1),
        Grows("MarkovText's attributes", lambda i: (text.chain, text.order, text.tokens, text.sequences, repr(text))),
        Grows("MarkovText.deepcopy", lambda i: copy.deepcopy(kept), 0.3),
        Grows("import_markovify", lambda i: MarkovText.import_markovify(MARKOVIFY).generate(1), 0.3),
        Grows("import_markovify of something else", refused(lambda i: MarkovText.import_markovify(f"[{i}]"))),
    ]


def files(folder: Path) -> list[Grows]:
    chain, text = MarkovChain(2).fit([list("abcab"), list("bca")]), MarkovText().fit(TEXT)
    paths = [folder / name for name in ("chain", "text", "large", "cut", "new")]
    chain.save(paths[0])
    text.save(paths[1])
    large = [
        [f"w{token}" for token in row] for row in np.random.default_rng(0).integers(0, 10**5, (500, 2500)).tolist()
    ]
    MarkovChain(2).fit(large).save(paths[2])
    assert paths[2].stat().st_size > 2**25  # what is checked only when it is needed
    paths[3].write_bytes(paths[0].read_bytes()[:-1])
    word = large[0][0]

    def mapped(i: int) -> None:
        model = MarkovChain.load(paths[2])
        model.walk(1, 5, seed=i)
        with suppress(KeyError):
            model.next_tokens([word, "unknown"])

    return [
        Grows("save", lambda i: chain.save(paths[4]), 0.05),
        Grows("save where it cannot", refused(lambda i: chain.save(folder / "none" / "none")), 0.2),
        Grows("load", lambda i: MarkovChain.load(paths[0]).walk(1, 5), 0.1),
        Grows("load, not mapped", lambda i: MarkovChain.load(paths[0], mmap=False).walk(1, 5), 0.1),
        Grows("load of a large file", mapped, 0.01),
        Grows("load of a large file, all of it", lambda i: MarkovChain.load(paths[2]).transitions.totals, 0.0004),
        Grows("load of a damaged file", refused(lambda i: MarkovChain.load(paths[3])), 0.1),
        Grows("load of no file", refused(lambda i: MarkovChain.load(folder / "none")), 0.2),
        Grows("MarkovText.save", lambda i: text.save(paths[4]), 0.05),
        Grows("MarkovText.load", lambda i: MarkovText.load(paths[1]).generate(1), 0.1),
    ]


GROUPS: dict[str, Callable[[Path], list[Grows]]] = {
    "softmax": softmaxes,
    "sampling": samples,
    "threads": many_threads,
    "chains": chains,
    "text": texts,
    "files": files,
    "quick": lambda folder: [case for cases in (softmaxes, samples, chains, texts) for case in cases(folder)[::9]],
}


def refused(call: Callable[[int], object]) -> Callable[[int], object]:
    """Return the call, which must raise."""

    def checked(number: int) -> None:
        try:
            call(number)
        except (TypeError, ValueError, LookupError, OSError):
            return
        raise AssertionError(f"call {number} was not refused")

    return checked


def run_here(kind: str, names: list[str], calls: int, scale: float) -> None:
    """Run some cases in this process, and print what is seen, a line each."""
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            if kind == "grows":
                cases = GROUPS[name](Path(folder))
                gc.collect()
                gc.freeze()  # what is there already need not be looked at again
                for case in cases:
                    for seen in grown(case, calls):
                        print(json.dumps(seen), flush=True)
            else:
                print(json.dumps(peak(name, PEAKS[name](scale, Path(folder)))), flush=True)


def elsewhere(kind: str, names: list[str], calls: int = CALLS, scale: float = 1.0) -> list[Seen]:
    """Run some cases in a process of their own, in which freed memory goes back to the system at once."""
    environment = os.environ | {"NUMBA_NRT_STATS": "1", "MALLOC_MMAP_THRESHOLD_": str(MIB), "MALLOC_ARENA_MAX": "2"}
    command = [
        sys.executable,
        "-m",
        "tests.reliability.memory",
        kind,
        *names,
        "--calls",
        str(calls),
        "--scale",
        str(scale),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{kind} {' '.join(names)}: {done.stderr.strip()[-2000:]}")
    return [Seen(*json.loads(line)) for line in done.stdout.splitlines()]


def checked(found: list[Seen]) -> list[Seen]:
    """Return what was seen if all of it is within its bounds."""
    broken = [
        f"{seen.name}: {seen.figure:,.0f} {seen.what} {seen.after}, expected at most {seen.bound:,.0f}"
        for seen in found
        if seen.figure > seen.bound
    ]
    assert not broken, "\n".join(broken)
    return found


def floats(rows: int, columns: int, dtype: type = np.float32) -> np.ndarray:
    """Return logits that are written: memory that nobody wrote to takes none."""
    numbers = np.random.default_rng(0).standard_normal((rows, columns), np.float32)
    return numbers.astype(dtype, copy=False)


def warmed(call: Callable[[Any], object], logits: np.ndarray, bound: float) -> Takes:
    """Return the call of all logits, the kernels of which have been called before."""
    call(logits[:2].copy() if logits.flags.c_contiguous else logits[:2])
    return Takes(lambda: call(logits), bound)


def threads() -> int:
    return fastsoftmax.get_num_threads()


def size_of(chain: MarkovChain) -> int:
    table = chain.transitions
    return 12 * table.tokens.size + (8 + 4 * table.order) * len(table.contexts)


def random_chain(scale: float, order: int = 2, kinds: int = 2**20) -> MarkovChain:
    """Return a chain in which nearly all n-grams are different, for kernels that have been called before."""
    warm = MarkovChain(order).fit(np.arange(100).reshape(10, 10))
    warm.walk(2, 5)
    warm.walk(500, 100, temperature=0.7)
    warm.merge(warm).partial_fit([[1, 2]]).prune(2)
    return MarkovChain(order).fit(random_tokens(scale, kinds))


def random_tokens(scale: float, kinds: int = 2**20) -> np.ndarray:
    return np.random.default_rng(0).integers(0, kinds, int(5e6 * scale))


def peak_softmax(scale: float, _: Path) -> Takes:
    x = floats(int(1000 * scale), 50_000)
    return warmed(fastsoftmax.softmax, x, x.nbytes + threads() * 4 * x.shape[1])


def peak_softmax_one_row(scale: float, _: Path) -> Takes:
    x = floats(1, int(5e7 * scale))
    return warmed(fastsoftmax.softmax, x, x.nbytes + 4 * x.shape[1])


def peak_softmax_columns(scale: float, _: Path) -> Takes:
    x = floats(50_000, int(1000 * scale))

    def call(x: Any) -> object:
        return fastsoftmax.softmax(x, axis=0)

    return warmed(call, x, x.nbytes + threads() * 17 * 4 * x.shape[0])


def peak_softmax_where(scale: float, _: Path) -> Takes:
    x = floats(int(1000 * scale), 50_000)
    keep = np.True_
    return warmed(lambda x: fastsoftmax.softmax(x, where=keep), x, 2 * x.nbytes + threads() * 4 * x.shape[1])


def peak_softmax_integers(scale: float, _: Path) -> Takes:
    x = np.ones((int(500 * scale), 50_000), np.int64)
    return warmed(fastsoftmax.softmax, x, 2 * x.nbytes + threads() * 8 * x.shape[1])


def peak_softmax_temperatures(scale: float, _: Path) -> Takes:
    x = floats(int(1e7 * scale), 4)
    temperatures = np.ones(len(x), np.float32)

    def call(x: Any) -> object:
        return fastsoftmax.softmax(x, temperature=temperatures[: len(x)])

    return warmed(call, x, x.nbytes + 17 * len(x))


def peak_softmax_out(scale: float, _: Path) -> Takes:
    x = floats(int(1000 * scale), 50_000)
    return warmed(lambda x: fastsoftmax.softmax(x, out=x), x, threads() * 4 * x.shape[1])


def peak_log_softmax(scale: float, _: Path) -> Takes:
    x = floats(int(1000 * scale), 50_000)
    return warmed(fastsoftmax.log_softmax, x, x.nbytes + threads() * 4 * x.shape[1])


def peak_log_softmax_copies(scale: float, _: Path) -> Takes:
    x = floats(2 * 50, int(1e6 * scale), np.float64).reshape(2, 50, -1)

    def call(x: Any) -> object:
        return fastsoftmax.log_softmax(x, axis=1)

    return warmed(call, x, x.nbytes + threads() * 2**22 * (8 + 8))


def peak_logsumexp(scale: float, _: Path) -> Takes:
    x = floats(int(1e7 * scale), 4)
    return warmed(fastsoftmax.logsumexp, x, (4 + 8) * len(x))


def peak_sample(scale: float, _: Path) -> Takes:
    x = floats(1, int(2e7 * scale))

    def call(x: Any) -> object:
        return fastsoftmax.sample(x, temperature=40.0, top_p=0.9, seed=1)

    return warmed(call, x, 21 * x.size)


def peak_sample_float64(scale: float, _: Path) -> Takes:
    x = floats(1, int(1e7 * scale), np.float64)

    def call(x: Any) -> object:
        return fastsoftmax.sample(x, temperature=40.0, top_p=0.9, details=True, seed=1)

    return warmed(call, x, 37 * x.size)


def peak_sample_bias(scale: float, _: Path) -> Takes:
    x = floats(int(1000 * scale), 20_000, np.float64)
    bias = {token: 1.0 for token in range(20_000)}

    def call(x: Any) -> object:
        return fastsoftmax.sample(x, bias=bias, seed=1)

    return warmed(call, x, 32 * 20_000 + threads() * (48 * 2**22 + 37 * 20_000))


def peak_sample_sparse_bias(scale: float, _: Path) -> Takes:
    x = floats(int(1000 * scale), 20_000)
    bias = scipy.sparse.csr_array(np.ones((len(x), 20_000), np.float32))

    def call(x: Any) -> object:
        return fastsoftmax.sample(x, bias=bias[: len(x)], seed=1)

    call(x[:2])
    return Takes(
        lambda: fastsoftmax.sample(x, bias=bias, seed=1), 32 * bias.nnz + threads() * (48 * 2**22 + 21 * 20_000)
    )


def peak_sample_strides(scale: float, _: Path) -> Takes:
    x = floats(int(1000 * scale), 100_000)[:, ::2]
    return warmed(lambda x: fastsoftmax.sample(x, seed=1), x, threads() * (4 * 2**22 + 21 * 50_000))


def peak_sample_parameters(scale: float, _: Path) -> Takes:
    x = floats(int(4e6 * scale), 4)
    ones = np.ones(len(x), np.float32)
    whole = np.ones(len(x), np.int32)
    cuts: Any = {"temperature": ones, "top_k": whole, "top_p": ones, "min_p": ones, "seed": whole, "step": whole}

    def call(x: np.ndarray) -> object:
        return fastsoftmax.sample(x, **{name: values[: len(x)] for name, values in cuts.items()})

    return warmed(call, x, (8 + 80) * len(x))


def peak_sample_allowed(scale: float, _: Path) -> Takes:
    x = np.zeros((int(4000 * scale), 50_000), np.float16)
    allowed = np.ones(x.shape, np.bool_)

    def call(x: Any) -> object:
        return fastsoftmax.sample(x, allowed=allowed[: len(x)], seed=1)

    return warmed(call, x, 3 / 8 * x.size + threads() * 21 * 50_000)


def peak_sample_kept_set(scale: float, _: Path) -> Takes:
    x = floats(int(100 * scale), 50_000)

    def call(x: Any) -> object:
        return fastsoftmax.sample(x, kept_set=True, seed=1)

    return warmed(call, x, 16 * x.size + threads() * 21 * 50_000)


def peak_sample_top_logprobs(scale: float, _: Path) -> Takes:
    x = floats(int(1e5 * scale), 100)

    def call(x: Any) -> object:
        return fastsoftmax.sample(x, top_logprobs=50, seed=1)

    return warmed(call, x, len(x) * (2 * 16 * 50 + 56 + 32))


def peak_probabilities_out(scale: float, _: Path) -> Takes:
    x = floats(int(1000 * scale), 50_000)

    def call(x: Any) -> object:
        return fastsoftmax.probabilities(x, out=x)

    return warmed(call, x, x.nbytes + threads() * 21 * 50_000)


def peak_fit(scale: float, _: Path) -> Takes:
    tokens, chain = random_tokens(2 * scale), random_chain(scale)
    return Takes(lambda: chain.fit(tokens), (12 + 8 + 4 * 2) * tokens.size + 16 * tokens.size)


def peak_fit_long_ngrams(scale: float, _: Path) -> Takes:
    tokens, chain = random_tokens(scale, 2**30), random_chain(scale / 100, 5, 2**30)
    return Takes(lambda: chain.fit(tokens), (12 + 8 + 4 * 5) * tokens.size + (28 + 6 * 5) * tokens.size)


def peak_fit_words(scale: float, _: Path) -> Takes:
    tokens, chain = random_tokens(scale, 2**12), MarkovChain().fit([["a"]])
    sentences = ([f"w{token}" for token in row] for row in tokens.reshape(-1, 20))
    return Takes(lambda: chain.fit(sentences), (12 + 8 + 4 + 16) * tokens.size)


def peak_partial_fit(scale: float, _: Path) -> Takes:
    chain = random_chain(scale)
    return Takes(lambda: chain.partial_fit([[1, 2, 3]]), size_of(chain) + 12 * chain.transitions.tokens.size)


def peak_merge(scale: float, _: Path) -> Takes:
    chain, other = random_chain(scale), MarkovChain(2).fit(random_tokens(scale)[::-1])
    edges = chain.transitions.tokens.size + other.transitions.tokens.size
    return Takes(lambda: chain.merge(other), size_of(chain) + size_of(other) + 12 * edges)


def peak_merge_words(scale: float, _: Path) -> Takes:
    rows = random_tokens(scale / 2, 2**12).reshape(-1, 20)
    one = MarkovChain(2).fit([f"w{token}" for token in row] for row in rows)
    two = MarkovChain(2).fit([f"w{token // 2}" for token in row] for row in rows)
    one_edges, edges = one.transitions.tokens.size, two.transitions.tokens.size
    return Takes(lambda: one.merge(two), size_of(one) + size_of(two) + 12 * (one_edges + edges) + 64 * edges)


def peak_prune(scale: float, _: Path) -> Takes:
    chain = random_chain(scale)
    return Takes(lambda: chain.prune(1), size_of(chain) + 24 * chain.transitions.tokens.size)


def peak_from_transitions(scale: float, _: Path) -> Takes:
    chain = {token: {token + step: 1 for step in range(5)} for token in range(int(4e5 * scale))}
    edges = 5 * len(chain) + len(chain)
    MarkovChain.from_transitions({0: {0: 1}})
    return Takes(lambda: MarkovChain.from_transitions(chain), 150 * edges)


def peak_walk(scale: float, _: Path) -> Takes:
    chain = random_chain(scale / 10)
    return Takes(
        lambda: chain.walk(10_000, int(5000 * scale), seed=1), 4e4 * int(5000 * scale) + 1e4 * 24 + table(chain, 1)
    )


def table(chain: MarkovChain, temperature: float) -> int:
    """Return what a table for walks takes as it is made, and what leads from transition to state."""
    states, edges = len(chain.transitions.contexts), chain.transitions.tokens.size
    return (32 + 12) * states + (4 + 2 * (128 if temperature == 1 else 52)) * edges


def peak_walk_counts(scale: float, _: Path) -> Takes:
    """Counts that add up to thirty a transition, which T = 1 repeats."""
    rows = np.repeat(np.random.default_rng(0).integers(0, 2**20, (int(2e5 * scale), 2)), 30, axis=0)
    chain = MarkovChain().fit(np.vstack([rows, rows[::7]]))
    random_chain(1e-4)
    return Takes(lambda: chain.walk(1000, 10_000, seed=1), 4e7 + table(chain, 1))


def peak_walk_runs(scale: float, _: Path) -> Takes:
    """States with four transitions of different counts, which take most when they are searched."""
    states = np.repeat(np.arange(int(2e5 * scale)), 10)
    nexts = np.tile([1, 2, 2, 3, 3, 3, 4, 4, 4, 4], len(states) // 10)
    chain = MarkovChain().fit(np.stack([states, nexts], axis=1))
    random_chain(1e-4)
    return Takes(lambda: chain.walk(1000, 10_000, temperature=0.7, seed=1), 4e7 + table(chain, 0.7))


def peak_walk_smoothed(scale: float, _: Path) -> Takes:
    chain = random_chain(scale / 50)
    size = 1 + np.unique(random_tokens(scale / 50)).size
    chain.walk(1, 3, smoothing="add-k")
    return Takes(lambda: chain.walk(100, 3, smoothing="add-k", seed=1), 32 * max(2**22, size) + threads() * 37 * size)


def peak_next_tokens_smoothed(scale: float, _: Path) -> Takes:
    chain = random_chain(scale, 1)
    size = 1 + np.unique(random_tokens(scale)).size
    chain.next_tokens(0, smoothing="add-k")
    return Takes(lambda: chain.next_tokens(0, smoothing="add-k"), 80 * size)


def peak_perplexity(scale: float, _: Path) -> Takes:
    chain, tokens = random_chain(scale), random_tokens(2 * scale)
    chain.log_likelihood([1, 2])
    return Takes(lambda: chain.perplexity(tokens), 16 * tokens.size)


def peak_perplexity_smoothed(scale: float, _: Path) -> Takes:
    chain, tokens = random_chain(scale / 5, 2, 100), random_tokens(scale, 100)
    chain.perplexity([[1, 2]], smoothing="kneser-ney")
    return Takes(lambda: chain.perplexity(tokens, smoothing="kneser-ney"), 100 * tokens.size)


def peak_smoothing(scale: float, _: Path) -> Takes:
    chain = random_chain(scale / 2, 3)
    edges, states = chain.transitions.tokens.size, len(chain.transitions.contexts)
    ngrams = 4 * edges + 4 * states
    return Takes(lambda: chain.perplexity([[1]], smoothing="stupid-backoff"), 16 * ngrams + 96 * edges)


def peak_stationary(scale: float, _: Path) -> Takes:
    chain = random_chain(scale / 5)
    chain.transitions.targets  # noqa: B018
    return Takes(lambda: chain.entropy_rate(temperature=0.9, top_p=0.99), 300 * chain.transitions.tokens.size)


def peak_communicating_classes(scale: float, _: Path) -> Takes:
    chain = random_chain(scale / 2)
    chain.transitions.targets  # noqa: B018
    return Takes(chain.communicating_classes, 80 * chain.transitions.tokens.size)


def peak_period(scale: float, _: Path) -> Takes:
    chain = random_chain(scale / 2)
    chain.transitions.targets  # noqa: B018
    return Takes(lambda: chain.period(()), 112 * chain.transitions.tokens.size)


def peak_save(scale: float, folder: Path) -> Takes:
    chain = random_chain(scale)
    edges, states = chain.transitions.tokens.size, len(chain.transitions.contexts)
    return Takes(lambda: chain.save(folder / "chain"), 4 * edges + 12 * states)


def saved(scale: float, folder: Path) -> Path:
    random_chain(scale).save(folder / "chain")
    return folder / "chain"


def peak_load(scale: float, folder: Path) -> Takes:
    path = saved(8 * scale if scale < 1 else scale, folder)
    with open(path, "rb") as file:  # what is in the system's cache would be mapped by megabytes, and cost nobody
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return Takes(lambda: MarkovChain.load(path).walk(1, 5, seed=1), 0)


def peak_load_not_mapped(scale: float, folder: Path) -> Takes:
    path = saved(scale, folder)
    return Takes(lambda: MarkovChain.load(path, mmap=False), 1.5 * path.stat().st_size)


def peak_text(scale: float, folder: Path) -> Takes:
    words = np.char.add("w", random_tokens(4 * scale, 2**12).astype("U8")).tolist()
    (folder / "text").write_text("\n".join(" ".join(words[i : i + 20]) + "." for i in range(0, len(words), 20)))
    MarkovText(1).fit("a b.")
    text, size = MarkovText(1, keep_text=True), len(words) * 21 // 20
    del words
    edges = min(2**24, size)
    return Takes(lambda: text.fit(folder / "text"), 4 * size + 2 * 12 * edges + 2**28)


def peak_generate(scale: float, _: Path) -> Takes:
    text = MarkovText(1).fit("a b c d e f. b a c. e d a b.")
    text.generate(10)
    count = int(5e5 * scale)
    return Takes(lambda: text.generate(count, seed=1), 560 * count)


def peak_generate_bounds(scale: float, _: Path) -> Takes:
    words = random_tokens(scale / 2, 2**16)
    text = MarkovText(1).fit(" ".join(f"w{word}" for word in words.tolist()))
    text.generate(1, max_words=3)
    edges, states = text.chain.transitions.tokens.size, len(text.chain.transitions.contexts)
    return Takes(lambda: text.generate(1, max_words=200, seed=1), 8 * states * 201 + 8 * edges)


def peak_generate_novelty(scale: float, _: Path) -> Takes:
    words = random_tokens(scale, 2**8)
    text = MarkovText(1, keep_text=True).fit(" ".join(f"w{word}." for word in words.tolist()))
    MarkovText(1, keep_text=True).fit("a b. c d e.").generate(1, novelty=0.5)
    return Takes(lambda: text.generate(1, novelty=0.5, seed=1), 50 * words.size)


def peak_import_markovify(scale: float, _: Path) -> Takes:
    chain = [[[f"w{word}"], {f"w{word + step}": step + 1 for step in range(5)}] for word in range(int(2e5 * scale))]
    source = json.dumps(chain)
    edges = 5 * len(chain)
    del chain
    MarkovText.import_markovify(MARKOVIFY)
    return Takes(lambda: MarkovText.import_markovify(source), 500 * edges)


PEAKS: dict[str, Callable[[float, Path], Takes]] = {
    name.removeprefix("peak_"): case for name, case in list(globals().items()) if name.startswith("peak_")
}


def run(progress: Progress) -> str:
    """Return how much came to stay, and how near to their bounds the peaks were."""
    if sys.platform != "linux":
        raise SkipError("only Linux tells how much memory is in use")
    groups = [name for name in GROUPS if name != "quick"]
    stayed, taken = list[Seen](), list[Seen]()
    for done, name in enumerate(groups, 1):
        stayed += checked(elsewhere("grows", [name]))
        progress(done / len(groups) / 2)
    for done, name in enumerate(PEAKS, 1):
        taken += checked(elsewhere("takes", [name]))
        progress(0.5 + done / len(PEAKS) / 2)
    grew = [seen for seen in stayed if seen.what == "rss"]
    fewer = [seen.calls for seen in grew if seen.calls < CALLS]
    most, nearest = max(seen.figure for seen in grew), max(taken, key=lambda seen: seen.figure / seen.bound)
    return (
        f"{len(grew)} calls, {CALLS:,} times each ({len(fewer)} slow ones {min(fewer):,} to {max(fewer):,} times): "
        f"at most {most / 1024:.0f} KiB more; {len(taken)} peaks, the nearest to its bound at "
        f"{nearest.figure / nearest.bound:.2f} ({nearest.name})"
    )


CHECK = Check(
    name="memory",
    promise="Memory does not grow with calls, and no call takes more than its docstring says.",
    quick="tests/test_memory.py",
    run=run,
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["grows", "takes"])
    parser.add_argument("names", nargs="+")
    parser.add_argument("--calls", type=int)
    parser.add_argument("--scale", type=float)
    run_here(**vars(parser.parse_args()))
