"""Interrupts, kills, full disks and damage: models stay whole, in memory and on disk, and errors are clear."""

import contextlib
import ctypes
import functools
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import fastsoftmax
from tests.calls import CALLS, things, told
from tests.long import Check, Progress, SkipError

ROOT = Path(__file__).parent.parent.parent
# What is started in the background may ignore Ctrl-C, and so do its children unless they say otherwise.
HEEDING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
COMMAND = [sys.executable, "-c", HEEDING + "from fastsoftmax.cli import main; main()"]
PATIENCE = 300  # seconds

# A process that saves two models in turn, for ever.
SAVING = """
import sys
from fastsoftmax import MarkovChain
models = [MarkovChain.load(path, mmap=False) for path in sys.argv[2:]]
print("ready", flush=True)
while True:
    for model in models:
        model.save(sys.argv[1])
"""
MS_REC, MS_PRIVATE, CLONE_NEWNS = 0x4000, 1 << 18, 0x20000  # of mount(2) and unshare(2)


def run(progress: Progress) -> str:
    """Interrupt, kill, fill and damage."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        interrupts = interrupt_calls(300)
        (place := folder / "calls").mkdir()
        tiny = interrupt_every_call(20, place)
        progress(0.1)
        compiling = interrupt_the_compiler(folder)
        progress(0.2)
        (place := folder / "commands").mkdir()
        commands = interrupt_commands(place, 60)
        progress(0.5)
        old, new = kill_while_saving(folder, 300)
        progress(0.8)
        flips, cuts = damage(folder, 5000)
        progress(0.95)
        try:
            full = on_full_disk(folder)
        except SkipError as error:
            full = f"no full disk here ({error})"
    return (
        f"{interrupts} of 300 interrupts came within fit, partial_fit, walk or generate, {commands} of 60 within a "
        f"command, {tiny} of {20 * len(CALLS):,} within calls of every kind, {compiling} while kernels compiled: "
        f"models as before or as after, nothing left over; "
        f"300 kills while saving: {old} times the one model, {new} times the other, always whole; {flips:,} flipped "
        f"bits and {cuts:,} cut ends all refused; {full}"
    )


def interrupt_calls(times: int) -> int:
    """Interrupt calls at random moments, and return how many did not get to their end."""
    few = np.random.default_rng(0).integers(0, 100, (20, 1000))
    chain = fastsoftmax.MarkovChain(2).fit(few)
    text = fastsoftmax.MarkovText(1).fit("The cat sat. The dog ran. A cat ran off. The dog sat down. " * 50)
    more = np.random.default_rng(1).integers(0, 100, (20, 10_000))
    walked, spoken = chain.walk(100, 100, seed=1).ids.tobytes(), text.generate(3, seed=1)
    calls: list[Callable[[], object]] = [
        lambda: chain.walk(5000, 200, temperature=0.8, seed=2, on_dead_end="restart"),
        lambda: chain.walk(100, 1000, temperature=random.random(), seed=2),  # a table is built
        lambda: text.generate(2000, seed=2),
        lambda: fastsoftmax.MarkovChain(3).fit(more),
        lambda: chain.partial_fit(more),
    ]
    lengths = [_seconds(call) for call in calls]
    grown = fastsoftmax.MarkovChain(2).fit(few).partial_fit(more).walk(100, 100, seed=1).ids.tobytes()
    chain = fastsoftmax.MarkovChain(2).fit(few)
    stopped = 0
    for time_ in range(times):
        call, length = calls[time_ % len(calls)], lengths[time_ % len(calls)]
        if interrupted(call, random.random() * length):
            stopped += 1
        found = chain.walk(100, 100, seed=1).ids.tobytes()
        if found == grown and call is calls[-1]:  # one at the very end of partial_fit comes when it is done
            chain = fastsoftmax.MarkovChain(2).fit(few)
        else:
            assert found == walked, "an interrupt changed a chain"
        assert text.generate(3, seed=1) == spoken, "an interrupt changed a text"
    return stopped


def interrupt_every_call(times: int, folder: Path) -> int:
    """Interrupt each public call so many times, see that it gives what it gave, and return how many were stopped."""
    tiny, stopped = things(folder), 0
    for name, tiny_call in CALLS.items():
        call = functools.partial(tiny_call, tiny)
        expected, length = told(call()), _seconds(call)
        for _ in range(times):
            stopped += interrupted(call, random.random() * length)
            assert told(call()) == expected, f"an interrupt changed {name}"
    return stopped


def _seconds(call: Callable[[], object]) -> float:
    """Return how long the second call takes: the first one may compile."""
    call()
    begun = time.monotonic()
    call()
    return time.monotonic() - begun


def interrupted(call: Callable[[], object], after: float) -> bool:
    """Send Ctrl-C to this process while it is in a call, and return whether that ended it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    alarm_before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        signal.setitimer(signal.ITIMER_REAL, max(after, 1e-6))
        call()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGALRM, alarm_before)
    return False


# A process whose first calls are interrupted while numba compiles for them; then nobody interrupts them.
COMPILING = """
import os, signal, threading, time
import {0}

def interrupt():
    for _ in range(10):
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

thread = threading.Thread(target=interrupt)
thread.start()
interrupts = 0
while True:
    try:
        found = {0}.softmax([1.0, 2.0]).tolist(), {0}.logsumexp([0.0])
        thread.join()
        break
    except KeyboardInterrupt:
        interrupts += 1
assert abs(found[0][0] - 0.2689414213699951) < 1e-15 and found[1] == 0, found
print(interrupts)
"""


def interrupt_the_compiler(folder: Path, library: str = "fastsoftmax") -> int:
    """Interrupt the first calls of a process on an empty cache, and return how many interrupts it noticed."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", HEEDING + COMPILING.format(library)],
        cwd=ROOT,
        env=environment,
        text=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, f"status {done.returncode}: {done.stderr[-3000:]}"
    return int(done.stdout)


def interrupt_commands(folder: Path, times: int, words: int = 1_000_000) -> int:
    """Interrupt commands at random moments, and return how many ended by that."""
    ids = np.random.default_rng(0).integers(0, 5000, words)
    (text := folder / "text.txt").write_text(" ".join(f"w{word}{'.' if word % 9 == 0 else ''}" for word in ids))
    model = folder / "model.safetensors"
    commands = [
        ["fit", str(text), "-o", str(model), "--order", "2"],
        ["generate", str(model), "-n", "20000"],
        ["walk", str(model), "--length", "5000000"],
    ]
    began = time.monotonic()
    subprocess.run([*COMMAND, *commands[0]], cwd=ROOT, check=True, capture_output=True)
    length = time.monotonic() - began
    content = model.read_bytes()
    stopped = 0
    for number in range(times):
        command = [*COMMAND, *commands[number % len(commands)]]
        # A process that is still starting Python itself dies of the signal, as all do.
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(random.uniform(0.3, 1.1) * length)
            child.send_signal(signal.SIGINT)
            _, said = child.communicate(timeout=PATIENCE)
        stopped += child.returncode != 0
        assert child.returncode in (0, 130, -signal.SIGINT), f"{command[3]}: status {child.returncode}: {said[-2000:]}"
        if child.returncode == 130:
            assert "Traceback" not in said, said[-2000:]
        assert model.read_bytes() == content, f"{command[3]} changed the model"
        assert sorted(file.name for file in folder.iterdir()) == ["model.safetensors", "text.txt"], "left over"
    return stopped


def kill_while_saving(folder: Path, times: int) -> tuple[int, int]:
    """Kill a process that saves two models in turn, and return how often each was there afterwards."""
    path, one, two = folder / "saved", folder / "one", folder / "two"
    for source, size in ((one, 30_000), (two, 200_000)):
        fastsoftmax.MarkovChain().fit(np.random.default_rng(size).integers(0, 500, (1, size))).save(source)
    contents = [source.read_bytes() for source in (one, two)]
    path.write_bytes(contents[0])
    found = []
    for _ in range(times):
        command = [sys.executable, "-c", SAVING, str(path), str(one), str(two)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(random.random() * 0.05)
            child.kill()
        fastsoftmax.MarkovChain.load(path)
        found.append(contents.index(path.read_bytes()))
    return found.count(0), found.count(1)


def damage(folder: Path, flips: int) -> tuple[int, int]:
    """Flip bits and cut ends; all must be refused, at the latest when the model is read as a whole."""
    path = folder / "damaged"
    text = fastsoftmax.MarkovText(2).fit("The cat sat on the mat. The dog ran off. A cat ran to the dog. " * 3)
    text.save(path)
    content = path.read_bytes()
    for _ in range(flips):
        bit = random.randrange(8 * len(content))
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        assert _refused(path), f"bit {bit} of {8 * len(content)}"
    for size in range(len(content)):
        path.write_bytes(content[:size])
        assert _refused(path), f"cut to {size} of {len(content)} bytes"
    return flips, len(content)


def _refused(path: Path) -> bool:
    try:
        fastsoftmax.MarkovText.load(path, mmap=random.random() < 0.5)
    except ValueError as error:
        return str(path) in str(error)
    return False


def on_full_disk(folder: Path) -> str:
    """Save to a disk that has no room: an error that says so, and the old model as it was."""
    small = fastsoftmax.MarkovChain().fit([[1, 2, 3, 1, 2]])
    large = fastsoftmax.MarkovChain().fit(np.random.default_rng(0).integers(0, 500, (1, 100_000)))
    (source := folder / "corpus.txt").write_text(" ".join(map(str, np.random.default_rng(0).integers(0, 9**9, 99_999))))
    with full_disk(folder, 64 * 1024) as disk:
        path = disk / "model"
        small.save(path)
        content = path.read_bytes()
        for _ in range(3):
            with pytest.raises(OSError, match=re.escape(str(path))):
                large.save(path)
            assert path.read_bytes() == content
            assert [file.name for file in disk.iterdir()] == ["model"], "left over"
        done = subprocess.run([*COMMAND, "fit", str(source), "-o", str(path)], cwd=ROOT, text=True, capture_output=True)
        assert done.returncode == 2, done
        assert done.stderr.startswith("fastsoftmax: error:"), done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        assert path.read_bytes() == content
    return "a full disk: a clear error, the old model whole"


@contextmanager
def full_disk(folder: Path, size: int) -> Iterator[Path]:
    """Mount a small disk in memory, in this process's own view of the file system."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise SkipError("only root of a Linux system mounts disks")
    libc = ctypes.CDLL(None, use_errno=True)
    (disk := folder / "disk").mkdir()
    options = f"size={size}".encode()
    if (
        libc.unshare(CLONE_NEWNS)
        or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
        or libc.mount(b"tmpfs", bytes(disk), b"tmpfs", 0, options)
    ):
        raise SkipError(f"mount: {os.strerror(ctypes.get_errno())}")
    try:
        yield disk
    finally:
        libc.umount2(bytes(disk), 2)  # even if a process is still in it
        disk.rmdir()


CHECK = Check(
    name="faults",
    promise="An interrupt, a kill while saving, a full disk or damage leave every model whole or clearly refused, and "
    "nothing half written.",
    quick="tests/everywhere/test_faults.py",
    run=run,
)
