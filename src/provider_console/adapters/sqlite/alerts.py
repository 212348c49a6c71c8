"""Alerts in the usage database: one row an episode."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from provider_console.adapters.sqlite import rows as values
from provider_console.adapters.sqlite.database import Database
from provider_console.core.ports.alerts import AlertRow

# Table and column names are constants of this package; every value is bound.
_OPEN: Final = (
    f"INSERT INTO alerts ({values.ALERT_COLUMNS}) VALUES ({values.placeholders(values.ALERT_COLUMNS)}) "  # noqa: S608 - names are ours, values are bound
    "ON CONFLICT DO NOTHING"
)
_SELECT: Final = f"SELECT {values.ALERT_COLUMNS} FROM alerts"  # noqa: S608 - names are ours, values are bound


class Alerts:
    """`AlertStore` on a database that others use as well."""

    _database: Database

    async def alerts(self, *, only_open: bool = False, limit: int = 1000) -> Sequence[AlertRow]:
        """Newest first."""
        condition = " WHERE cleared_at IS NULL" if only_open else ""
        found = await self._database.read(
            lambda connection: connection.execute(
                f"{_SELECT}{condition} ORDER BY at DESC, id DESC LIMIT ?", (limit,)
            ).fetchall()
        )
        return [values.alert(row) for row in found]

    async def alert(self, alert_id: str) -> AlertRow | None:
        """One alert by its id."""
        found = await self._database.read(
            lambda connection: connection.execute(f"{_SELECT} WHERE id = ?", (alert_id,)).fetchall()
        )
        return values.alert(found[0]) if found else None

    async def open_alert(self, row: AlertRow) -> bool:
        """Keep a new one; False where one about the same rule and subject is open already."""
        return await self._altered(_OPEN, values.alert_values(row))

    async def clear_alert(self, alert_id: str, at: float) -> bool:
        """End one; False where it had ended."""
        return await self._altered(
            "UPDATE alerts SET cleared_at = ?, snoozed_until = NULL WHERE id = ? AND cleared_at IS NULL", (at, alert_id)
        )

    async def acknowledge_alert(self, alert_id: str, *, at: float, by: str) -> None:
        """Somebody has seen it."""
        await self._altered(
            "UPDATE alerts SET acknowledged_at = ?, acknowledged_by = ?, snoozed_until = NULL WHERE id = ?",
            (at, values.message(by), alert_id),
        )

    async def snooze_alert(self, alert_id: str, until: float | None) -> None:
        """Keep one quiet until a wall time; None: no longer."""
        await self._altered("UPDATE alerts SET snoozed_until = ? WHERE id = ?", (until, alert_id))

    async def _altered(self, sql: str, parameters: tuple[Any, ...]) -> bool:
        return await self._database.write(partial(_altered, sql, parameters))


def _altered(sql: str, parameters: tuple[Any, ...], connection: sqlite3.Connection) -> bool:
    return connection.execute(sql, parameters).rowcount > 0
