"""The map of providers: what sources say, what is remembered, and what survives a reload."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from tests.unit.engine.workbench import ListSource, ScriptedDriver, bench, chat, classed, failing, play, provider

from provider_console.adapters.memory import MemoryDisk
from provider_console.console.errors import OperationFailed
from provider_console.console.events import CatalogChanged, PluginQuarantined
from provider_console.console.views import PluginView, iso
from provider_console.core.breaker import Hold
from provider_console.engine.lane import NAMELESS
from provider_console.engine.plugin_roster import Trouble
from provider_console.sdk import Description, ErrorClass, Incomplete, ProviderDescriptor, SdkError, Secret


def describing() -> ScriptedDriver:
    return ScriptedDriver(describes=True)


# --- sources -----------------------------------------------------------------------------------------------------


def test_what_two_sources_say_of_one_provider_is_one_provider() -> None:
    async def history() -> Any:
        found = ListSource(ProviderDescriptor(id="a", driver="scripted", region="eu", models=("m",)))
        async with bench(provider("a"), sources={"found": found}) as it:
            return it.lanes["a"].provider

    one = play(history)
    assert (one.region, one.models, one.sources, one.configured) == ("eu", ("m",), ("configured", "found"), True)


def test_a_source_that_fails_is_believed_as_it_last_was_and_said() -> None:
    async def history() -> None:
        found = ListSource(ProviderDescriptor(id="b", driver="scripted"))
        async with bench(provider("a"), sources={"found": found}) as it:
            for failure in (SdkError("the catalogue is closed"), ValueError("secret-canary")):
                found.failure = failure
                await it.engine.catalog.refresh()
                assert sorted(it.lanes) == ["a", "b"]
                (problem,) = it.engine.catalog.problems
                assert problem.startswith("source found")
                assert problem.endswith("its last answer is used")
                assert "canary" not in problem
            found.failure = None
            found.descriptors.clear()
            await it.engine.catalog.refresh()
            assert sorted(it.lanes) == ["a"]
            assert it.engine.catalog.problems == ()

    play(history)


def test_a_source_that_hangs_is_left_after_ten_seconds_and_the_others_count() -> None:
    async def history() -> tuple[float, list[str], tuple[str, ...]]:
        class Hanging(ListSource):
            async def discover(self) -> Any:
                await asyncio.Event().wait()

        async with bench(provider("a"), sources={"slow": Hanging()}) as it:
            return it.clock.monotonic(), sorted(it.lanes), it.engine.catalog.problems

    at, names, problems = play(history)
    assert (at, names) == (10.0, ["a"])
    assert problems == ("source slow did not answer within 10 s",)


def test_a_source_that_answers_with_something_else_is_a_problem_and_no_more() -> None:
    async def history() -> tuple[str, ...]:
        class Wrong(ListSource):
            async def discover(self) -> Any:
                return [{"id": "x"}]

        async with bench(provider("a"), sources={"wrong": Wrong()}) as it:
            return it.engine.catalog.problems

    assert play(history) == ("source wrong: its answer is not a list of ProviderDescriptor",)


def test_forgetting_drops_what_a_failing_source_last_said() -> None:
    async def history() -> list[str]:
        found = ListSource(ProviderDescriptor(id="b", driver="scripted"))
        async with bench(provider("a"), sources={"found": found}) as it:
            found.failure = SdkError("closed")
            assert await it.console.clear_cache() == 1
            return sorted(it.lanes)

    assert play(history) == ["a"]


def test_sources_are_asked_again_once_the_cache_has_expired() -> None:
    async def history() -> list[int]:
        async with bench(provider("a"), background=True) as it:
            counts = [it.source.asked]
            for _ in range(2):
                await it.clock.sleep(302.0)
                counts.append(it.source.asked)
            return counts

    assert play(history) == [1, 2, 3]


def test_a_change_is_told_with_the_problems_of_this_very_look() -> None:
    async def history() -> CatalogChanged:
        found = ListSource()
        async with bench(provider("a"), sources={"found": found}) as it:
            events: list[Any] = []
            it.engine.bus.tap(events.append)
            found.failure = SdkError("closed")
            it.source.descriptors.append(provider("b"))
            await it.engine.catalog.refresh()
            (event,) = [one for one in events if isinstance(one, CatalogChanged)]
            return event

    event = play(history)
    assert event.providers == ("a", "b")
    assert event.problems == ("source found: closed; its last answer is used",)


def test_a_source_that_fails_is_a_trouble_since_then_until_it_answers_and_both_are_told() -> None:
    async def history() -> tuple[Any, ...]:
        found = ListSource()
        async with bench(provider("a"), sources={"found": found}) as it:
            events: list[Any] = []
            it.engine.bus.tap(events.append)
            found.failure = SdkError("closed")
            await it.engine.catalog.refresh()
            began = it.clock.wall()
            await it.clock.sleep(400.0)
            found.failure = SdkError("still closed")
            await it.engine.catalog.refresh()
            (trouble,) = (await it.console.health()).troubles
            assert (trouble.subject, trouble.since) == ("source found", iso(began))
            told = len(events)
            found.failure = None
            await it.engine.catalog.refresh()
            assert (await it.console.health()).troubles == ()
            return trouble.what, told, len(events)

    assert play(history) == ("source found: still closed; its last answer is used", 1, 2)


def test_what_a_source_found_counts_where_it_could_look_in_some_places_only() -> None:
    async def history() -> tuple[list[str], tuple[str, ...]]:
        found = ListSource()
        async with bench(provider("a"), sources={"found": found}) as it:
            found.failure = Incomplete("one list is closed", found=[ProviderDescriptor(id="b", driver="scripted")])
            await it.engine.catalog.refresh()
            return sorted(it.lanes), it.engine.catalog.problems

    assert play(history) == (["a", "b"], ("source found: one list is closed",))


def test_a_configured_provider_that_cannot_be_made_and_a_plugin_put_aside_are_troubles_and_a_found_one_is_not() -> None:
    async def history() -> list[str]:
        found = ListSource(ProviderDescriptor(id="found", driver="nobodys"))
        slip = ProviderDescriptor(id="slip", driver="scriptd", configured=True)
        async with bench(slip, sources={"found": found}) as it:
            it.plugins.quarantined = (
                PluginView(name="broken", package="broken", version="1", state="quarantined", reason="it raised"),
            )
            return sorted(trouble.subject for trouble in (await it.console.health()).troubles)

    assert play(history) == ["plugin broken", "provider slip"]


def test_a_plugin_that_is_put_aside_while_the_console_runs_is_told_of_without_its_secrets() -> None:
    async def history() -> list[Any]:
        async with bench(provider("a"), redact=lambda text: text.replace("sk-1234", "***")) as it:
            events: list[Any] = []
            it.engine.bus.tap(events.append)
            it.plugins.put_aside(Trouble(plugin="acme", reason="it raised ValueError: sk-1234"))
            return events

    (event,) = play(history)
    assert isinstance(event, PluginQuarantined)
    assert (event.plugin, event.reason) == ("acme", "it raised ValueError: ***")


# --- what providers say of themselves ------------------------------------------------------------------------------


def test_a_description_is_asked_for_once_in_its_time() -> None:
    async def history() -> tuple[int, int, tuple[str, ...]]:
        driver = describing()
        driver.descriptions["a"] = Description(models=("small", "large"))
        async with bench(provider("a"), driver=driver) as it:
            await it.clock.sleep(299.0)
            await it.engine.catalog.refresh()
            fresh = len(driver.described)
            await it.clock.sleep(2.0)
            await it.engine.catalog.refresh()
            return fresh, len(driver.described), it.lanes["a"].provider.models

    assert play(history) == (1, 2, ("small", "large"))


def test_a_description_outlives_the_process() -> None:
    async def history() -> tuple[int, tuple[str, ...]]:
        disk = MemoryDisk()
        first = describing()
        first.descriptions["a"] = Description(models=("large",))
        async with bench(provider("a"), driver=first, disk=disk):
            pass
        second = describing()
        async with bench(provider("a"), driver=second, disk=disk) as it:
            return len(second.described), it.lanes["a"].provider.models

    assert play(history) == (0, ("large",))


@pytest.mark.parametrize("failure", [failing(503), ValueError("?"), classed(ErrorClass.AUTHENTICATION)])
def test_a_stale_description_is_believed_where_the_provider_does_not_answer(failure: Exception) -> None:
    async def history() -> tuple[tuple[str, ...], tuple[str, ...]]:
        driver = describing()
        driver.descriptions["a"] = Description(models=("large",))
        async with bench(provider("a"), driver=driver) as it:
            driver.descriptions["a"] = failure
            await it.clock.sleep(400.0)
            await it.engine.catalog.refresh()
            return it.lanes["a"].provider.models, it.engine.catalog.problems

    assert play(history) == (
        ("large",),
        ("a did not say what it can do; what is configured or was last known is used",),
    )


def test_a_configured_list_wins_over_what_the_provider_says() -> None:
    async def history() -> tuple[str, ...]:
        driver = describing()
        driver.descriptions["a"] = Description(models=("other",))
        async with bench(provider("a", models=("mine",)), driver=driver) as it:
            return it.lanes["a"].provider.models

    assert play(history) == ("mine",)


def test_who_is_off_is_not_asked_what_it_can_do() -> None:
    async def history() -> list[str]:
        driver = describing()
        async with bench(provider("a", enabled=False), provider("b"), driver=driver):
            return driver.described

    assert play(history) == ["b"]


def test_a_memory_that_cannot_be_read_costs_nothing_else() -> None:
    async def history() -> tuple[list[str], tuple[str, ...]]:
        async with bench(provider("a")) as it:
            it.usage.failure = "console.db: the disk is full"
            await it.engine.catalog.refresh()
            it.usage.failure, found = None, (sorted(it.lanes), it.engine.catalog.problems)
            return found

    assert play(history) == (
        ["a"],
        ("what was remembered of providers cannot be read: console.db: the disk is full",),
    )


# --- credentials -------------------------------------------------------------------------------------------------


def keyed() -> ScriptedDriver:
    return ScriptedDriver(credential="required")


def test_a_credential_that_appears_lets_its_provider_in() -> None:
    async def history() -> tuple[str | None, str | None]:
        async with bench(provider("a", credential="A_KEY"), driver=keyed()) as it:
            before = it.lanes["a"].missing
            await it.console.set_secret("A_KEY", Secret("new-value"))
            return before, (await it.engine.executor.execute(chat())).provider

    assert play(history) == ("A_KEY", "a")


def test_a_missing_credential_is_not_also_said_to_be_a_trouble_of_discovery() -> None:
    async def history() -> tuple[str | None, tuple[str, ...]]:
        driver = keyed()
        driver.descriptions["a"] = classed(ErrorClass.AUTHENTICATION)
        async with bench(provider("a", credential="A_KEY"), driver=driver) as it:
            return it.lanes["a"].missing, tuple(it.engine.catalog.problems)

    assert play(history) == ("A_KEY", ())


def test_another_value_ends_the_hold_and_the_same_one_does_not() -> None:
    async def history() -> list[Hold | None]:
        async with bench(provider("a", credential="A_KEY"), driver=keyed(), secrets={"A_KEY": "old"}) as it:
            breaker = it.lanes["a"].breaker
            breaker.hold(Hold.NEEDS_AUTH)
            holds = []
            for value in ("old", "new"):
                await it.console.set_secret("A_KEY", Secret(value))
                holds.append(breaker.held)
            return holds

    assert play(history) == [Hold.NEEDS_AUTH, None]


def test_a_key_that_was_deleted_and_stored_anew_ends_the_hold() -> None:
    async def history() -> list[Hold | None]:
        async with bench(provider("a", credential="A_KEY"), driver=keyed(), secrets={"A_KEY": "bad-key"}) as it:
            breaker = it.lanes["a"].breaker
            breaker.hold(Hold.NEEDS_AUTH)
            await it.console.delete_secret("A_KEY")
            holds = [breaker.held]
            await it.console.set_secret("A_KEY", Secret("good-key"))
            return [*holds, breaker.held]

    assert play(history) == [Hold.NEEDS_AUTH, None]


def test_a_bad_key_that_was_away_for_a_while_is_still_bad() -> None:
    async def history() -> Hold | None:
        async with bench(provider("a", credential="A_KEY"), driver=keyed(), secrets={"A_KEY": "bad-key"}) as it:
            it.lanes["a"].breaker.hold(Hold.NEEDS_AUTH)
            it.secrets.unusable = "the keyring is locked"
            await it.engine.catalog.refresh()
            it.secrets.unusable = None
            await it.engine.catalog.refresh()
            return it.lanes["a"].breaker.held

    assert play(history) is Hold.NEEDS_AUTH


def test_a_call_that_found_no_key_holds_only_until_there_is_one() -> None:
    async def history() -> str | None:
        async with bench(provider("a", credential="A_KEY"), driver=keyed(), secrets={"A_KEY": "value"}) as it:
            it.secrets.unusable = "the keyring is locked"
            it.secrets.forget()
            with pytest.raises(OperationFailed, match="secrets set"):
                await it.engine.executor.execute(chat())
            it.secrets.unusable = None
            await it.engine.catalog.refresh()
            return (await it.engine.executor.execute(chat())).provider

    assert play(history) == "a"


NEEDS = [
    ("required", None, NAMELESS),
    ("required", "A_KEY", "A_KEY"),
    ("optional", None, None),
    ("optional", "A_KEY", "A_KEY"),
    ("none", None, None),
    ("none", "A_KEY", None),
]


@pytest.mark.parametrize(("need", "named", "missing"), NEEDS)
def test_only_a_required_credential_excludes_and_a_named_one_always_does(
    need: str, named: str | None, missing: str | None
) -> None:
    async def history() -> str | None:
        async with bench(provider("a", credential=named), driver=ScriptedDriver(credential=need)) as it:
            return it.lanes["a"].missing

    assert play(history) == missing


# --- lanes and switches ------------------------------------------------------------------------------------------


CHANGES = [
    ({"region": "eu"}, True),
    ({"tier": "fallback"}, True),
    ({"models": ("large",)}, True),
    ({"names": {"en": "A"}}, True),
    ({"base_url": "http://127.0.0.1:2"}, False),
    ({"credential": "OTHER_KEY"}, False),
    ({"driver": "other"}, False),
    ({"network": "private"}, False),
]


@pytest.mark.parametrize(("change", "survives"), CHANGES, ids=[next(iter(change)) for change, _ in CHANGES])
def test_figures_and_breaker_survive_unless_they_speak_of_something_else(
    change: dict[str, Any], survives: bool
) -> None:
    async def history() -> bool:
        async with bench(provider("a"), others=[ScriptedDriver("other")]) as it:
            before = it.lanes["a"]
            it.source.descriptors[0] = msgspec.structs.replace(it.source.descriptors[0], **change)
            await it.engine.catalog.refresh()
            return it.lanes["a"] is before

    assert play(history) is survives


def test_the_dictionary_of_lanes_is_the_same_one_for_its_whole_life() -> None:
    async def history() -> bool:
        async with bench(provider("a")) as it:
            before = it.lanes
            it.source.descriptors.append(provider("b"))
            await it.engine.catalog.refresh()
            return it.engine.catalog.lanes is before and sorted(before) == ["a", "b"]

    assert play(history)


def test_a_switch_outlives_a_restart_and_says_who_threw_it() -> None:
    async def history() -> tuple[bool, str | None, bool]:
        disk = MemoryDisk()
        async with bench(provider("a"), disk=disk) as it:
            await it.console.set_provider_enabled("a", enabled=False)
        async with bench(provider("a"), disk=disk) as it:
            one = it.lanes["a"].provider
            off = one.enabled, one.provenance.get("enabled")
            await it.console.set_provider_enabled("a", enabled=True)
            return *off, it.lanes["a"].provider.enabled

    assert play(history) == (False, "administrator", True)


def test_a_switch_holds_while_the_memory_cannot_be_read() -> None:
    async def history() -> bool:
        async with bench(provider("a")) as it:
            await it.console.set_provider_enabled("a", enabled=False)
            it.usage.failure = "console.db: another program has kept it locked"
            await it.engine.catalog.refresh()
            it.usage.failure = None
            return it.lanes["a"].provider.enabled

    assert play(history) is False


def test_a_provider_switched_off_in_the_middle_of_an_execution_is_not_called_again() -> None:
    async def history() -> tuple[list[str], list[tuple[str, str]]]:
        async with bench(provider("a"), provider("b", tier="fallback")) as it:
            it.driver.always["a"] = failing(503)
            async with asyncio.TaskGroup() as group:
                running = group.create_task(it.engine.executor.execute(chat()))
                await it.clock.sleep(0.001)
                await it.console.set_provider_enabled("a", enabled=False)
            return it.driver.asked, running.result().left

    asked, left = play(history)
    assert asked == ["a", "b"]
    assert left[0] == ("a", "disabled")


def test_a_breaker_remembers_over_a_switch() -> None:
    async def history() -> bool:
        async with bench(provider("a")) as it:
            it.lanes["a"].breaker.cool(1_000.0)
            await it.console.set_provider_enabled("a", enabled=False)
            await it.console.set_provider_enabled("a", enabled=True)
            return it.lanes["a"].breaker.refusal(it.clock.monotonic()) == "cooling"

    assert play(history)
