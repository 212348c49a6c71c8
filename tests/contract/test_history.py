"""What every store knows of the past: roll-ups, outages, and how long they last, on SQLite and in RAM alike."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider_console.adapters.clock import SystemClock
from provider_console.adapters.memory import MemoryUsage
from provider_console.adapters.sqlite import SqliteUsage, rollups
from provider_console.adapters.sqlite.history import SPARE_PAGES, _used_bytes
from provider_console.adapters.sqlite.migration import migrations, statements
from provider_console.core.histogram import BUCKETS
from provider_console.core.period import Span
from provider_console.core.ports.usage import Absorbed, AttemptRow, CheckCounts, CheckRow, OutageRow, Rollup
from provider_console.core.rollup import GRAIN_S, Cell, Grain, cell_of, merged, packed, start_of

Usage = SqliteUsage | MemoryUsage

EVER = tuple(Span(grain, 0, 1e12) for grain in GRAIN_S)
DAY_S = 86_400.0


@pytest.fixture(params=["sqlite", "memory"])
async def usage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Usage]:
    store: Usage = (
        MemoryUsage() if request.param == "memory" else SqliteUsage(tmp_path / "console.db", clock=SystemClock())
    )
    yield store
    await store.close()


def attempt(execution: str = "E1", *, provider: str = "deepl", at: float = 100.0, **more: Any) -> AttemptRow:
    given_: dict[str, Any] = {
        "kind": "translate",
        "category": "translation",
        "attempt": 1,
        "duration_ms": 250.0,
        "timeout_ms": 15000.0,
        "delay_before_ms": 0.0,
        "ok": True,
        "absorbed": False,
        "counted": 0.0,
    }
    return AttemptRow(execution_id=execution, provider=provider, at=at, **(given_ | more))


def failure(execution: str = "E1", **more: Any) -> AttemptRow:
    return attempt(execution, **({"ok": False, "error_class": "server_error"} | more))


def check(state: str, at: float, **more: Any) -> CheckRow:
    passed = {"healthy": True, "degraded": True, "unhealthy": False}.get(state)
    return CheckRow(**({"provider": "deepl", "at": at, "state": state, "passed": passed} | more))


def keyed(rows: Sequence[Rollup], grain: Grain) -> Mapping[tuple[str, str, str, int], Cell]:
    return {(row.provider, row.category, row.kind, row.at): row.cell for row in rows}


async def cells(usage: Usage) -> Mapping[Grain, Mapping[tuple[str, str, str, int], Cell]]:
    return {grain: keyed(await usage.rollups([Span(grain, 0, 1e12)]), grain) for grain in GRAIN_S}


def counted(rows: Sequence[AttemptRow]) -> Mapping[Grain, Mapping[tuple[str, str, str, int], Cell]]:
    """Roll-ups as they are defined."""
    found: dict[Grain, dict[tuple[str, str, str, int], Cell]] = {grain: {} for grain in GRAIN_S}
    for grain, known in found.items():
        for row in rows:
            key = (row.provider, row.category, row.kind, start_of(row.at, grain))
            known[key] = merged([known.get(key, Cell()), cell_of(row)])
    return found


# --- roll-ups


amounts = st.floats(0.0, 20_000.0)
attempts = st.builds(
    attempt,
    st.sampled_from(["E1", "E2", "E3"]),
    provider=st.sampled_from(["a", "b"]),
    category=st.sampled_from(["ai", "translation"]),
    kind=st.sampled_from(["chat", "translate"]),
    at=st.floats(1e9, 1e9 + 3 * DAY_S),
    attempt=st.integers(1, 3),
    first=st.booleans(),
    duration_ms=amounts,
    delay_before_ms=amounts,
    first_content_ms=st.none() | amounts,
    warm_up_ms=st.just(0.0) | amounts,
    ok=st.booleans(),
    error_class=st.sampled_from(["timeout", "network", "cancelled"]),
    cost=st.none() | st.floats(0.0, 5.0),
    units=st.dictionaries(st.sampled_from(["characters", "inputTokens"]), st.floats(0.0, 1e6), max_size=2),
)


@settings(max_examples=40, deadline=None)
@given(batches=st.lists(st.lists(attempts, max_size=6), min_size=1, max_size=5), good=st.sampled_from(["E1", "E2"]))
def test_rollups_kept_live_equal_those_rebuilt_from_attempts(batches: list[list[AttemptRow]], good: str) -> None:
    async def try_on(usage: Usage) -> None:
        for batch in batches:
            await usage.write(batch)
            # A look in between folds what was written so far: what is absorbed afterwards has to be put right.
            await usage.rollups([Span("day", 0, 1e12)])
        await usage.write([Absorbed(execution_id=good, since=0.0)])
        live = await cells(usage)
        await usage.rebuild_rollups()

        assert await cells(usage) == live == counted(await usage.attempts())
        await usage.close()

    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            await try_on(SqliteUsage(Path(folder) / "console.db", clock=SystemClock()))
        await try_on(MemoryUsage())

    asyncio.run(run())


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(attempts, min_size=1, max_size=9), data=st.data())
def test_merging_is_associative_and_in_any_order_the_same(rows: list[AttemptRow], data: st.DataObject) -> None:
    cells_ = [cell_of(row) for row in rows]
    cut = data.draw(st.integers(0, len(cells_)))
    shuffled = data.draw(st.permutations(cells_))

    assert merged([merged(cells_[:cut]), merged(cells_[cut:])]) == merged(cells_) == merged(shuffled)


async def test_an_attempt_is_in_its_minute_its_hour_and_its_day(usage: Usage) -> None:
    await usage.write([attempt(at=90_061.0)])

    assert [(row.at, row.cell.attempts) for row in await usage.rollups(EVER)] == [(90_060, 1), (90_000, 1), (86_400, 1)]


async def test_rollups_are_chosen_by_provider_category_kind_and_time(usage: Usage) -> None:
    await usage.write(
        [
            attempt(provider=name, category=category, kind=kind, at=at)
            for name in ("a", "b", "c")
            for category, kind in (("ai", "chat"), ("ai", "translate"), ("translation", "translate"))
            for at in (59.0, 60.0, 119.0, 120.0)
        ]
    )

    found = await usage.rollups([Span("minute", 60, 120.0)], providers=["a", "c"], category="ai", kind="translate")

    assert [(row.provider, row.at, row.cell.attempts) for row in found] == [("a", 60, 2), ("c", 60, 2)]


async def test_failures_of_an_execution_that_came_to_a_good_end_are_absorbed_in_rollups_that_were_read(
    usage: Usage,
) -> None:
    await usage.write([failure("E1"), failure("E2")])
    (before,) = await usage.rollups([Span("hour", 0, 1e12)])
    await usage.write([attempt("E1", attempt=2, first=False), Absorbed(execution_id="E1", since=100.0)])

    (row,) = await usage.rollups([Span("hour", 0, 1e12)])

    assert (before.cell.failed, before.cell.absorbed) == ({"server_error": 2}, {})
    assert (row.cell.failed, row.cell.absorbed, row.cell.successes) == ({"server_error": 2}, {"server_error": 1}, 1)


async def test_absorbing_twice_counts_once(usage: Usage) -> None:
    await usage.write([failure("E1")])
    for _ in range(2):
        await usage.rollups(EVER)
        await usage.write([Absorbed(execution_id="E1", since=100.0)])

    assert [row.cell.absorbed for row in await usage.rollups(EVER)] == [{"server_error": 1}] * 3


async def test_an_answer_beyond_reason_does_not_end_the_counting(usage: Usage) -> None:
    await usage.write(
        [
            attempt(cost=1e300, duration_ms=1e300, units={"characters": 1e300}),
            attempt(cost=-1.0, duration_ms=-5.0, units={"characters": -3.0}),
            attempt(cost=0.5),
        ]
    )

    (row,) = await usage.rollups([Span("day", 0, 1e12)])

    assert row.cell == counted(await usage.attempts())["day"]["deepl", "translation", "translate", 0]
    assert row.cell.cost == 10_000_500_000_000


# --- how long it is kept


async def test_pruned_attempts_stay_in_hours_and_days_and_go_from_minutes(usage: Usage) -> None:
    await usage.write([attempt(at=100.0), attempt(at=5 * DAY_S)])

    await usage.prune(2 * DAY_S)

    found = [(row.at, row.cell.attempts) for row in await usage.rollups(EVER)]
    assert found == [(432_000, 1), (0, 1), (432_000, 1), (0, 1), (432_000, 1)]
    assert (await usage.kept()).attempts == 2 * DAY_S


async def test_what_is_pruned_before_anybody_looked_is_in_the_rollups(usage: Usage) -> None:
    await usage.write([attempt(at=100.0)])

    assert await usage.prune(200.0) == 1
    assert [row.cell.attempts for row in await usage.rollups([Span("day", 0, 1e12)])] == [1]


async def test_attempts_after_everything_was_pruned_are_counted(usage: Usage) -> None:
    await usage.write([attempt(at=100.0), attempt(at=101.0)])
    await usage.prune(200.0)

    await usage.write([attempt(at=300.0)])

    assert [row.cell.attempts for row in await usage.rollups([Span("day", 0, 1e12)])] == [3]


async def test_rebuilding_leaves_what_attempts_can_no_longer_tell(usage: Usage) -> None:
    await usage.write([attempt(at=100.0), attempt(at=DAY_S + 100.0), attempt(at=2 * DAY_S + 100.0)])
    await usage.prune(DAY_S + 50.0)
    before = await cells(usage)

    await usage.rebuild_rollups()

    assert await cells(usage) == before


async def test_hours_and_days_go_when_they_are_told_to(usage: Usage) -> None:
    await usage.write([attempt(at=100.0), attempt(at=5 * DAY_S)])

    await usage.prune(2 * DAY_S, rollups_before=3 * DAY_S)

    assert [row.at for row in await usage.rollups(EVER)] == [432_000] * 3
    assert (await usage.kept()).rollups == 3 * DAY_S


# --- outages and checks


async def outages(usage: Usage, *, since: float = 0.0, until: float = 1e9) -> Sequence[OutageRow]:
    return await usage.outages(provider="deepl", since=since, until=until, gap_s=300.0)


async def test_an_outage_is_a_stretch_of_checks_that_found_it_down(usage: Usage) -> None:
    await usage.write(
        [
            check("healthy", 30.0),
            check("unhealthy", 60.0, error_class="network", message="refused"),
            check("unhealthy", 90.0),
            check("degraded", 120.0),
            check("healthy", 150.0),
        ]
    )

    (outage,) = await outages(usage)

    assert outage == OutageRow(
        provider="deepl",
        started=60.0,
        last_seen=90.0,
        ended=120.0,
        after="degraded",
        unwatched_s=0.0,
        error_class="network",
        message="refused",
    )


async def test_outages_are_found_provider_by_provider_the_newest_first(usage: Usage) -> None:
    for name, at in (("b", 10.0), ("a", 20.0)):
        await usage.write([check("unhealthy", at, provider=name), check("healthy", at + 30.0, provider=name)])

    found = await usage.outages(provider=None, since=0.0, until=100.0, gap_s=300.0)

    assert [(row.provider, row.started, row.ended) for row in found] == [("a", 20.0, 50.0), ("b", 10.0, 40.0)]


async def test_a_provider_that_was_never_checked_has_no_outage(usage: Usage) -> None:
    assert list(await outages(usage)) == []


async def test_an_outage_that_goes_on_has_no_end(usage: Usage) -> None:
    await usage.write([check("unhealthy", 60.0), check("unhealthy", 90.0)])

    (outage,) = await outages(usage)

    assert (outage.ended, outage.last_seen) == (None, 90.0)


async def test_an_outage_is_seen_from_every_period_that_it_touches(usage: Usage) -> None:
    await usage.write([check("unhealthy", 60.0), check("unhealthy", 300.0), check("healthy", 500.0)])

    touched = [
        bool(await outages(usage, since=a, until=b)) for a, b in ((0, 60), (0, 61), (100, 200), (500, 600), (501, 600))
    ]

    assert touched == [False, True, True, True, False]


async def test_the_night_that_a_laptop_slept_is_not_an_outage_of_the_provider(usage: Usage) -> None:
    await usage.write([check("unhealthy", 60.0), check("unhealthy", 90.0), check("healthy", 90.0 + 8 * 3600.0)])

    (outage,) = await outages(usage)

    assert outage.ended is not None
    assert (outage.ended - outage.started) - outage.unwatched_s == 30.0


async def test_a_clock_that_is_put_back_makes_no_outage_and_no_negative_one(usage: Usage) -> None:
    # The clock was a day ahead for a while, and the provider down at the time.
    await usage.write([check("healthy", 60.0), check("unhealthy", 90.0 + DAY_S), check("healthy", 120.0)])
    await usage.write([check("healthy", 150.0 + 30.0 * n) for n in range(3)])

    found = await outages(usage)

    assert all(row.ended is not None and row.unwatched_s >= 0.0 for row in found)
    assert len(found) <= 1


async def test_checks_of_a_period_are_counted_without_those_that_could_not_be_made(usage: Usage) -> None:
    await usage.write([check("healthy", 10.0), check("unhealthy", 20.0), check("held", 30.0), check("healthy", 99.0)])

    assert await usage.check_counts(provider=None, since=0.0, until=50.0) == {"deepl": CheckCounts(passed=1, failed=1)}
    assert await usage.check_counts(provider="deepl", since=60.0, until=70.0) == {}


# --- SQLite only


async def test_a_database_of_the_version_before_gets_its_rollups_and_outages(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for version, sql in migrations("console")[:2]:
            for statement in statements(sql):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version}")
        connection.execute(f"PRAGMA application_id = {0x50436F6E}")
        insert = (
            "INSERT INTO provider_usage_analytics (execution_id, provider, kind, category, attempt, at, duration_ms, "
            "timeout_ms, delay_before_ms, ok, absorbed, counted, error_class) VALUES "
            "('E1', ?, 'chat', 'ai', 1, ?, 50.0, 1000.0, 0.0, ?, ?, 0.0, ?)"
        )
        connection.execute(insert, ("a", 100.0, 0, 1, "network"))
        connection.execute(insert, ("b", 101.0, 1, 0, None))
        for at, state in ((1.0, "healthy"), (2.0, "unhealthy"), (3.0, "unhealthy"), (4.0, "healthy")):
            connection.execute(
                "INSERT INTO system_health_checks (provider, at, state, passed, manual) VALUES ('a', ?, ?, 1, 0)",
                (at, state),
            )
    usage = SqliteUsage(path, clock=SystemClock())

    rows = await usage.rollups([Span("day", 0, 1e12)])
    found = await usage.outages(provider="a", since=0.0, until=9.0, gap_s=300.0)
    await usage.close()

    assert [(row.provider, row.cell.executions, row.cell.absorbed) for row in rows] == [
        ("a", 1, {"network": 1}),
        ("b", 0, {}),
    ]
    assert [(row.started, row.ended) for row in found] == [(2.0, 4.0)]


async def test_two_consoles_that_fold_in_turn_count_each_attempt_once(tmp_path: Path) -> None:
    one, other = (SqliteUsage(tmp_path / "console.db", clock=SystemClock()) for _ in range(2))
    for number in range(6):
        store = (one, other)[number % 2]
        await store.write([attempt(f"E{number}")])
        await asyncio.gather(one.rollups(EVER), other.rollups(EVER))

    found = [row.cell.attempts for row in await one.rollups(EVER)]
    await one.close()
    await other.close()

    assert found == [6, 6, 6]


async def test_a_database_that_is_too_large_loses_its_oldest_days_first(tmp_path: Path) -> None:
    clock = SystemClock()
    usage = SqliteUsage(tmp_path / "console.db", clock=clock)
    now = clock.wall()
    for day in range(10):
        at = now - day * DAY_S - 60.0
        await usage.write([attempt(f"E{day}-{n}", at=at, message="x" * 300, ok=False) for n in range(300)])
    most = 700_000

    gone = await usage.shrink(most)

    kept = await usage.attempts(limit=10_000)
    size = (tmp_path / "console.db").stat().st_size
    days = await usage.rollups([Span("day", 0, 1e12)])
    await usage.close()
    assert 0 < gone < 3000
    assert len(kept) == 3000 - gone
    assert min(row.at for row in kept) > now - 10 * DAY_S
    assert size < 1_400_000
    assert sum(row.cell.attempts for row in days) == 3000


async def test_a_file_becomes_small_again_once_most_of_it_was_deleted(tmp_path: Path) -> None:
    usage = SqliteUsage(tmp_path / "console.db", clock=SystemClock())
    for first in range(0, 30_000, 5_000):
        at = 60.0 + first / 1000
        await usage.write([attempt(f"E{first + n}", at=at, message="x" * 300, ok=False) for n in range(5_000)])
    large = await usage._database.read(_used_bytes)

    await usage.prune(1_000.0)

    with closing(sqlite3.connect(tmp_path / "console.db")) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    await usage.close()
    assert large > 12_000_000
    assert free == SPARE_PAGES
    assert (pages - free) * 4096 < 500_000


async def test_a_database_that_cannot_be_made_small_enough_keeps_its_last_hour(tmp_path: Path) -> None:
    clock = SystemClock()
    usage = SqliteUsage(tmp_path / "console.db", clock=clock)
    await usage.write([attempt(at=clock.wall() - 60.0), attempt(at=clock.wall() - 7200.0)])

    await usage.shrink(1)

    kept = await usage.attempts()
    await usage.close()
    assert len(kept) == 1


@pytest.mark.parametrize(
    "details", [b"", b"\xc1", b"\x94\x80\x80\x80\xc4\x00", b"\x94\x80\x80\x80\xc4\x05\xff\xff\x08zz"]
)
async def test_a_rollup_that_a_dying_disk_changed_loses_its_details_and_hides_no_other(
    tmp_path: Path, details: bytes
) -> None:
    usage = SqliteUsage(tmp_path / "console.db", clock=SystemClock())
    await usage.write([attempt(provider="a"), attempt(provider="b")])
    await usage.rollups(EVER)
    with closing(sqlite3.connect(tmp_path / "console.db")) as connection, connection:
        connection.execute("UPDATE usage_rollup_day SET details = ? WHERE provider = 'a'", (details,))

    found = {row.provider: row.cell for row in await usage.rollups([Span("day", 0, 1e12)])}
    await usage.close()

    assert (found["a"].attempts, found["a"].latencies) == (1, 0)
    assert found["b"] == cell_of(attempt(provider="b"))


@settings(max_examples=80, deadline=None)
@given(
    counts=st.dictionaries(st.integers(0, BUCKETS - 1), st.sampled_from([1, 200, 60_000, 2**31, 2**40]), max_size=50)
)
def test_a_histogram_of_any_shape_comes_back_as_it_was_stored(counts: dict[int, int]) -> None:
    assert rollups._latencies(rollups._storable(packed(counts))) == packed(counts)
