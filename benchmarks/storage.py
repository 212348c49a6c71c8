"""Storage: attempt rows and audit rows a second, and how long the event loop is kept waiting meanwhile.

    python benchmarks/storage.py [--seconds 5] [--folder DIR]

Stalls are the lateness of a task that wakes every millisecond; `idle` is the machine's own share of them.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from provider_console.adapters.clock import SystemClock, UlidIds
from provider_console.adapters.sqlite import SqliteAudit, SqliteUsage
from provider_console.core.ports.usage import AttemptRow

TICK_S = 0.001


def attempts(ids: UlidIds, count: int) -> list[AttemptRow]:
    """Rows such as the engine makes at this moment, one in ten of them a failure."""
    now = time.time()
    return [
        AttemptRow(
            execution_id=ids.new(),
            provider=f"provider-{number % 50}",
            kind="translate",
            category="translation",
            attempt=1,
            at=now + number / 1e9,
            duration_ms=812.5,
            timeout_ms=15_000.0,
            delay_before_ms=0.0,
            ok=number % 10 != 0,
            absorbed=number % 10 == 0,
            counted=0.0,
            error_class="server_error" if number % 10 == 0 else None,
            http_status=503 if number % 10 == 0 else 200,
            message="the provider is overloaded" if number % 10 == 0 else None,
            units={"characters": 117.0},
            cost=0.0023,
        )
        for number in range(count)
    ]


class Stalls:
    """Measures how late a loop is."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []

    async def watch(self) -> None:
        while True:
            due = time.perf_counter() + TICK_S
            await asyncio.sleep(TICK_S)
            self.late_ms.append((time.perf_counter() - due) * 1000)

    def __str__(self) -> str:
        late = sorted(self.late_ms)
        if not late:
            return f"{'-':>8}{'-':>8}{'-':>8}"
        picked = (late[len(late) // 2], late[int(len(late) * 0.99)], late[-1])
        return "".join(f"{value:8.2f}" for value in picked)


async def line(name: str, work: Callable[[], Awaitable[int]]) -> None:
    """Run work beside a watched loop and print what it did."""
    stalls = Stalls()
    watcher = asyncio.create_task(stalls.watch())
    await asyncio.sleep(0.05)
    stalls.late_ms.clear()
    began = time.perf_counter()
    rows = await work()
    took = time.perf_counter() - began
    watcher.cancel()
    rate = f"{rows / took:12,.0f}" if rows else f"{'-':>12}"
    print(f"{name:46}{rows:9,}{rate}{stalls}", flush=True)


async def measure(folder: Path, seconds: float) -> None:
    """Print the table."""
    clock = SystemClock()
    ids = UlidIds(clock, random.SystemRandom())
    usage = SqliteUsage(folder / "console.db", clock=clock)

    async def key() -> bytes:
        return b"k" * 32

    audit = SqliteAudit(folder / "audit.db", clock=clock, key=key)
    unsigned = SqliteAudit(folder / "unsigned.db", clock=clock)
    rows = attempts(ids, 2000)

    def batch(size: int) -> list[AttemptRow]:
        """Rows of now: with old times they would be scattered over the indexes, as no engine does it."""
        at = time.time()
        return [msgspec.structs.replace(row, at=at) for row in rows[:size]]

    async def idle() -> int:
        await asyncio.sleep(min(2.0, seconds))
        return 0

    async def paced() -> int:
        """10,000 rows a second, handed over in batches of 200."""
        count, due = 0, time.perf_counter()
        until = due + seconds
        while due < until:
            await usage.write(batch(200))
            count += 200
            due += 0.02
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        return count

    async def flat_out(size: int) -> int:
        count, until = 0, time.perf_counter() + seconds
        while time.perf_counter() < until:
            await usage.write(batch(size))
            count += size
        return count

    async def reading() -> int:
        count, until = 0, time.perf_counter() + seconds
        while time.perf_counter() < until:
            count += len(await usage.attempts(limit=1000))
        return count

    async def acting(store: SqliteAudit, writers: int) -> int:
        count, until = 0, time.perf_counter() + seconds

        async def act() -> None:
            nonlocal count
            while time.perf_counter() < until:
                seq = await store.intend(
                    actor="alice", role="admin", front_end="api", action="execute", subject="x", before=None, after=None
                )
                store.conclude(seq, result="done")
                count += 2

        await asyncio.gather(*(act() for _ in range(writers)))
        return count

    async def verifying() -> int:
        return (await audit.verify()).rows

    try:
        await usage.open()
        await audit.open()
        await unsigned.open()
        print(f"{'':46}{'rows':>9}{'rows/s':>12}{'stall ms: p50':>14}{'p99':>5}{'max':>8}")
        await line("idle", idle)
        await line("attempts, 10,000 a second in batches of 200", paced)
        await line("attempts, batches of 200, flat out", lambda: flat_out(200))
        await line("attempts, batches of 1,000, flat out", lambda: flat_out(1000))
        await line("attempts, batches of 2,000, flat out", lambda: flat_out(2000))
        await line("attempts read, newest 1,000", reading)
        await line("audit rows, one person", lambda: acting(unsigned, 1))
        await line("audit rows, 64 at once, unsigned", lambda: acting(unsigned, 64))
        await line("audit rows, 64 at once, signed", lambda: acting(audit, 64))
        await line("audit rows, 256 at once, signed", lambda: acting(audit, 256))
        await line("audit rows verified", verifying)
    finally:
        await usage.close()
        await audit.close()
        await unsigned.close()


def main() -> None:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each line")
    parser.add_argument("--folder", type=Path, help="where to write; by default a temporary folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        asyncio.run(measure(Path(folder), arguments.seconds))


if __name__ == "__main__":
    main()
