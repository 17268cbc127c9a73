"""What the fuzzer calls: functions of any bytes that must end well, or in an error of the library's own kind."""

import contextlib
import io
import json
import re
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import typer
from safetensors.numpy import save_file

import fastsoftmax
from fastsoftmax.cli import inputs, models
from fastsoftmax.cli.app import app
from fastsoftmax.markov import MarkovChain, MarkovText
from fastsoftmax.markov.counts import storage
from tests.calls import CALLS, TEXT, Things

OURS = (ValueError, TypeError, KeyError, OSError)
TABLE = ("contexts", "offsets", "tokens", "counts", "targets")
NAMES = (*TABLE, "vocabulary", "vocabulary_offsets", "vocabulary_order", "text")
DTYPES = (np.int32, np.int64, np.float64, np.uint8)
KEYS = ("order", "tokens", "sequences", "kind", "format", "more")
VALUES: tuple[Any, ...] = (
    *(0, 1, 2, 3, -1, 10**9, 2**70, True, None, [1], 0.5),
    *("", "words", "characters", "own", "sentences", "lines", "chain", "text", "\ud800", "x" * 10**5),
)
SUFFIXES = ("npy", "json", "csv", "tsv", "txt", "other")
PATCH = 11  # bytes: what to change, where, and to what

Arrays = dict[str, np.ndarray]


class Target(NamedTuple):
    """A function of any bytes, and bytes to begin with."""

    call: Callable[[bytes], None]
    seeds: list[bytes]


class Base(NamedTuple):
    """A model to be changed."""

    about: dict[str, Any]
    arrays: Arrays


def targets(folder: Path) -> dict[str, Target]:
    """Return all targets, which write to that folder, and enter it for the command line."""
    bases, file = [*_bases()], folder / "model.safetensors"
    for number, base in enumerate(bases):
        _write(folder / f"seed{number}", base)
    models_seen = [(folder / f"seed{number}").read_bytes() for number in range(len(bases))]
    changes = [bytes([flags]) + bytes(change) for flags in range(4 * len(bases)) for change in ((), range(PATCH))]
    return {
        "model-bytes": Target(lambda data: model_bytes(data, file), models_seen),
        "model-sealed": Target(lambda data: model_sealed(data, bases, file), changes),
        "markovify": Target(lambda data: markovify(data, folder / "chain.json"), [*_chains()]),
        "logits": Target(lambda data: logits(data, folder), [*_logits()]),
        "arguments": Target(Commands(folder, models_seen), [*map(_packed, _arguments())]),
    }


@contextlib.contextmanager
def ours() -> Iterator[None]:
    """Let errors pass that the library promises."""
    with contextlib.suppress(*OURS):
        yield


def model_bytes(data: bytes, file: Path) -> None:
    """Load a file of these bytes."""
    file.write_bytes(data)
    for kind in (MarkovChain, MarkovText):
        with ours():
            use(kind.load(file, mmap=len(data) % 2 == 0), file)


def model_sealed(data: bytes, bases: list[Base], file: Path) -> None:
    """Load and use a model that is changed as the bytes say, and sealed with right checksums.

    The first byte says which model, whether it is mapped, and whether its contents are checked at once.
    """
    flags = data[0] if data else 0
    base = bases[flags // 4 % len(bases)]
    changed = Base(dict(base.about), {name: array.copy() for name, array in base.arrays.items()})
    for first in range(1, len(data) - PATCH + 1, PATCH):
        _change(changed, *struct.unpack("<BHq", data[first : first + PATCH]))
    with ours():
        _write(file, changed)
        with mock.patch.object(storage, "_SMALL", -1 if flags & 2 else storage._SMALL):
            if base.about["kind"] == "chain":
                use(MarkovChain.load(file, mmap=bool(flags & 1)), file)
            else:
                tokens = str.split if changed.about.get("tokens") == "own" else None
                use(MarkovText.load(file, mmap=bool(flags & 1), tokens=tokens), file)


def use(model: MarkovChain | MarkovText, file: Path) -> None:
    """Do all that reads a model."""
    text = model if isinstance(model, MarkovText) else None
    chain = model.chain if isinstance(model, MarkovText) else model
    tokens = chain.vocabulary
    known = [0, 1] if tokens is None else [*tokens[:2], "", "unknown"]
    used = Things(chain, text or MarkovText(), known, np.zeros((1, 2)), file.parent)
    for name, call in CALLS.items():
        if name.startswith(("MarkovChain.", "MarkovText.") if text else "MarkovChain.") and not name.endswith(".load"):
            with ours(), contextlib.suppress(RuntimeError):  # the second of a long run that cannot be told
                call(used)


def markovify(data: bytes, file: Path) -> None:
    """Import a chain of markovify from these bytes, in a file and as a str."""
    file.write_bytes(data)
    with ours():
        MarkovText.import_markovify(file)
    with ours():
        model = MarkovText.import_markovify(data.decode("utf-8", "surrogateescape"))
        model.generate(2, seed=1)


def logits(data: bytes, folder: Path) -> None:
    """Read logits from a file; the first byte says what it is named."""
    name = folder / f"logits.{SUFFIXES[data[0] % len(SUFFIXES) if data else 0]}"
    name.write_bytes(data[1:])
    with ours():
        inputs.read_rows(str(name))
    with ours():
        values = inputs.read_logits(str(name)).values
        fastsoftmax.probabilities(values, top_p=0.9)
    with ours():
        inputs.parse_logits(data.decode("utf-8", "surrogateescape").split("\n"))


class Commands:
    """The command line, with arguments from bytes, among a few small files."""

    def __init__(self, folder: Path, models_seen: list[bytes]) -> None:
        self._folder = folder / "commands"
        self._folder.mkdir()
        for number, model in enumerate(models_seen):
            (self._folder / f"{number}.safetensors").write_bytes(model)
        (self._folder / "text.txt").write_text(TEXT, "utf-8")
        np.save(self._folder / "rows.npy", np.eye(3, 4))
        (self._folder / "row.json").write_text('{"a": 1, "b": 2.5}')
        self._command = typer.main.get_command(app)

    def __call__(self, data: bytes) -> None:
        """Run a command; status 2 is one line on stderr alone."""
        arguments = data.decode("utf-8", "surrogateescape").split("\0")
        if not _is_cheap(arguments):
            return
        status, out, err = self._run(arguments)
        assert status in (0, 1, 2), (status, arguments)
        if status == 2:
            assert re.fullmatch("fastsoftmax: error: [^\n]*\n", err), err
            assert out == "", out

    def _run(self, arguments: list[str]) -> tuple[object, str, str]:
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", errors) for errors in ("strict", "backslashreplace"))
        stdin = io.TextIOWrapper(io.BytesIO(TEXT.encode()), "utf-8")
        status: object = None
        with (
            contextlib.chdir(self._folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            mock.patch.object(sys, "stdin", stdin),
            mock.patch.object(models, "sentences", return_value=[TEXT]),
        ):
            try:
                self._command.main(arguments)
            except SystemExit as error:
                status = error.code
            out.flush()
            err.flush()
        written, told = (stream.buffer.getvalue().decode("utf-8", "replace") for stream in (out, err))
        return status, written, told


def _is_cheap(arguments: list[str]) -> bool:
    """Whether a command takes little time and memory, and writes to its folder alone."""
    numbers = [int(digits) for text in arguments for digits in re.findall(r"\d{1,4000}", text.replace("_", ""))]
    few = not any(10**4 < number < 2**42 for number in numbers)
    return (
        few and not {"warmup", "doctor"} & {*arguments} and not any("/" in text or ".." in text for text in arguments)
    )


def _bases() -> Iterator[Base]:
    """Yield models of all kinds."""
    words = [["naïve", "猫", "b", "naïve", "c"], ["猫", "naïve"], ["b", "b"]]
    chains = [
        MarkovChain(2).fit(words),
        MarkovChain(1).fit([[0, 1, 2, 1], [2, 2, 0]]),
        MarkovChain.from_transitions({"a": {"b": 0.25, "c": 1e-300, None: 7}, "b": {"a": 0.5}}),
    ]
    for chain in chains:
        yield _base("chain", chain, {})
    for tokens, sequences, keeps in (("words", "sentences", True), ("characters", "lines", False)):
        text = MarkovText(2, tokens=tokens, sequences=sequences, keep_text=keeps).fit(TEXT)
        base = _base("text", text.chain, {"tokens": tokens, "sequences": sequences})
        kept = text._held.model and text._held.model.text
        yield base._replace(arrays={**base.arrays, "text": kept.joined()}) if kept else base
    yield _base("chain", MarkovChain(0).fit(words), {})


def _base(kind: str, chain: MarkovChain, settings: dict[str, str]) -> Base:
    arrays: Arrays = {name: getattr(chain.transitions, name) for name in TABLE}
    if chain.vocabulary is not None:
        arrays |= storage._packed(chain.vocabulary)
    return Base({"format": storage.FORMAT, "kind": kind, "order": chain.order, **settings}, arrays)


def _write(file: Path, base: Base) -> None:
    arrays = {name: np.ascontiguousarray(array) for name, array in base.arrays.items()}
    save_file(arrays, file, storage.sealed(base.about, arrays))


def _change(base: Base, what: int, place: int, value: int) -> None:
    """Change one thing of a model."""
    name, action = NAMES[what % len(NAMES)], what // len(NAMES) % 10
    if action == 0:
        base.about[KEYS[place % len(KEYS)]] = VALUES[value % len(VALUES)]
    if name not in base.arrays:
        return
    array = base.arrays[name]
    with np.errstate(all="ignore"):
        if action == 1:
            array = array[: place % (len(array) + 1)] if array.ndim else array
        elif action == 2:
            array = array.astype(DTYPES[value % len(DTYPES)])
        elif action == 3:
            shapes = (-1,), (1, -1), (-1, 1), (len(array), -1) if array.size else (0, place), (0, 2**40)
            with contextlib.suppress(ValueError):
                array = array.reshape(shapes[value % len(shapes)])
        elif action == 4:
            array = np.concatenate([array, array])
        elif array.size:
            flat, index = array.reshape(-1), place % array.size
            number = np.array([value]).view(np.float64)[0] if array.dtype == np.float64 and action < 7 else value
            if action == 5:
                flat[index] = number if array.dtype.kind == "f" else np.array(number).astype(array.dtype)
            elif action == 6:
                flat[[index, value % array.size]] = flat[[value % array.size, index]]
            else:
                flat[index] += np.array(value % 7 - 3).astype(array.dtype)
    base.arrays[name] = array


def _chains() -> Iterator[bytes]:
    """Yield what markovify writes."""
    chain = [[["___BEGIN__", "___BEGIN__"], {"a": 2}], [["___BEGIN__", "a"], {"b": 1, "___END__": 1}]]
    for data in (
        chain,
        {"state_size": 2, "chain": json.dumps(chain), "parsed_sentences": []},
        [[["a"], {"\ud800": 1}]],
    ):
        yield json.dumps(data).encode()


def _logits() -> Iterator[bytes]:
    """Yield files of logits, each after the byte that names it."""
    for array in (np.arange(3.0), np.ones((1, 2), np.float16), np.ones((2, 2), ">i4"), np.zeros((0, 3), "?")):
        file = io.BytesIO()
        np.save(file, array)
        yield b"\0" + file.getvalue()
    for number, text in (
        (1, '{"a": 1, "b": "-inf"}'),
        (1, "[1, 2.5e300]"),
        (2, 'token,logit\n"a,b",1\n'),
        (3, "a\t1\n"),
    ):
        yield bytes([number]) + text.encode()
    yield b"\4the 1.5\na, 2 ; 3\n4\n"


def _arguments() -> Iterator[list[str]]:
    """Yield commands."""
    for command in (
        "table a=1 b=2 -t 0.5 -t inf --top-k 2 --sort",
        "table --file row.json --json --top 1 --min-p 0.1",
        "table --file - -1.5 --top-p",
        "sample rows.npy --draws 3 --seed 1 --step 2 --json",
        "sample rows.npy --rng 1 --top-p 0.5",
        "fit text.txt -o new.safetensors --order 3 --tokens characters --sequences lines",
        "fit - -o new.safetensors --keep-text",
        "generate 3.safetensors -n 2 --start The --seed 1 --max-words 9 --json",
        "generate 3.safetensors -n 2 --novelty 0.3 --max-copied 5",
        "generate 3.safetensors -n 2 --smoothing kneser-ney --max-words 9",
        "generate text.txt --novelty 0.5 --min-words 2 --max-chars 40 --order 1",
        "generate text.txt --containing The --balanced",
        "generate --tokens words",
        "walk 0.safetensors --length 5 --start b --seed 1",
        "walk 1.safetensors --length 5 --start 1 --json",
        "score 3.safetensors text.txt - --smoothing kneser-ney --json",
        "info 2.safetensors --json",
        "walk 5.safetensors --length 40",
        "--version",
        "--help",
    ):
        yield command.split(" ")


def _packed(arguments: list[str]) -> bytes:
    return "\0".join(arguments).encode("utf-8", "surrogateescape")
