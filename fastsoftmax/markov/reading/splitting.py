"""Where sentences end: after a word with an end mark, unless it is an abbreviation or the next word goes on.

`Dr. Who came. 3 cats sat.` has two sentences: `Dr.` is an abbreviation, `came.` is not.
"""

import re

import numpy as np

from fastsoftmax._types import Flags, Ids
from fastsoftmax.markov.counts.transitions import BOUNDARY
from fastsoftmax.markov.reading.clean import CLOSING, ENDS
from fastsoftmax.markov.reading.word_table import WordTable

_SUPERSCRIPTS = "¹²³⁰⁴⁵⁶⁷⁸⁹"
_NOTES = rf"(?:\[[\w.,-]{{1,12}}\]|[*†‡§{_SUPERSCRIPTS}])*"  # of [1] or *, after the stop
_END = re.compile(f"[{ENDS}][{CLOSING}«“‘_]*{_NOTES}[_*]*$")  # noqa: RUF001
_TITLES = (
    "Mr|Mrs|Ms|Dr|Prof|Jr|Sr|Snr|Gov|Pres|Sens?|Reps?|Gen|Messrs|Col|Sgt|Mgr|Fr|Rev|Atty|Supt|Capt|Lt|Maj|Cmdr|Cpl|Adm"
    "|Hon|Mme|Mlle|Mmes|Hr|Hrn|Sra|Srta|Dra"
)
_STATES = (
    "Ala|Ariz|Ark|Calif|Colo|Conn|Del|Fla|Ga|Ill|Ind|Kan|Ky|La|Md|Mass|Mich|Minn|Miss|Mo|Mont|Neb|Nev|Okla|Ore|Pa"
    "|Tenn|Vt|Va|Wash|Wis|Wyo"
)
_MONTHS = "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec"
_PLACES = "St|Ave|Blvd|Rd|Hwy|Mt|Ft"
_TERMS = "[Vv]s?|cf|viz|pct|approx|[Ff]ig|[Ee]q|Sec|[Vv]ol|pp|eds?|al|bzw|ca|sog|inkl|evtl"
_ABBREVIATION = re.compile(rf"\W*(?:(?:[^\W\d_]\.)+|(?:{_TITLES}|{_STATES}|{_MONTHS}|{_PLACES}|{_TERMS})\.)")
_COUNTED = r"[Nn]os?|[Nn]r|[Aa]rt|[Cc]h|[Oo]p|[Tt]ab|[Pp]t|Abs|Bd|Kap|[Cc]hap|\w*[Ss]tr|Ziff|Anm|[Ll]l|[Vv]v|[Ff]ol"
_GERMAN = "Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember|Jahrhundert|Weltkrieg"
_NUMBERED = re.compile(rf"\W*(?:{_COUNTED}|\d\d?)\.")  # no end where a number follows, or as in "3. Mai"
_NUMBER = re.compile(rf"\W*(?:\d|(?:{_GERMAN})\w*\W*$)")
_CLOSER = re.compile("(?:''|[»”’)\\]』」）】》〉])+[,;:]?")  # noqa: RUF001


class Sentences:
    """Cuts streams of words into sentences. What a word can do is asked once for every different word."""

    def __init__(self, table: WordTable) -> None:
        self._table = table
        self._known = 0
        self._ended = False  # whether the last word ends a sentence
        # With room for more words; the last one is for the boundary.
        self._ends, self._numbered, self._is_number, self._closes = (np.zeros(1, np.bool_) for _ in range(4))
        self._goes_on = np.ones(1, np.bool_)

    def cut(self, ids: Ids, goes_on: bool) -> Ids:
        """Return the stream with the boundary after each sentence; if it goes on, its first word was the last one."""
        self._ask_about_new_words()
        ends = self._ends[ids]
        if goes_on:
            ends[0] = self._ended
        closing = np.flatnonzero(self._closes[ids[1:]]) + 1 if self._closes.any() else np.empty(0, np.int64)
        if closing.size:  # closing marks end what they close, some of them one after the other
            first = np.append(True, np.diff(closing) > 1)
            closed = closing[np.maximum.accumulate(np.where(first, np.arange(closing.size), 0))] - 1
            ends[closing] = ends[closed]
        self._ended = bool(ends[-1])
        cuts = np.flatnonzero(ends[:-1] & ~self._goes_on[ids[1:]])
        cuts = cuts[~(self._numbered[ids[cuts]] & self._is_number[ids[cuts + 1]])]
        cut = np.empty(ids.size + cuts.size, np.int32)
        is_word = np.ones(cut.size, np.bool_)
        is_word[cuts + np.arange(1, cuts.size + 1)] = False
        cut[is_word], cut[~is_word] = ids, BOUNDARY
        return cut

    def _ask_about_new_words(self) -> None:
        first, new = self._known, self._table.words(self._known)
        self._known += len(new)
        marked = [word if not word[-1].isalnum() or word[-1] in _SUPERSCRIPTS else "" for word in new]  # the few
        ends = [bool(word and _END.search(word)) and not _ABBREVIATION.fullmatch(word) for word in marked]
        numbered = [bool(word and _NUMBERED.fullmatch(word)) for word in marked]
        closers = [bool(word and _CLOSER.fullmatch(word)) for word in marked]
        closes = [closer and word[-1] not in ",;:" for word, closer in zip(marked, closers, strict=True)]
        is_number = [bool(_NUMBER.match(word)) for word in new]
        goes_on = [
            word[0].islower() or closer or not word.strip(ENDS) for word, closer in zip(new, closers, strict=True)
        ]
        self._ends = _appended(self._ends, first, ends, False)
        self._goes_on = _appended(self._goes_on, first, goes_on, True)
        self._numbered = _appended(self._numbered, first, numbered, False)
        self._is_number = _appended(self._is_number, first, is_number, False)
        self._closes = _appended(self._closes, first, closes, False)


def _appended(flags: Flags, first: int, new: list[bool], boundary: bool) -> Flags:
    """Return flags with those of new words from `first` on, and that of the boundary at the end."""
    stop = first + len(new)
    if stop >= flags.size:  # twice the room, so that all copies together are one more copy
        flags = np.concatenate([flags[:first], np.full(2 * (stop + 1) - first, boundary)])
    flags[first:stop] = new
    return flags
