"""MarkovText: a Markov chain over the words of a text, sentence by sentence."""

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Self

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._types import Ids
from fastsoftmax.markov.chain import MarkovChain
from fastsoftmax.markov.counts import markovify, storage
from fastsoftmax.markov.counts.model import ONCE, Model, counted
from fastsoftmax.markov.counts.transitions import BOUNDARY, MAX_TOTAL
from fastsoftmax.markov.counts.vocabulary import Vocabulary
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
from fastsoftmax.markov.walking.novelty import KeptText
from fastsoftmax.markov.walking.sentences import LastWalks


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
        How many tokens make a state, in [1, 1024]. Larger orders repeat the text more literally.
    tokens : {"words", "characters"} or function
        What the chain is over. Words are what white space separates, with the punctuation that is attached to them;
        characters are what readers see as one (grapheme clusters; needs regex), in lines as they stand, with all their
        spaces; a function takes a sentence and returns its tokens as a list of str.
    sequences : {"sentences", "lines"}
        What begins and ends: sentences as above, or lines, each by itself.
    join : function, optional
        Makes text of a list of tokens. By default words are joined by spaces, characters by nothing, and the tokens of
        a function as one writes: no space before a comma, after an opening bracket, or between Chinese characters.
    keep_text : bool
        Keep the text, as numbers of 4 bytes a word, for `novelty` of `generate`.

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
        keep_text: bool = False,
    ) -> None:
        self._chain = MarkovChain(order)
        named = None if callable(tokens) else _checks.choice("tokens", tokens, tuple(TOKENIZERS))
        self._named = OWN if named is None else named
        self._tokenizer: Tokenizer | None = tokens if callable(tokens) else TOKENIZERS[str(named)]
        self._by_lines = _checks.choice("sequences", sequences, (SENTENCES, LINES)) == LINES
        if join is not None and not callable(join):
            raise TypeError(f"join is {_checks.described(join)}, expected a function")
        self._join = join or JOINS.get(str(named), rejoined)
        self._keeps = _checks.flag("keep_text", keep_text)
        self._text = KeptText()
        self._speakers = LastWalks()

    @property
    def chain(self) -> MarkovChain:
        """The chain over tokens: the same object, so that a change of one is a change of both."""
        return self._chain

    @property
    def order(self) -> int:
        """How many tokens make a state."""
        return self._chain.order

    @property
    def tokens(self) -> str | Tokenizer:
        """What the chain is over: "words", "characters" or a function."""
        return self._named if self._tokenizer is None or self._named != OWN else self._tokenizer

    @property
    def sequences(self) -> str:
        """What begins and ends: "sentences" or "lines"."""
        return LINES if self._by_lines else SENTENCES

    def __repr__(self) -> str:
        return repr(self._chain).replace("MarkovChain", "MarkovText", 1)

    def fit(self, source: Source, *, encoding: str = UTF_8, progress: bool = False) -> Self:
        """Forget everything and learn from `source`.

        Parameters
        ----------
        source : str, path, or iterable of them
            A str is text. A path (`pathlib.Path`) is a file, read a part at a time; .gz, .bz2 and .xz are unpacked. An
            iterable (also a pandas or polars Series) gives documents, or lines: no sentence crosses from one to the
            next.
        encoding : str
            That of files, any that Python knows, as "latin-1" or "utf-16".
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
        model, texts = self._counted(source, 1, encoding, progress)
        self._chain._put(model)
        self._text.put(texts)
        return self

    def partial_fit(self, source: Source, weight: int = 1, *, encoding: str = UTF_8, progress: bool = False) -> Self:
        """Learn from `source` too, as if it was there `weight` times.

        Parameters
        ----------
        source : str, path, or iterable of them
            As in `fit`.
        weight : int
            At least 1.
        encoding, progress
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
        model, texts = self._counted(source, weight, encoding, progress)
        self._chain._add(model, ONCE)
        self._text.add(self._renumbered(model, texts))
        return self

    def merge(self, other: "MarkovText", weight: float | Fraction = 1) -> Self:
        """Add the counts of another model of the same order, over the same tokens, `weight` times.

        Parameters
        ----------
        other : MarkovText
            The other model. Where this one keeps its text, that of the other is added to it.
        weight : int, float or Fraction
            As in `MarkovChain.merge`.

        Returns
        -------
        MarkovText

        Raises
        ------
        TypeError, ValueError
            As in `MarkovChain.merge`, and if its tokens are of another kind, or this one alone keeps its text, which
            `novelty` needs all of.

        Notes
        -----
        Memory: as `MarkovChain.merge`; the text that is kept is 4 bytes a word.
        """
        if not isinstance(other, MarkovText):
            raise TypeError(f"other is {_checks.described(other)}, expected a MarkovText")
        if other._named != self._named:
            raise ValueError(f"other has tokens {other._named!r}, expected {self._named!r}")
        if self._keeps and not other._keeps:
            raise ValueError("other keeps no text, expected keep_text=True as here: novelty needs all of it")
        model, texts = other._chain._model, other._text.streams
        self._chain.merge(other._chain, weight)
        if self._keeps and model is not None:
            self._text.add(self._renumbered(model, texts))
        return self

    def prune(self, min_count: float) -> Self:
        """Drop the transitions with a count below `min_count`.

        Parameters
        ----------
        min_count : float
            At least 0.

        Returns
        -------
        MarkovText

        Raises
        ------
        TypeError, ValueError
            As in `MarkovChain.prune`.

        Notes
        -----
        Memory: as `MarkovChain.prune`.
        """
        self._chain.prune(min_count)
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one safetensors file, whole or not at all.

        Parameters
        ----------
        path : str or path
            A file that is there already is replaced; the new one has its permissions.

        Raises
        ------
        OSError, ValueError
            As in `MarkovChain.save`.

        Notes
        -----
        Memory: as `MarkovChain.save`.
        """
        settings = {"tokens": self._named, "sequences": self.sequences}
        storage.save(path, "text", *self._fitted(), settings)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        mmap: bool = True,
        *,
        tokens: Tokenizer | None = None,
        join: Callable[[list[str]], str] | None = None,
    ) -> "MarkovText":
        """Read a model that `save` wrote.

        Parameters
        ----------
        path : str or path
            The file.
        mmap : bool
            Map the file into memory instead of reading it, as in `MarkovChain.load`.
        tokens, join : functions
            Those that the model was made with: a file cannot hold them.

        Returns
        -------
        MarkovText

        Raises
        ------
        FileNotFoundError, TypeError, ValueError
            As in `MarkovChain.load`, and if the model has tokens of a function and it is not given, or the other way.

        Notes
        -----
        Memory: as `MarkovChain.load`.
        """
        transitions, vocabulary, about = storage.load(path, "text", mmap)
        named, sequences = about.get("tokens"), about.get("sequences")
        if named not in (OWN, *TOKENIZERS) or sequences not in (SENTENCES, LINES):
            raise ValueError(f"{path} holds sequences {sequences!r} of tokens {named!r}, which are not known here")
        if (named == OWN) != (tokens is not None):
            expected = (
                "the function that the model was made with" if tokens is None else "none: its file says what they are"
            )
            raise ValueError(f"tokens is {_checks.described(tokens)}, expected {expected}")
        text = cls(transitions.order, tokens=named if tokens is None else tokens, sequences=sequences, join=join)
        text._chain._put(Model(transitions, vocabulary))
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
        model, texts = markovify.model_of(source)
        text = cls(model.transitions.order, tokens=tokens, sequences=sequences, join=join, keep_text=texts is not None)
        text._chain._put(model)
        text._text.put(texts or [])
        return text

    def _fitted(self) -> Model:
        """Return what the chain knows, which must be of a text; `chain` may have been given other tokens."""
        model = self._chain._fitted()
        if model.vocabulary is None:
            raise ValueError("the tokens of the chain are integers, expected str, which text is made of")
        return model

    def _reader(self, encoding: str) -> Reader:
        return Reader(self._tokenizer, self._by_lines, checked_encoding(encoding))

    def _counted(self, source: Source, weight: int, encoding: str, progress: bool) -> tuple[Model, list[Ids]]:
        """Return the model of a source, and the source as ids if it is kept."""
        reader, texts = self._reader(encoding), list[Ids]()

        def streams(report: Report | None) -> Iterator[Ids]:
            for stream in reader.streams(source, report):
                if self._keeps:
                    texts.append(stream)
                yield stream

        with progress_bar(progress, "reading", size_of(source)) as report:
            transitions = counted(streams(report), self.order, weight)
        return Model(transitions, Vocabulary(reader.words())), texts

    def _renumbered(self, part: Model, texts: list[Ids]) -> list[Ids]:
        """Return texts of a part that was added, in the numbers of the chain."""
        vocabulary = self._fitted().vocabulary
        if not texts or vocabulary is None or part.vocabulary is None:
            return texts
        ids = np.array([*map(vocabulary.__getitem__, part.vocabulary.tokens), BOUNDARY], np.int32)
        return [ids[text] for text in texts]

    def _tokens(self, text: str | None, name: str) -> list[str]:
        if text is None:
            return []
        if not isinstance(text, str):
            raise TypeError(f"{name} is {_checks.described(text)}, expected a str of one or more words")
        if self._tokenizer is not None and takes_lines_as_they_stand(self._tokenizer, self._by_lines):
            return tokens_of(self._tokenizer, cleaned(text, spaced=False))
        words = cleaned(text).split()
        return words if self._tokenizer is None else tokens_of(self._tokenizer, " ".join(words))
