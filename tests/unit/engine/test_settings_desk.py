"""The configuration in force: taken when it is valid, kept when it is not, and never half of each."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.engine.workbench import bench, chat, failing, play, provider, refused

from provider_console.console.access import Identity, Role, guarded
from provider_console.console.errors import BadRequest, ConfigurationInvalid, Conflict, OperationFailed
from provider_console.console.events import SettingsRejected, SettingsReloaded

THREE = "[engine]\nmax_retries = 3\n"
BROKEN = "[engine]\nmax_retries = 99\n"


def _told(it: Any) -> list[Any]:
    events: list[Any] = []
    it.engine.bus.tap(lambda event: events.append(event) if "Settings" in type(event).__name__ else None)
    return events


def test_a_change_of_the_file_is_in_force_within_two_seconds() -> None:
    async def history() -> tuple[int, int, list[type]]:
        async with bench(provider("a"), background=True) as it:
            events = _told(it)
            await it.clock.sleep(5.5)
            it.settings.edit(THREE)
            before = it.engine.settings().engine.max_retries
            await it.clock.sleep(2.0)
            return before, it.engine.settings().engine.max_retries, [type(event) for event in events]

    assert play(history) == (5, 3, [SettingsReloaded])


def test_a_file_that_cannot_be_used_leaves_the_last_good_one_in_force_and_says_so() -> None:
    async def history() -> None:
        async with bench(provider("a"), text=THREE, background=True) as it:
            events = _told(it)
            it.settings.edit(BROKEN)
            await it.clock.sleep(10.0)

            assert it.engine.settings().engine.max_retries == 3
            view = await it.console.config()
            assert view.problem is not None
            assert "max_retries" in view.problem
            assert [type(event) for event in events] == [SettingsRejected]
            notices = (await it.console.health()).notices
            assert any("not in force" in notice for notice in notices)

            it.settings.edit("[engine]\nmax_retries = 2\n")
            await it.clock.sleep(2.5)
            assert it.engine.settings().engine.max_retries == 2
            assert (await it.console.config()).problem is None

    play(history)


def test_what_is_wrong_with_the_file_is_said_once_however_often_it_is_looked_at() -> None:
    async def history() -> list[type]:
        async with bench(provider("a"), text=THREE) as it:
            events = _told(it)
            it.settings.edit(BROKEN)
            for _ in range(5):
                await it.engine.desk.reload()
            return [type(event) for event in events]

    assert play(history) == [SettingsRejected]


def test_a_file_mended_to_what_is_in_force_ends_the_complaint() -> None:
    async def history() -> list[str | None]:
        async with bench(provider("a"), text=THREE, background=True) as it:
            problems, events = [], _told(it)
            for text in (BROKEN, THREE):
                it.settings.edit(text)
                await it.clock.sleep(2.5)
                problems.append((await it.console.config()).problem)
            assert [type(event) for event in events] == [SettingsRejected, SettingsReloaded]
            return problems

    first, second = play(history)
    assert first is not None
    assert second is None


def test_what_runs_keeps_the_settings_it_began_with() -> None:
    async def history() -> tuple[int, int]:
        # Each has a provider of its own: five failures of two operations open a breaker.
        async with bench(provider("a"), provider("b"), background=True) as it:
            it.driver.always |= {"a": refused(), "b": refused()}
            async with asyncio.TaskGroup() as group:
                running = group.create_task(_failed(it, "a"))
                await it.clock.sleep(0.01)
                it.settings.edit("[engine]\nmax_retries = 1\n")
                await it.engine.desk.reload()
                later = group.create_task(_failed(it, "b"))
            return running.result(), later.result()

    assert play(history) == (5, 1)


def test_figures_and_breaker_survive_a_reload() -> None:
    async def history() -> bool:
        async with bench(provider("a")) as it:
            lane = it.lanes["a"]
            await it.console.set_config("health.failure_threshold", 0.5)
            return it.lanes["a"] is lane and lane.breaker.failure_threshold == 0.5

    assert play(history)


def test_a_key_that_is_set_is_in_force_when_the_answer_comes() -> None:
    async def history() -> tuple[Any, int]:
        async with bench(provider("a"), text="# mine\n" + THREE) as it:
            view = await it.console.set_config("engine.max_retries", 4)
            text, _ = await it.console.config_text()
            assert text.startswith("# mine\n")
            found = next(setting for setting in view.settings if setting.key == "engine.max_retries")
            return found.value, it.engine.settings().engine.max_retries

    assert play(history) == (4, 4)


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("engine.max_retries", 99, BadRequest),
        ("engine.max_retires", 3, BadRequest),
        ("engine..x", 3, BadRequest),
    ],
)
def test_a_value_that_does_not_fit_changes_nothing(key: str, value: object, error: type[Exception]) -> None:
    async def history() -> tuple[int, str]:
        async with bench(provider("a"), text=THREE) as it:
            with pytest.raises(error):
                await it.console.set_config(key, value)
            text, _ = await it.console.config_text()
            return it.engine.settings().engine.max_retries, text

    assert play(history) == (3, THREE)


def test_of_two_writers_the_second_is_told() -> None:
    async def history() -> str:
        async with bench(provider("a"), text=THREE) as it:
            text, revision = await it.console.config_text()
            await it.console.replace_config(text + "base_delay = 1\n", revision=revision, reason="first")
            with pytest.raises(Conflict):
                await it.console.replace_config(text + "base_delay = 2\n", revision=revision, reason="second")
            return (await it.console.config_text())[0]

    assert "base_delay = 1" in play(history)


def test_an_edit_on_the_disk_that_was_not_seen_yet_is_not_overwritten() -> None:
    async def history() -> tuple[str, int, int]:
        async with bench(provider("a"), text=THREE) as it:
            it.settings.edit("[engine]\nmax_delay = 5000\n")
            await it.console.set_config("engine.max_retries", 4)
            engine = it.engine.settings().engine
            return (await it.console.config_text())[0], engine.max_delay, engine.max_retries

    text, max_delay, max_retries = play(history)
    assert (max_delay, max_retries) == (5000, 4)
    assert "max_delay = 5000" in text


def test_an_earlier_version_can_be_made_the_one_in_force() -> None:
    async def history() -> tuple[int, list[str]]:
        async with bench(provider("a"), text=THREE) as it:
            for retries in (4, 2):
                await it.console.set_config("engine.max_retries", retries)
            first = (await it.console.config_history())[-1]
            await it.console.restore_config(first.id)
            history = await it.console.config_history()
            return it.engine.settings().engine.max_retries, [one.reason for one in history]

    retries, reasons = play(history)
    assert retries == 4
    assert reasons == ["restore revision 1", "set engine.max_retries", "set engine.max_retries"]


def test_a_version_has_the_name_of_whoever_asked_for_it() -> None:
    async def history() -> list[str]:
        async with bench(provider("a"), text=THREE) as it:
            alice = Identity(actor="alice", role=Role.SUPER_ADMIN, front_end="api")
            await guarded(it.console, it.audit, alice).set_config("engine.max_retries", 4)
            await it.console.set_config("engine.max_retries", 2)
            return [one.author for one in await it.console.config_history()]

    assert play(history) == ["engine", "alice"]


def test_a_version_that_is_not_there_is_said_with_where_to_look() -> None:
    async def history() -> None:
        async with bench(provider("a")) as it:
            with pytest.raises(BadRequest, match="config history"):
                await it.console.restore_config(4711)

    play(history)


def test_a_text_can_be_tried_without_using_it() -> None:
    async def history() -> int:
        async with bench(provider("a")) as it:
            view = await it.console.validate_config(THREE)
            assert next(s.value for s in view.settings if s.key == "engine.max_retries") == 3
            with pytest.raises(ConfigurationInvalid) as caught:
                await it.console.validate_config(BROKEN)
            assert all("config.toml" in problem for problem in caught.value.problems)
            return it.engine.settings().engine.max_retries

    assert play(history) == 5


async def _failed(it: Any, *providers: str) -> int:
    with pytest.raises(OperationFailed) as caught:
        await it.engine.executor.execute(chat(providers=providers or None))
    return len(caught.value.report.attempts)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("network.proxy", "http://proxy.example:3128"),
        ("network.ca_file", "/etc/ca.pem"),
        ("log.level", "debug"),
        ("plugins.disabled", ["translation"]),
    ],
)
def test_a_setting_that_takes_effect_at_the_next_start_says_so_until_then(key: str, value: object) -> None:
    async def history() -> None:
        async with bench(provider("a"), text=THREE) as it:
            said = f"{key} takes effect at the next start"
            assert said in (await it.console.set_config(key, value)).warnings
            assert said in (await it.console.config()).warnings
            assert said in await it.console.notices()

            assert said not in (await it.console.set_config(key, None)).warnings
            assert said not in await it.console.notices()

    play(history)


def test_a_changed_window_is_the_one_that_the_figures_look_back_in() -> None:
    async def history() -> list[tuple[float, int]]:
        async with bench(provider("a")) as it:
            seen = []
            for window in (None, 600_000, 600_000, 60_000):
                if window is not None:
                    await it.console.set_config("health.performance_window", window)
                await it.engine.executor.execute(chat())
                seen.append((it.lanes["a"].window.span_s, it.lanes["a"].window.figures(it.clock.monotonic()).requests))
            return seen

    assert play(history) == [(300.0, 1), (600.0, 1), (600.0, 2), (60.0, 1)]


def test_what_is_wrong_with_plugins_is_a_notice() -> None:
    async def history() -> bool:
        async with bench(provider("a")) as it:
            said = "[plugins] disabled names 'nope', which is not installed"
            it.plugins.problems = (said,)
            return said in await it.console.notices()

    assert play(history)


def test_a_setting_of_one_category_wins_over_the_general_one() -> None:
    async def history() -> list[str]:
        text = "[engine]\nmax_retries = 4\n[engine.categories.ai]\nmax_retries = 2\n"
        async with bench(provider("a"), text=text) as it:
            it.driver.always["a"] = failing(503)
            await _failed(it)
            return it.driver.asked

    assert play(history) == ["a", "a"]
