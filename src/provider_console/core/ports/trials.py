"""A configuration on trial, until it is confirmed or taken back."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration that is in force until a wall time, and taken back then unless somebody confirms it.

    `hash` names the text on trial, `before` is the whole text that comes back. `health` (None: unknown) and `covered`
    are how things were before. `orphaned`: the process that watched it is gone.
    """

    hash: str
    before: str
    author: str
    reason: str
    at: float
    until: float
    health: float | None = None
    covered: tuple[str, ...] = ()
    orphaned: bool = False


class TrialStore(Protocol):
    """The trial of one data directory, at most one. Methods raise `StoreUnavailable`."""

    async def begin_trial(self, trial: Trial, *, watched: bool) -> bool:
        """Remember what comes back, before anything is changed; False where another trial is under way.

        `watched`: this process keeps running, and takes it back on time.
        """
        ...

    async def trial(self) -> Trial | None:
        """The trial under way."""
        ...

    async def end_trial(self, trial_hash: str) -> bool:
        """Forget a trial; False where it was ended already."""
        ...
