"""Alerts in RAM, for tests and simulations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from provider_console.core.ports.alerts import AlertRow


class _Disk(Protocol):
    alerts: dict[str, AlertRow]


class MemoryAlerts:
    """`AlertStore` on what `_usable` gives."""

    def _usable(self) -> _Disk:
        raise NotImplementedError

    async def alerts(self, *, only_open: bool = False, limit: int = 1000) -> Sequence[AlertRow]:
        """Newest first."""
        rows = [row for row in self._usable().alerts.values() if not only_open or row.cleared_at is None]
        return sorted(rows, key=lambda row: (row.at, row.id), reverse=True)[:limit]

    async def alert(self, alert_id: str) -> AlertRow | None:
        """One alert by its id."""
        return self._usable().alerts.get(alert_id)

    async def open_alert(self, row: AlertRow) -> bool:
        """Keep a new one; False where one about the same rule and subject is open already."""
        alerts = self._usable().alerts
        if any((r.rule, r.subject, r.cleared_at) == (row.rule, row.subject, None) for r in alerts.values()):
            return False
        alerts[row.id] = row
        return True

    async def clear_alert(self, alert_id: str, at: float) -> bool:
        """End one; False where it had ended."""
        alerts = self._usable().alerts
        if alert_id not in alerts or alerts[alert_id].cleared_at is not None:
            return False
        alerts[alert_id] = msgspec.structs.replace(alerts[alert_id], cleared_at=at, snoozed_until=None)
        return True

    async def acknowledge_alert(self, alert_id: str, *, at: float, by: str) -> None:
        """Somebody has seen it."""
        self._alter(alert_id, acknowledged_at=at, acknowledged_by=by, snoozed_until=None)

    async def snooze_alert(self, alert_id: str, until: float | None) -> None:
        """Keep one quiet until a wall time; None: no longer."""
        self._alter(alert_id, snoozed_until=until)

    def _alter(self, alert_id: str, **news: object) -> None:
        alerts = self._usable().alerts
        if alert_id in alerts:
            alerts[alert_id] = msgspec.structs.replace(alerts[alert_id], **news)


class MemoryBell:
    """`Bell` that remembers what it was asked to run. Set `failure` to a sentence and every command fails with it."""

    def __init__(self) -> None:
        self.rung: list[tuple[str, ...]] = []
        self.failure: str | None = None

    async def ring(self, arguments: Sequence[str]) -> str | None:
        """Remember; the failure, where there is one."""
        self.rung.append(tuple(arguments))
        return self.failure
