"""The string form of a chain: samplers with blanks between them, each a name, name=value or name(parameters)."""

import ast
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

_NAME = re.compile(r"[A-Za-z_]\w*")
_VALUE = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]|[^\s()]+")


def parsed(text: str) -> Iterator[tuple[str, tuple[Any, ...], dict[str, Any], str]]:
    """Yield (name, values by place, values by name, where it stands) of the samplers in a string.

    Raises
    ------
    ValueError
        For what cannot be read, with its place.
    """
    at = _past_blanks(text, 0)
    while at < len(text):
        place = f"at character {at + 1} of {_short(text)!r}"
        name = _NAME.match(text, at)
        if name is None:
            raise ValueError(f"samplers has {_short(text[at:])!r} {place}, expected the name of a sampler")
        at = name.end()
        values, words = tuple[Any, ...](), dict[str, Any]()
        if text[at : at + 1] == "=":
            value = _VALUE.match(text, at + 1)
            if value is None:
                raise ValueError(f"samplers has no value after {name[0]}= {place}, expected a number")
            values, words = _call(value[0], place)
            at = value.end()
        elif text[at : at + 1] == "(":
            end = text.find(")", at)
            if end < 0:
                raise ValueError(f"samplers has no ')' for {name[0]}( {place}")
            values, words = _call(text[at + 1 : end], place)
            at = end + 1
        if at < len(text) and not text[at].isspace():
            raise ValueError(
                f"samplers has {_short(text[at:])!r} after {name[0]} {place}, "
                "expected a blank, as in 'top_k=40 min_p=0.1'"
            )
        yield name[0], values, words, place
        at = _past_blanks(text, at)


def _past_blanks(text: str, at: int) -> int:
    return len(text) - len(text[at:].lstrip())


def near(name: str, known: Iterable[str]) -> str:
    """Return a hint at what a name may have meant, or ""."""
    close = [one for one in known if one.startswith(name)] or get_close_matches(name, [*known], 1)
    return f" (did you mean {close[0]}?)" if close else ""


def _call(text: str, place: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return values by place and by name, as between the parentheses of a call."""
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        assert isinstance(call, ast.Call)
        words = {word.arg: _value(word.value) for word in call.keywords if word.arg is not None}
        return tuple(map(_value, call.args)), words
    except (SyntaxError, ValueError, TypeError, AssertionError):
        raise ValueError(
            f"samplers has {_short(text)!r} {place}, expected numbers or words, as in (p=0.5, ties=all)"
        ) from None


def _value(node: ast.expr) -> Any:
    """Return a number, a list of numbers or of lists, or a word with or without quotes."""
    if isinstance(node, ast.Name):
        return float(node.id) if node.id in ("inf", "nan") else node.id
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(one) for one in node.elts]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        return -_value(node.operand) if isinstance(node.op, ast.USub) else +_value(node.operand)
    if isinstance(node, ast.Constant):
        return node.value
    raise ValueError


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
