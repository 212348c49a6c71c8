"""Time, and names that are ordered by it."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Time. `monotonic` is for scheduling and always agrees with the running loop's time; `wall` is for display."""

    def monotonic(self) -> float:
        """Seconds since some moment, never going back."""
        ...

    def wall(self) -> float:
        """Seconds since 1970, UTC; may jump."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Ids(Protocol):
    """Names executions."""

    def new(self) -> str:
        """A new id: 26 characters, ordered by time (ULID)."""
        ...
