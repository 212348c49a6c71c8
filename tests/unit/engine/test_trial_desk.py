"""A change with a way back: kept when somebody confirms it, taken back when nobody does or when it does harm."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.unit.engine.workbench import bench, play, provider, refused

from provider_console.adapters.memory import MemoryDisk
from provider_console.adapters.memory_settings import MemorySettings
from provider_console.console.errors import BadRequest, ConfigurationInvalid, Conflict
from provider_console.console.events import SettingsTakenBack

THREE = "[engine]\nmax_retries = 3\n"
KEY = "engine.max_retries"


def retries(it: Any) -> int:
    return int(it.engine.settings().engine.max_retries)


def trail(it: Any) -> list[tuple[str, str, str]]:
    return [(row.action, row.phase, row.result) for row in it.audit._rows]


def test_what_nobody_confirms_is_taken_back_on_time_and_the_trail_says_why() -> None:
    async def history() -> None:
        async with bench(provider("a"), text=THREE, background=True) as it:
            told: list[SettingsTakenBack] = []
            it.engine.bus.tap(lambda e: told.append(e) if isinstance(e, SettingsTakenBack) else None)
            await it.clock.sleep(60)
            view = await it.console.set_config(KEY, 1, confirm_within_s=600)
            assert (retries(it), view.trial.reason) == (1, f"set {KEY}")
            await it.clock.sleep(595)
            assert retries(it) == 1
            await it.clock.sleep(10)
            assert retries(it) == 3
            assert (await it.console.config_text())[0] == THREE
            assert [event.why for event in told] == ["nobody confirmed it within 10 m 00 s"]
            assert trail(it) == [("take_back_config", "intent", "pending"), ("take_back_config", "outcome", "done")]
            assert (await it.console.config()).trial is None
            assert any("was taken back: nobody confirmed" in notice for notice in await it.console.notices())
            reasons = [one.reason for one in await it.console.config_history()]
            assert reasons == ["taken back: nobody confirmed it within 10 m 00 s", f"set {KEY}"]

    play(history)


def test_what_is_confirmed_stays() -> None:
    async def history() -> None:
        async with bench(provider("a"), text=THREE, background=True) as it:
            await it.clock.sleep(60)
            await it.console.set_config(KEY, 1, confirm_within_s=600)
            view = await it.console.confirm_config()
            await it.clock.sleep(2000)
            assert (retries(it), view.trial, trail(it)) == (1, None, [])
            with pytest.raises(BadRequest, match="no change is on trial"):
                await it.console.confirm_config()

    play(history)


def test_a_change_that_takes_a_service_away_is_taken_back_at_once() -> None:
    async def history() -> None:
        text = THREE
        async with bench(provider("a"), provider("b", capabilities=("vision",)), text=text, background=True) as it:
            await it.clock.sleep(60)
            it.source.descriptors.pop()
            with pytest.raises(Conflict, match=r"taken back at once: ai vision was no longer served"):
                await it.console.set_config(KEY, 1, confirm_within_s=600)
            assert retries(it) == 3

    play(history)


def test_a_change_after_which_the_health_drops_is_taken_back() -> None:
    async def history() -> None:
        async with bench(provider("a"), provider("b"), text=THREE, background=True) as it:
            await it.clock.sleep(60)
            await it.console.set_config(KEY, 1, confirm_within_s=6000)
            it.driver.probing["a"] = refused()
            await it.clock.sleep(60)
            assert retries(it) == 3
            assert any("the overall health dropped from 100.0 % to 50.0 %" in n for n in await it.console.notices())

    play(history)


def test_a_small_drop_of_health_is_no_harm() -> None:
    async def history() -> None:
        providers = [provider(f"p{number:02}") for number in range(12)]
        async with bench(*providers, text=THREE, background=True) as it:
            await it.clock.sleep(60)
            await it.console.set_config(KEY, 1, confirm_within_s=6000)
            it.driver.probing["p00"] = refused()
            await it.clock.sleep(60)
            assert retries(it) == 1

    play(history)


def test_a_console_that_is_killed_leaves_the_way_back_to_the_next_one() -> None:
    async def history() -> None:
        disk, store = MemoryDisk(), MemorySettings(text=THREE)
        async with bench(provider("a"), disk=disk, store=store, background=True) as it:
            await it.clock.sleep(60)
            await it.console.set_config(KEY, 1, confirm_within_s=6000)
            it.usage.crash()
            clock = it.clock
        async with bench(provider("a"), disk=disk, store=store, clock=clock) as again:
            assert retries(again) == 3
            assert trail(again)[-1] == ("take_back_config", "outcome", "done")
            assert any("the console that watched it was ended" in n for n in await again.console.notices())

    play(history)


def test_what_a_command_began_is_for_the_next_one_to_confirm_or_to_take_back() -> None:
    async def history() -> list[int]:
        seen = []
        for wait in (30, 700):
            disk, store = MemoryDisk(), MemorySettings(text=THREE)
            async with bench(provider("a"), disk=disk, store=store) as it:
                await it.console.set_config(KEY, 1, confirm_within_s=600)
                clock = it.clock
            await clock.sleep(wait)
            async with bench(provider("a"), disk=disk, store=store, clock=clock) as later:
                seen.append(retries(later))
        return seen

    assert play(history) == [1, 3]


def test_a_running_console_takes_back_what_a_command_began() -> None:
    async def history() -> None:
        disk, store = MemoryDisk(), MemorySettings(text=THREE)
        async with bench(provider("a"), disk=disk, store=store, background=True) as it:
            await it.clock.sleep(60)
            async with bench(provider("a"), disk=disk, store=store, clock=it.clock) as command:
                await command.console.set_config(KEY, 1, confirm_within_s=60)
            await it.clock.sleep(5)
            assert retries(it) == 1
            assert (await it.console.config()).trial is not None
            await it.clock.sleep(60)
            assert retries(it) == 3

    play(history)


def test_one_change_is_on_trial_at_a_time_and_a_restore_ends_it() -> None:
    async def history() -> None:
        async with bench(provider("a"), text=THREE) as it:
            await it.console.set_config(KEY, 4)
            await it.console.set_config(KEY, 1, confirm_within_s=60)
            with pytest.raises(Conflict, match=r"on trial until .* config confirm"):
                await it.console.set_config(KEY, 2)
            first = (await it.console.config_history())[-1]
            view = await it.console.restore_config(first.id)
            assert (retries(it), view.trial) == (4, None)
            await it.console.set_config(KEY, 2)

    play(history)


def test_a_file_that_was_edited_meanwhile_stays_as_it_is() -> None:
    async def history() -> None:
        async with bench(provider("a"), text=THREE, background=True) as it:
            await it.clock.sleep(60)
            await it.console.set_config(KEY, 1, confirm_within_s=60)
            it.settings.edit("[engine]\nmax_retries = 7\n")
            await it.clock.sleep(100)
            assert retries(it) == 7
            assert any("the file was changed meanwhile, and that stays" in n for n in await it.console.notices())

    play(history)


def test_a_change_that_is_refused_leaves_nothing_on_trial() -> None:
    async def history() -> None:
        async with bench(provider("a"), text=THREE) as it:
            with pytest.raises(BadRequest):
                await it.console.set_config(KEY, 99, confirm_within_s=60)
            with pytest.raises(Conflict):
                await it.console.replace_config(THREE + "\n", revision="x", reason="r", confirm_within_s=60)
            for span in (1.0, 1e9):
                with pytest.raises(BadRequest, match="on trial for 10 s to 1 d"):
                    await it.console.set_config(KEY, 1, confirm_within_s=span)
            assert (await it.console.config()).trial is None

    play(history)


def test_a_trail_that_cannot_be_written_does_not_keep_an_unconfirmed_change_in_force() -> None:
    async def history() -> None:
        async with bench(provider("a"), text=THREE, background=True) as it:
            await it.clock.sleep(60)
            await it.console.set_config(KEY, 1, confirm_within_s=60)
            it.audit.failure = "audit.db: the disk is full"
            await it.clock.sleep(100)
            assert retries(it) == 3

    play(history)


def test_a_wall_clock_that_is_put_back_does_not_prolong_a_trial() -> None:
    async def history() -> None:
        async with bench(provider("a"), text=THREE, background=True) as it:
            await it.clock.sleep(60)
            await it.console.set_config(KEY, 1, confirm_within_s=60)
            await it.clock.sleep(5)
            wall = it.clock.wall
            it.clock.wall = lambda: wall() - 86_400.0  # type: ignore[method-assign]
            await it.clock.sleep(60)
            assert retries(it) == 3

    play(history)


def test_a_version_that_no_longer_validates_is_refused_with_the_reason() -> None:
    async def history() -> None:
        async with bench(provider("a"), text=THREE) as it:
            await it.console.set_config(KEY, 4)
            revisions = it.settings._revisions
            revisions[0] = msgspec.structs.replace(revisions[0], text="[engine]\nmax_tries = 4\n")
            with pytest.raises(ConfigurationInvalid, match="revision 1 can no longer be used") as caught:
                await it.console.restore_config(1)
            assert "max_tries" in str(caught.value)
            assert retries(it) == 4

    play(history)
