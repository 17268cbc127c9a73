"""Whole sentences of a model of text, within bounds."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._types import Ids
from fastsoftmax.markov.counted import Counted
from fastsoftmax.markov.counts.states import start_of
from fastsoftmax.markov.smoothing.rules import checked_rule
from fastsoftmax.markov.walking.arguments import checked_law, key_of
from fastsoftmax.markov.walking.checks import Checks
from fastsoftmax.markov.walking.phrases import phrases_of
from fastsoftmax.markov.walking.sentences import MOST_WORDS, Condition, Reason, sentences
from fastsoftmax.markov.walking.smoothed_sentences import smoothed_sentences


class Generating(Counted):
    """Sentences, for `MarkovText` to inherit."""

    _join: Callable[[list[str]], str]

    def generate(
        self,
        n: int = 1,
        *,
        start: str | None = None,
        containing: str | Sequence[str] | None = None,
        ending: str | None = None,
        min_words: int = 1,
        max_words: int | None = None,
        min_chars: int = 0,
        max_chars: int | None = None,
        novelty: float = 0.0,
        max_copied: int | None = None,
        balanced: bool = False,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        samplers: Any = None,
        rng: int | np.random.Generator | None = None,
        seed: int | None = None,
        smoothing: str = "none",
        k: float = 1.0,
        alpha: float = 0.4,
        discount: Any = None,
        progress: bool = False,
    ) -> list[str | Reason]:
        """Return `n` whole sentences that fit.

        Parameters
        ----------
        n : int
            How many.
        start : str, optional
            The words that every sentence begins with. Fewer words than the order are the beginning of a sentence or,
            where none begins so, the first words of a state in the middle of one (which other words must fill up): the
            state is drawn among those that begin with them, as a word is, by how often each was seen. Of more words,
            the last ones are the state.
        containing : str or sequence of str, optional
            One or more words in a row that every sentence has somewhere, or several such; those of `start` count. Words
            are those of the model, with the punctuation that is attached to them: `mat.` is not `mat`.
        ending : str, optional
            The words that every sentence ends with. The walks are conditioned on these words, as on bounds of words:
            sentences have exactly the law of all sentences of the model that have them, however rare they are.
        min_words, max_words : int
            Bounds of the number of words (of tokens, if the model has others), those of `start` included, at most
            2**20. The walks are conditioned on them, not repeated until they fit: sentences have exactly the law of
            all sentences that have so many words.
        min_chars, max_chars : int, optional
            At least and at most so many characters, by up to 100 attempts.
        novelty : float in [0, 1]
            The longest part that is copied from the text, word for word, has at most (1 - novelty) of a sentence's
            words, by up to 100 attempts. Needs `keep_text`. The text is indexed at the first call (a suffix array:
            about half a microsecond and 4 bytes a word, and 4 for the text itself); after that a sentence takes some
            microseconds.
        max_copied : int, optional
            The same in words: the longest part that is copied has at most so many, whatever the sentence's length.
        balanced : bool
            Quotes and brackets open and close in order, by up to 100 attempts. A single mark between letters, after s,
            x, z or n, or before a digit or a word such as 'em, may be an apostrophe; a straight quote opens before a
            word and closes after one; and emoticons such as :-) are no brackets.
        temperature, top_k, top_p, min_p, samplers, rng, seed, progress
            As in `MarkovChain.walk`. Sentence i depends on the key and i alone.
        smoothing, k, alpha, discount
            As in `log_likelihood`. With smoothing every known word can come next, and `start` may be any known words:
            a sentence is a walk of `MarkovChain.walk` with smoothing. Bounds of words are met by up to 100 attempts
            then (one that does not end within 10,000 words is not tried again), and `containing` and `ending` are
            refused.

        Returns
        -------
        list of str or Reason
            `n` sentences; where none fits, the `Reason` of the last attempt, which is false, so that
            ``[s for s in found if s]`` has the sentences alone.

        Raises
        ------
        KeyError
            If the start, or a word of `containing` or `ending`, was never seen, with near matches.
        TypeError, ValueError
            If an argument is out of range, the start has more than `max_words` words, the model is empty, or so many
            phrases are given that there are more than 1,024 kinds of what was said of them.

        Notes
        -----
        Bounds of words take a sweep over the transitions for each word of `max_words`, once; where that needs more
        than 1 GiB for 8 bytes a state and word, up to 100 attempts are made instead. Sentences that come to where the
        model knows no more, as after `prune`, are not whole, and are drawn again, up to 100 times.
        With `containing` or `ending` walks are those of the chain times an automaton that knows how much of the phrases
        was said, made once. A phrase of m words multiplies states and transitions by at most m + 1, n phrases that a
        sentence has by up to 2**n; one phrase in a text doubles them. Without `max_words` the chance to end well is
        found by sweeps over these transitions, some hundred at T = 1 and up to 10,000, to a relative error of about
        1e-13. Chances below 1e-308 count as none.
        Memory: 560 bytes a sentence besides its text, and the table of `walk`, or with bounds, kept until there are
        others, 8 bytes a transition and 8 a state and word. With phrases that is 16 bytes a transition of the product,
        32 a state of it and 8 a state and word, and while it is made 4 a state of the model and kind of what was said.
        The first call with `novelty` takes 50 bytes a word of the text, of which it keeps 8. With smoothing a word
        takes O(V) for V known words, and the memory is that of `MarkovChain.walk` with smoothing.

        Examples
        --------
        >>> text = MarkovText(1).fit("The cat sat on the mat. The dog ran to the cat and the bird.")
        >>> text.generate(2, containing="dog", ending="the mat.", max_words=9, seed=1)
        ['The dog ran to the mat.', 'The dog ran to the cat and the mat.']
        """
        law = checked_law(temperature, top_k, top_p, min_p, samplers)
        rule = checked_rule(smoothing, k, alpha, discount)
        if rule is not None and (containing or ending):
            raise ValueError(f"smoothing is {smoothing!r}, expected 'none' with containing or ending")
        model, filters = self._held.conditioned(self._fitted(), law.chain if rule is None else None), law.filters
        n = _checks.integer("n", n, 0, 2**32)
        given = self._ids("start", start, model)
        phrases = phrases_of(containing, ending, lambda name, value: self._ids(name, value, model))
        least = _checks.integer("min_words", min_words, 0, MOST_WORDS)
        most = None if max_words is None else _checks.integer("max_words", max_words, max(least, 1), MOST_WORDS)
        if most is not None and len(given) > most:
            raise ValueError(f"start has {len(given)} words, expected at most max_words, {most}")
        shortest = _checks.integer("min_chars", min_chars, 0)
        longest = None if max_chars is None else _checks.integer("max_chars", max_chars, shortest)
        share = float(_checks.fraction_per_row("novelty", novelty)[0])
        copied = 1 - Fraction(share).limit_denominator(10**6)  # 0.8 is four fifths, not the float that is above it
        run = MOST_WORDS if max_copied is None else _checks.integer("max_copied", max_copied, 0, MOST_WORDS)
        overlap = self._held.overlap(model) if share > 0.0 or max_copied is not None else None
        condition = Condition(max(least, 1), most, phrases)

        def text_of(ids: Ids) -> str:
            return self._join([model.vocabulary.tokens[i] for i in ids.tolist()] if model.vocabulary else [])

        check = Checks(text_of, shortest, longest, _checks.flag("balanced", balanced), overlap, copied, run)
        with key_of(rng, seed) as key:
            if rule is not None:
                smoothed = self._held.smoothed(model, rule)
                found = smoothed_sentences(smoothed, n, given, condition, law, check, key, progress)
            else:
                begun = start_of(given, model.transitions, model.vocabulary)
                caches = self._held.tables, self._held.speakers
                found = sentences(model, caches, n, begun, condition, filters, check, key, progress)
        return [sentence if isinstance(sentence, Reason) else text_of(sentence) for sentence in found]
