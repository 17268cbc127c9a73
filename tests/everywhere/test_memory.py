"""Memory does not grow with calls, and no call takes more than it says: the long check, fewer and smaller calls."""

import sys
from types import SimpleNamespace

import pytest

from tests.long import memory

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much memory is in use"),
]

SAID = [
    "softmax",
    "log_softmax_copies",
    "sample_kept_set",
    "fit",
    "merge",
    "perplexity",
    "generate_bounds",
    "generate_words",
]


def test_calls_keep_nothing():
    found = memory.checked(memory.elsewhere("grows", ["quick"], calls=400))
    assert {seen.what for seen in found} > set(memory.MOST)


def test_a_leak_is_found(monkeypatch):
    none = SimpleNamespace(get_allocation_stats=lambda: SimpleNamespace(alloc=0, free=0))
    monkeypatch.setattr(memory, "rtsys", none)  # whose statistics have to be asked for before Python starts
    kept: list[object] = []
    found = list(memory.grown(memory.Grows("leak", lambda number: kept.append(bytearray(100_000 + number))), 100))
    with pytest.raises(AssertionError, match=r"leak: .* more after \d+ calls, expected at most"):
        memory.checked(found)


def test_peaks_are_what_is_said():
    memory.checked(memory.elsewhere("takes", SAID, scale=0.1))
