"""Roll-ups in SQLite: attempts are folded in once, in the transaction that notes how far the folding has come.

So they can neither be lost nor counted twice, whatever ends the process, and several processes may fold in turn. SQL
groups the attempts, so that Python, which everybody else waits for, has a few cells to merge and not each row.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from provider_console.adapters.sqlite.connection import insert
from provider_console.core.histogram import BUCKETS
from provider_console.core.period import Span
from provider_console.core.ports.usage import Rollup
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
    merged,
    packed,
    start_of,
    unpacked,
    whole,
)

FOLD_ROWS: Final = 5_000
"""Attempts folded in one transaction: some 20 ms, in which nobody else writes."""

BREATH: Final = 32
BREATH_S: Final = 0.0001
"""Cells made at once, about a millisecond of Python. Its lock is then let go for long enough that the loop, if it
waits, has it: between two statements the database takes it again before the loop has woken up."""

COARSE: Final[tuple[Grain, ...]] = ("hour", "day")

_Key = tuple[str, str, str, int]

_COLUMNS: Final = (
    "provider, category, kind, at, attempts, successes, visits, executions, latency_us, lost_us, cost, details"
)
_STORED: Final = ", ".join(f"r.{column}" for column in _COLUMNS.split(", "))


def _us(amount: str) -> str:
    return f"CAST(min(max({amount}, 0.0), {MOST_MS}) * {US} + 0.5 AS INTEGER)"


_LATENCY: Final = _us("coalesce(first_content_ms, duration_ms) - warm_up_ms")
# The same whole numbers as `core.rollup.cell_of` makes, which tests compare; then the minute as it is stored.
_COUNTED: Final = 14
_GROUPED: Final = f"""
SELECT g.*, {_STORED} FROM (
SELECT provider, category, kind, CAST(at / 60 AS INTEGER) * 60 AS minute,
  count(*) AS attempts, sum(ok), sum(attempt = 1), sum(first),
  sum(CASE WHEN ok THEN {_LATENCY} ELSE 0 END),
  sum({_us("delay_before_ms")} + CASE WHEN ok THEN 0 ELSE {_us("duration_ms")} END),
  sum(CAST(min(max(cost, 0.0), {MOST_COST}) * {BILLION} + 0.5 AS INTEGER)),
  group_concat(CASE WHEN ok THEN {_LATENCY} END),
  group_concat(CASE WHEN NOT ok THEN (absorbed != 0) || coalesce(error_class, 'unknown') END),
  group_concat(units, char(10))
FROM provider_usage_analytics WHERE id > ? AND id <= ? GROUP BY provider, category, kind, minute
) g LEFT JOIN usage_rollup_minute r
  ON r.provider = g.provider AND r.at = g.minute AND r.category = g.category AND r.kind = g.kind
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


def fold(connection: sqlite3.Connection, rows: int = FOLD_ROWS) -> int | None:
    """Fold the next attempts in; the last one's id, None where none waited. To be run in a transaction."""
    (folded,) = connection.execute("SELECT folded FROM usage_rollup_state").fetchone()
    last = _fold(connection, folded, rows, dict.fromkeys(GRAIN_S, 0))
    if last is not None:
        connection.execute("UPDATE usage_rollup_state SET folded = ?", (last,))
    return last


def _fold(connection: sqlite3.Connection, after: int, rows: int, starts: Mapping[Grain, int]) -> int | None:
    """Fold the next attempts into the roll-ups of each grain that begin at its start or later; the last one's id."""
    last: int | None = connection.execute(
        "SELECT max(id) FROM (SELECT id FROM provider_usage_analytics WHERE id > ? ORDER BY id LIMIT ?)", (after, rows)
    ).fetchone()[0]
    if last is None:
        return None
    minutes: dict[_Key, Cell] = {}
    stored: dict[_Key, Cell] = {}
    for number, values in enumerate(connection.execute(_GROUPED, (after, last)), 1):
        if number % BREATH == 0:
            time.sleep(BREATH_S)
        key, minutes[key] = _counted(values[:_COUNTED])
        if values[_COUNTED] is not None:
            stored[key] = _cell(values[_COUNTED:])
    fresh = {key: cell for key, cell in minutes.items() if key[3] >= starts["minute"]}
    _store(connection, "minute", fresh, stored)
    for grain in COARSE:
        cells = {key: cell for key, cell in _coarser(minutes, grain).items() if key[3] >= starts[grain]}
        _store(connection, grain, cells, _known(connection, grain, cells))
    return last


def waiting(connection: sqlite3.Connection) -> int | None:
    """The last of the attempts that wait to be folded in; None where none does."""
    newest, folded = connection.execute(
        "SELECT coalesce((SELECT max(id) FROM provider_usage_analytics), 0), folded FROM usage_rollup_state"
    ).fetchone()
    return int(newest) if newest > folded else None


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
            for grain in GRAIN_S:
                cells = {(provider, category, kind, start_of(at, grain)): Cell(absorbed={error_class: 1})}
                _store(connection, grain, cells, _known(connection, grain, cells))


def rebuild(connection: sqlite3.Connection) -> None:
    """Make anew what the attempts can tell: every minute, hour and day of which none has been deleted."""
    (pruned,) = connection.execute("SELECT pruned FROM usage_rollup_state").fetchone()
    starts = {grain: -(-int(pruned) // length) * length for grain, length in GRAIN_S.items()}
    for grain, start in starts.items():
        connection.execute(f"DELETE FROM usage_rollup_{grain} WHERE at >= ?", (start,))  # noqa: S608 - names are ours, values are bound
    last: int = 0
    while (up_to := _fold(connection, last, FOLD_ROWS, starts)) is not None:
        last = up_to
    connection.execute("UPDATE usage_rollup_state SET folded = ?", (last,))


def read(
    connection: sqlite3.Connection,
    spans: Sequence[Span],
    providers: Sequence[str],
    category: str | None,
    kind: str | None,
) -> list[list[tuple[Any, ...]]]:
    """Rows for `rollup`, those of each span by provider."""
    condition, more = "", tuple[str, ...]()
    for column, value in (("category", category), ("kind", kind)):
        if value is not None:
            condition, more = f"{condition} AND {column} = ?", (*more, value)
    found: list[list[tuple[Any, ...]]] = []
    for span in spans:
        rows: list[tuple[Any, ...]] = []
        found.append(rows)
        table = f"usage_rollup_{span.grain}"
        where = f"r.at >= ? AND r.at < ?{condition}"
        if providers:
            sql = f"SELECT {_STORED} FROM {table} r WHERE r.provider = ? AND {where}"  # noqa: S608 - names are ours, values are bound
            for name in providers:
                rows += connection.execute(sql, (name, span.start, span.end, *more))
        else:
            names = _NAMES.format(grain=span.grain)
            sql = f"{names} SELECT {_STORED} FROM names CROSS JOIN {table} r ON r.provider = name WHERE {where}"  # noqa: S608 - names are ours, values are bound
            rows += connection.execute(sql, (span.start, span.end, *more))
    return found


def rollup(values: Sequence[Any]) -> Rollup:
    """From a row of `read`."""
    provider, category, kind, at, *_ = values
    return Rollup(provider, category, kind, at, _cell(values))


def names(connection: sqlite3.Connection, grain: Grain) -> list[str]:
    """Every provider that has roll-ups of a grain."""
    sql = f"{_NAMES.format(grain=grain)} SELECT name FROM names WHERE name IS NOT NULL"  # noqa: S608 - names are ours, values are bound
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
    if not latencies:
        return {}
    first, counts = unpacked(latencies)
    filled = len(counts) - counts.count(0)
    width = next(width for width in _WIDTHS if max(counts) < 1 << (8 * width))
    # An entry of a map is about 4 bytes. Dense ones may take twice the room: they are read in a sixth of the time.
    if width * len(counts) > 2 * 4 * filled:
        return {bucket: count for bucket, count in enumerate(counts, first) if count}
    wide = counts.tobytes()
    narrow = bytearray(width * len(counts))
    for place in range(width):
        narrow[place::width] = wide[place::8]
    return first.to_bytes(2, "little") + bytes((width,)) + bytes(narrow)


def _counted(values: Sequence[Any]) -> tuple[_Key, Cell]:
    """A minute of attempts that SQL has grouped."""
    provider, category, kind, minute, attempts, successes, visits, executions, latency_us, lost_us, cost = values[:11]
    latencies, failures, lines = values[11:]
    failed, absorbed, units = dict[str, int](), dict[str, int](), dict[str, int]()
    for failure, count in Counter(failures.split(",")).items() if failures else ():
        error_class = failure[1:]
        failed[error_class] = failed.get(error_class, 0) + count
        if failure[0] == "1":
            absorbed[error_class] = count
    for line, count in Counter(lines.split("\n")).items() if lines else ():
        for name, amount in _amounts(line):
            units[name] = units.get(name, 0) + count * whole(amount, THOUSAND, MOST_UNITS)
    cell = Cell(
        attempts=attempts,
        successes=successes,
        visits=visits,
        executions=executions,
        latency_us=latency_us,
        lost_us=lost_us,
        cost=cost,
        failed=failed,
        absorbed=absorbed,
        units=units,
        latencies=packed(Counter(map(bucket_of_us, map(int, latencies.split(","))))) if latencies else 0,
    )
    return (provider, category, kind, minute), cell


def _amounts(line: str) -> Iterable[tuple[str, float]]:
    try:
        return _units(line).items() if line else ()
    except msgspec.DecodeError:
        return ()  # saved from a damaged file


def _coarser(minutes: Mapping[_Key, Cell], grain: Grain) -> Mapping[_Key, Cell]:
    cells: dict[_Key, list[Cell]] = {}
    for (provider, category, kind, minute), cell in minutes.items():
        cells.setdefault((provider, category, kind, start_of(minute, grain)), []).append(cell)
    return {key: merged(found) for key, found in cells.items()}


def _known(connection: sqlite3.Connection, grain: Grain, keys: Iterable[_Key]) -> Mapping[_Key, Cell]:
    """Those of the cells that are stored."""
    sql = f"SELECT {_COLUMNS} FROM usage_rollup_{grain} WHERE provider = ? AND category = ? AND kind = ? AND at = ?"  # noqa: S608 - names are ours, values are bound
    found = {key: connection.execute(sql, key).fetchone() for key in keys}
    return {key: _cell(values) for key, values in found.items() if values is not None}


def _store(
    connection: sqlite3.Connection, grain: Grain, fresh: Mapping[_Key, Cell], stored: Mapping[_Key, Cell]
) -> None:
    """Add cells to those that are stored."""
    rows = []
    for number, (key, cell) in enumerate(fresh.items(), 1):
        if number % BREATH == 0:
            time.sleep(BREATH_S)
        whole_cell = merged((stored[key], cell)) if key in stored else cell
        rows.append((*key, *_stored(whole_cell)))
    sql = f"INSERT OR REPLACE INTO usage_rollup_{grain} ({_COLUMNS}) "
    insert(connection, sql, rows)


def _stored(cell: Cell) -> tuple[Any, ...]:
    """What `_cell` reads."""
    return (
        cell.attempts,
        cell.successes,
        cell.visits,
        cell.executions,
        cell.latency_us,
        cell.lost_us,
        cell.cost,
        _encode(_Details(cell.failed, cell.absorbed, cell.units, _storable(cell.latencies))),
    )
