# ruff: noqa: RUF001 - quotes are what this file is about
"""Whether the quotes and brackets of a sentence open and close in order.

In `He said "yes (or no)"` the bracket closes within the quote that it was opened in; in `He said "yes (or" no)` it does
not, and in `he went."` a quote closes that nobody opened. Where it is doubtful what a mark is, it is a quote: a fine
sentence that is drawn again is a smaller harm than a broken one that is not.
"""

import re
from collections.abc import Iterator

_BRACKETS = frozenset(("()", "[]", "{}", "（）", "［］", "｛｝", "〔〕", "【】", "〈〉", "《》"))
_QUOTES = frozenset(('""', "''", "“”", "‘’", "„“", "„”", "‚‘", "‚’", "«»", "»«", "‹›", "›‹", "「」", "『』"))
_PAIRS = _BRACKETS | _QUOTES
_OPENING = {pair[0] for pair in _PAIRS}
_ONCE = {pair[0] for pair in _QUOTES}  # of a kind of quote one is open at a time
_MARK = re.compile("[" + re.escape("".join(sorted({mark for pair in _PAIRS for mark in pair}))) + "]")
_STRAIGHT, _APOSTROPHES = "\"'", "'’"
_EMOTICON = re.compile(r"(?<!\S)[:;=]['’]?[-o^]?[()\[\]{}]++(?!\w)")
_ELISION = re.compile(r"\d|(?:tis|twas|twere|twill|em|til|till|cause|n|bout|cept|round|nuff)\b", re.IGNORECASE)
_CJK = "\u2e80"  # from here on words are written without spaces, and a quote stands between letters


def are_balanced(text: str) -> bool:
    """Whether the quotes and brackets of a text open and close in order.

    A single mark between letters, after s, x, z or n, or before a digit or a word such as 'em, may be an apostrophe; a
    straight quote opens before a word and closes after one; and emoticons such as :-) are no brackets.
    """
    text = f" {_EMOTICON.sub('_', text)} "  # as a word: a quote after it closes
    open_ones = {""}  # the marks that are open, innermost last, in each way to take the apostrophes
    for found in _MARK.finditer(text):
        open_ones = {after for before in open_ones for after in _after(before, text, found.start())}
    return "" in open_ones


def _after(before: str, text: str, at: int) -> Iterator[str]:
    """Yield the marks that may be open after the one at a place; none where it closes what is not open."""
    mark, left, right = text[at], text[at - 1], text[at + 1]
    word_before, word_after = _is_letter(left), _is_letter(right)
    if mark in _APOSTROPHES:
        if word_before and word_after:
            yield before
            return
        if left in "sxznSXZN" or (not word_before and _ELISION.match(text, at + 1)):
            yield before
    opens, closes = mark in _OPENING, bool(before) and before[-1] + mark in _PAIRS
    if mark in _STRAIGHT and not (left.isspace() and right.isspace()):
        opens, closes = not (word_before or right.isspace()), closes and not (word_after or left.isspace())
    if closes:
        yield before[:-1]
    elif opens and not (mark in _ONCE and mark in before):
        yield before + mark


def _is_letter(character: str) -> bool:
    return character.isalnum() and character < _CJK
