"""Roll-ups in SQLite: attempts are folded in once, in the transaction that notes how far the folding has come.

So they can neither be lost nor counted twice, whatever ends the process, and several processes may fold in turn. SQL
groups the attempts, so that Python, which everybody else waits for, has a few cells to merge and not each row.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from provider_console.core.histogram import BUCKETS
from provider_console.core.period import Span
from provider_console.core.ports import Rollup
from provider_console.core.rollup import (
    BILLION,
    GRAIN_S,
    MOST_COST,
    MOST_MS,
    MOST_UNITS,
    THOUSAND,
    US,
    Cell,
    Grain,
    bucket_of_us,
    packed,
    start_of,
    whole,
)

FOLD_ROWS: Final = 5_000
"""Attempts folded in one transaction: some 20 ms, in which nobody else writes."""

_Key = tuple[str, str, str, int]

_COLUMNS: Final = (
    "provider, at, category, kind, attempts, successes, visits, executions, latency_us, lost_us, cost, details"
)


def _us(amount: str) -> str:
    return f"CAST(min(max({amount}, 0.0), {MOST_MS}) * {US} + 0.5 AS INTEGER)"


_LATENCY: Final = _us("coalesce(first_content_ms, duration_ms)")
# The same whole numbers as `core.rollup.cell_of` makes, which tests compare.
_GROUPED: Final = f"""
SELECT provider, category, kind, CAST(at / 60 AS INTEGER) * 60 AS minute,
  count(*), sum(ok), sum(attempt = 1), sum(first),
  sum(CASE WHEN ok THEN {_LATENCY} ELSE 0 END),
  sum({_us("delay_before_ms")} + CASE WHEN ok THEN 0 ELSE {_us("duration_ms")} END),
  sum(CAST(min(max(cost, 0.0), {MOST_COST}) * {BILLION} + 0.5 AS INTEGER)),
  group_concat(CASE WHEN ok THEN {_LATENCY} END),
  group_concat(CASE WHEN NOT ok THEN (absorbed != 0) || coalesce(error_class, 'unknown') END),
  group_concat(units, char(10))
FROM provider_usage_analytics WHERE id > ? AND id <= ? GROUP BY provider, category, kind, minute
"""  # noqa: S608 - constants of this package

# Steps from name to name along the key: nobody has to know which providers there were.
_NAMES: Final = """
WITH RECURSIVE names (name) AS (
  SELECT min(provider) FROM usage_rollup_{grain}
  UNION ALL
  SELECT (SELECT min(provider) FROM usage_rollup_{grain} WHERE provider > name) FROM names WHERE name IS NOT NULL
)
"""


class _Details(msgspec.Struct, array_like=True, gc=False):
    """What a cell holds beside plain sums, as it is stored."""

    failed: dict[str, int]
    absorbed: dict[str, int]
    units: dict[str, int]
    latencies: dict[int, int] | bytes
    """Counts by bucket where they are few; else the first bucket (2 bytes), how many bytes a count takes (1 byte), and
    the counts from there to the last one that is filled."""


_WIDTHS: Final = (1, 2, 4, 8)

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Details).decode
_units: Final = msgspec.json.Decoder(dict[str, float]).decode


def fold(connection: sqlite3.Connection, rows: int = FOLD_ROWS) -> bool:
    """Fold the next attempts in; whether there may be more. To be run in a transaction."""
    folded, last = connection.execute(
        "SELECT folded, (SELECT max(id) FROM (SELECT id FROM provider_usage_analytics WHERE id > folded "
        "ORDER BY id LIMIT ?)) FROM usage_rollup_state",
        (rows,),
    ).fetchone()
    if last is None:
        return False
    minutes = dict(map(_counted, connection.execute(_GROUPED, (folded, last))))
    for grain in GRAIN_S:
        _merge(connection, grain, _coarser(minutes, grain))
    connection.execute("UPDATE usage_rollup_state SET folded = ?", (last,))
    return True


def unfolded(connection: sqlite3.Connection) -> bool:
    """Whether attempts wait to be folded in."""
    (waiting,) = connection.execute(
        "SELECT coalesce((SELECT max(id) FROM provider_usage_analytics), 0) > folded FROM usage_rollup_state"
    ).fetchone()
    return bool(waiting)


def absorb(connection: sqlite3.Connection, since: float, execution_id: str) -> None:
    """Failures of an execution that came to a good end: they are absorbed, in the roll-ups too."""
    changed = connection.execute(
        # By the index on `at`: few executions run for long enough to have rows before their end.
        "UPDATE provider_usage_analytics SET absorbed = 1 "
        "WHERE at >= ? AND execution_id = ? AND ok = 0 AND absorbed = 0 "
        "RETURNING id, provider, category, kind, at, coalesce(error_class, 'unknown')",
        (since, execution_id),
    ).fetchall()
    (folded,) = connection.execute("SELECT folded FROM usage_rollup_state").fetchone()
    for id_, provider, category, kind, at, error_class in changed:
        if id_ <= folded:
            minute = {(provider, category, kind, start_of(at, "minute")): Cell(absorbed={error_class: 1})}
            for grain in GRAIN_S:
                _merge(connection, grain, _coarser(minute, grain))


def rebuild(connection: sqlite3.Connection) -> None:
    """Make anew what the attempts can tell: every minute, hour and day of which none has been deleted."""
    (pruned,) = connection.execute("SELECT pruned FROM usage_rollup_state").fetchone()
    starts = {grain: -(-int(pruned) // length) * length for grain, length in GRAIN_S.items()}
    for grain, start in starts.items():
        connection.execute(f"DELETE FROM usage_rollup_{grain} WHERE at >= ?", (start,))  # noqa: S608
    last = 0
    while True:
        (up_to,) = connection.execute(
            "SELECT max(id) FROM (SELECT id FROM provider_usage_analytics WHERE id > ? ORDER BY id LIMIT ?)",
            (last, FOLD_ROWS),
        ).fetchone()
        if up_to is None:
            break
        minutes = dict(map(_counted, connection.execute(_GROUPED, (last, up_to))))
        for grain, start in starts.items():
            cells = _coarser(minutes, grain)
            _merge(connection, grain, {key: cell for key, cell in cells.items() if key[3] >= start})
        last = up_to
    connection.execute("UPDATE usage_rollup_state SET folded = ?", (last,))


def read(
    connection: sqlite3.Connection,
    spans: Sequence[Span],
    providers: Sequence[str],
    category: str | None,
    kind: str | None,
) -> list[tuple[Any, ...]]:
    """Rows for `rollup`, by provider within each span."""
    condition, more = "", tuple[str, ...]()
    for column, value in (("category", category), ("kind", kind)):
        if value is not None:
            condition, more = f"{condition} AND {column} = ?", (*more, value)
    columns = ", ".join(f"r.{column}" for column in _COLUMNS.split(", "))
    found: list[tuple[Any, ...]] = []
    for span in spans:
        table = f"usage_rollup_{span.grain}"
        where = f"r.at >= ? AND r.at < ?{condition}"
        if providers:
            sql = f"SELECT {columns} FROM {table} r WHERE r.provider = ? AND {where}"  # noqa: S608
            for name in providers:
                found += connection.execute(sql, (name, span.start, span.end, *more))
        else:
            names = _NAMES.format(grain=span.grain)
            sql = f"{names} SELECT {columns} FROM names CROSS JOIN {table} r ON r.provider = name WHERE {where}"  # noqa: S608
            found += connection.execute(sql, (span.start, span.end, *more))
    return found


def rollup(values: Sequence[Any]) -> Rollup:
    """From a row of `read`."""
    provider, at, category, kind, *_ = values
    return Rollup(provider, category, kind, at, _cell(values))


def names(connection: sqlite3.Connection, grain: Grain) -> list[str]:
    """Every provider that has roll-ups of a grain."""
    sql = f"{_NAMES.format(grain=grain)} SELECT name FROM names WHERE name IS NOT NULL"  # noqa: S608
    return [name for (name,) in connection.execute(sql)]


def _cell(values: Sequence[Any]) -> Cell:
    attempts, successes, visits, executions, latency_us, lost_us, cost, details = values[4:]
    try:
        more = _decode(details)
    except msgspec.DecodeError:
        more = _Details({}, {}, {}, {})  # saved from a damaged file
    return Cell(
        attempts=attempts,
        successes=successes,
        visits=visits,
        executions=executions,
        latency_us=latency_us,
        lost_us=lost_us,
        cost=cost,
        failed=more.failed,
        absorbed=more.absorbed,
        units=more.units,
        latencies=_latencies(more.latencies),
    )


def _latencies(stored: dict[int, int] | bytes) -> int:
    if isinstance(stored, dict):
        return packed({bucket: count for bucket, count in stored.items() if 0 <= bucket < BUCKETS})
    first, width, counts = int.from_bytes(stored[:2], "little"), stored[2] if len(stored) > 2 else 0, stored[3:]
    if width not in _WIDTHS or len(counts) % width or first + len(counts) // width > BUCKETS:
        return 0  # saved from a damaged file
    wide = bytearray(len(counts) // width * 8)
    for place in range(width):
        wide[place::8] = counts[place::width]
    return int.from_bytes(wide, "little") << (64 * first)


def _storable(latencies: int) -> dict[int, int] | bytes:
    dense = latencies.to_bytes(8 * BUCKETS, "little").rstrip(b"\0")
    first = (len(dense) - len(dense.lstrip(b"\0"))) // 8
    wide = dense.ljust(-(-len(dense) // 8) * 8, b"\0")[8 * first :]
    counts = array("Q", wide)
    filled = len(counts) - counts.count(0)
    width = next(width for width in _WIDTHS if max(counts, default=0) < 1 << (8 * width))
    # An entry of a map is about 4 bytes. Dense ones may take twice the room: they are read in a sixth of the time.
    if width * len(counts) > 2 * 4 * filled:
        return {first + position: count for position, count in enumerate(counts) if count}
    narrow = bytearray(width * len(counts))
    for place in range(width):
        narrow[place::width] = wide[place::8]
    return first.to_bytes(2, "little") + bytes((width,)) + bytes(narrow)


def _counted(values: Sequence[Any]) -> tuple[_Key, Cell]:
    """A minute of attempts that SQL has grouped."""
    provider, category, kind, minute, attempts, successes, visits, executions, latency_us, lost_us, cost = values[:11]
    cell = Cell(
        attempts=attempts,
        successes=successes,
        visits=visits,
        executions=executions,
        latency_us=latency_us,
        lost_us=lost_us,
        cost=cost,
    )
    latencies, failures, units = values[11:]
    if latencies:
        cell.latencies = packed(Counter(map(bucket_of_us, map(int, latencies.split(",")))))
    for failure, count in Counter((failures or "").split(",")).items():
        if failure:
            absorbed, error_class = failure[0] == "1", failure[1:]
            cell.failed[error_class] = cell.failed.get(error_class, 0) + count
            if absorbed:
                cell.absorbed[error_class] = count
    for line, count in Counter((units or "").split("\n")).items():
        for name, amount in _amounts(line):
            cell.units[name] = cell.units.get(name, 0) + count * whole(amount, THOUSAND, MOST_UNITS)
    return (provider, category, kind, minute), cell


def _amounts(line: str) -> Iterable[tuple[str, float]]:
    try:
        return _units(line).items() if line else ()
    except msgspec.DecodeError:
        return ()  # saved from a damaged file


def _coarser(minutes: Mapping[_Key, Cell], grain: Grain) -> Mapping[_Key, Cell]:
    if grain == "minute":
        return minutes
    cells: dict[_Key, Cell] = {}
    for (provider, category, kind, minute), cell in minutes.items():
        key = (provider, category, kind, start_of(minute, grain))
        if key not in cells:
            cells[key] = Cell()
        cells[key].merge(cell)
    return cells


def _merge(connection: sqlite3.Connection, grain: Grain, cells: Mapping[_Key, Cell]) -> None:
    """Add cells to those that are stored."""
    known = f"SELECT {_COLUMNS} FROM usage_rollup_{grain} WHERE provider = ? AND at = ? AND category = ? AND kind = ?"  # noqa: S608
    rows = []
    for (provider, category, kind, at), fresh in cells.items():
        cell = Cell()
        cell.merge(fresh)
        stored = connection.execute(known, (provider, at, category, kind)).fetchone()
        if stored is not None:
            cell.merge(_cell(stored))
        details = _encode(_Details(cell.failed, cell.absorbed, cell.units, _storable(cell.latencies)))
        rows.append(
            (
                provider,
                at,
                category,
                kind,
                cell.attempts,
                cell.successes,
                cell.visits,
                cell.executions,
                cell.latency_us,
                cell.lost_us,
                cell.cost,
                details,
            )
        )
    sql = f"INSERT OR REPLACE INTO usage_rollup_{grain} ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    connection.executemany(sql, rows)
