"""Calls with much to do, and what each may take by its docstring."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

import fastsoftmax
from fastsoftmax import MarkovChain, MarkovText


class Takes(NamedTuple):
    """A call, and how many bytes it may take, its result among them."""

    call: Callable[[], object]
    bound: float


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
    assert chain.transitions.targets.size  # made before, by a walk as a rule
    return Takes(lambda: chain.entropy_rate(temperature=0.9, top_p=0.99), 300 * chain.transitions.tokens.size)


def peak_communicating_classes(scale: float, _: Path) -> Takes:
    chain = random_chain(scale / 2)
    assert chain.transitions.targets.size  # made before, by a walk as a rule
    return Takes(chain.communicating_classes, 80 * chain.transitions.tokens.size)


def peak_period(scale: float, _: Path) -> Takes:
    chain = random_chain(scale / 2)
    assert chain.transitions.targets.size  # made before, by a walk as a rule
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


def peak_generate_words(scale: float, _: Path) -> Takes:
    words = random_tokens(scale / 2, 2**16)
    text = MarkovText(1).fit(" ".join(f"w{word}" for word in words.tolist()))
    MarkovText(1).fit("a b c.").generate(1, containing="b", max_words=3)
    edges, states = text.chain.transitions.tokens.size, len(text.chain.transitions.contexts)
    product = 2 * (16 * edges + 32 * states + 8 * states * 41)
    return Takes(lambda: text.generate(1, containing="w5", max_words=40, seed=1), product + 8 * states + 8 * edges)


def peak_generate_novelty(scale: float, _: Path) -> Takes:
    words = random_tokens(scale, 2**8)
    text = MarkovText(1, keep_text=True).fit(" ".join(f"w{word}." for word in words.tolist()))
    MarkovText(1, keep_text=True).fit("a b. c d e.").generate(1, novelty=0.5)
    return Takes(lambda: text.generate(1, novelty=0.5, seed=1), 50 * words.size)


def peak_save_text(scale: float, folder: Path) -> Takes:
    words = random_tokens(4 * scale, 2**8)
    parts = [" ".join(f"w{word}." for word in half.tolist()) for half in np.array_split(words, 2)]
    text = MarkovText(1, keep_text=True).fit(parts[0]).partial_fit(parts[1])
    edges = text.chain.transitions.tokens.size
    return Takes(lambda: text.save(folder / "text"), 4 * 2 * words.size + 4 * edges)


def peak_generate_smoothed(scale: float, _: Path) -> Takes:
    words = random_tokens(scale / 16, 2**12)
    text = MarkovText(1, sequences="lines").fit("\n".join(f"w{word}" for word in words.tolist()))
    text.generate(1, smoothing="add-k", k=1e-6)
    count = int(1e4 * scale)
    return Takes(lambda: text.generate(count, smoothing="add-k", k=1e-6, seed=1), 2**27 + 560 * count)


def peak_import_markovify(scale: float, _: Path) -> Takes:
    chain = [[[f"w{word}"], {f"w{word + step}": step + 1 for step in range(5)}] for word in range(int(2e5 * scale))]
    source = json.dumps(chain)
    edges = 5 * len(chain)
    del chain
    MarkovText.import_markovify('[[["___BEGIN__"], {"a": 1}], [["a"], {"___END__": 1}]]')
    return Takes(lambda: MarkovText.import_markovify(source), 500 * edges)


PEAKS: dict[str, Callable[[float, Path], Takes]] = {
    name.removeprefix("peak_"): case for name, case in list(globals().items()) if name.startswith("peak_")
}
