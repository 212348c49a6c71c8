"""Checks of providers that are held or doubted: every hold ends, nothing is asked without end, others learn of it."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from tests.unit.engine.workbench import ScriptedDriver, bench, chat, classed, failing, play, provider, refused, streamed

from provider_console.adapters.memory import MemoryDisk, MemoryLock, MemoryUsage
from provider_console.adapters.memory_secrets import MemorySecrets
from provider_console.console.errors import Reported
from provider_console.console.views import HealthState
from provider_console.core.breaker import Hold
from provider_console.core.ports.usage import AttemptRow, CheckRow
from provider_console.sdk import ErrorClass, ProbeResult, Rung, Secret
from provider_console.testing.simulation import SimClock


async def _ask(it: Any, times: int = 1, *, every_s: float = 0.0) -> None:
    """Chats, whatever comes of them."""
    for _ in range(times):
        with contextlib.suppress(Reported):
            await it.engine.executor.execute(chat(deadline_s=2.0))
        await it.clock.sleep(every_s)


# --- holds end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rung", ["reach", "authentication"])
def test_a_used_up_quota_that_no_probe_can_prove_is_tried_again_after_15_minutes(rung: Any) -> None:
    async def history() -> tuple[list[Hold | None], str | None]:
        driver = ScriptedDriver(rungs=(Rung(name=rung, proves="something"),))
        async with bench(provider("a"), driver=driver, background=True) as it:
            driver.probing["a"] = ProbeResult(rung=rung)  # type: ignore[assignment]
            driver.say("a", classed(ErrorClass.QUOTA))
            await it.clock.sleep(5.0)
            await _ask(it)
            breaker, found = it.lanes["a"].breaker, []
            for pause_s in (1.0, 880.0, 120.0):
                await it.clock.sleep(pause_s)
                found.append(breaker.held)
            driver.say("a", classed(ErrorClass.QUOTA))
            await _ask(it)
            found.append(breaker.held)
            await it.clock.sleep(1_000.0)
            return found, (await it.engine.executor.execute(chat())).provider

    held = Hold.QUOTA
    assert play(history) == ([held, held, None, held], "a")


def test_a_quota_whose_reset_is_known_waits_for_the_reset() -> None:
    async def history() -> list[Hold | None]:
        async with bench(provider("a"), background=True) as it:
            it.driver.say("a", classed(ErrorClass.QUOTA, resets_after_s=7_200.0))
            await it.clock.sleep(5.0)
            await _ask(it)
            found = []
            for pause_s in (3_600.0, 3_700.0):
                await it.clock.sleep(pause_s)
                await it.console.health()
                found.append(it.lanes["a"].breaker.held)
            return found

    assert play(history) == [Hold.QUOTA, None]


def test_a_free_rung_that_proves_the_quota_keeps_the_hold_until_it_does() -> None:
    async def history() -> Hold | None:
        driver = ScriptedDriver(rungs=(Rung(name="quota", proves="what is left"),))
        async with bench(provider("a"), driver=driver, background=True) as it:
            await it.clock.sleep(5.0)
            it.lanes["a"].breaker.hold(Hold.QUOTA)
            await it.clock.sleep(3_000.0)
            return it.lanes["a"].breaker.held

    assert play(history) is Hold.QUOTA


@pytest.mark.parametrize("refusal", [None, failing(401)], ids=["missing", "refused"])
def test_a_key_stored_by_another_process_is_seen_by_the_next_probe(refusal: Exception | None) -> None:
    class Remembering(MemorySecrets):
        """A store that asks its keyring only for what it does not remember, as the real one."""

        async def get(self, name: str) -> Secret | None:
            return self.cached(name) or await super().get(name)

    async def history() -> tuple[HealthState, HealthState]:
        driver = ScriptedDriver(credential="required")
        async with bench(provider("a", credential="A_KEY"), driver=driver, background=True) as it:
            secrets: Any = it.secrets
            secrets.__class__ = Remembering
            if refusal is not None:
                await it.secrets.set("A_KEY", Secret("old"))
                driver.probing["a"] = refusal
            await it.clock.sleep(40.0)
            before = (await it.console.provider("a")).health.state
            driver.probing.clear()
            secrets._keyring["A_KEY"] = Secret("new")
            await it.clock.sleep(40.0)
            return before, (await it.console.provider("a")).health.state

    assert play(history) == (HealthState.HELD, HealthState.HEALTHY)


# --- nothing is asked without end ----------------------------------------------------------------------------------


UNJUDGED = [failing(401), failing(403), failing(404), failing(429), classed(ErrorClass.QUOTA)]


@pytest.mark.parametrize("answer", UNJUDGED, ids=["401", "403", "404", "429", "quota"])
def test_an_answer_that_counts_nothing_settles_a_doubt(answer: Exception) -> None:
    async def history() -> int:
        async with bench(provider("a"), background=True) as it:
            await it.clock.sleep(5.0)
            it.driver.say("a", *[failing(503)] * 5)
            it.driver.probing["a"] = answer
            await _ask(it)
            await it.clock.sleep(5.0)
            it.driver.probes.clear()
            await it.clock.sleep(120.0)
            return len(it.driver.probes)

    assert play(history) <= 5


def test_a_credential_that_goes_missing_settles_a_doubt() -> None:
    async def history() -> int:
        driver = ScriptedDriver(credential="required")
        async with bench(
            provider("a", credential="A_KEY"), driver=driver, secrets={"A_KEY": "v"}, background=True
        ) as it:
            await it.clock.sleep(5.0)
            it.driver.say("a", *[failing(503)] * 5)
            await _ask(it)
            await it.secrets.delete("A_KEY")
            await it.clock.sleep(120.0)
            await it.engine.recorder.flush()
            return len(await it.usage.checks(provider="a", limit=1_000))

    assert play(history) <= 10


def test_traffic_that_partly_fails_has_a_provider_asked_once_an_interval() -> None:
    async def history() -> int:
        async with bench(provider("a"), background=True) as it:
            await it.clock.sleep(5.0)
            it.driver.probes.clear()
            for _ in range(100):
                it.driver.say("a", failing(503), "done", "done")
                await _ask(it, 2, every_s=1.5)
            return len(it.driver.probes)

    # 300 s and more of traffic, an interval of 30 s: a probe in its turn and one out of turn at most.
    assert 1 <= play(history) <= 30


def test_under_traffic_a_provider_that_refuses_is_down_within_5_operations() -> None:
    async def history() -> HealthState:
        async with bench(provider("a"), background=True) as it:
            await it.clock.sleep(5.0)
            it.driver.always["a"] = it.driver.probing["a"] = refused()
            await _ask(it, 5)
            return (await it.console.provider("a")).health.state

    assert play(history) is HealthState.UNHEALTHY


# --- what a second console learns ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "why"), [(failing(401), "needs a key"), (classed(ErrorClass.QUOTA), "quota used")], ids=["key", "quota"]
)
def test_a_second_console_shows_a_hold_too_and_its_end(answer: Exception, why: str) -> None:
    async def history() -> tuple[tuple[HealthState, bool], HealthState]:
        disk, clock, holders = MemoryDisk(), SimClock(), []  # type: ignore[var-annotated]
        driver = ScriptedDriver(rungs=(Rung(name="quota", proves="what is left"),))
        async with (
            bench(
                provider("a"), disk=disk, clock=clock, driver=driver, lock=MemoryLock(holders), background=True
            ) as it,
            bench(provider("a"), disk=disk, clock=clock, lock=MemoryLock(holders), background=True) as other,
        ):
            driver.probing["a"] = answer
            await clock.sleep(60.0)
            seen = (await other.console.provider("a")).health
            driver.probing["a"] = ProbeResult(rung="quota")  # type: ignore[assignment]
            await it.console.check("a")
            await clock.sleep(30.0)
            assert not other.driver.probes
            return (seen.state, seen.why.startswith(why)), (await other.console.provider("a")).health.state

    assert play(history) == ((HealthState.HELD, True), HealthState.HEALTHY)


def test_a_hold_that_a_row_tells_of_ends_when_nobody_renews_it() -> None:
    async def history() -> list[Hold | None]:
        disk, clock = MemoryDisk(), SimClock()
        async with bench(provider("a"), disk=disk, clock=clock) as first:
            first.driver.probing["a"] = failing(401)
            await first.console.check("a")
        async with bench(provider("a"), disk=disk, clock=clock) as it:
            found = [it.lanes["a"].breaker.held]
            await clock.sleep(100.0)
            await it.engine.executor.execute(chat())
            return [*found, it.lanes["a"].breaker.held]

    assert play(history) == [Hold.NEEDS_AUTH, None]


def test_a_key_stored_since_is_tried_though_a_row_says_held() -> None:
    async def history() -> str | None:
        disk, clock, driver = MemoryDisk(), SimClock(), ScriptedDriver(credential="required")
        keyed = provider("a", credential="A_KEY")
        async with bench(keyed, disk=disk, clock=clock, driver=driver, secrets={"A_KEY": "old"}) as first:
            driver.probing["a"] = failing(401)
            await first.console.check("a")
        await clock.sleep(5.0)
        async with bench(keyed, disk=disk, clock=clock, driver=driver, secrets={"A_KEY": "new"}) as it:
            return (await it.engine.executor.execute(chat())).provider

    assert play(history) == "a"


def test_what_this_process_learnt_later_is_not_overruled_by_a_row() -> None:
    async def history() -> Hold | None:
        disk, clock = MemoryDisk(), SimClock()
        async with bench(provider("a"), disk=disk, clock=clock) as it:
            disk.checks.append(
                CheckRow(
                    provider="a",
                    at=clock.wall(),
                    state="held",
                    passed=None,
                    error_class="authentication",
                    message="401",
                )
            )
            await clock.sleep(1.0)
            await it.engine.executor.execute(chat())
            await it.engine.stored_checks.believe()
            return it.lanes["a"].breaker.held

    assert play(history) is None


ROWS: list[tuple[dict[str, Any], bool | None, HealthState]] = [
    ({"state": "unknown", "passed": False}, None, HealthState.UNKNOWN),
    ({"state": "unknown", "passed": None, "error_class": "permission"}, None, HealthState.UNKNOWN),
    ({"state": "healthy", "passed": None, "error_class": "rate_limited"}, True, HealthState.HEALTHY),
    ({"state": "unhealthy", "passed": False}, False, HealthState.UNHEALTHY),
]


@pytest.mark.parametrize(("row", "up", "state"), ROWS)
def test_a_row_is_believed_as_its_state_says(row: dict[str, Any], up: bool | None, state: HealthState) -> None:
    async def history() -> tuple[bool | None, HealthState]:
        disk, clock = MemoryDisk(), SimClock()
        disk.checks.append(CheckRow(provider="a", at=clock.wall() - 10.0, **row))
        async with bench(provider("a"), disk=disk, clock=clock) as it:
            return it.lanes["a"].up, (await it.console.provider("a")).health.state

    assert play(history) == (up, state)


def test_a_breaker_that_moved_elsewhere_hides_no_probe() -> None:
    async def history() -> bool | None:
        disk, clock = MemoryDisk(), SimClock()
        disk.checks.append(CheckRow(provider="a", at=clock.wall() - 20.0, state="healthy", passed=True, rung="reach"))
        disk.checks.append(
            CheckRow(provider="a", at=clock.wall() - 5.0, state="unhealthy", passed=None, rung="traffic")
        )
        async with bench(provider("a"), disk=disk, clock=clock) as it:
            return it.lanes["a"].up

    assert play(history) is True


# --- what is written -------------------------------------------------------------------------------------------------


def test_the_score_on_record_is_the_score_shown() -> None:
    async def history() -> tuple[float | None, float]:
        async with bench(provider("a"), provider("b")) as it:
            it.lanes["b"].succeeded(it.clock.monotonic(), 9.0)
            (check,) = await it.console.check("a")
            return check.score, (await it.console.provider("a")).health.score

    recorded, shown = play(history)
    assert recorded == shown


def test_who_left_is_forgotten() -> None:
    async def history() -> set[str]:
        async with bench(provider("a"), provider("b"), background=True) as it:
            await it.clock.sleep(5.0)
            it.source.descriptors.pop()
            await it.engine.catalog.refresh()
            await it.clock.sleep(5.0)
            return set(it.engine.checker.states)

    assert play(history) == {"a"}


def test_a_provider_without_a_named_credential_is_told_to_get_one_named() -> None:
    async def history() -> tuple[str, str | None]:
        async with bench(provider("a"), driver=ScriptedDriver(credential="required")) as it:
            with pytest.raises(Reported) as failed:
                await it.engine.executor.execute(chat())
            why = (await it.console.provider("a")).health.why
            assert why == "no credential is named"
            return str(failed.value), {f.check: f for f in await it.console.doctor()}["a answers"].mend

    hint, mend = play(history)
    command = "provider-console config set SECTION.providers.a.credential NAME"
    assert command in hint
    assert mend == command


# --- what is recalled of latencies -----------------------------------------------------------------------------------


def test_a_stream_is_remembered_by_how_soon_it_began() -> None:
    async def history() -> tuple[float | None, float | None]:
        disk, clock = MemoryDisk(), SimClock()
        for number, (duration_ms, first_ms) in enumerate([(60_000.0, 800.0), (90_000.0, 900.0), (700.0, None)]):
            await MemoryUsage(disk).write(
                [
                    AttemptRow(
                        execution_id=f"E{number}",
                        provider="a",
                        kind="chat",
                        category="ai",
                        attempt=1,
                        at=clock.wall() - 60.0,
                        duration_ms=duration_ms,
                        timeout_ms=15_000.0,
                        delay_before_ms=0.0,
                        ok=True,
                        absorbed=False,
                        counted=0.0,
                        first_content_ms=first_ms,
                    )
                ]
            )
        async with bench(provider("a"), disk=disk, clock=clock) as it:
            return it.lanes["a"].history_latency_s, it.lanes["a"].history_median_s

    assert play(history) == pytest.approx((0.8, 0.8), rel=0.032)


def test_when_a_stream_began_goes_on_record() -> None:
    async def history() -> list[tuple[float | None, float]]:
        async with bench(provider("a")) as it:

            async def speak(_call: Any) -> Any:
                return streamed(it.clock, "Hel", "lo", every_s=2.0)

            it.driver.say("a", speak, "done")
            for _ in range(2):
                await it.engine.executor.execute(chat())
            await it.engine.recorder.flush()
            rows = sorted(await it.usage.attempts(provider="a"), key=lambda row: row.at)
            return [(row.first_content_ms, row.duration_ms) for row in rows]

    assert play(history) == [(2_000.0, 4_000.0), (None, 0.0)]
