"""What a chain does beside walking: tables for a new temperature, files, and single calls."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors import safe_open

import fastsoftmax
from bench import limits
from bench.cases import ONE, listed
from bench.cases import threads as number
from bench.chains import ZIPF, Corpus, fitted
from bench.conftest import Race
from bench.data import Missing
from bench.race import Contestant
from bench.results import Case
from fastsoftmax.markov.walking.arguments import checked_filters
from fastsoftmax.markov.walking.walks import WalkTable

CACHED, LARGE, HUGE = map(Corpus, ZIPF)
TEXT = Corpus("text", 2)

CASES = listed(quick=[(corpus, ONE) for corpus in (TEXT, CACHED, LARGE)], full=[(HUGE, ONE)])
CUTS = {
    "T=0.7": {"temperature": 0.7},
    "T=1": {},
    "T=0.7, top_p": {"temperature": 0.7, "top_p": 0.9},
}
TABLES = listed(quick=[(name, corpus, ONE) for name in CUTS for corpus in (CACHED, LARGE)], full=[("T=0.7", HUGE, ONE)])


@pytest.mark.parametrize(("name", "corpus", "threads"), TABLES)
def test_table(race: Race, name: str, corpus: Corpus, threads: str) -> None:
    chain = _fitted(corpus)
    cut = checked_filters(**{"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, **CUTS[name]})
    transitions = chain.transitions
    edges = len(transitions.targets)  # linked before the clock starts, as after a first walk
    facts = {"edges": edges, "threads": number(threads), **CUTS[name]}
    case = Case("chain", f"table at {name}", f"{corpus}-{threads}", facts, "transitions")
    race(case, edges, lambda: WalkTable(transitions, cut).build_all(), limits.copy(transitions.counts))


@pytest.mark.parametrize(("corpus", "threads"), CASES)
def test_load(race: Race, corpus: Corpus, threads: str, tmp_path: Path) -> None:
    path = tmp_path / "chain.safetensors"
    _fitted(corpus).save(path)
    size = path.stat().st_size
    case = Case("chain", "load", f"{corpus}-{threads}", {"bytes": size, "threads": number(threads)}, "files")
    race(case, 1, lambda: fastsoftmax.MarkovChain.load(path), _opened(path))
    path.unlink()


def _opened(path: Path) -> Iterator[Contestant]:
    def opened() -> list[str]:
        with safe_open(path, framework="np") as file:
            return list(file.keys())

    yield Contestant("safetensors.safe_open", "aside", opened)


@pytest.mark.parametrize(("corpus", "threads"), CASES)
def test_next_tokens(race: Race, corpus: Corpus, threads: str) -> None:
    chain = _fitted(corpus)
    row = len(chain.transitions.contexts) // 2
    state = chain.transitions.contexts[row].tolist()
    context = state if chain.vocabulary is None else [chain.vocabulary[token] for token in state if token >= 0]
    facts = {"order": corpus.order, "threads": number(threads)}
    case = Case("chain", "next_tokens", f"{corpus}-{threads}", facts, "calls")
    race(case, 1, lambda: chain.next_tokens(context, temperature=0.7, top_p=0.9), [])


def _fitted(corpus: Corpus) -> fastsoftmax.MarkovChain:
    try:
        return fitted(corpus)
    except Missing as reason:
        pytest.skip(str(reason))
