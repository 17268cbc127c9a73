"""How likely a model of text holds text to be, and what comes next."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastsoftmax._types import Floats, Ids
from fastsoftmax.markov.chain import MarkovChain
from fastsoftmax.markov.counts.model import Model
from fastsoftmax.markov.counts.transitions import BOUNDARY
from fastsoftmax.markov.reading.clean import UTF_8, Source
from fastsoftmax.markov.reading.tokens import Reader
from fastsoftmax.markov.scoring import Question, Scores, checked_question, log_probabilities, perplexity_of, sum_of


class TextScoring:
    """Probabilities of given text, for `MarkovText` to inherit."""

    _chain: MarkovChain

    def _fitted(self) -> Model:
        raise NotImplementedError

    def _reader(self, encoding: str) -> Reader:
        raise NotImplementedError

    def _tokens(self, text: str | None, name: str) -> list[str]:
        raise NotImplementedError

    def next_tokens(
        self,
        context: str | None,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        smoothing: str = "none",
        k: float = 1.0,
        alpha: float = 0.4,
        discount: Any = None,
    ) -> tuple[list[str | None], npt.NDArray[np.float64]]:
        """Return the words that can come after `context`, likeliest first, and their probabilities.

        Parameters
        ----------
        context : str or None
            As `start` of `generate`; None is the beginning of a sentence.
        temperature, top_k, top_p, min_p
            As in `MarkovChain.walk`.
        smoothing, k, alpha, discount
            As in `MarkovChain.next_tokens`.

        Returns
        -------
        words : list of str or None
            The words that the cut-offs keep; None is the end of the sentence.
        probabilities : float64 array
            They add up to 1.

        Raises
        ------
        KeyError
            If nothing was seen after the context, with near matches.

        Notes
        -----
        Memory: as `MarkovChain.next_tokens`.
        """
        return self._chain.next_tokens(
            self._tokens(context, "context"),
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            smoothing=smoothing,
            k=k,
            alpha=alpha,
            discount=discount,
        )

    def scores(
        self,
        source: Source,
        *,
        end: bool = True,
        unseen: str = "impossible",
        smoothing: str = "none",
        k: float = 1.0,
        alpha: float = 0.4,
        discount: Any = None,
        encoding: str = UTF_8,
    ) -> Scores:
        """Return how likely each word of `source` is after those before it, and the end of each sentence.

        Parameters
        ----------
        source, encoding
            As in `fit`.
        end, unseen, smoothing, k, alpha, discount
            As in `MarkovChain.log_likelihood`.

        Returns
        -------
        Scores
            The words, None for the end of a sentence, the natural logarithm of the probability of each, and their sum.

        Raises
        ------
        TypeError, ValueError
            As in `log_likelihood`.

        Notes
        -----
        Memory: as `log_likelihood`, and 16 bytes a token.

        Examples
        --------
        >>> found = MarkovText(1).fit("The cat sat. The dog sat.").scores("The cow sat.", unseen="skip")
        >>> found.tokens
        ('The', 'cow', 'sat.', None)
        >>> found.log_probabilities
        array([ 0., nan, nan,  0.])
        """
        logs, ids, words = _scored(self, source, encoding, checked_question(end, unseen, smoothing, k, alpha, discount))
        ids = ids if end else ids[ids != BOUNDARY]
        return Scores(tuple([None if token == BOUNDARY else words[token] for token in ids.tolist()]), logs)

    def log_likelihood(
        self,
        source: Source,
        *,
        end: bool = True,
        unseen: str = "impossible",
        smoothing: str = "none",
        k: float = 1.0,
        alpha: float = 0.4,
        discount: Any = None,
        encoding: str = UTF_8,
    ) -> float:
        """Return the natural logarithm of the probability of all sentences of `source`.

        Parameters
        ----------
        source, encoding
            As in `fit`.
        end, unseen, smoothing, k, alpha, discount
            As in `MarkovChain.log_likelihood`.

        Returns
        -------
        float
            At most 0; -inf if a sentence is impossible.

        Raises
        ------
        TypeError, ValueError
            As in `fit`, and if the model is empty.

        Notes
        -----
        Memory: as `MarkovChain.log_likelihood`, 12 bytes a token, and 256 MiB for 16 MiB of text at a time.
        """
        return sum_of(_scored(self, source, encoding, checked_question(end, unseen, smoothing, k, alpha, discount))[0])

    def perplexity(
        self,
        source: Source,
        *,
        end: bool = True,
        unseen: str = "impossible",
        smoothing: str = "none",
        k: float = 1.0,
        alpha: float = 0.4,
        discount: Any = None,
        encoding: str = UTF_8,
    ) -> float:
        """Return exp(-log likelihood / number of words and sentence ends).

        Parameters
        ----------
        source, encoding
            As in `fit`.
        end, unseen, smoothing, k, alpha, discount
            As in `MarkovChain.perplexity`.

        Returns
        -------
        float
            At least 1, which is certain; inf if a sentence is impossible.

        Raises
        ------
        TypeError, ValueError
            As in `log_likelihood`, and if nothing is left to predict.

        Notes
        -----
        Memory: as `log_likelihood`.
        """
        return perplexity_of(
            _scored(self, source, encoding, checked_question(end, unseen, smoothing, k, alpha, discount))[0]
        )


def _scored(text: TextScoring, source: Source, encoding: str, asked: Question) -> tuple[Floats, Ids, Sequence[str]]:
    """Return the logarithms of the probabilities of a text, and its ids among its own words."""
    model, reader = text._fitted(), text._reader(encoding)
    own = np.concatenate(list(reader.streams(source)))
    words = reader.words()
    assert model.vocabulary is not None  # `_fitted` sees to it
    ids = np.array([*map(model.vocabulary.__getitem__, words), BOUNDARY], np.int32)
    return log_probabilities(model, ids[own], asked, text._chain._smoothers), own, words
