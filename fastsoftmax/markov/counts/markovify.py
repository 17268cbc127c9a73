"""Models of markovify, another library for Markov chains over text: from its JSON to a table with the same counts.

It writes a chain as a list of [state, {next word: count}], and a text as {"state_size", "chain": that list as a str of
JSON, "parsed_sentences"}. A state is a list of words; what is before the start is "___BEGIN__", the end "___END__".
"""

import json
import math
import os
from array import array
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from fastsoftmax._checks import described
from fastsoftmax._types import Ids
from fastsoftmax.markov.counts.counting import ordered
from fastsoftmax.markov.counts.kept import KeptText
from fastsoftmax.markov.counts.model import Model
from fastsoftmax.markov.counts.transitions import BOUNDARY, MAX_TOTAL, Edges, table
from fastsoftmax.markov.counts.vocabulary import Interning, Vocabulary

BEGIN, END = "___BEGIN__", "___END__"
_SIMPLE = 10**6  # the largest denominator of a weight that is taken for one
_ROUNDED = Fraction(1, 2**48)  # a sum of a few products of weights and counts, relative
_MOST_SCALE = 10**6


def model_of(source: str | os.PathLike[str]) -> Model:
    """Return what markovify wrote as JSON, a str or the path of a file: with its text if it is there.

    Words are numbered as in a chain that is fitted to the same sentences: by their first state, which ends in them.

    Raises
    ------
    FileNotFoundError
    TypeError
        If `source` is neither a str nor a path.
    ValueError
        If it is something else than a chain or text of markovify, naming the place and what is wrong.
    """
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"source is {described(source)}, expected a str of JSON or a pathlib.Path")
    try:
        data = _parsed(source if isinstance(source, str) else Path(source).read_bytes(), "it")
        edges, words = _edges(data)
        sentences = data.get("parsed_sentences") if isinstance(data, dict) else None
        text = None if sentences is None else KeptText((_stream(sentences, words),))
    except _FormatError as error:
        name = "source" if isinstance(source, str) else os.fspath(source)
        raise ValueError(f"{name} cannot be imported from markovify: {error}") from None
    return Model(table(ordered(edges)), Vocabulary(words), text)


class _FormatError(Exception):
    """What is wrong with the JSON."""


def _parsed(content: str | bytes, name: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _FormatError(f"{name} is not JSON: {error} (a str is JSON, a pathlib.Path a file)") from None


def _edges(data: Any) -> tuple[Edges, Interning]:
    rows, order = _rows(data)
    ids = Interning()
    states: dict[tuple[str, ...], int] = {}
    for index, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != 2 or not isinstance(row[0], list):
            raise _FormatError(f"chain[{index}] is {described(row)}, expected [state, {{word: count}}]")
        state, nexts = row
        order = order or len(state)
        if not len(state) == order >= 1:
            raise _FormatError(f"chain[{index}] has a state of length {len(state)}, expected {max(order, 1)}")
        if isinstance(nexts, list):
            raise _FormatError(f"chain[{index}] is compiled: it holds sums, expected counts as before `compile`")
        if not isinstance(nexts, dict) or not nexts:
            raise _FormatError(f"chain[{index}] has the next words {described(nexts)}, expected {{word: count}}")
        _check_state(state, index)
        earlier = states.setdefault(tuple(state), index)
        if earlier < index:
            raise _FormatError(f"chain[{index}] has the state of chain[{earlier}]")
    scale = _scale(rows)
    whole = [_whole(index, nexts, scale) for index, (_, nexts) in enumerate(rows)]
    kept = [index for index, nexts in enumerate(whole) if nexts]
    if not kept:
        raise _FormatError("its chain has counts of 0 alone, expected one above 0")
    contexts = [[BOUNDARY if word == BEGIN else ids[word] for word in rows[index][0]] for index in kept]
    offsets, tokens, counts = [0], list[int](), list[int]()
    for index in kept:
        tokens += [BOUNDARY if word == END else ids[word] for word in whole[index]]
        counts += whole[index].values()
        offsets.append(len(tokens))
    columns = np.array(contexts, np.int32)
    edges = Edges(columns, np.array(offsets, np.int64), np.array(tokens, np.int32), np.array(counts, np.int64))
    return edges, ids


def _scale(rows: list[Any]) -> int:
    """Return the least number that makes all counts whole: `markovify.combine` multiplies them by any weights."""
    scale = 1
    for index, (_, nexts) in enumerate(rows):
        for word, count in nexts.items():
            if word == BEGIN:
                raise _FormatError(f"chain[{index}] has the next word {BEGIN}, expected it in states alone")
            if type(count) not in (int, float) or not 0 <= count <= MAX_TOTAL:
                what = f"chain[{index}] has the count {described(count)} of {word!r}"
                raise _FormatError(f"{what}, expected a number in [0, 2**53]")
            if type(count) is int:
                continue
            ratio = Fraction(count).limit_denominator(_SIMPLE)
            scale = math.lcm(scale, ratio.denominator)
            if abs(ratio - Fraction(count)) > count * _ROUNDED or scale > _MOST_SCALE:
                what = f"chain[{index}] has the count {count} of {word!r}, which no small number makes whole"
                raise _FormatError(f"{what}: combine with whole weights, as [3, 7] for [0.3, 0.7]")
    return scale


def _whole(index: int, nexts: dict[str, float], scale: int) -> dict[str, int]:
    """Return the counts above 0 of a row times the scale, which makes them whole."""
    whole = {word: int(Fraction(count).limit_denominator(_SIMPLE) * scale) for word, count in nexts.items() if count}
    for word, count in whole.items():
        if count > MAX_TOTAL:
            what = f"chain[{index}] has the count {nexts[word]} of {word!r}"
            raise _FormatError(f"{what}, expected below 2**53 where all are multiplied by {scale} to make them whole")
    return whole


def _stream(sentences: Any, ids: Interning) -> Ids:
    """Return the text as ids, the boundary after each sentence."""
    stream = array("i")
    if not isinstance(sentences, list):
        raise _FormatError(f"its parsed_sentences are {described(sentences)}, expected a list of lists of words")
    for index, sentence in enumerate(sentences):
        if not isinstance(sentence, list) or not all(isinstance(word, str) for word in sentence):
            raise _FormatError(f"parsed_sentences[{index}] is {described(sentence)}, expected a list of words")
        # A word of a model with the weight 0 is none of the chain: nothing that is copied goes across it.
        stream.fromlist([*(ids.get(word, BOUNDARY) for word in sentence), BOUNDARY])
    return np.array(stream, np.int32)


def _rows(data: Any) -> tuple[list[Any], int]:
    """Return the list that the chain is, and the order, 0 where only the states tell."""
    order: Any = 0
    if isinstance(data, dict):
        if "chain" not in data:
            raise _FormatError(f"it has no chain, only {described([*data])}")
        order, data = data.get("state_size"), data["chain"]
        if not _is_positive(order):
            raise _FormatError(f"its state_size is {described(order)}, expected an integer >= 1")
    if isinstance(data, str):
        data = _parsed(data, "its chain")
    if not isinstance(data, list) or not data:
        raise _FormatError(f"its chain is {described(data)}, expected a list of [state, {{word: count}}]")
    return data, order


def _check_state(state: list[Any], index: int) -> None:
    """Refuse a state that is not words, after the begin where a sentence begins."""
    begins = 0
    while begins < len(state) and state[begins] == BEGIN:
        begins += 1
    for word in state[begins:]:
        if not isinstance(word, str) or word in (BEGIN, END):
            what = f"chain[{index}] has {described(word)} in its state {described(state)}"
            raise _FormatError(f"{what}, expected words, after {BEGIN} where a sentence begins")


def _is_positive(number: Any) -> bool:
    return type(number) is int and number >= 1
