"""One catalogue of public calls, each with tiny arguments, and how to compare what they return.

What is tried of every call (threads, forks, interrupts, memory, damaged files, wrong arguments) goes through this list;
`tests/everywhere/test_calls.py` fails where a public name is missing. A variant of a call stands after a comma.
"""

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import fastsoftmax
from fastsoftmax import BetweenStates, ByState, MarkovChain, MarkovText, Sampler, SamplerChain, SamplingParams, State

TEXT = "The cat sat on the mat. A dog ran to the cat! Who sat there? The dog sat on the cat.\n\nThe mat ran.\n"
MARKOVIFY = '{"state_size": 1, "chain": "[[[\\"___BEGIN__\\"], {\\"a\\": 2}], [[\\"a\\"], {\\"___END__\\": 1}]]"}'
SEQUENCES = [list("abcab"), list("bca"), list("aab")]
EDITS = "repetition=1.5 dry=0.8 temperature=0.5"
KNESER_NEY = {"smoothing": "kneser-ney"}


class Graph:
    """What a chain asks of a networkx graph: a ring of three nodes."""

    def is_directed(self) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter("abc")

    def edges(self, data: str | None = None, default: int = 1) -> list[tuple[str, str, int]]:
        return [("a", "b", 2), ("b", "c", 1), ("c", "a", 1)]


RING = Graph()
LOOP = MarkovChain.from_matrix([[0.9, 0.1], [0.5, 0.5]])


class Things(NamedTuple):
    """What calls are made with: models of which some tokens are known, rows of logits, and a folder."""

    chain: MarkovChain
    text: MarkovText
    known: list[Any]
    rows: np.ndarray
    folder: Path


def things(folder: Path) -> Things:
    """Return tiny things, with a saved chain and a saved text in the folder."""
    text = MarkovText(1, keep_text=True).fit(TEXT)
    tiny = Things(
        MarkovChain(1).fit(SEQUENCES), text, ["a", "b"], np.random.default_rng(0).standard_normal((3, 50)), folder
    )
    tiny.chain.save(folder / "chain")
    tiny.text.save(folder / "text")
    return tiny


Call = Callable[[Things], object]

CALLS: dict[str, Call] = {
    "softmax": lambda t: fastsoftmax.softmax(t.rows, temperature=0.7),
    "softmax, axis 0": lambda t: fastsoftmax.softmax(t.rows.astype(np.float32), axis=0),
    "log_softmax": lambda t: fastsoftmax.log_softmax(t.rows),
    "logsumexp": lambda t: fastsoftmax.logsumexp(t.rows),
    "sample": lambda t: fastsoftmax.sample(t.rows, temperature=0.8, top_k=20, top_p=0.9, seed=3, step=9, n=5),
    "sample, details": lambda t: fastsoftmax.sample(
        t.rows, min_p=0.1, seed=3, allowed=t.rows > -1, bias={3: 1.0}, details=True, kept_set=True, top_logprobs=2
    ),
    "probabilities": lambda t: fastsoftmax.probabilities(t.rows, top_p=0.8),
    "sample, a chain": lambda t: fastsoftmax.sample(
        t.rows, samplers="xtc(0.5, 0.1) typical=0.9 temperature=0.7", seed=3, n=3, details=True, kept_set=True
    ),
    "probabilities, a chain": lambda t: fastsoftmax.probabilities(t.rows, samplers="top_n_sigma=1.0 xtc(0.5, 0.1)"),
    "table": lambda t: fastsoftmax.table(t.rows[0], temperature=[0.5, 2.0], top_p=0.9),
    "SamplerChain": lambda t: SamplerChain("top_k=3 temperature=0.5"),
    "SamplerChain, JSON": lambda t: SamplerChain.from_json(SamplerChain("top_k=3").to_json()),
    "Sampler": lambda t: [(sampler := Sampler(top_p=0.9, seed=1))(t.rows), sampler(t.rows[0]), sampler.step],
    "sample, a state": lambda t: fastsoftmax.sample(
        t.rows, samplers=(chain := SamplerChain(EDITS)), state=chain.start([[1, 2, 1, 2], [], [3]]), seed=3
    ),
    "probabilities, a state": lambda t: fastsoftmax.probabilities(
        t.rows[0], samplers=(chain := SamplerChain(EDITS)), state=chain.start([1, 2, 1])
    ),
    "SamplerChain, a state": lambda t: SamplerChain(EDITS).start([1, 2, 1]).accept(3).rewind(1),
    "State": lambda t: State.join([SamplerChain(EDITS).start([1, 2]), SamplerChain(EDITS).start()])[[1, 0]],
    "verify": lambda t: fastsoftmax.verify(t.rows, [3, 5], samplers="top_k=9", seed=1),
    "verify, a state": lambda t: fastsoftmax.verify(
        t.rows,
        [3, 5],
        draft=np.full((2, 50), 0.02),
        parents=[-1, -1],
        samplers=(chain := SamplerChain(EDITS)),
        state=chain.start([1]),
        seed=1,
    ),
    "Verified": lambda t: fastsoftmax.Verified(np.zeros(3, np.int64), np.int64(2)),
    "Sampler, a state": lambda t: [(sampler := Sampler(SamplerChain(EDITS), seed=1))(t.rows), sampler(t.rows)],
    "SamplingParams": lambda t: SamplingParams(temperature=2, top_k=3),
    "set_num_threads": lambda t: fastsoftmax.set_num_threads(fastsoftmax.get_num_threads()),
    "warmup": lambda t: fastsoftmax.warmup(["float64"], markov=False),
    "get_num_threads": lambda t: fastsoftmax.get_num_threads(),
    "MarkovChain": lambda t: MarkovChain(3),
    "MarkovChain.fit": lambda t: MarkovChain(2).fit(SEQUENCES),
    "MarkovChain.partial_fit": lambda t: MarkovChain(2).fit(SEQUENCES).partial_fit(SEQUENCES, 2),
    "MarkovChain.merge": lambda t: MarkovChain(t.chain.order).merge(t.chain, 2),
    "MarkovChain.prune": lambda t: MarkovChain(t.chain.order).merge(t.chain).prune(2),
    "MarkovChain.from_transitions": lambda t: MarkovChain.from_transitions({"a": {"b": 1, None: 0.5}, "b": {"a": 1}}),
    "MarkovChain.from_matrix": lambda t: MarkovChain.from_matrix([[0.5, 0.5], [1, 0]], ["a", "b"], start=[1, 0]),
    "MarkovChain.from_edges": lambda t: MarkovChain.from_edges(["a", "a", "b"], ["b", "a", "a"], [0.5, 2, 1]),
    "MarkovChain.from_graph": lambda t: MarkovChain.from_graph(RING),
    "MarkovChain.tauchen": lambda t: MarkovChain.tauchen(3, 0.9, 0.5),
    "MarkovChain.rouwenhorst": lambda t: MarkovChain.rouwenhorst(3, 0.9, 0.5, mu=1.0),
    "MarkovChain.order": lambda t: t.chain.order,
    "MarkovChain.vocabulary": lambda t: t.chain.vocabulary,
    "MarkovChain.transitions": lambda t: [t.chain.transitions.tokens, t.chain.transitions.counts],
    "MarkovChain.walk": lambda t: t.chain.walk(3, 9, seed=1),
    "MarkovChain.walk, restarted": lambda t: t.chain.walk(
        3, 9, seed=1, temperature=0.5, top_p=0.9, on_dead_end="restart"
    ),
    "MarkovChain.walk, to an end": lambda t: t.chain.walk(
        3, 9, seed=1, min_p=0.1, top_k=2**63 - 1, on_dead_end="raise"
    ),
    "MarkovChain.walk_from": lambda t: t.chain.walk_from(t.known, 5, p=0.5, q=2.0, restart=0.1, seed=1),
    "MarkovChain.walk_from, node2vec+": lambda t: t.chain.walk_from(t.known, 5, p=0.5, q=2.0, extend=True, seed=1),
    "MarkovChain.walk_from, plain": lambda t: t.chain.walk_from(t.known, 5, seed=1),
    "MarkovChain.walk, smoothed": lambda t: t.chain.walk(1, 5, start=t.known[1:2], seed=1, **KNESER_NEY),
    "MarkovChain.next_tokens": lambda t: t.chain.next_tokens(None, temperature=np.inf),
    "MarkovChain.next_tokens, smoothed": lambda t: t.chain.next_tokens(t.known[:1], smoothing="add-k"),
    "MarkovChain.scores": lambda t: t.chain.scores([*t.known, *t.known], unseen="skip"),
    "MarkovChain.log_likelihood": lambda t: t.chain.log_likelihood(t.known),
    "MarkovChain.perplexity": lambda t: t.chain.perplexity([t.known], smoothing="stupid-backoff"),
    "MarkovChain.stationary": lambda t: t.chain.stationary(temperature=0.8),
    "MarkovChain.entropy_rate": lambda t: t.chain.entropy_rate(),
    "MarkovChain.communicating_classes": lambda t: t.chain.communicating_classes(),
    "MarkovChain.period": lambda t: t.chain.period(t.known[:1]),
    "MarkovChain.states": lambda t: t.chain.states,
    "MarkovChain.to_sparse": lambda t: t.chain.to_sparse(temperature=0.5).toarray(),
    "MarkovChain.to_frame": lambda t: given("pandas", lambda: t.chain.to_frame().to_numpy()),
    "MarkovChain.to_networkx": lambda t: given("networkx", lambda: list(t.chain.to_networkx().edges(data="weight"))),
    "MarkovChain.to_arrow": lambda t: given("pyarrow", lambda: t.chain.to_arrow(top_k=2).to_pydict()),
    "MarkovChain.cyclic_classes": lambda t: t.chain.cyclic_classes(t.known[:1]),
    "MarkovChain.distribution": lambda t: t.chain.distribution(3, t.known[:1], temperature=0.5),
    "MarkovChain.stationary_distributions": lambda t: t.chain.stationary_distributions(samplers="top_k=2"),
    "MarkovChain.hitting_probabilities": lambda t: t.chain.hitting_probabilities(t.known[0]),
    "MarkovChain.hitting_times": lambda t: t.chain.hitting_times(t.known),
    "MarkovChain.absorption_probabilities": lambda t: t.chain.absorption_probabilities(temperature=2.0),
    "MarkovChain.absorption_times": lambda t: t.chain.absorption_times(),
    "MarkovChain.fundamental_matrix": lambda t: MarkovChain.from_matrix([[0.5, 0.5], [0, 1]]).fundamental_matrix(),
    "MarkovChain.mean_first_passage_times": lambda t: LOOP.mean_first_passage_times(),
    "MarkovChain.recurrence_times": lambda t: t.chain.recurrence_times(),
    "MarkovChain.kemeny_constant": lambda t: LOOP.kemeny_constant(),
    "MarkovChain.spectral_gap": lambda t: LOOP.spectral_gap(),
    "MarkovChain.mixing_time": lambda t: LOOP.mixing_time(),
    "MarkovChain.is_reversible": lambda t: LOOP.is_reversible(),
    "MarkovChain.reversed": lambda t: LOOP.reversed(),
    "MarkovChain.reversibilized": lambda t: LOOP.reversibilized(temperature=2.0),
    "MarkovChain.lumped": lambda t: t.chain.lumped({state: state for state in t.chain.states}),
    "MarkovChain.lazy": lambda t: t.chain.lazy({t.known[0]: 0.25}),
    "MarkovChain.sensitivity": lambda t: LOOP.sensitivity(0),
    "MarkovChain.expected_values": lambda t: t.chain.expected_values({t.known[0]: 1}, 3),
    "MarkovChain.time_correlations": lambda t: t.chain.time_correlations({t.known[0]: 1}, 3, top_k=2),
    "MarkovChain.expected_rewards": lambda t: t.chain.expected_rewards({t.known[0]: -1}, 3),
    "MarkovChain.expected_rewards, for ever": lambda t: t.chain.expected_rewards({t.known[0]: 1}, discount=0.5),
    "MarkovChain.expected_transitions": lambda t: t.chain.expected_transitions(3).toarray(),
    "MarkovChain.first_passage_probabilities": lambda t: t.chain.first_passage_probabilities(t.known[0], 3),
    "MarkovChain.save": lambda t: t.chain.save(t.folder / "saved"),
    "MarkovChain.load": lambda t: MarkovChain.load(t.folder / "chain").walk(2, 5, seed=1),
    "MarkovText": lambda t: MarkovText(3, tokens="characters", sequences="lines"),
    "MarkovText.fit": lambda t: MarkovText(1).fit(TEXT),
    "MarkovText.partial_fit": lambda t: MarkovText(1).fit(TEXT).partial_fit("The cat ran.", 2),
    "MarkovText.merge": lambda t: MarkovText(t.text.order).merge(t.text, 0.5),
    "MarkovText.prune": lambda t: MarkovText(t.text.order).merge(t.text).prune(2),
    "MarkovText.order": lambda t: t.text.order,
    "MarkovText.tokens": lambda t: t.text.tokens,
    "MarkovText.sequences": lambda t: t.text.sequences,
    "MarkovText.kept_tokens": lambda t: t.text.kept_tokens,
    "MarkovText.encoding": lambda t: t.text.encoding,
    "MarkovText.chain": lambda t: t.text.chain,
    "MarkovText.generate": lambda t: t.text.generate(2, seed=1),
    "MarkovText.generate, bounded": lambda t: t.text.generate(2, seed=1, min_words=2, max_words=5),
    "MarkovText.generate, words": lambda t: t.text.generate(
        2, seed=1, containing="The", ending="the cat.", balanced=True
    ),
    "MarkovText.generate, short": lambda t: t.text.generate(1, seed=1, start="The", max_chars=20),
    "MarkovText.generate, novel": lambda t: t.text.generate(2, seed=1, novelty=0.5, max_copied=3),
    "MarkovText.generate, smoothed": lambda t: t.text.generate(2, seed=1, max_words=9, **KNESER_NEY),
    "MarkovText.next_tokens": lambda t: t.text.next_tokens("The", temperature=2),
    "MarkovText.scores": lambda t: t.text.scores("The cat sat."),
    "MarkovText.log_likelihood": lambda t: t.text.log_likelihood(TEXT),
    "MarkovText.perplexity": lambda t: t.text.perplexity(TEXT, **KNESER_NEY),
    "MarkovText.save": lambda t: t.text.save(t.folder / "saved"),
    "MarkovText.load": lambda t: MarkovText.load(t.folder / "text").generate(2, seed=1, novelty=0.1),
    "MarkovText.import_markovify": lambda t: MarkovText.import_markovify(MARKOVIFY).generate(2, seed=1),
}


def given(package: str, call: Callable[[], object]) -> object:
    """Return what a call gives where its package is there, None elsewhere."""
    return call() if find_spec(package) else None


def told(result: Any) -> bytes:
    """Return bytes that two results share if they are the same."""
    if isinstance(result, np.ndarray | np.generic):
        return f"{result.dtype.str}{result.shape}".encode() + result.tobytes()
    if isinstance(result, MarkovChain):
        model = result._held.model
        return told(None if model is None else [list(model.transitions.edges(1)), result.vocabulary])
    if isinstance(result, ByState | BetweenStates):
        return told([result.states, result.array])
    if isinstance(result, MarkovText):
        return told(result.chain)
    if dataclasses.is_dataclass(result):
        return told([getattr(result, field.name) for field in dataclasses.fields(result)])
    if isinstance(result, list | tuple):
        return b"[" + b",".join(map(told, result)) + b"]"
    return repr(result).encode()


def public(name: str) -> tuple[Any, list[str]]:
    """Return what has a name in the catalogue, and the names of its arguments: a property has none."""
    found: Any = fastsoftmax
    for part in name.split(",")[0].split("."):
        found = getattr(found, part)
    names = inspect.signature(found).parameters if callable(found) else ()
    several = {"words": ("temperature", "top_k", "top_p", "min_p", "samplers")}
    return found, [one for name in names if name != "self" for one in several.get(name, (name,))]
