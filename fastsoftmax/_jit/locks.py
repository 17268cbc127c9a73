"""A lock that one process at a time holds: a file beside what is made under it."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl

PATIENCE = 120.0  # seconds that a process waits for another, which may have been stopped


@contextmanager
def alone(path: Path, is_made: Callable[[], bool]) -> Iterator[None]:
    """Hold the lock, or go on without it once others have made what all wait for.

    Nobody waits where no file can be made, where another holds the lock for too long, and on Windows: then two
    processes may make the same, which is as right and takes longer.
    """
    descriptor = _acquired(path, is_made)
    try:
        yield
    finally:
        if descriptor is not None:
            path.unlink(missing_ok=True)
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # to close it is not enough: a forked child may have it open too
            os.close(descriptor)


def _acquired(path: Path, is_made: Callable[[], bool]) -> int | None:
    """Return the descriptor of the lock that is held, or None."""
    if sys.platform == "win32":
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        return None
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not is_made():
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.02)
        else:
            return descriptor
    os.close(descriptor)
    return None
