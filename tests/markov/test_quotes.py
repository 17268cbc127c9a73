# ruff: noqa: RUF001 - quotes are what this file is about
"""Quotes and brackets that open and close in order."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsoftmax import MarkovText, Reason
from fastsoftmax.markov.walking.quotes import are_balanced

BALANCED = [
    *("", "No marks at all.", 'He said "yes (or no)".', "{a [b (c) ()]}", '("a") b', 'a—"b"—c', '"a" "b"'),
    *("“Yes,” he said, ‘it is [fine].’", "“a ‘b’ c”", "« mot »", "»Wort«", "„Wort“", "„słowo”", "‹a› ›b‹", "‚a‘ ‚b’"),
    *("「这『是』」", "他说“你（好）”", '他说"好"了。', "'사과'를 먹", '"사과"를 먹', "他说‘好’了"),
    *("don't", "O’Neil’s", "the students' books", "the students’ books", "goin' home", "'Tis", "‘so ’tis done’"),
    *(
        "'the students' books are here'",
        "It was 'James' book'",
        "‘the students’ books’",
        "'it's don't'",
        "rock 'n' roll",
    ),
    *(
        "the '90s were 'fun'",
        "He said, 'no.'",
        "“I said, 'no.'”",
        "'“a”'",
        "\"a, 'b'\"",
        ' " a b " ',
        "he said ' no ' x",
    ),
    *("great :) yes", "(:) a", "so ;-)", "why :'(", "=] [a]", ":-))", 'He "so :)".', ':) "a"'),
]
BROKEN = [
    *("(a", "a)", "(a]", "a) (b", "[(a])", "“a", "a”", "「a』", "（a)", "««", "»a", "<(", "8) a", "a:)"),
    *(
        'he went."',
        '"he went.',
        '"said" he "went',
        'said" he "went',
        'He said "yes (or" no)',
        '"a "b" c"',
        'a "b "c" d"',
    ),
    *("'hello there", "hello there'", "“a ‘b” c’", "‘hello", "hello’", '6" wide', '"He\'s ("', "''a"),
]


@pytest.mark.parametrize("text", BALANCED)
def test_balanced(text):
    assert are_balanced(text)


@pytest.mark.parametrize("text", BROKEN)
def test_broken(text):
    assert not are_balanced(text)


pieces = st.recursive(
    st.lists(st.sampled_from(["word", "it's", "dogs'", "don’t", "so :)", "x"]), min_size=1, max_size=3).map(" ".join),
    lambda inner: st.tuples(st.sampled_from(["()", "[]", "{}", "（）"]), st.lists(inner, min_size=1, max_size=3)).map(
        lambda parts: parts[0][0] + " ".join(parts[1]) + "." + parts[0][1]
    ),
    max_leaves=8,
)


@given(pieces, st.sampled_from(["“”", '""', "«»", "‘’", "„“"]), st.sampled_from("([{“«"))
def test_what_is_nested_is_balanced_until_a_mark_is_lost(inner, quote, extra):
    text = f"He {quote[0]}{inner}{quote[1]}."
    assert are_balanced(text)
    assert not are_balanced(text.replace(quote[0], "", 1) if quote != "‘’" else text + extra)
    assert not are_balanced(f"{extra}{text}")


@given(st.text("\"'“”‘’„«»()[]ab s.", max_size=60))
def test_any_marks(text):
    if are_balanced(text):
        for opening, closing in ("()", "[]"):
            assert text.count(opening) == text.count(closing)


def test_many_marks():
    assert are_balanced("(" * 5000 + ")" * 5000)
    assert not are_balanced("‘s’ " * 5000 + "(")
    assert are_balanced("“s’ ‘s’ s’” " * 2000)


def test_sentences():
    lines = ['he said "go now"', 'she said "go there (or not)"', "they (or we) said go", 'we said "go" and they']
    text = MarkovText(1, sequences="lines").fit("\n".join(lines))
    free, balanced = text.generate(300, seed=1), text.generate(300, seed=1, balanced=True)
    assert sum(map(are_balanced, free)) < 250
    assert all(map(are_balanced, balanced))
    assert [one == other for one, other in zip(free, balanced, strict=True)] == [*map(are_balanced, free)]
    assert all(
        are_balanced(one) for one in text.generate(50, seed=1, balanced=True, containing='said "go', max_words=9)
    )
    broken = MarkovText(1, sequences="lines").fit("(a b\nb) c (d")
    assert broken.generate(2, balanced=True) == [Reason.UNBALANCED] * 2
    assert json.dumps(Reason.UNBALANCED) == json.dumps(Reason.UNBALANCED.value)
