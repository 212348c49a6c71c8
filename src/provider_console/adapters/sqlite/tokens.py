"""The table of issued tokens, in the usage database."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from provider_console.adapters.sqlite.database import Database
from provider_console.core.ports.tokens import TokenRow

KEEP_S: Final = 86_400.0
"""How long an ended token can still be seen in the list."""

_NAMES: Final = tuple(TokenRow.__struct_fields__)
_COLUMNS: Final = ", ".join(_NAMES)


class SqliteTokens:
    """`TokenStore` beside the usage tables of one `Database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, row: TokenRow) -> bool:
        """Keep a token that was issued, unless its line was ended meanwhile: False, and nothing is kept.

        Those that ended over a day ago are dropped.
        """
        values = msgspec.structs.astuple(row)
        sql = (
            f"INSERT INTO tokens ({_COLUMNS}) SELECT {', '.join('?' * len(values))} "  # noqa: S608 - names are ours, values are bound
            "WHERE NOT EXISTS (SELECT 1 FROM tokens WHERE family = ? AND revoked_at IS NOT NULL)"
        )

        def work(connection: sqlite3.Connection) -> bool:
            connection.execute("DELETE FROM tokens WHERE expires_at < ?", (row.issued_at - KEEP_S,))
            return connection.execute(sql, (*values, row.family)).rowcount == 1

        return await self._database.write(work)

    async def rows(self) -> Sequence[TokenRow]:
        """Newest first."""
        sql = f"SELECT {_COLUMNS} FROM tokens ORDER BY id DESC"  # noqa: S608 - names are ours, values are bound
        found = await self._database.read(lambda connection: connection.execute(sql).fetchall())
        return [TokenRow(**dict(zip(_NAMES, values, strict=True))) for values in found]

    async def revoke(self, family: str, at: float) -> int:
        """End a line of renewals; how many tokens of it nobody had revoked yet."""
        # Those of them too whose time is over: for the seconds of leeway they count, and could be renewed.
        sql = "UPDATE tokens SET revoked_at = ? WHERE family = ? AND revoked_at IS NULL"
        return await self._database.write(lambda connection: connection.execute(sql, (at, family)).rowcount)

    async def revoke_others(self, keys: Sequence[str], at: float) -> int:
        """End every token that none of these keys signed; how many had not ended yet."""
        places = ", ".join("?" * len(keys))
        sql = (
            f"UPDATE tokens SET revoked_at = ? WHERE key NOT IN ({places}) "  # noqa: S608 - names are ours, values are bound
            "AND revoked_at IS NULL AND expires_at > ?"
        )
        return await self._database.write(lambda connection: connection.execute(sql, (at, *keys, at)).rowcount)
