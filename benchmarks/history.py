"""History: a 30-day trend over ten million attempts, and writing while roll-ups are kept.

    make -C benchmarks history
    python benchmarks/history.py [--attempts 10000000] [--providers 50] [--seconds 5] [--home DIR]

A generator fills a database with attempts of the last 30 days and folds them into roll-ups; with `--home` it is kept,
and used again. What is measured is the console's own call, view and all: the first one, in which nothing is known yet,
and the median of the thirty after it, by which it is judged. Stalls are the lateness of a task that wakes every
millisecond, beyond the machine's own, which is the first line. Exits with 1 where a bound is missed.

Where others work on the machine, give it the time of all of them: `chrt --rr 1 python benchmarks/history.py …`
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
from storage import Stalls, attempts

from provider_console.adapters.clock import SystemClock, UlidIds
from provider_console.adapters.sqlite import SqliteUsage, rollups
from provider_console.bootstrap import Situation, open_console

ONE_MS: Final = 5.0
ALL_MS: Final = 50.0
STALL_P99_MS: Final = 2.0
RATE: Final = 10_000
DAYS: Final = 30
PIECE: Final = 250_000

# Latencies with a long tail, one failure in thirty, two kinds of work, and prices.
FILL: Final = """
WITH RECURSIVE numbers (n) AS (SELECT :first UNION ALL SELECT n + 1 FROM numbers WHERE n < :last),
drawn AS (SELECT n, abs(random() % 1000000) / 1e6 AS chance, abs(random() % 1000000) / 1e6 AS luck FROM numbers)
INSERT INTO provider_usage_analytics (execution_id, provider, kind, category, attempt, at, duration_ms, timeout_ms,
  delay_before_ms, ok, absorbed, counted, error_class, units, cost, first)
SELECT 'B' || n, printf('provider-%02d', n % :providers), iif(n % 2, 'chat', 'translate'),
  iif(n % 2, 'ai', 'translation'), 1, :begin + (:until - :begin) * n / :count,
  60.0 + 400.0 * chance / (1.02 - chance), 15000.0, 0.0, luck > 0.033, luck > 0.003 AND luck <= 0.033, 0.0,
  iif(luck > 0.033, NULL, 'server_error'), '{"characters":117.0}', 0.0023, 1
FROM drawn
"""


async def filled(path: Path, count: int, providers: int) -> None:
    """Make the database, if it does not hold as much already."""
    usage = SqliteUsage(path, clock=SystemClock())
    await usage.open()
    await usage.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        (there,) = connection.execute("SELECT coalesce(max(id), 0) FROM provider_usage_analytics").fetchone()
        if there < count:
            now = time.time()
            begun = time.perf_counter()
            for first in range(0, count, PIECE):
                last = min(first + PIECE, count) - 1
                given = {
                    "first": first,
                    "last": last,
                    "count": count,
                    "providers": providers,
                    "begin": now - DAYS * 86_400,
                    "until": now - 60,
                }
                connection.execute(FILL, given)
            print(f"{count:,} attempts written in {time.perf_counter() - begun:.0f} s", flush=True)
        begun, folded = time.perf_counter(), False
        while True:
            connection.execute("BEGIN IMMEDIATE")
            last = rollups.fold(connection, 50_000)
            connection.execute("COMMIT")
            if last is None:
                break
            folded = True
        if folded:
            print(f"folded into roll-ups in {time.perf_counter() - begun:.0f} s", flush=True)


async def timed_ms(call: Callable[[], Awaitable[object]], times: int) -> tuple[float, str]:
    """The median of several calls after a first one, and all that can be said of them."""
    took = []
    for _ in range(times + 1):
        begun = time.perf_counter()
        await call()
        took.append((time.perf_counter() - begun) * 1000)
    first, *others = took
    median = statistics.median(others)
    return median, f"{first:9.2f}{min(others):9.2f}{median:9.2f}"


async def reading(home: Path) -> list[str]:
    """The trends, as the console tells them."""
    missed = []
    print(f"{'ms':26}{'first':>9}{'best':>9}{'median':>9}")
    async with open_console(Situation(home=home, environ={}), background=False) as console:
        for name, own, bound in (("one provider", ["provider-07"], ONE_MS), ("all providers", [], ALL_MS)):
            median, line = await timed_ms(lambda own=own: console.history(since="30d", providers=own), 30)
            view = await console.history(since="30d", providers=own)
            requests = 0 if view.total is None else view.total.total_requests
            points = sum(len(one.trend) for one in view.providers)
            print(f"{'30 days, ' + name:26}{line}  {requests:12,} requests  {points:,} points")
            if median > bound:
                missed.append(f"30-day trend of {name}: {median:.2f} ms, to be <= {bound:g}")
        for since in ("1h", "24h", "7d"):
            _, line = await timed_ms(lambda since=since: console.history(since=since), 10)
            print(f"{since + ' of all providers':26}{line}")
    return missed


async def writing(folder: Path, seconds: float) -> list[str]:
    """Attempts at a fixed rate, roll-ups kept meanwhile."""
    clock = SystemClock()
    usage = SqliteUsage(folder / "writing.db", clock=clock)
    await usage.open()
    rows = attempts(UlidIds(clock, random.SystemRandom()), 200)

    async def nothing() -> int:
        await asyncio.sleep(seconds)
        return 0

    async def paced() -> int:
        count, due = 0, time.perf_counter()
        until = due + seconds
        while due < until:
            at = time.time()
            await usage.write([msgspec.structs.replace(row, at=at) for row in rows])
            count += len(rows)
            due += len(rows) / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        return count

    idle = await _watched(nothing)
    begun = time.perf_counter()
    busy = await _watched(paced)
    took = time.perf_counter() - begun
    made = busy[1]
    await usage.close()
    print(f"{'stall ms':26}{'p99':>9}{'p99.9':>9}{'longest':>9}")
    for name, (late, _) in (("idle loop", idle), (f"{made / took:,.0f} attempts a second", busy)):
        print(f"{name:26}{_share(late, 0.99):9.2f}{_share(late, 0.999):9.2f}{late[-1]:9.2f}")
    missed = []
    beyond_ms = _share(busy[0], 0.99) - _share(idle[0], 0.99)
    if beyond_ms > STALL_P99_MS:
        missed.append(f"stall p99 beyond idle: {beyond_ms:.2f} ms, to be <= {STALL_P99_MS:g}")
    if made / took < 0.95 * RATE:
        missed.append(f"attempts a second: {made / took:,.0f}, to be >= {RATE:,}")
    return missed


async def _watched(work: Callable[[], Awaitable[int]]) -> tuple[list[float], int]:
    """The loop's lateness (ms) beside some work, in rising order, and what that gave."""
    stalls = Stalls()
    watcher = asyncio.create_task(stalls.watch())
    await asyncio.sleep(0.05)
    stalls.late_ms.clear()
    given = await work()
    watcher.cancel()
    return sorted(stalls.late_ms), given


def _share(late: list[float], share: float) -> float:
    return late[int(len(late) * share)]


async def measure(home: Path, asked: argparse.Namespace) -> list[str]:
    """Fill, read, write; what was missed."""
    await filled(Situation(home=home, environ={}).places.console_db, asked.attempts, asked.providers)
    missed = await reading(home)
    with tempfile.TemporaryDirectory(dir=home) as folder:
        return missed + await writing(Path(folder), asked.seconds)


def main() -> int:
    """Measure and judge; 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=10_000_000)
    parser.add_argument("--providers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long rows are written")
    parser.add_argument("--home", type=Path, help="keep the database in this folder; by default a temporary one")
    asked = parser.parse_args()
    if asked.home is not None:
        asked.home.mkdir(parents=True, exist_ok=True)
        missed = asyncio.run(measure(asked.home, asked))
    else:
        with tempfile.TemporaryDirectory() as home:
            missed = asyncio.run(measure(Path(home), asked))
    for bound in missed:
        print(f"missed: {bound}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
