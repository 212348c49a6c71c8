"""Episodes of alerts, and the command that rings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class AlertRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `alerts`: an episode, from the moment it fired to the moment it cleared (None: it is open)."""

    id: str
    rule: str
    subject: str
    at: float
    title: str
    evidence: str
    first_try: str
    command: str | None = None
    cleared_at: float | None = None
    acknowledged_at: float | None = None
    acknowledged_by: str | None = None
    snoozed_until: float | None = None


class AlertStore(Protocol):
    """The alerts of one data directory. Methods raise `StoreUnavailable`."""

    async def alerts(self, *, only_open: bool = False, limit: int = 1000) -> Sequence[AlertRow]:
        """Newest first."""
        ...

    async def alert(self, alert_id: str) -> AlertRow | None:
        """One alert by its id."""
        ...

    async def open_alert(self, row: AlertRow) -> bool:
        """Keep a new one; False where one about the same rule and subject is open already."""
        ...

    async def clear_alert(self, alert_id: str, at: float) -> bool:
        """End one; False where it had ended."""
        ...

    async def acknowledge_alert(self, alert_id: str, *, at: float, by: str) -> None:
        """Somebody has seen it."""
        ...

    async def snooze_alert(self, alert_id: str, until: float | None) -> None:
        """Keep one quiet until a wall time; None: no longer."""
        ...


class Bell(Protocol):
    """Runs a command of the user's."""

    async def ring(self, arguments: Sequence[str]) -> str | None:
        """Run a program with its arguments, never through a shell; why it failed, None where it did not."""
        ...
