"""The last thing made, kept for the next call that asks for the same."""

from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Made = TypeVar("Made")


class Last(Generic[Key, Made]):
    """The last thing that was made, and the key that it was made for. Threads may share it."""

    def __init__(self) -> None:
        self._last: tuple[Key, Made] | None = None

    def get(self, key: Key, make: Callable[[], Made]) -> Made:
        """Return what belongs to the key, made anew unless it was the last one."""
        last = self._last
        if last is None or last[0] != key:
            self._last = last = key, make()
        return last[1]

    def clear(self) -> None:
        """Forget it."""
        self._last = None
