"""The past in RAM: the half of the usage store that looks back, for tests and simulations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from provider_console.core.period import Span
from provider_console.core.ports.alerts import AlertRow
from provider_console.core.ports.usage import AttemptRow, CheckCounts, CheckRow, ExecutionRow, Kept, OutageRow, Rollup
from provider_console.core.rollup import GRAIN_S, Cell, Grain, cell_of, merged, start_of


class StoredExecution(msgspec.Struct, kw_only=True):
    """An execution and the process that runs it."""

    row: ExecutionRow
    owner: int


class MemoryPast:
    """The tables that are looked back on."""

    def __init__(self) -> None:
        self.attempts: list[AttemptRow] = []
        self.checks: list[CheckRow] = []
        self.executions: dict[str, StoredExecution] = {}
        self.rolled: dict[tuple[Grain, int, str, str, str], Cell] = {}
        self.alerts: dict[str, AlertRow] = {}
        self.kept = Kept()

    def count(self, row: AttemptRow, cell: Cell) -> None:
        """Add what an attempt comes to, or what it has become."""
        for grain in GRAIN_S:
            key = (grain, start_of(row.at, grain), row.provider, row.category, row.kind)
            self.rolled[key] = merged([self.rolled.get(key, Cell()), cell])

    def absorb(self, execution_id: str) -> None:
        """Failures of an execution that came to a good end: they are absorbed, in the roll-ups too."""
        attempts = self.attempts
        for position, known in enumerate(attempts):
            if known.execution_id == execution_id and not known.ok and not known.absorbed:
                attempts[position] = msgspec.structs.replace(known, absorbed=True)
                self.count(known, Cell(absorbed={known.error_class or "unknown": 1}))


class MemoryHistory:
    """The half of `UsageStore` that looks back."""

    def _past(self) -> MemoryPast:
        raise NotImplementedError

    async def rollups(
        self,
        spans: Sequence[Span],
        *,
        providers: Sequence[str] = (),
        category: str | None = None,
        kind: str | None = None,
    ) -> Sequence[Rollup]:
        """Roll-ups of everything that was written, by provider; without `providers`, of all of them."""
        return [
            Rollup(provider, own_category, own_kind, at, cell)
            for span in spans
            for (grain, at, provider, own_category, own_kind), cell in self._past().rolled.items()
            if grain == span.grain
            and span.start <= at < span.end
            and (not providers or provider in providers)
            and category in (None, own_category)
            and kind in (None, own_kind)
        ]

    async def rebuild_rollups(self) -> None:
        """Make roll-ups anew from the attempts that are kept; those of older ones stay as they are."""
        disk = self._past()
        starts = {grain: -(-int(disk.kept.attempts) // length) * length for grain, length in GRAIN_S.items()}
        disk.rolled = {key: cell for key, cell in disk.rolled.items() if key[1] < starts[key[0]]}
        for row in disk.attempts:
            for grain, start in starts.items():
                key = (grain, start_of(row.at, grain), row.provider, row.category, row.kind)
                if key[1] >= start:
                    disk.rolled[key] = merged([disk.rolled.get(key, Cell()), cell_of(row)])

    async def outages(self, *, provider: str | None, since: float, until: float, gap_s: float) -> Sequence[OutageRow]:
        """Outages that touch a period, newest first. No check for `gap_s`: nobody looked meanwhile."""
        by_name: dict[str, list[CheckRow]] = {}
        for row in self._past().checks:
            if provider in (None, row.provider):
                by_name.setdefault(row.provider, []).append(row)
        found = [
            outage
            for rows in by_name.values()
            for outage in _outages(rows, gap_s)
            if outage.started < until and (outage.ended is None or outage.ended >= since)
        ]
        return sorted(found, key=lambda outage: outage.started, reverse=True)

    async def check_counts(self, *, provider: str | None, since: float, until: float) -> Mapping[str, CheckCounts]:
        """How many checks of each provider passed and failed in a period."""
        counts: dict[str, CheckCounts] = {}
        for row in self._past().checks:
            if provider in (None, row.provider) and since <= row.at < until and row.passed is not None:
                known = counts.get(row.provider, CheckCounts(passed=0, failed=0))
                counts[row.provider] = CheckCounts(
                    passed=known.passed + row.passed, failed=known.failed + (not row.passed)
                )
        return counts

    async def kept(self) -> Kept:
        """How far back records go."""
        return self._past().kept

    async def prune(self, before: float, *, rollups_before: float | None = None) -> int:
        """Delete attempts, minutes, checks and ended executions older than a wall time; how many, without roll-ups."""
        disk = self._past()
        rolled = 0.0 if rollups_before is None else rollups_before
        disk.kept = Kept(attempts=max(disk.kept.attempts, before), rollups=max(disk.kept.rollups, rolled))
        count = len(disk.attempts) + len(disk.checks) + len(disk.executions)
        disk.attempts = [row for row in disk.attempts if row.at >= before]
        disk.checks = [row for row in disk.checks if row.at >= before]
        disk.rolled = {
            key: cell for key, cell in disk.rolled.items() if key[1] >= (before if key[0] == "minute" else rolled)
        }
        disk.executions = {
            name: execution
            for name, execution in disk.executions.items()
            if execution.row.at >= before or execution.row.status is None
        }
        cleared = [row.id for row in disk.alerts.values() if row.cleared_at is not None and row.at < before]
        for name in cleared:
            del disk.alerts[name]
        return count - len(disk.attempts) - len(disk.checks) - len(disk.executions) + len(cleared)

    async def shrink(self, most_bytes: int) -> int:  # noqa: ARG002 - RAM has no size to keep to
        """RAM is not the disk: nothing has to go."""
        self._past()
        return 0


def _outages(rows: Sequence[CheckRow], gap_s: float) -> list[OutageRow]:
    """Outages in the checks of one provider, oldest first."""
    found: list[OutageRow] = []
    begin, before = None, None
    seen, unwatched_s = 0.0, 0.0
    for row in rows:
        if begin is not None and before is not None:
            gap = row.at - before.at
            unwatched_s += gap if gap > gap_s else 0.0
            if row.state != "unhealthy":
                found.append(_outage(begin, row, seen, unwatched_s))
                begin = None
            else:
                seen = row.at
        elif row.state == "unhealthy":
            begin, seen, unwatched_s = row, row.at, 0.0
        before = row
    return found if begin is None else [*found, _outage(begin, None, seen, unwatched_s)]


def _outage(begin: CheckRow, end: CheckRow | None, seen: float, unwatched_s: float) -> OutageRow:
    return OutageRow(
        provider=begin.provider,
        started=begin.at,
        last_seen=seen,
        ended=None if end is None else end.at,
        after=None if end is None else end.state,
        unwatched_s=unwatched_s,
        error_class=begin.error_class,
        message=begin.message,
    )
