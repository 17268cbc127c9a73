"""From tokens to text, as one writes: what tokenizers in the manner of nltk take apart is put together again.

It, costs, $, 3.50 and a comma become `It costs $3.50,`.
"""

import re
from collections.abc import Iterable

_OPENING = re.compile(r"[(\[{«“‘¿¡「『（【《〈]")  # noqa: RUF001
_ATTACHED = re.compile(r"[.,;:!?…%)\]}»”’、。，！？：；」』）】》〉]|n't$|['’](?:s|m|d|re|ve|ll|t)$")  # noqa: RUF001
_APOSTROPHE = re.compile(r"(?<=\w) ?(['’]) (?=(?:s|m|d|re|ve|ll|t)\b)")  # noqa: RUF001
_UNSPACED = re.compile(r"[\u1100-\u11ff\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")  # Chinese and Japanese script
_BEFORE_NUMBERS = re.compile(r"[$£€¥₹#]")
_MARKS = re.compile(r"[^\w\s]*\"[^\w\s]*")  # punctuation that has a quote in it
_HALVES = {("can", "not"), ("gon", "na"), ("wan", "na"), ("got", "ta"), ("gim", "me"), ("lem", "me")}  # of one word


def rejoined(tokens: Iterable[str]) -> str:
    """Return tokens as text: no space before closing marks and endings such as 's, after opening ones, nor in CJK.

    Quotes open and close in turn; `` and '' say themselves which they do. A ' by itself closes what a word with one
    before it has opened, or belongs to a word in s.
    """
    parts, last, glued, quoted, marked = list[str](), "", False, False, False
    for token in filter(None, tokens):
        closes = quoted
        if token in ("``", "''"):
            closes, quoted, token = token == "''", token == "``", '"'
        elif _MARKS.fullmatch(token) and token.count('"') % 2:
            quoted = not quoted
        touches = (
            glued
            or (token[0] == '"' and closes)
            or bool(_ATTACHED.match(token))
            or (token == "'" and (marked or last.endswith("s")))
            or bool(_UNSPACED.match(last[-1:]) and _UNSPACED.match(token))
            or bool(_BEFORE_NUMBERS.fullmatch(last) and token[0].isdigit())
            or (last.lower(), token.lower()) in _HALVES
        )
        parts.append(token if not last or touches else " " + token)
        glued = bool(_OPENING.match(token[-1])) or (token[-1] == '"' and quoted)
        marked = token != "'" and (marked or (token[0] == "'" and not _ATTACHED.match(token)))
        last = token
    return _APOSTROPHE.sub(r"\1", "".join(parts))
