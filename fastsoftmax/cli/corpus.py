"""A text that every CPython carries: the language reference, as whole sentences of plain prose.

`pydoc_data.topics` holds some 460 KB of it, made from reStructuredText: prose among headings, grammar, code, tables
and notes about versions. A paragraph is taken as it stands between blank lines; what is not prose is dropped, by
paragraph where the layout tells, and by sentence where the words do.
"""

import re
from importlib import import_module

# A paragraph with one of these is not prose: an underlined heading, grammar, a session, a table, a footnote rule, or a
# remark on another document or on a version.
_NOT_PROSE = re.compile(
    r"""^\s*([*=\-~^"'#])\1{2,}\s*$ | ::= | >>> | ^\s*[|+] | -\[ | \bPEP\b
    | ^\s*\W*(See\ also|(New|Added|Changed|Deprecated|Removed)\ (in|since)|Deprecated)\b""",
    re.MULTILINE | re.VERBOSE,
)
_LABEL = re.compile(r"^(\*|\d+\.|\[\d+\]|\(\d+\)|(Note|Warning|Important|Caution|Tip):|\*\*[^*]*:\*\*)\s+")
# Emphasis, quotation marks (but not the empty string), the numbers of footnotes.
_MARKUP = re.compile(r"""\*+(?=\w)|(?<=\w)\*+|(?<!")"(?!")|[“”`]|\s\[\d+\]""")
_ASIDE = re.compile(r"\s\([^()]*(\(\)[^()]*)*\)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z_])")
# From a capital to a full stop, of words, and of names as in code: `x`, `__init__()`, `sys.path`.
_SENTENCE = re.compile(r"[A-Z](?:[\w ,;:'\u2013\u2014-]|\.(?=\w)|\(\))*\w(?:\(\))?\.")
_POINTER = re.compile(r"\b(section|[Ss]ee|above|below|following|as follows|Footnotes?|documentation|in version)\b")
_FEWEST_WORDS = 5


def sentences() -> list[str]:
    """Return the sentences of the Python language reference, each once, in the order of its topics.

    Raises
    ------
    ModuleNotFoundError
        Where Python comes without `pydoc_data`, as some slimmed-down ones do.
    """
    topics: dict[str, str] = import_module("pydoc_data.topics").topics
    found = (sentence for name in sorted(topics) for text in _paragraphs(topics[name]) for sentence in _sentences(text))
    return list(dict.fromkeys(found))


def _paragraphs(topic: str) -> list[str]:
    """Return what stands between blank lines and looks like prose, each paragraph as one line."""
    paragraphs = (text for text in re.split(r"\n\s*\n", topic) if not _NOT_PROSE.search(text))
    # A line may end inside a compound such as left-hand.
    return [" ".join(re.sub(r"(?<=\w)-\n\s*(?=\w)", "-", text).split()) for text in paragraphs]


def _sentences(paragraph: str) -> list[str]:
    """Return the sentences that can be read on their own, without markup and asides."""
    text = paragraph.replace("\u2019", "'")  # the apostrophe that keyboards have, for --start
    while (label := _LABEL.match(text)) is not None:
        text = text[label.end() :]
    text = _ASIDE.sub("", _MARKUP.sub("", text))
    return [
        sentence
        for sentence in _SENTENCE_END.split(text)
        if _SENTENCE.fullmatch(sentence) and not _POINTER.search(sentence) and len(sentence.split()) >= _FEWEST_WORDS
    ]
