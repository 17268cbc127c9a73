"""From tokens to text, as one writes: what tokenizers in the manner of nltk take apart is put together again."""

import re
from collections.abc import Iterable

_OPENING = re.compile(r"[(\[{«“‘¿¡「『（【《〈]")  # noqa: RUF001
_ATTACHED = re.compile(r"[.,;:!?…%)\]}»”’、。，！？：；」』）】》〉]|n't$|['’](?:s|m|d|re|ve|ll|t)$")  # noqa: RUF001
_APOSTROPHE = re.compile(r"(?<=\w) ?(['’]) (?=(?:s|m|d|re|ve|ll|t)\b)")  # noqa: RUF001
_UNSPACED = re.compile(r"[\u1100-\u11ff\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")  # Chinese and Japanese script
_BEFORE_NUMBERS = re.compile(r"[$£€¥₹#]$")
_HALVES = {("can", "not"), ("gon", "na"), ("wan", "na"), ("got", "ta"), ("gim", "me"), ("lem", "me")}  # of one word
_QUOTES = {"``": True, "''": False}  # whether it opens


def rejoined(tokens: Iterable[str]) -> str:
    """Return tokens as text: no space before closing marks and endings such as 's, after opening ones, nor in CJK.

    Quotes that are tokens of their own open and close in turn; `` and '' say themselves which they do.
    """
    parts, last, glued, quoted = list[str](), "", False, False
    for token in filter(None, tokens):
        opens = closes = False
        if token == '"' or token in _QUOTES:
            opens = _QUOTES.get(token, not quoted)
            closes, quoted, token = not opens, opens, '"'
        touches = (
            glued
            or closes
            or (not opens and bool(_ATTACHED.match(token)))
            or bool(_UNSPACED.match(last[-1:]) and _UNSPACED.match(token))
            or bool(_BEFORE_NUMBERS.match(last) and token[0].isdigit())
            or (last.lower(), token.lower()) in _HALVES
        )
        parts.append(token if not last or touches else " " + token)
        glued = opens or (not closes and bool(_OPENING.match(token[-1])))
        last = token
    return _APOSTROPHE.sub(r"\1", "".join(parts))
