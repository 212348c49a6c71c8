"""What the console says of the past."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.unit.engine.workbench import bench, chat, failing, play, provider

from provider_console.adapters.memory import MemoryDisk, MemoryUsage
from provider_console.console.errors import BadRequest
from provider_console.console.history_views import HistoryView, OutagesView
from provider_console.core.ports.usage import CheckRow
from provider_console.core.settings import HistorySettings, Settings
from provider_console.engine.retention import Retention
from provider_console.sdk import Result
from provider_console.sdk.provider import Cost
from provider_console.testing.simulation import SimClock

DAY_S = 86_400.0


def test_a_period_counts_requests_what_fallback_absorbed_and_what_reached_the_caller() -> None:
    async def story() -> HistoryView:
        async with bench(provider("a"), provider("b", tier="fallback"), kinds=()) as it:
            await it.console.execute(chat())
            it.driver.say("a", failing(401))
            await it.console.execute(chat())
            return await it.console.history(since="1h")

    view = play(story)

    a, b = view.providers
    assert (a.provider, b.provider) == ("a", "b")
    assert a.figures is not None
    assert b.figures is not None
    assert view.total is not None
    assert (a.figures.total_requests, a.figures.success_rate, a.figures.absorbed_failures) == (2, 50.0, 1)
    assert (a.figures.error_classes, a.figures.reached_classes) == ({"authentication": 1}, {})
    assert (b.figures.total_requests, b.figures.success_rate, b.figures.attempts_per_execution) == (1, 100.0, 1.0)
    assert (view.total.total_requests, view.total.attempts_per_execution, view.total.reached_caller) == (3, 1.5, 0)
    assert [point.total_requests for point in view.trend] == [3]


def test_a_failure_that_nobody_absorbed_reached_the_caller() -> None:
    async def story() -> HistoryView:
        async with bench(provider("a")) as it:
            it.driver.say("a", failing(400))
            with pytest.raises(Exception, match="400"):
                await it.console.execute(chat())
            return await it.console.history(since="1h")

    total = play(story).total

    assert total is not None
    assert (total.reached_caller, total.absorbed_failures, total.reached_classes) == (1, 0, {"invalid_request": 1})


def test_units_and_cost_are_added_up() -> None:
    async def story() -> Any:
        async with bench(provider("a", cost=Cost(input=2.0, output=4.0))) as it:
            for _ in range(3):
                it.driver.say("a", Result(value={"text": "x"}, units={"inputTokens": 1_000.0, "outputTokens": 500.0}))
                await it.console.execute(chat())
            return (await it.console.history(since="1h")).total, await it.console.analytics("a")

    total, analytics = play(story)

    assert total.units == {"inputTokens": 3_000.0, "outputTokens": 1_500.0}
    assert total.cost == 0.012
    assert (analytics.cost, analytics.recent.cost, analytics.recent.total_requests) == (0.012, 0.012, 3)


def test_a_period_in_which_nothing_happened_is_empty_and_not_zero() -> None:
    async def story() -> HistoryView:
        async with bench(provider("a")) as it:
            return await it.console.history(since="7d", providers=["a"])

    view = play(story)

    assert (view.total, view.before, view.trend) == (None, None, ())
    assert [(one.figures, one.before, one.trend) for one in view.providers] == [(None, None, ())]


def test_a_period_stands_beside_the_one_before() -> None:
    async def story() -> HistoryView:
        async with bench(provider("a")) as it:
            await it.console.execute(chat())
            await it.clock.sleep(3_600.0)
            for _ in range(2):
                await it.console.execute(chat())
            return await it.console.history(since="50m")

    view = play(story)

    (one,) = view.providers
    assert one.figures is not None
    assert one.before is not None
    assert (one.figures.total_requests, one.before.total_requests) == (2, 1)


def test_providers_are_side_by_side_in_the_order_that_was_asked_for() -> None:
    async def story() -> HistoryView:
        async with bench(provider("a"), provider("b"), provider("c")) as it:
            for name in "abc":
                await it.console.execute(chat(providers=(name,)))
            return await it.console.history(since="1h", providers=["c", "a"])

    view = play(story)

    assert [one.provider for one in view.providers] == ["c", "a"]
    assert view.total is not None
    assert view.total.total_requests == 2


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda console: console.history(providers=["deepls"]), "provider"),
        (lambda console: console.history(since="yesterday"), "since"),
        (lambda console: console.history(since="7d", step="1m"), "step"),
        (lambda console: console.outages("deepls"), "provider"),
        (lambda console: console.outages(since="soon"), "since"),
    ],
)
def test_what_cannot_be_had_is_refused_with_its_field(call: Callable[[Any], Awaitable[Any]], field: str) -> None:
    async def story() -> None:
        async with bench(provider("a")) as it:
            with pytest.raises(BadRequest) as caught:
                await call(it.console)
            assert caught.value.field == field

    play(story)


def test_a_provider_that_is_no_longer_configured_has_a_past_all_the_same() -> None:
    async def story() -> tuple[HistoryView, OutagesView]:
        disk, clock = MemoryDisk(), SimClock()
        async with bench(provider("gone"), disk=disk, clock=clock) as it:
            await it.console.execute(chat())
        await clock.sleep(2 * DAY_S)
        async with bench(provider("a"), disk=disk, clock=clock) as it:
            return await it.console.history(since="1h", providers=["gone"]), await it.console.outages("gone")

    view, outages = play(story)

    assert [(one.provider, one.figures) for one in view.providers] == [("gone", None)]
    assert outages.outages == ()


def test_what_is_no_longer_kept_is_said() -> None:
    async def story() -> tuple[HistoryView, HistoryView, OutagesView]:
        async with bench(provider("a")) as it:
            await it.console.execute(chat())
            await it.usage.prune(it.clock.wall() - 30 * DAY_S, rollups_before=it.clock.wall() - 730 * DAY_S)
            return (
                await it.console.history(since="60d", until="59d", step="15m"),
                await it.console.history(since="3y"),
                await it.console.outages(since="60d"),
            )

    minutes, years, outages = play(story)

    assert minutes.step_ms == 3_600_000.0
    assert minutes.notes == (
        "minutes are kept since 2025-12-02 00:00 UTC (history.keep_attempts); the figures are by the hour",
    )
    assert years.notes == (
        "nothing is kept from before 2024-01-02 00:00 UTC (history.keep_rollups or history.max_size_mb)",
    )
    assert outages.notes == ("checks are kept since 2025-12-02 00:00 UTC (history.keep_attempts)",)


def check(state: str, at: float, **more: Any) -> CheckRow:
    return CheckRow(**({"provider": "a", "at": at, "state": state, "passed": state == "healthy"} | more))


def test_an_outage_goes_on_while_checks_say_so_and_ends_where_nobody_looks_any_more() -> None:
    async def story() -> tuple[OutagesView, OutagesView]:
        async with bench(provider("a")) as it:
            await it.clock.sleep(1_000.0)
            now = it.clock.wall()
            await it.usage.write(
                [check("unhealthy", now - 60.0, error_class="network"), check("unhealthy", now - 30.0)]
            )
            goes_on = await it.console.outages("a")
            await it.clock.sleep(8 * 3_600.0)
            return goes_on, await it.console.outages("a")

    goes_on, over = play(story)

    assert [(one.ended_at, one.duration_ms, one.error_class) for one in goes_on.outages] == [
        (None, 60_000.0, "network")
    ]
    assert [(one.ended_at is None, one.duration_ms, one.recovered) for one in over.outages] == [
        (False, 30_000.0, False)
    ]
    assert [(one.checks, one.failed, one.outages, one.down_ms) for one in over.checks] == [(2, 2, 1, 30_000.0)]


def test_a_clock_that_was_put_back_gives_no_outage_of_negative_length() -> None:
    async def story() -> OutagesView:
        async with bench(provider("a")) as it:
            now = it.clock.wall()
            await it.usage.write([check("unhealthy", now - 60.0), check("healthy", now - 3_600.0)])
            return await it.console.outages("a")

    assert [one.duration_ms >= 0.0 for one in play(story).outages] == [True]


# --- how long it is kept


async def retained(disk: MemoryDisk, clock: SimClock, settings: list[Settings]) -> Retention:
    return Retention(MemoryUsage(disk), clock=clock, settings=lambda: settings[0])


def test_records_are_deleted_by_age_in_whole_hours_and_after_a_change_of_the_setting() -> None:
    async def story() -> list[float]:
        disk, clock, settings = MemoryDisk(), SimClock(), [Settings()]
        retention = await retained(disk, clock, settings)
        ages = []
        for keep, wait_s in (("30d", 1.0), ("30d", 1_000.0), ("7d", 1.0), ("7d", 3_700.0)):
            settings[0] = Settings(history=HistorySettings(keep_attempts=keep))
            await clock.sleep(wait_s)
            await retention.keep()
            ages.append((clock.wall() - disk.kept.attempts) / DAY_S)
        return ages

    first, unchanged, changed, later = play(story)

    assert first == pytest.approx(30.0, abs=0.05)
    assert unchanged == pytest.approx(30.0, abs=0.1)
    assert changed == pytest.approx(7.0, abs=0.1)
    assert later == pytest.approx(7.0, abs=0.1)


def test_a_clock_that_jumps_a_year_ahead_and_back_costs_no_record() -> None:
    async def story() -> float:
        disk, clock = MemoryDisk(), SimClock()
        retention = await retained(disk, clock, [Settings()])
        await retention.keep()
        kept = disk.kept.attempts
        clock.jump(365 * DAY_S)
        for _ in range(10):
            await clock.sleep(60.0)
            await retention.keep()
        clock.jump(-365 * DAY_S)
        for _ in range(120):
            await clock.sleep(60.0)
            await retention.keep()
        return disk.kept.attempts - kept

    assert play(story) == pytest.approx(7_200.0, abs=3_600.0)


def test_rollups_are_kept_at_least_as_long_as_attempts() -> None:
    async def story() -> tuple[float, float]:
        disk, clock = MemoryDisk(), SimClock()
        settings = [Settings(history=HistorySettings(keep_attempts="30d", keep_rollups="7d"))]
        await (await retained(disk, clock, settings)).keep()
        return disk.kept.attempts, disk.kept.rollups

    attempts, rollups = play(story)

    assert attempts == rollups
