"""One file and one seed are the same walks on every machine: these."""

import base64
import json

import numpy as np
import pytest
from safetensors import safe_open

from fastsoftmax.markov import MarkovChain
from fastsoftmax.markov.counts import storage

SENTENCES = (
    "the cat sat on the mat",
    "the cat ran",
    "the dog sat on the naïve 猫",
    "a dog ran to the cat",
    "the 猫 sat",
    "a cat sat on a dog",
    "the dog ran",
    "the cat sat",
    "the mat",
)
FILE = """
KAMAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmYXN0c29mdG1heCI6IntcImNvbnRlbnRzXCI6IFwiYjBkNWFjYTE0ZjVhMzVmNDhkZmUyZmVhNGMyM2Vk
MzdhOGEwNTNlNGQzMWU1ZGYwNTViMjc5ZDVkYTA5YzMxMFwiLCBcImZvcm1hdFwiOiBcImZhc3Rzb2Z0bWF4LW1hcmtvdi0yXCIsIFwiaGVhZGVyXCI6
IFwiYWVjN2VlMDg1ZTE4MTExOTk1MmFkOWFmNGZhOTgxOTYxM2Q2ZTJkZjk2YWQwNDU0YzZkNjAzMjdmYTcwZDYxNlwiLCBcImtpbmRcIjogXCJjaGFp
blwiLCBcIm9yZGVyXCI6IDF9In0sImNvdW50cyI6eyJkdHlwZSI6Ikk2NCIsInNoYXBlIjpbMjZdLCJkYXRhX29mZnNldHMiOlswLDIwOF19LCJvZmZz
ZXRzIjp7ImR0eXBlIjoiSTY0Iiwic2hhcGUiOlsxM10sImRhdGFfb2Zmc2V0cyI6WzIwOCwzMTJdfSwidm9jYWJ1bGFyeV9vZmZzZXRzIjp7ImR0eXBl
IjoiSTY0Iiwic2hhcGUiOlsxMl0sImRhdGFfb2Zmc2V0cyI6WzMxMiw0MDhdfSwiY29udGV4dHMiOnsiZHR5cGUiOiJJMzIiLCJzaGFwZSI6WzEyLDFd
LCJkYXRhX29mZnNldHMiOls0MDgsNDU2XX0sInRhcmdldHMiOnsiZHR5cGUiOiJJMzIiLCJzaGFwZSI6WzI2XSwiZGF0YV9vZmZzZXRzIjpbNDU2LDU2
MF19LCJ0b2tlbnMiOnsiZHR5cGUiOiJJMzIiLCJzaGFwZSI6WzI2XSwiZGF0YV9vZmZzZXRzIjpbNTYwLDY2NF19LCJ2b2NhYnVsYXJ5X29yZGVyIjp7
ImR0eXBlIjoiSTMyIiwic2hhcGUiOlsxMV0sImRhdGFfb2Zmc2V0cyI6WzY2NCw3MDhdfSwidm9jYWJ1bGFyeSI6eyJkdHlwZSI6IlU4Iiwic2hhcGUi
OlszMl0sImRhdGFfb2Zmc2V0cyI6WzcwOCw3NDBdfX0gBwAAAAAAAAACAAAAAAAAAAQAAAAAAAAAAgAAAAAAAAACAAAAAAAAAAEAAAAAAAAAAQAAAAAA
AAADAAAAAAAAAAEAAAAAAAAAAQAAAAAAAAADAAAAAAAAAAIAAAAAAAAAAgAAAAAAAAABAAAAAAAAAAIAAAAAAAAAAgAAAAAAAAABAAAAAAAAAAIAAAAA
AAAAAQAAAAAAAAABAAAAAAAAAAEAAAAAAAAAAQAAAAAAAAABAAAAAAAAAAIAAAAAAAAAAQAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAgAAAAAAAAAHAAAA
AAAAAAoAAAAAAAAADAAAAAAAAAAOAAAAAAAAAA8AAAAAAAAAEQAAAAAAAAAUAAAAAAAAABUAAAAAAAAAFwAAAAAAAAAZAAAAAAAAABoAAAAAAAAAAAAA
AAAAAAADAAAAAAAAAAYAAAAAAAAACQAAAAAAAAALAAAAAAAAAA4AAAAAAAAAEQAAAAAAAAAUAAAAAAAAABoAAAAAAAAAHQAAAAAAAAAeAAAAAAAAACAA
AAAAAAAA/////wAAAAABAAAAAgAAAAMAAAAEAAAABQAAAAYAAAAHAAAACAAAAAkAAAAKAAAAAQAAAAoAAAACAAAABQAAAAcAAAAIAAAACQAAAAMAAAD/
////BgAAAAQAAAD/////AQAAAAoAAAD//////////wsAAAAGAAAA/////wMAAAAJAAAA/////wMAAAAHAAAAAgAAAAEAAAAAAAAACQAAAAEAAAAEAAAA
BgAAAAcAAAAIAAAAAgAAAP////8FAAAAAwAAAP////8AAAAACQAAAP//////////CgAAAAUAAAD/////AgAAAAgAAAD/////AgAAAAYAAAABAAAAAAAA
AAkAAAABAAAABgAAAAQAAAAHAAAAAwAAAAUAAAACAAAAAAAAAAoAAAAIAAAAdGhlY2F0c2F0b25tYXRyYW5kb2duYcOvdmXnjKthdG8=
"""
WALKS = [
    ({}, ["the 猫 sat", "the naïve 猫 sat on the naïve", "the cat", "the dog sat on the 猫 sat", "the cat"]),
    (
        {"temperature": 0.7},
        [
            "the 猫 sat",
            "the naïve 猫 sat on the dog",
            "the cat sat on a dog ran",
            "the dog sat on the naïve 猫",
            "the cat sat",
        ],
    ),
    ({"temperature": 1.3, "top_k": 2}, ["the mat", "the mat", "the cat sat on a dog ran", "the mat", "the cat sat"]),
    ({"top_p": 0.6}, ["the mat", "the mat", "the cat sat on the cat sat", "the mat", "the cat sat on the cat sat"]),
    ({"temperature": 1.5, "min_p": 0.4}, ["the dog", "the dog ran to the cat ran", "the cat", "the mat", "the cat"]),
    ({"temperature": 0.0}, ["the cat sat on the cat sat"] * 5),
]
WEIGHTS = {"a": {"a": 0.1, "b": 0.7, "c": 1 / 3}, "b": {"a": 2.5, "c": 2.5}, "c": {"a": 1e-9, "b": 1, None: 0.2}}
WEIGHTED_WALKS = [
    ({}, ["bcbcbaacb", "bcbcbacba", "abcbcbacb", "ac", "abc", "cbabacbcb"]),
    ({"temperature": 0.7}, ["bcbcbaacb", "bcbcbacba", "abcbcbacb", "abcbac", "abc", "cbabacbcb"]),
    ({"temperature": 1.3, "top_k": 2}, ["acbcbac", "bcbcbacba", "abcbcbacb", "ac", "abc", "bcbcbcbcb"]),
    ({"top_p": 0.6}, ["abcbcbcbc", "bcbcbabab", "abcbcbaba", "abcbabcbc", "abcbcbabc", "bcbcbcbcb"]),
    (
        {"temperature": 1.5, "min_p": 0.4},
        ["bcbcbacbc", "bcbcbacba", "abcbcbacb", "acbabcbac", "abcbcbabc", "cbabacbcb"],
    ),
    ({"temperature": 0.0}, ["ababababa"] * 6),
]


def about(path):
    with safe_open(path, framework="np") as file:
        return json.loads(file.metadata()["fastsoftmax"])


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(("cut", "expected"), WALKS)
def test_a_file_and_a_seed_are_these_walks(tmp_path, monkeypatch, at_once, cut, expected):
    path = tmp_path / "model.safetensors"
    path.write_bytes(base64.b64decode(FILE))
    monkeypatch.setattr(storage, "_SMALL", 2**25 if at_once else -1)
    chain = MarkovChain.load(path)
    assert [" ".join(walk) for walk in chain.walk(5, 7, seed=2026, **cut)] == expected
    many = chain.walk(300, 7, seed=2026, **cut)  # from a complete table
    assert [" ".join(walk) for walk in many[:5]] == expected


def test_sentences_are_that_file(tmp_path):
    path, again = tmp_path / "model.safetensors", tmp_path / "again.safetensors"
    path.write_bytes(base64.b64decode(FILE))
    chain = MarkovChain().fit(sentence.split() for sentence in SENTENCES)
    chain.save(again)
    assert about(again) == about(path)
    np.testing.assert_array_equal(MarkovChain.load(path).transitions.targets, chain.transitions.targets)


def test_weights_are_these_walks(tmp_path):
    path = tmp_path / "model.safetensors"
    MarkovChain.from_transitions(WEIGHTS).save(path)
    assert about(path) == {
        "format": "fastsoftmax-markov-2",
        "kind": "chain",
        "order": 1,
        "contents": "f80d8d460eb4706b76ab7751f8973fbd2158ec9f1c93d48309bd8b652f1fe41b",
        "header": "a07fb10537762b9247f4cd498659ff89465fbdbc975dd204184cb629bac6ea3b",
    }
    chain = MarkovChain.load(path)
    for cut, expected in WEIGHTED_WALKS:
        assert ["".join(walk) for walk in chain.walk(6, 9, seed=2026, **cut)] == expected
