"""Calls that are made again and again, to see what they keep."""

import copy
import pickle
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

import fastsoftmax
from fastsoftmax import MarkovChain, MarkovText, Sampler, SamplingParams
from tests.calls import CALLS, TEXT, things
from tests.cases import DTYPES


class Grows(NamedTuple):
    """A call that is made again and again; it is told its number."""

    name: str
    call: Callable[[int], object]
    share: float = 1.0
    """Of the usual number of calls, for arrays and files so large that a call takes milliseconds."""


def refused(call: Callable[[int], object]) -> Callable[[int], object]:
    """Return the call, which must raise."""

    def checked(number: int) -> None:
        try:
            call(number)
        except (TypeError, ValueError, LookupError, OSError):
            return
        raise AssertionError(f"call {number} was not refused")

    return checked


def every_call(folder: Path) -> list[Grows]:
    """All public calls, each with the same arguments again and again."""
    (place := folder / "calls").mkdir()
    tiny = things(place)
    return [Grows(name, lambda i, call=call: call(tiny)) for name, call in CALLS.items()]


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
    return [
        *(
            Grows(f"sample with {name}", lambda i, o=option: fastsoftmax.sample(rows, **o))
            for name, option in options.items()
        ),
        Grows("sample at another temperature each time", lambda i: fastsoftmax.sample(row, temperature=1 + i, seed=i)),
        Grows("sample of another length each time", lambda i: fastsoftmax.sample(np.zeros(1 + i % 10**5), seed=i)),
        Grows("sample of NaN", refused(lambda i: fastsoftmax.sample(holes, seed=i))),
        Grows("sample with a wrong top_p", refused(lambda i: fastsoftmax.sample(row, top_p=1.5 + i))),
        Grows("probabilities with out", lambda i: fastsoftmax.probabilities(rows, out=shares, allowed=row > 0)),
        Grows("probabilities of NaN", refused(lambda i: fastsoftmax.probabilities(holes))),
        Grows("Sampler", lambda i: sampler(row)),
        Grows("Sampler of rows", lambda i: all_at_once(rows)),
        Grows("Sampler with other parameters each time", lambda i: setattr_and_call(sampler, i, row)),
        Grows("Sampler with details, at a step", stepped),
        Grows("Sampler of NaN", refused(lambda i: sampler(holes))),
        Grows("Sampler with kept_set", lambda i: sampler(row, kept_set=True)),
        Grows("Sampler with top_logprobs", lambda i: sampler(row, top_logprobs=2)),
        Grows("Sampler with n, allowed and bias", lambda i: sampler(row, n=2, allowed=row > 0, bias={0: 1.0})),
        Grows("a new Sampler", lambda i: Sampler(temperature=1 + i, seed=i)(row)),
        Grows("a copied Sampler", lambda i: pickle.loads(pickle.dumps(copy.copy(sampler)))(row)),
        Grows("SamplingParams with a wrong min_p", refused(lambda i: SamplingParams(min_p=-1 - i))),
        Grows("set_num_threads", lambda i: fastsoftmax.set_num_threads(1 + i % 3)),
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
    grown_chain = MarkovChain().fit(words)
    dead = MarkovChain.from_transitions({"a": {"b": 1}})
    walks, walks_of_words = chain.walk(4, 20, seed=1), of_words.walk(4, 20, seed=1)
    endless = {"on_dead_end": "restart", "seed": 1}
    cases = [
        Grows("fit of lists", lambda i: MarkovChain(3).fit(lists)),
        Grows("fit of words", lambda i: fitted.fit(words)),
        Grows("fit of long n-grams", lambda i: MarkovChain(9).fit(tokens * 10**8)),
        Grows("fit of nothing", refused(lambda i: fitted.fit([[]]))),
        Grows("fit of both kinds", refused(lambda i: fitted.fit([["a"], [i]]))),
        Grows("partial_fit", lambda i: grown_chain.partial_fit(words, 2)),
        Grows("partial_fit of the other kind", refused(lambda i: grown_chain.partial_fit(tokens))),
        Grows("merge of another order", refused(lambda i: grown_chain.merge(chain))),
        Grows("prune", lambda i: copy.copy(chain).prune(1 + i % 2)),
        Grows(
            "from_transitions", lambda i: MarkovChain.from_transitions({"a": {"b": 1 + i, None: 0.5}, "b": {"a": 1}})
        ),
        Grows("from_transitions that are wrong", refused(lambda i: MarkovChain.from_transitions({"a": {"b": -i}}))),
        Grows("walk", lambda i: chain.walk(2, 10)),
        Grows("walk of words", lambda i: list(of_words.walk(2, 10, seed=i))),
        Grows("walk at another temperature each time", lambda i: chain.walk(2, 10, temperature=1 + i / 100, seed=1)),
        Grows("walk with other cut-offs", lambda i: chain.walk(2, 10, top_k=1 + i, top_p=0.9, min_p=i / 10**9, seed=1)),
        Grows("walk from a start", lambda i: chain.walk(2, 10, start=walks[0][:2], seed=i)),
        Grows("walk from an unknown start", refused(lambda i: of_words.walk(2, 10, start="none"))),
        Grows("walk with restarts", lambda i: chain.walk(2, 10, on_dead_end="restart", seed=i)),
        Grows("walk that may not end", lambda i: of_words.walk(1, 2, on_dead_end="raise", seed=i)),
        Grows("walk to a dead end", refused(lambda i: dead.walk(1, 9, on_dead_end="raise", seed=i))),
        Grows("walk of a new chain", lambda i: MarkovChain().fit(tokens).walk(2, 100, seed=i)),
        Grows("next_tokens after the unknown", refused(lambda i: of_words.next_tokens("w77"))),
        Grows("log_likelihood of the other kind", refused(lambda i: chain.log_likelihood(words[0]))),
        Grows("entropy_rate", lambda i: chain.entropy_rate(temperature=1 + i)),
        Grows("period of the unknown", refused(lambda i: chain.period([99]))),
        Grows("copy", lambda i: copy.copy(chain).walk(1, 5)),
        Grows("deepcopy", lambda i: copy.deepcopy(of_words).walk(1, 5)),
        Grows("pickle", lambda i: pickle.loads(pickle.dumps(of_words)).walk(1, 5)),
        Grows("transitions, vocabulary, repr", lambda i: (of_words.transitions, of_words.vocabulary, repr(of_words))),
        Grows("Walks", lambda i: (len(walks), walks[1], walks[1:3], list(walks), walks_of_words[-1], repr(walks))),
        Grows("Walks out of range", refused(lambda i: walks[99])),
    ]
    for name in ("add-k", "stupid-backoff", "kneser-ney"):
        rule: dict[str, Any] = {"smoothing": name}
        cases += [
            Grows(f"walk, {name}", lambda i, rule=rule: chain.walk(2, 4, **rule, **endless)),
            Grows(f"next_tokens, {name}", lambda i, rule=rule: chain.next_tokens(lists[0][:2], **rule)),
            Grows(f"log_likelihood, {name}", lambda i, rule=rule: chain.log_likelihood(lists[0], **rule)),
            Grows(f"perplexity, {name}", lambda i, rule=rule: chain.perplexity(lists, **rule)),
        ]

    def other_rule(i: Any) -> object:
        return chain.perplexity(lists, smoothing="stupid-backoff", alpha=1 / (1 + i))

    return [*cases, Grows("perplexity with another rule each time", other_rule)]


def texts(folder: Path) -> list[Grows]:
    path, damaged = folder / "text", folder / "not-utf-8"
    path.write_text(TEXT)
    damaged.write_bytes(b"\xff\xfe words")
    text, order_2, kept = MarkovText(1).fit(TEXT), MarkovText(2).fit(TEXT), MarkovText(1, keep_text=True).fit(TEXT)
    more, words = MarkovText(1).fit(TEXT), list(text.chain.vocabulary)
    return [
        Grows("MarkovText.fit of a file", lambda i: MarkovText().fit(path)),
        Grows("MarkovText.fit of lines", lambda i: MarkovText(sequences="lines").fit([TEXT, path])),
        Grows("MarkovText.fit of characters", lambda i: MarkovText(3, tokens="characters").fit(TEXT)),
        Grows("MarkovText.fit with a function", lambda i: MarkovText(tokens=str.split).fit(TEXT)),
        Grows("MarkovText.fit that keeps the text", lambda i: kept.fit(TEXT).generate(1, novelty=0.1, seed=i)),
        Grows("MarkovText.fit of nothing", refused(lambda i: text.fit(""))),
        Grows("MarkovText.fit of what is not text", refused(lambda i: text.fit(damaged))),
        Grows("MarkovText.partial_fit", lambda i: more.partial_fit(TEXT, 2)),
        Grows("MarkovText.merge", lambda i: more.merge(text)),
        Grows("generate from a start", lambda i: order_2.generate(1, start="The cat", seed=i)),
        Grows("generate from an unknown start", refused(lambda i: text.generate(1, start="none"))),
        Grows("generate with other bounds each time", lambda i: text.generate(1, max_words=3 + i % 40, seed=i)),
        Grows("generate at another temperature each time", lambda i: text.generate(1, temperature=1 + i, seed=i)),
        Grows(
            "generate with other words each time", lambda i: text.generate(1, containing=words[i % len(words)], seed=i)
        ),
        Grows("generate with max_chars", lambda i: text.generate(2, max_chars=25, seed=i)),
        Grows("generate that cannot", lambda i: text.generate(1, max_chars=1, seed=i)),
        Grows("generate with novelty but no text", refused(lambda i: text.generate(1, novelty=0.5))),
        Grows("MarkovText.next_tokens", lambda i: text.next_tokens("cat", temperature=1 + i)),
        Grows("MarkovText's attributes", lambda i: (text.chain, text.order, text.tokens, text.sequences, repr(text))),
        Grows("MarkovText.kept_tokens", lambda i: kept.kept_tokens),
        Grows("MarkovText.generate, smoothed", lambda i: text.generate(1, smoothing="add-k", max_words=9, seed=i)),
        Grows("MarkovText.deepcopy", lambda i: copy.deepcopy(kept)),
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
        Grows("save where it cannot", refused(lambda i: chain.save(folder / "none" / "none"))),
        Grows("load, not mapped", lambda i: MarkovChain.load(paths[0], mmap=False).walk(1, 5)),
        Grows("load of a large file", mapped, 0.01),
        Grows("load of a large file, all of it", lambda i: MarkovChain.load(paths[2]).transitions.totals, 0.0004),
        Grows("load of a damaged file", refused(lambda i: MarkovChain.load(paths[3]))),
        Grows("load of no file", refused(lambda i: MarkovChain.load(folder / "none"))),
    ]


GROUPS: dict[str, Callable[[Path], list[Grows]]] = {
    "calls": every_call,
    "softmax": softmaxes,
    "sampling": samples,
    "threads": many_threads,
    "chains": chains,
    "text": texts,
    "files": files,
    "quick": lambda folder: [
        case for cases in (every_call, softmaxes, samples, chains, texts) for case in cases(folder)[::9]
    ],
}
