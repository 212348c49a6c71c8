"""The living sandbox as a whole: a real engine on real servers, in a home that is gone afterwards."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence

import pytest

from provider_console.console.errors import BadRequest, NoProvider
from provider_console.console.views import CoverageEntry, FiguresView, HealthState
from provider_console.core.ports.usage import AttemptRow
from provider_console.sandbox import OK, Fault, living_sandbox
from provider_console.sandbox.cast import CAST, FOUND
from provider_console.sandbox.living import SEED
from provider_console.sandbox.past import past
from provider_console.sdk.secret import Secret


async def test_left_alone_everybody_is_well_but_one_without_a_key_and_one_nobody_adopted() -> None:
    async with living_sandbox(script=(), errands=False) as sandbox:
        await sandbox.console.check()
        states = {view.id: view.health.state for view in (await sandbox.console.health()).providers}

    assert states.pop("azure_openai") is HealthState.HELD
    assert states.pop(FOUND) is HealthState.OFF
    assert states == {player.id: HealthState.HEALTHY for player in CAST if player.id != "azure_openai"}


async def test_a_pair_that_one_provider_speaks_is_served_by_nobody_when_it_is_gone() -> None:
    async with living_sandbox(script=(), errands=False) as sandbox:
        await sandbox.console.check()
        sandbox.servers["libretranslate"].faults.set(Fault("refuse"))
        await sandbox.console.check("libretranslate")
        await sandbox.console.check("libretranslate")
        gone = [entry.capability for entry in await sandbox.console.coverage() if entry.status == "not served"]
        sandbox.servers["libretranslate"].faults.set(OK)

    assert gone == ["translate:en>sr"]


async def test_a_failing_provider_is_covered_by_the_next_and_the_answer_is_a_translation() -> None:
    async with living_sandbox(script=(), errands=False) as sandbox:
        console = sandbox.console
        sandbox.servers["deepl"].faults.set(Fault("status", status=503), on="work")
        payload = {"text": "The house is red.", "from": "en", "to": "es"}
        report = await console.execute(await console.operation("translate", payload))

    assert report.provider == "google_translate"
    assert report.result is not None
    assert report.result["text"] == "La casa es roja."
    assert {attempt.provider for attempt in report.attempts if attempt.absorbed} == {"deepl"}


async def test_a_missing_key_can_be_given_and_ends_with_the_sandbox() -> None:
    async with living_sandbox(script=(), errands=False) as sandbox:
        console = sandbox.console
        with pytest.raises(NoProvider):
            await console.execute(
                await console.operation("chat", {"text": "Hello"}, options={"providers": ["azure_openai"]})
            )
        with pytest.raises(BadRequest, match="control characters"):
            await console.set_secret("SANDBOX_AZURE_OPENAI_KEY", Secret("two\nlines"))
        await console.set_secret("SANDBOX_AZURE_OPENAI_KEY", Secret("anything-goes"))
        await console.check("azure_openai")
        view = await console.provider("azure_openai")

    assert view.health.state is HealthState.HEALTHY
    assert view.credential is not None
    assert view.credential.present


async def test_what_was_found_can_be_adopted() -> None:
    async with living_sandbox(script=(), errands=False) as sandbox:
        found = await sandbox.console.provider(FOUND)
        adopted = await sandbox.console.adopt_provider(FOUND, base_url=found.base_url, credential=found.credential)

    assert not found.configured
    assert adopted.configured


async def test_requests_come_by_themselves_leave_no_audit_rows_and_the_home_is_gone_afterwards() -> None:
    async with living_sandbox(script=()) as sandbox:
        events = sandbox.console.events()
        async for event in events:
            if type(event).__name__ == "ExecutionEnded":
                break
        await events.aclose()  # type: ignore[attr-defined]  # the engine's own are a generator
        trail = await sandbox.console.audit()
        assert sandbox.home.is_dir()

    assert [row.action for row in trail] == []
    assert not sandbox.home.exists()


async def test_the_home_is_gone_after_an_error_too() -> None:
    with pytest.raises(LookupError):
        async with living_sandbox(script=(), errands=False) as sandbox:
            raise LookupError

    assert not sandbox.home.exists()


async def test_the_survey_names_the_credentials_that_would_unlock_a_provider() -> None:
    async with living_sandbox(script=(), errands=False) as sandbox:
        survey = await sandbox.console.survey()

    assert [known.name for known in survey.known][:3] == ["OPENAI_API_KEY", "DEEPL_AUTH_KEY", "GROQ_API_KEY"]
    assert survey.keyring_problem is None
    assert survey.found == ("Together AI",)


class Quick:
    """Time that passes four times as fast, for the script and the errands: a minute of theirs is a quarter of one."""

    def monotonic(self) -> float:
        return 4 * time.monotonic()

    def wall(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 4)


Pictured = Callable[[Mapping[str, tuple[HealthState, str]], Sequence[CoverageEntry], FiguresView], bool]

PICTURED: Mapping[str, Pictured] = {
    "healthy": lambda said, _entries, _figures: said["groq"] == (HealthState.HEALTHY, "healthy"),
    "slower than usual": lambda said, _entries, _figures: (
        said["openai"][0] is HealthState.DEGRADED and said["openai"][1].startswith("slow, p95")
    ),
    "down": lambda said, _entries, _figures: (
        said["libretranslate"][0] is HealthState.UNHEALTHY and said["libretranslate"][1].startswith("down")
    ),
    "without a key": lambda said, _entries, _figures: said["azure_openai"][0] is HealthState.HELD,
    "quota used": lambda said, _entries, _figures: said["azure_translator"][1].startswith("quota used"),
    "cooling": lambda said, _entries, _figures: said["groq"][1].startswith("cooling"),
    "found": lambda said, _entries, _figures: said[FOUND] == (HealthState.OFF, "found, not adopted"),
    "served by nobody": lambda _said, entries, _figures: (
        "translate:en>sr" in {entry.capability for entry in entries if entry.status == "not served"}
    ),
    "saved by fallback": lambda _said, _entries, figures: figures.saved_by_fallback > 0,
}


@pytest.mark.limit(40)
async def test_every_state_that_the_pictures_show_happens_within_the_first_minute() -> None:
    missing = dict(PICTURED)
    quick = Quick()
    overrides = {"health.health_check_interval": 1_250}
    async with living_sandbox(clock=quick, overrides=overrides) as sandbox:
        console, begun = sandbox.console, quick.monotonic()
        while missing:
            assert quick.monotonic() - begun < 60, f"not within a minute of the script: {sorted(missing)}"
            said = {view.id: (view.health.state, view.health.why) for view in (await console.health()).providers}
            entries, figures = await console.coverage(), await console.figures()
            for name in [name for name, seen in missing.items() if seen(said, entries, figures)]:
                del missing[name]
            await quick.sleep(0.5)


async def test_its_past_gives_trends_usual_latencies_two_days_of_figures_and_an_outage() -> None:
    async with living_sandbox(script=(), errands=False) as sandbox:
        console = sandbox.console
        trends = await console.trends()
        hour, day = await console.history(since="1h"), await console.history(since="24h")
        outages = (await console.outages(since="24h")).outages

    able = {player.id: player for player in CAST if player.key != "missing"}
    for name, player in able.items():
        median_ms = trends[name].median_day_ms
        assert median_ms == pytest.approx(1000 * player.latency_s, rel=0.15)
        assert None not in trends[name].medians[1:-1]
    assert {each.provider for each in day.providers if each.figures and each.before} == set(able)
    assert {each.provider for each in hour.providers if each.figures} == set(able)
    assert day.total is not None
    assert day.total.absorbed_failures > 0
    assert day.total.reached_caller > 0
    assert [(outage.provider, outage.duration_ms, outage.recovered) for outage in outages] == [
        ("mistral", 540_000.0, True)
    ]


def test_its_past_had_most_failures_saved_at_whatever_hour_it_is_opened() -> None:
    absorbed, reached = 0, 0
    for opened in range(96):
        rows = past(1_764_028_800.0 + 900 * opened, random.Random(SEED))
        failed = [row.absorbed for row in rows if isinstance(row, AttemptRow) and not row.ok]
        absorbed, reached = absorbed + sum(failed), reached + failed.count(False)
        assert True in failed
        assert False in failed

    assert absorbed > 4 * reached


async def test_without_a_past_nothing_is_on_record_when_it_opens() -> None:
    async with living_sandbox(script=(), errands=False, past=False) as sandbox:
        day = await sandbox.console.history(since="24h")
        trends = await sandbox.console.trends()

    assert day.total is None
    assert {trend.median_day_ms for trend in trends.values()} == {None}
