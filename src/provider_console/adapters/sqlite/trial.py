"""The configuration on trial, in the usage database: at most one."""

from __future__ import annotations

from typing import Final

import msgspec

from provider_console.adapters.sqlite.database import Database
from provider_console.core.ports.trials import Trial

_BEGIN: Final = (
    "INSERT INTO config_trial (id, hash, before, author, reason, at, until, health, covered, owner) "
    "VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_COLUMNS: Final = "hash, before, author, reason, at, until, health, covered, owner"


class Trials:
    """`TrialStore` on a database that others use as well."""

    _database: Database

    async def begin_trial(self, trial: Trial, *, watched: bool) -> bool:
        """Remember what comes back, before anything is changed; False where another trial is under way."""
        row = (trial.hash, trial.before, trial.author, trial.reason, trial.at, trial.until, trial.health)
        covered = msgspec.json.encode(trial.covered).decode()
        owner = self._database.presence.token if watched else None
        return await self._database.write(
            lambda connection: connection.execute(_BEGIN, (*row, covered, owner)).rowcount > 0
        )

    async def trial(self) -> Trial | None:
        """The trial under way."""
        found = await self._database.read(
            lambda connection: connection.execute(f"SELECT {_COLUMNS} FROM config_trial").fetchone()  # noqa: S608 - names are ours, values are bound
        )
        if found is None:
            return None
        *values, covered, owner = found
        return Trial(
            **dict(zip(_COLUMNS.split(", "), values, strict=False)),
            covered=msgspec.json.decode(covered, type=tuple[str, ...]),
            orphaned=owner is not None and not self._database.presence.alive(owner),
        )

    async def end_trial(self, trial_hash: str) -> bool:
        """Forget a trial; False where it was ended already."""
        sql = "DELETE FROM config_trial WHERE hash = ?"
        return await self._database.write(lambda connection: connection.execute(sql, (trial_hash,)).rowcount > 0)
