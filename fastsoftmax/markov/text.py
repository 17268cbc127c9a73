"""MarkovText: a Markov chain over the words of a text, sentence by sentence."""

import copy
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Self

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._types import Ids
from fastsoftmax.markov.chain import MarkovChain
from fastsoftmax.markov.counted import Stream
from fastsoftmax.markov.counts import markovify, storage
from fastsoftmax.markov.counts.kept import KeptText
from fastsoftmax.markov.counts.model import ONCE, Model, counted
from fastsoftmax.markov.counts.states import ids_of
from fastsoftmax.markov.counts.transitions import BOUNDARY, MAX_TOTAL
from fastsoftmax.markov.counts.vocabulary import Vocabulary, renumbering
from fastsoftmax.markov.generating import Generating
from fastsoftmax.markov.reading.clean import UTF_8, Report, Source, checked_encoding, cleaned, size_of
from fastsoftmax.markov.reading.joining import rejoined
from fastsoftmax.markov.reading.tokens import (
    JOINS,
    LINES,
    OWN,
    SENTENCES,
    TOKENIZERS,
    Reader,
    Tokenizer,
    takes_lines_as_they_stand,
    tokens_of,
)
from fastsoftmax.markov.walking.arguments import progress_bar


class MarkovText(Generating):
    """A Markov chain over words that speaks in sentences.

    Text is split into paragraphs (at blank lines; a line break inside one is a space), these into sentences, and these
    into words, with the punctuation that is attached to them. A sentence ends with a word that ends in one of
    ``. ! ? … 。 ！ ？``, or an end mark of Arabic, Urdu, Devanagari, Armenian or Ethiopic, with closing quotes,
    brackets and notes ("[1]", "*") after it, unless it is an initial or a usual abbreviation ("J.", "e.g.", "Gen.",
    "Feb."; "No." and such before a number) or the next word begins in lower case. Words are normalised to NFC.

    Parameters
    ----------
    order : int
        How many tokens make a state, in [0, 1024]. Larger orders repeat the text more literally; of order 0 every word
        is drawn independently of those before it.
    tokens : {"words", "characters"} or function
        What the chain is over. Words are what white space separates, with the punctuation that is attached to them;
        characters are what readers see as one (grapheme clusters; needs regex), in lines as they stand, with all their
        spaces; a function takes a sentence and returns its tokens as a list of str.
    sequences : {"sentences", "lines"}
        What begins and ends: sentences as above, or lines, each by itself.
    join : function, optional
        Makes text of a list of tokens. By default words are joined by spaces, characters by nothing, and the tokens of
        a function as one writes: no space before a comma, after an opening bracket, or between Chinese characters.
    encoding : str
        Of files: any that Python knows, as "latin-1" or "utf-16".
    keep_text : bool
        Keep the text, for `novelty` of `generate`: 4 bytes a word and as much for each end, in memory and in the file
        of `save`.

    Examples
    --------
    >>> text = MarkovText().fit("The cat sat on the mat. The cat ran.")
    >>> text.generate(start="The cat sat", temperature=0)
    ['The cat sat on the mat.']
    """

    def __init__(
        self,
        order: int = 2,
        *,
        tokens: str | Tokenizer = "words",
        sequences: str = "sentences",
        join: Callable[[list[str]], str] | None = None,
        encoding: str = UTF_8,
        keep_text: bool = False,
    ) -> None:
        self._chain = MarkovChain(order)
        self._order, self._held = self._chain.order, self._chain._held
        named = None if callable(tokens) else _checks.choice("tokens", tokens, tuple(TOKENIZERS))
        self._named = OWN if named is None else named
        self._tokenizer: Tokenizer | None = tokens if callable(tokens) else TOKENIZERS[str(named)]
        self._by_lines = _checks.choice("sequences", sequences, (SENTENCES, LINES)) == LINES
        if join is not None and not callable(join):
            raise TypeError(f"join is {_checks.described(join)}, expected a function")
        self._join = join or JOINS.get(str(named), rejoined)
        self._encoding = checked_encoding(encoding)
        self._keeps = _checks.flag("keep_text", keep_text)

    @property
    def chain(self) -> MarkovChain:
        """The chain over tokens: the same object, so that a change of one is a change of both.

        It keeps no text: after tokens were added to it by its own methods, the model has no text for `novelty`.
        """
        return self._chain

    @property
    def kept_tokens(self) -> int | None:
        """How many tokens the text has that is kept, ends not among them; None where none is.

        Memory: a byte a token.
        """
        model = self._held.model
        if model is None:
            return 0 if self._keeps else None
        if model.text is None:
            return None
        model.transitions.check()
        return model.text.count()

    @property
    def tokens(self) -> str | Tokenizer:
        """What the chain is over: "words", "characters" or a function."""
        return self._named if self._tokenizer is None or self._named != OWN else self._tokenizer

    @property
    def encoding(self) -> str:
        """The encoding of files, as Python names it."""
        return self._encoding

    @property
    def sequences(self) -> str:
        """What begins and ends: "sentences" or "lines"."""
        return LINES if self._by_lines else SENTENCES

    def fit(self, source: Source, *, progress: bool = False) -> Self:
        """Forget everything and learn from `source`.

        Parameters
        ----------
        source : str, path, or iterable of them
            A str is text. A path (`pathlib.Path`) is a file, read a part at a time; .gz, .bz2 and .xz are unpacked. An
            iterable (also a pandas or polars Series) gives documents, or lines: no sentence crosses from one to the
            next.
        progress : bool
            Show how many bytes of files, or characters, were read (needs rich).

        Returns
        -------
        MarkovText

        Raises
        ------
        TypeError
            If a part of `source` is neither a str nor a path, or it is a mapping or a data frame.
        ValueError
            If a str names a file, there are no words, or a file is not in its encoding, naming it and the byte. The
            model is then as before.

        Notes
        -----
        Memory: that of `MarkovChain.fit`, 256 MiB for 16 MiB of text at a time, and 4 bytes a word that is kept.
        """
        self._held.put(self._counted(source, 1, progress))
        return self

    def partial_fit(self, source: Source, weight: int = 1, *, progress: bool = False) -> Self:
        """Learn from `source` too, as if it was there `weight` times.

        Parameters
        ----------
        source : str, path, or iterable of them
            As in `fit`.
        weight : int
            At least 1.
        progress : bool
            As in `fit`.

        Returns
        -------
        MarkovText

        Raises
        ------
        TypeError, ValueError
            As in `fit`, and if the counts would add up to more than 2**53. The model is then as before.

        Notes
        -----
        Memory: as `fit`, then as `MarkovChain.merge`; the text that is kept is 4 bytes a word.
        """
        weight = _checks.integer("weight", weight, 1, MAX_TOTAL)
        self._held.add(self._counted(source, weight, progress), ONCE)
        return self

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        mmap: bool = True,
        *,
        tokens: Tokenizer | None = None,
        join: Callable[[list[str]], str] | None = None,
        encoding: str = UTF_8,
    ) -> "MarkovText":
        """Read a model that `save` wrote, with its text where that is kept.

        Parameters
        ----------
        path : str or path
            The file.
        mmap : bool
            Map the file into memory instead of reading it, as in `MarkovChain.load`.
        tokens, join : functions
            Those that the model was made with: a file cannot hold them.
        encoding : str
            As in `MarkovText`.

        Returns
        -------
        MarkovText

        Raises
        ------
        FileNotFoundError, TypeError, ValueError
            As in `MarkovChain.load`, and if the model has tokens of a function and it is not given, or the other way.

        Notes
        -----
        Memory: as `MarkovChain.load`. A text that is kept stays in the mapped file until `novelty` asks for it.
        """
        model, about = storage.load(path, "text", mmap)
        named, sequences = about.get("tokens"), about.get("sequences")
        if named not in (OWN, *TOKENIZERS) or sequences not in (SENTENCES, LINES):
            raise ValueError(f"{path} holds sequences {sequences!r} of tokens {named!r}, which are not known here")
        if (named == OWN) != (tokens is not None):
            expected = (
                "the function that the model was made with" if tokens is None else "none: its file says what they are"
            )
            raise ValueError(f"tokens is {_checks.described(tokens)}, expected {expected}")
        made_of = named if tokens is None else tokens
        order, keeps = model.transitions.order, model.text is not None
        text = cls(order, tokens=made_of, sequences=sequences, join=join, encoding=encoding, keep_text=keeps)
        text._held.put(model)
        return text

    @classmethod
    def import_markovify(
        cls,
        source: str | os.PathLike[str],
        *,
        tokens: str | Tokenizer = "words",
        sequences: str = "sentences",
        join: Callable[[list[str]], str] | None = None,
    ) -> "MarkovText":
        """Make a model of one of markovify, with exactly its counts.

        Parameters
        ----------
        source : str or path
            What `to_json` of a markovify Text, NewlineText or Chain gave: a str is JSON, a path (`pathlib.Path`) a file
            of it. Words stay as they are. Compiled models cannot be imported: they hold sums instead of counts. Counts
            that `markovify.combine` has multiplied by weights such as 0.3 are multiplied until they are whole. Its
            sentences, if it has them, are kept for `novelty`.
        tokens, sequences, join
            As in `MarkovText`, for what markovify does not write down: the functions `word_split` and `word_join` of a
            model of characters or of tagged words, and "lines" for a NewlineText.

        Returns
        -------
        MarkovText
            Of the order that markovify calls the state size.

        Raises
        ------
        FileNotFoundError, TypeError, ValueError
            If `source` is something else, naming the place and what is wrong.

        Notes
        -----
        Memory: what `json` makes of the file, and 500 bytes a transition.
        """
        model = markovify.model_of(source)
        order, keeps = model.transitions.order, model.text is not None
        text = cls(order, tokens=tokens, sequences=sequences, join=join, keep_text=keeps)
        text._held.put(model)
        return text

    def __copy__(self) -> Self:
        new = object.__new__(type(self))
        vars(new).update(vars(self))
        new._chain = copy.copy(self._chain)
        new._held = new._chain._held
        new._held.model = self._held.model  # with the text, which a copy of the chain alone has not
        return new

    def _fitted(self) -> Model:
        model = super()._fitted()
        _words_of(model)
        return model

    def _reader(self) -> Reader:
        return Reader(self._tokenizer, self._by_lines, self._encoding)

    def _counted(self, source: Source, weight: int, progress: bool) -> Model:
        reader, texts = self._reader(), list[Ids]()

        def streams(report: Report | None) -> Iterator[Ids]:
            for stream in reader.streams(source, report):
                if self._keeps:
                    texts.append(stream)
                yield stream

        with progress_bar(progress, "reading", size_of(source)) as report:
            transitions = counted(streams(report), self.order, weight)
        return Model(transitions, Vocabulary(reader.words()), KeptText(tuple(texts)) if self._keeps else None)

    def _kind(self) -> tuple[str, dict[str, str]]:
        return "text", {"tokens": self._named, "sequences": self.sequences}

    def _add(self, other: "MarkovText", weight: Fraction) -> None:
        if other._named != self._named:
            raise ValueError(f"other has tokens {other._named!r}, expected {self._named!r}")
        part = other._held.model
        keeps = other._keeps and (part is None or part.text is not None)
        if self._keeps and not keeps:
            raise ValueError("other keeps no text, expected keep_text=True as here: novelty needs all of it")
        if part is not None:
            self._held.add(part if self._keeps else part._replace(text=None), weight)

    def _ids(self, name: str, value: Any, model: Model) -> list[int]:
        return ids_of(name, self._tokens(name, value), model.vocabulary)

    def _sequence(self, source: Any, model: Model) -> Stream:
        reader = self._reader()
        own = np.concatenate(list(reader.streams(source)))
        words = reader.words()
        ids = renumbering(words, _words_of(model))
        return Stream(ids[own], lambda: [None if token == BOUNDARY else words[token] for token in own.tolist()])

    def _sequences(self, source: Any, model: Model) -> Ids:
        return self._sequence(source, model).ids

    def _tokens(self, name: str, text: Any) -> list[str]:
        if text is None:
            return []
        if not isinstance(text, str):
            raise TypeError(f"{name} is {_checks.described(text)}, expected a str of one or more words")
        if self._tokenizer is not None and takes_lines_as_they_stand(self._tokenizer, self._by_lines):
            return tokens_of(self._tokenizer, cleaned(text, spaced=False))
        words = cleaned(text).split()
        return words if self._tokenizer is None else tokens_of(self._tokenizer, " ".join(words))


def _words_of(model: Model) -> Vocabulary:
    """Return the words of a model of text; `chain` may have been given other tokens."""
    if model.vocabulary is None:
        raise ValueError("the tokens of the chain are integers, expected str, which text is made of")
    return model.vocabulary
