"""Checks: when they run, what they prove, and what is written of them."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from tests.unit.engine.workbench import ScriptedDriver, after, bench, chat, classed, failing, play, provider, refused

from provider_console.adapters.memory import MemoryDisk, MemoryLock
from provider_console.console.errors import OperationFailed, Reported
from provider_console.console.views import HealthState
from provider_console.core.breaker import BreakerState, Hold
from provider_console.core.ports.usage import CheckRow
from provider_console.sdk import ErrorClass, ProbeResult, Secret
from provider_console.testing.simulation import SimClock


async def _rows(it: Any, provider_id: str = "a") -> list[CheckRow]:
    """Every check, oldest first."""
    await it.engine.recorder.flush()
    return list(reversed(await it.usage.checks(provider=provider_id, limit=10_000)))


async def _events(it: Any, provider_id: str = "a") -> list[str]:
    return [row.event for row in await _rows(it, provider_id) if row.event]


def _times(it: Any, provider_id: str) -> list[float]:
    return [at for at, name in it.driver.probes if name == provider_id]


# --- when --------------------------------------------------------------------------------------------------------


def test_each_provider_is_asked_once_an_interval_with_jitter() -> None:
    async def history() -> list[float]:
        async with bench(provider("a"), background=True) as it:
            await it.clock.sleep(600.0)
            return _times(it, "a")

    times = play(history)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    # A look around takes a quarter of a second.
    assert all(27.0 <= gap <= 33.3 for gap in gaps)
    assert len(set(gaps)) > 5


def test_the_first_round_is_quick_and_not_all_at_once() -> None:
    async def history() -> list[float]:
        async with bench(*[provider(f"p{number:03}") for number in range(100)], background=True) as it:
            await it.clock.sleep(8.0)
            return [at for at, _ in it.driver.probes]

    times = play(history)
    assert len(times) == 100
    # Spread over 0.05 s a provider.
    assert max(times) <= 5.5
    assert max(times.count(at) for at in times) <= 16


def test_never_more_than_sixteen_are_asked_at_once() -> None:
    async def history() -> int:
        at_once = most = 0

        class Counting(ScriptedDriver):
            async def probe(self, call: Any) -> ProbeResult:
                nonlocal at_once, most
                at_once += 1
                most = max(most, at_once)
                await clock.sleep(1.0)
                at_once -= 1
                return ProbeResult(rung="reach")

        clock = SimClock()
        providers = [provider(f"p{number:03}") for number in range(60)]
        async with bench(*providers, driver=Counting(), clock=clock, background=True) as it:
            await it.clock.sleep(20.0)
            await it.console.check()
        return most

    assert 2 <= play(history) <= 32


def test_a_command_that_runs_once_never_asks_by_itself() -> None:
    async def history() -> int:
        async with bench(provider("a")) as it:
            await it.clock.sleep(600.0)
            return len(it.driver.probes)

    assert play(history) == 0


def test_who_is_off_is_not_asked() -> None:
    async def history() -> list[tuple[float, str]]:
        async with bench(provider("a", enabled=False), background=True) as it:
            await it.clock.sleep(100.0)
            return it.driver.probes

    assert play(history) == []


def test_a_machine_that_was_suspended_wakes_without_a_storm() -> None:
    class Suspended(SimClock):
        """A clock that jumps, as it does while the machine sleeps."""

        jumped = 0.0

        def monotonic(self) -> float:
            return super().monotonic() + self.jumped

    async def history() -> list[float]:
        clock = Suspended()
        async with bench(*[provider(f"p{number:02}") for number in range(50)], clock=clock, background=True) as it:
            await clock.sleep(45.0)
            it.driver.probes.clear()
            clock.jumped = 8 * 3600.0
            woke = clock.monotonic()
            await clock.sleep(40.0)
            return [at - woke for at, _ in it.driver.probes]

    times = play(history)
    first_second = [at for at in times if at < 1.0]
    assert len(first_second) <= 8
    assert len(times) >= 50


# --- what is known -----------------------------------------------------------------------------------------------


def test_down_takes_two_words_about_a_second_apart() -> None:
    async def history() -> tuple[list[float], list[str | None]]:
        async with bench(provider("a"), background=True) as it:
            await it.clock.sleep(1.0)
            it.driver.probing["a"] = refused()
            it.driver.probes.clear()
            await it.clock.sleep(36.0)
            return _times(it, "a"), [row.state for row in await _rows(it)]

    times, states = play(history)
    assert 0.8 <= times[1] - times[0] <= 1.5
    assert states[:3] == ["healthy", "healthy", "unhealthy"]


def test_one_bad_word_alone_changes_nothing() -> None:
    async def history() -> tuple[set[str], list[str]]:
        async with bench(provider("a"), background=True) as it:
            await it.clock.sleep(1.0)

            async def once(_call: Any) -> Any:
                it.driver.probing.pop("a")
                raise refused()

            it.driver.probing["a"] = once
            await it.clock.sleep(120.0)
            return {row.state for row in await _rows(it)}, await _events(it)

    assert play(history) == ({"healthy"}, [])


def test_a_provider_that_refuses_is_down_within_35_seconds_and_one_that_hangs_within_45() -> None:
    async def history() -> list[float]:
        async with bench(provider("refuses"), provider("hangs"), background=True) as it:
            await it.clock.sleep(70.0)
            it.driver.probing |= {"refuses": refused(), "hangs": after(1e6, "never", lambda: it.clock)}
            begun = it.clock.wall()
            await it.clock.sleep(60.0)
            found = []
            for name in ("refuses", "hangs"):
                (row,) = [row for row in await _rows(it, name) if row.event == "went_down"]
                found.append(row.at - begun)
            return found

    refuses, hangs = play(history, seeds=range(10))
    assert refuses <= 35.0
    assert hangs <= 45.0


def test_it_says_once_that_it_went_down_and_how_long_it_was_out_when_it_is_back() -> None:
    async def history() -> list[tuple[str, float | None]]:
        async with bench(provider("a"), background=True) as it:
            await it.clock.sleep(1.0)
            it.driver.probing["a"] = refused()
            await it.clock.sleep(200.0)
            it.driver.probing.pop("a")
            await it.clock.sleep(60.0)
            rows = await _rows(it)
            went = next(row.at for row in rows if row.event == "went_down")
            back = next(row.at for row in rows if row.event == "recovered")
            found = [(row.event, row.out_ms) for row in rows if row.event]
            assert found[1][1] == pytest.approx((back - went) * 1000, abs=1.0)
            return found

    found = play(history)
    assert [event for event, _ in found] == ["went_down", "recovered"]
    assert found[0][1] is None


def test_down_under_traffic_is_said_once_too() -> None:
    async def history() -> list[str]:
        async with bench(provider("a"), background=True) as it:
            await it.clock.sleep(1.0)
            it.driver.always["a"] = it.driver.probing["a"] = refused()
            for _ in range(3):
                with pytest.raises(Reported):
                    await it.engine.executor.execute(chat(deadline_s=3.0))
            await it.clock.sleep(100.0)
            it.driver.always.clear()
            it.driver.probing.clear()
            await it.clock.sleep(100.0)
            for _ in range(3):
                await it.engine.executor.execute(chat())
            await it.clock.sleep(40.0)
            return [event for event in await _events(it) if event != "degraded"]

    assert play(history) == ["went_down", "recovered"]


def test_a_passed_probe_opens_the_door_half_way_and_no_further() -> None:
    async def history() -> list[BreakerState]:
        async with bench(provider("a")) as it:
            breaker, now = it.lanes["a"].breaker, it.clock.monotonic()
            for number in range(5):
                breaker.failed(now, 0, operation=str(number), weight=1.0)
            states = [breaker.state(now)]
            for _ in range(3):
                await it.console.check("a")
                states.append(breaker.state(it.clock.monotonic()))
            return states

    assert play(history) == [BreakerState.OPEN, *[BreakerState.HALF_OPEN] * 3]


UNJUDGED = [
    (failing(401), HealthState.HELD, Hold.NEEDS_AUTH),
    (classed(ErrorClass.QUOTA), HealthState.HELD, Hold.QUOTA),
    (failing(403), HealthState.UNKNOWN, None),
    (failing(429, retry_after_s=40.0), HealthState.UNKNOWN, None),
]


@pytest.mark.parametrize(("answer", "state", "hold"), UNJUDGED, ids=["key", "quota", "permission", "rate"])
def test_an_answer_that_is_no_fault_of_the_provider_makes_it_not_down(
    answer: Exception, state: HealthState, hold: Hold | None
) -> None:
    async def history() -> tuple[HealthState, bool | None, Hold | None]:
        async with bench(provider("a")) as it:
            it.driver.probing["a"] = answer
            (view,) = await it.console.check("a")
            return view.state, view.passed, it.lanes["a"].breaker.held

    assert play(history) == (state, None, hold)


def test_a_driver_that_returns_something_else_is_no_passed_probe() -> None:
    async def history() -> str | None:
        class Wrong(ScriptedDriver):
            async def probe(self, call: Any) -> Any:
                return True

        async with bench(provider("a"), driver=Wrong()) as it:
            (view,) = await it.console.check("a")
            return view.error_class

    assert play(history) == "bad_result"


def test_a_driver_that_tries_to_end_the_program_ends_nothing() -> None:
    async def history() -> str | None:
        async with bench(provider("a"), background=True) as it:
            it.driver.probing["a"] = SystemExit(3)  # type: ignore[assignment]
            await it.clock.sleep(100.0)
            (view,) = await it.console.check("a")
            assert it.engine.lifecycle.failures == []
            return view.message

    assert play(history) == "the driver tried to end the program"


# --- traffic, quota, credentials -----------------------------------------------------------------------------------


def test_real_traffic_stands_in_for_a_probe() -> None:
    async def history() -> tuple[int, set[str | None]]:
        async with bench(provider("a"), background=True) as it:
            await it.clock.sleep(1.0)
            it.driver.probes.clear()
            for _ in range(30):
                await it.engine.executor.execute(chat())
                await it.clock.sleep(10.0)
            return len(it.driver.probes), {row.rung for row in (await _rows(it))[1:]}

    assert play(history) == (0, {"traffic"})


def test_traffic_that_fails_does_not_stand_in() -> None:
    async def history() -> int:
        async with bench(provider("a"), background=True) as it:
            await it.clock.sleep(1.0)
            it.driver.probes.clear()
            it.driver.always["a"] = failing(503)
            with pytest.raises(OperationFailed):
                await it.engine.executor.execute(chat(deadline_s=1.0))
            await it.clock.sleep(3.0)
            return len(it.driver.probes)

    assert play(history) == 1


def test_a_used_up_quota_is_asked_for_every_15_minutes() -> None:
    async def history() -> list[float]:
        async with bench(provider("a"), background=True) as it:
            it.driver.probing["a"] = classed(ErrorClass.QUOTA)
            await it.clock.sleep(3 * 3600.0)
            return _times(it, "a")

    times = play(history, seeds=[1])
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps
    assert all(900 * 0.9 <= gap <= 900 * 1.1 + 0.3 for gap in gaps)


@pytest.mark.parametrize(("rung", "held"), [("reach", True), ("authentication", True), ("quota", False)])
def test_only_a_probe_that_proves_the_quota_ends_its_hold(rung: Any, held: bool) -> None:
    async def history() -> bool:
        async with bench(provider("a")) as it:
            it.lanes["a"].breaker.hold(Hold.QUOTA)
            it.driver.probing["a"] = ProbeResult(rung=rung)  # type: ignore[assignment]
            await it.console.check("a")
            return it.lanes["a"].breaker.held is not None

    assert play(history) is held


@pytest.mark.parametrize(("rung", "held"), [("reach", True), ("authentication", False), ("quota", False)])
def test_only_a_probe_that_proves_the_key_ends_its_hold(rung: Any, held: bool) -> None:
    async def history() -> bool:
        async with bench(provider("a")) as it:
            it.lanes["a"].breaker.hold(Hold.NEEDS_AUTH)
            it.driver.probing["a"] = ProbeResult(rung=rung)  # type: ignore[assignment]
            await it.console.check("a")
            return it.lanes["a"].breaker.held is not None

    assert play(history) is held


def test_a_missing_credential_is_said_once_and_nobody_is_asked() -> None:
    async def history() -> tuple[list[str], int]:
        driver = ScriptedDriver(credential="required")
        async with bench(provider("a", credential="A_KEY"), driver=driver, background=True) as it:
            await it.clock.sleep(200.0)
            return await _events(it), len(driver.probes)

    assert play(history) == (["credential_missing"], 0)


def test_a_credential_that_appears_is_found_by_the_next_check() -> None:
    async def history() -> list[str]:
        driver = ScriptedDriver(credential="required")
        async with bench(provider("a", credential="A_KEY"), driver=driver, background=True) as it:
            await it.clock.sleep(5.0)
            await it.secrets.set("A_KEY", Secret("value"))
            await it.clock.sleep(35.0)
            return [row.state for row in await _rows(it)]

    states = play(history)
    assert (states[0], states[-1]) == ("held", "healthy")


# --- one process probes --------------------------------------------------------------------------------------------


def test_of_two_consoles_one_probes_and_the_other_takes_over_in_time() -> None:
    async def history() -> tuple[int, float]:
        disk, holders, clock = MemoryDisk(), [], SimClock()
        ended = asyncio.Event()

        async def first() -> None:
            async with bench(provider("a"), disk=disk, lock=MemoryLock(holders), clock=clock, background=True):
                await ended.wait()

        async with asyncio.TaskGroup() as group:
            running = group.create_task(first())
            await clock.sleep(1.0)
            async with bench(provider("a"), disk=disk, lock=MemoryLock(holders), clock=clock, background=True) as it:
                await clock.sleep(100.0)
                while_other = len(it.driver.probes)
                health = await it.console.health()
                assert (health.healthy, health.prober) == (1, False)
                ended.set()
                await running
                gone = clock.monotonic()
                await clock.sleep(40.0)
                return while_other, it.driver.probes[0][0] - gone

    probes, took_s = play(history)
    assert probes == 0
    assert took_s < 35.0


def test_a_database_that_cannot_be_read_for_a_while_does_not_end_the_waiting_for_the_lock() -> None:
    async def history() -> tuple[int, list[str]]:
        holders: list[MemoryLock] = []
        other = MemoryLock(holders)
        assert other.acquire()
        async with bench(provider("a"), lock=MemoryLock(holders), background=True) as it:
            it.usage.failure = "console.db: the disk is full"
            await it.clock.sleep(60.0)
            it.usage.failure = None
            other.release()
            await it.clock.sleep(10.0)
            return len(it.driver.probes), it.engine.lifecycle.failures

    assert play(history) == (1, [])


def test_an_outage_that_outlives_the_process_is_one_outage() -> None:
    async def history() -> list[tuple[str | None, float | None]]:
        disk, clock = MemoryDisk(), SimClock()
        for attempt in range(3):
            async with bench(provider("a"), disk=disk, clock=clock) as it:
                if attempt < 2:
                    it.driver.probing["a"] = refused()
                await it.console.check("a")
                await clock.sleep(20.0)
        return [(row.event, row.out_ms) for row in disk.checks if row.event]

    # Down at 1 s, after its second word; the third process asks at 40 s and more, and believes the second good word.
    (went, _), (back, out_ms) = play(history)
    assert (went, back) == ("went_down", "recovered")
    assert out_ms is not None
    assert 40_000.0 <= out_ms <= 45_000.0


def test_what_is_stored_is_believed_while_it_is_fresh() -> None:
    async def history() -> list[HealthState]:
        found = []
        for age_s in (80.0, 100.0):
            clock, disk = SimClock(), MemoryDisk()
            disk.checks.append(CheckRow(provider="a", at=clock.wall() - age_s, state="healthy", passed=True))
            async with bench(provider("a"), disk=disk, clock=clock) as it:
                (view,) = (await it.console.health()).providers
                found.append(view.health.state)
        return found

    assert play(history) == [HealthState.HEALTHY, HealthState.UNKNOWN]


def test_a_wall_clock_that_jumps_makes_no_outage_and_no_negative_time() -> None:
    async def history() -> tuple[set[str], list[str]]:
        async with bench(provider("a"), background=True) as it:
            for jump in (3600.0, -7200.0, 86_400.0, -86_400.0):
                await it.clock.sleep(45.0)
                it.clock.jump(jump)
            await it.clock.sleep(45.0)
            return {row.state for row in await _rows(it)}, await _events(it)

    assert play(history) == ({"healthy"}, [])


def test_a_manual_check_confirms_by_itself() -> None:
    async def history() -> tuple[HealthState, float, list[bool]]:
        async with bench(provider("a")) as it:
            await it.console.check("a")
            it.driver.probing["a"] = refused()
            begun = it.clock.monotonic()
            (view,) = await it.console.check("a")
            return view.state, it.clock.monotonic() - begun, [row.manual for row in await _rows(it)]

    assert play(history) == (HealthState.UNHEALTHY, 1.0, [True, True, True])
