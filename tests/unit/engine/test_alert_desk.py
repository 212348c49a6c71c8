"""Alerts of a running engine: one for one trouble, over restarts and consoles, with what to try first."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from tests.unit.engine.workbench import ScriptedDriver, bench, chat, failing, play, provider, refused

from provider_console.adapters.memory import MemoryDisk, MemoryLock
from provider_console.console.access import Identity, Role, guarded
from provider_console.console.errors import BadRequest, OperationFailed
from provider_console.console.events import AlertChanged, AlertCleared, AlertFired
from provider_console.core.ports.alerts import AlertRow
from provider_console.core.settings import AlertRule, AlertsSettings, AppearanceSettings, EngineSettings, Settings
from provider_console.engine.alert_desk import RINGS, filled
from provider_console.sdk import Cost, Result


def watching(*rules: tuple[str, str], **more: Any) -> Settings:
    return Settings(alerts=AlertsSettings(rules=tuple(AlertRule(name=n, when=w) for n, w in rules), **more))


def told(it: Any) -> list[tuple[str, str]]:
    """What the bus says of alerts, as it comes."""
    events: list[tuple[str, str]] = []
    kinds = (AlertFired, AlertChanged, AlertCleared)
    it.engine.bus.tap(lambda e: events.append((type(e).__name__, e.alert.title)) if isinstance(e, kinds) else None)
    return events


def test_a_provider_that_goes_down_rings_once_and_clears_by_itself() -> None:
    async def history() -> None:
        async with bench(
            provider("a"), provider("b"), settings=watching(on_alert=("beep", "{title}")), background=True
        ) as it:
            events = told(it)
            await it.clock.sleep(60)
            it.driver.probing["a"] = refused()
            # Found down within 35 s; the alert within 60 s of that.
            await it.clock.sleep(95)
            (alert,) = await it.console.alerts(only_open=True)
            assert (alert.rule, alert.subject, alert.title) == ("provider down", "a", "a is down")
            assert alert.first_try == "Is the server running there?"
            assert alert.command == "provider-console check a"
            assert "refused" in alert.evidence

            await it.clock.sleep(600)
            it.driver.probing.pop("a")
            await it.clock.sleep(600)
            assert await it.console.alerts(only_open=True) == []
            (past,) = await it.console.alerts()
            assert (past.state, past.cleared_at is not None) == ("cleared", True)
            assert events == [("AlertFired", "a is down"), ("AlertCleared", "a is down")]
            assert it.bell.rung == [("beep", "a is down")]

    play(history)


def test_an_alert_names_a_provider_as_people_do_and_the_command_gets_its_id_too() -> None:
    async def history() -> None:
        named = provider("deepl_pro", names={"en": "DeepL Pro", "es": "DeepL para empresas"})
        other = provider("b", names={"en": "Bee"})
        settings = watching(("few", "healthy_providers < 2"), on_alert=("beep", "{title}", "{subject}"))
        settings = msgspec.structs.replace(settings, appearance=AppearanceSettings(language="es"))
        async with bench(named, other, settings=settings, background=True) as it:
            it.driver.probing["deepl_pro"] = refused()
            await it.clock.sleep(120)
            alerts = {alert.rule: alert for alert in await it.console.alerts(only_open=True)}
            assert alerts["provider down"].title == "DeepL para empresas is down"
            assert alerts["provider down"].subject == "deepl_pro"
            assert alerts["few"].first_try == "Bring back DeepL para empresas."
            assert alerts["few"].command == "provider-console check deepl_pro"
            assert ("beep", "DeepL para empresas is down", "deepl_pro") in it.bell.rung

    play(history)


def test_what_nobody_serves_rings_with_who_could_be_brought_back() -> None:
    async def history() -> None:
        async with bench(provider("a"), background=True) as it:
            await it.clock.sleep(60)
            it.driver.probing["a"] = refused()
            await it.clock.sleep(120)
            alerts = {alert.rule: alert for alert in await it.console.alerts(only_open=True)}
            assert alerts["not served"].title == "nobody serves text_generation"
            assert alerts["not served"].first_try == "Bring back a."
            assert alerts["not served"].command == "provider-console check a"

    play(history)


class Pairs(msgspec.Struct, frozen=True):
    """A plugin's section that wants a pair to be served."""

    default_pair: str = "en>es"


def test_before_there_is_a_provider_nothing_rings_for_being_served_by_nobody() -> None:
    async def history() -> list[str]:
        async with bench(settings=Settings(sections={"translation": Pairs()}), background=True) as it:
            await it.clock.sleep(300)
            return [alert.title for alert in await it.console.alerts()]

    assert play(history) == []


def test_a_missing_credential_is_said_once_in_its_alert() -> None:
    async def history() -> str:
        driver = ScriptedDriver(credential="required")
        async with bench(provider("a", credential="A_KEY"), driver=driver, background=True) as it:
            await it.clock.sleep(30)
            return {alert.rule: alert for alert in await it.console.alerts(only_open=True)}[
                "credential missing"
            ].evidence

    assert play(history).startswith("credential missing: A_KEY · rule: ")


def test_a_credential_that_is_missing_rings_and_names_the_command_that_stores_it() -> None:
    async def history() -> None:
        driver = ScriptedDriver(credential="required")
        async with bench(provider("a", credential="A_KEY"), driver=driver, background=True) as it:
            await it.clock.sleep(30)
            alerts = {alert.rule: alert for alert in await it.console.alerts(only_open=True)}
            assert alerts["credential missing"].command == "provider-console secrets set A_KEY"
            assert alerts["not served"].command == "provider-console check a"

    play(history)


def test_each_quantity_fires_on_its_own_figures() -> None:
    async def history() -> set[str]:
        rules = (
            ("errors", "failure_rate > 50 and requests >= 4"),
            ("too few to say", "failure_rate > 50 and requests >= 400"),
            ("slow", "p95 > 500ms"),
            ("low", "score < 95"),
            ("few", "healthy_providers of ai < 2"),
            ("fragile", "coverage of text_generation < 2"),
            ("dear", "cost > 1"),
            ("other", "failure_rate of b > 50"),
        )
        settings = Settings(
            alerts=AlertsSettings(rules=tuple(AlertRule(name=n, when=w) for n, w in rules)),
            engine=EngineSettings(max_retries=1),
        )
        async with bench(provider("a", cost=Cost(input=1e6, output=0.0)), settings=settings, background=True) as it:
            await it.clock.sleep(40)

            async def late(_call: Any) -> Any:
                await it.clock.sleep(1)
                return Result(value={"text": "x"}, units={"input_tokens": 2.0})

            for answer in (late, late, failing(400), failing(503), failing(503), failing(503)):
                it.driver.say("a", answer)
                with contextlib.suppress(OperationFailed):
                    await it.engine.executor.execute(chat())
            await it.clock.sleep(60)
            return {alert.rule for alert in await it.console.alerts(only_open=True)}

    fired = play(history)
    assert fired >= {"errors", "slow", "low", "few", "fragile", "dear"}
    assert fired.isdisjoint({"too few to say", "other"})


def test_a_restart_neither_forgets_an_alert_nor_rings_it_again() -> None:
    async def history() -> None:
        disk, settings = MemoryDisk(), watching(on_alert=("beep", "{title}"))
        driver = ScriptedDriver()
        driver.probing["a"] = refused()
        async with bench(
            provider("a"), provider("b"), driver=driver, settings=settings, disk=disk, background=True
        ) as it:
            await it.clock.sleep(120)
            assert len(it.bell.rung) == 1
            (alert,) = await it.console.alerts(only_open=True)
            clock = it.clock
        async with bench(
            provider("a"), provider("b"), driver=driver, settings=settings, disk=disk, clock=clock, background=True
        ) as again:
            events = told(again)
            await again.clock.sleep(300)
            assert [one.id for one in await again.console.alerts(only_open=True)] == [alert.id]
            assert (again.bell.rung, events) == ([], [])
            driver.probing.pop("a")
            await again.clock.sleep(400)
            assert events == [("AlertCleared", "a is down")]

    play(history)


def test_of_two_consoles_one_rings_and_the_other_tells() -> None:
    async def history() -> None:
        disk, holders, settings = MemoryDisk(), list[MemoryLock](), watching(on_alert=("beep", "{title}"))
        driver = ScriptedDriver()
        more: dict[str, Any] = {"driver": driver, "settings": settings, "disk": disk, "background": True}
        async with (
            bench(provider("a"), provider("b"), lock=MemoryLock(holders), **more) as first,
            bench(provider("a"), provider("b"), lock=MemoryLock(holders), clock=first.clock, **more) as second,
        ):
            events = told(second)
            driver.probing["a"] = refused()
            await first.clock.sleep(150)
            assert (len(first.bell.rung), second.bell.rung) == (1, [])
            assert events == [("AlertFired", "a is down")]

    play(history)


def test_who_acknowledges_is_on_record_and_the_other_console_hears_of_it() -> None:
    async def history() -> None:
        disk, driver = MemoryDisk(), ScriptedDriver()
        driver.probing["a"] = refused()
        async with bench(provider("a"), provider("b"), driver=driver, disk=disk, background=True) as it:
            await it.clock.sleep(120)
            events = told(it)
            (alert,) = await it.console.alerts(only_open=True)
            async with bench(disk=disk, clock=it.clock) as command:
                alice = Identity(actor="alice", role=Role.ADMIN, front_end="api")
                view = await guarded(command.console, command.audit, alice).acknowledge_alert(alert.id)
            assert (view.state, view.acknowledged_by) == ("acknowledged", "alice")
            await it.clock.sleep(6)
            assert events == [("AlertChanged", "a is down")]

    play(history)


def test_a_snoozed_alert_is_quiet_and_rings_again_when_it_is_still_there() -> None:
    async def history() -> None:
        driver = ScriptedDriver()
        driver.probing["a"] = refused()
        settings = watching(on_alert=("beep", "{subject}"))
        async with bench(provider("a"), provider("b"), driver=driver, settings=settings, background=True) as it:
            await it.clock.sleep(120)
            (alert,) = await it.console.alerts(only_open=True)
            assert (await it.console.snooze_alert(alert.id, for_s=600)).state == "snoozed"
            await it.clock.sleep(500)
            assert len(it.bell.rung) == 1
            await it.clock.sleep(110)
            assert len(it.bell.rung) == 2
            assert (await it.console.alerts(only_open=True))[0].state == "firing"

            await it.console.snooze_alert(alert.id, for_s=600)
            await it.console.acknowledge_alert(alert.id)
            await it.clock.sleep(700)
            assert len(it.bell.rung) == 2

    play(history)


def test_what_is_not_there_or_has_cleared_cannot_be_acknowledged() -> None:
    async def history() -> None:
        async with bench(provider("a"), provider("b"), background=True) as it:
            it.driver.probing["a"] = refused()
            await it.clock.sleep(120)
            (alert,) = await it.console.alerts(only_open=True)
            it.driver.probing.pop("a")
            await it.clock.sleep(400)
            with pytest.raises(BadRequest, match="has cleared"):
                await it.console.acknowledge_alert(alert.id)
            with pytest.raises(BadRequest, match="alerts lists them"):
                await it.console.acknowledge_alert("nope")
            with pytest.raises(BadRequest, match="1m to 30d"):
                await it.console.snooze_alert(alert.id, for_s=1.0)

    play(history)


def test_an_alert_ends_when_its_rule_is_taken_away_or_its_provider_is_switched_off() -> None:
    async def history() -> None:
        rules = (("errors", "score < 101"), ("mine", "state of a = down"))
        async with bench(provider("a"), provider("b"), settings=watching(*rules), background=True) as it:
            it.driver.probing["a"] = refused()
            await it.clock.sleep(120)
            assert {a.rule for a in await it.console.alerts(only_open=True)} == {"errors", "mine", "provider down"}
            it.settings.use(watching(("mine", "state of a = down")))
            await it.clock.sleep(10)
            assert {a.rule for a in await it.console.alerts(only_open=True)} == {"mine", "provider down"}
            await it.console.set_provider_enabled("a", enabled=False)
            await it.clock.sleep(200)
            assert await it.console.alerts(only_open=True) == []

    play(history)


def test_a_command_that_fails_is_said_and_the_next_success_ends_that() -> None:
    async def history() -> None:
        async with bench(
            provider("a"), provider("b"), settings=watching(on_alert=("beep",), on_clear=("hush",)), background=True
        ) as it:
            it.bell.failure = "beep cannot be run (No such file or directory); put alerts.on_alert right"
            it.driver.probing["a"] = refused()
            await it.clock.sleep(120)
            assert any("'a is down' failed: beep cannot be run" in notice for notice in await it.console.notices())
            it.bell.failure = None
            it.driver.probing.pop("a")
            await it.clock.sleep(300)
            assert it.bell.rung == [("beep",), ("hush",)]
            assert not any("beep" in notice for notice in await it.console.notices())

    play(history)


def test_a_flood_of_alerts_is_a_bounded_number_of_commands() -> None:
    async def history() -> None:
        providers = [provider(f"p{number:02}") for number in range(3 * RINGS)]
        async with bench(*providers, settings=watching(on_alert=("beep",)), background=True) as it:

            async def stuck(arguments: Any) -> None:
                it.bell.rung.append(arguments)
                await it.clock.sleep(10)

            it.engine.alerts._bell.ring = stuck  # type: ignore[method-assign]
            for one in providers:
                it.driver.probing[one.id] = refused()
            await it.clock.sleep(120)
            assert any("were waiting already" in notice for notice in await it.console.notices())
            await it.clock.sleep(600)
            assert RINGS <= len(it.bell.rung) <= 2 * RINGS

    play(history, seeds=[1])


def test_an_alert_that_cannot_be_written_rings_once_and_is_written_later() -> None:
    async def history() -> None:
        async with bench(provider("a"), provider("b"), settings=watching(on_alert=("beep",)), background=True) as it:
            await it.clock.sleep(60)
            it.usage.failure = "console.db: the disk is full"
            it.driver.probing["a"] = refused()
            await it.clock.sleep(120)
            assert len(it.bell.rung) == 1
            it.usage.failure = None
            await it.clock.sleep(30)
            assert [alert.title for alert in await it.console.alerts(only_open=True)] == ["a is down"]
            assert len(it.bell.rung) == 1

    play(history)


def test_a_bad_rule_is_a_notice_and_the_others_ring() -> None:
    async def history() -> None:
        settings = watching(("bad", "scor < 3"))
        async with bench(provider("a"), provider("b"), settings=settings, background=True) as it:
            it.driver.probing["a"] = refused()
            await it.clock.sleep(120)
            assert [alert.rule for alert in await it.console.alerts(only_open=True)] == ["provider down"]
            assert any("the alert 'bad': column 1: expected a quantity" in n for n in await it.console.notices())
            rules = {rule.name: rule for rule in await it.console.alert_rules()}
            assert (rules["bad"].watched, rules["provider down"].shipped) == (False, True)

    play(history)


def test_what_an_alert_says_is_one_argument_and_braces_in_it_stay() -> None:
    row = AlertRow(id="1", rule="r", subject="s", at=0.0, title="{rule} $(rm) ; 'x'", evidence="", first_try="")

    assert filled(("{title}", "-m", "{title}: {nope} {event}"), row, "fired") == (
        "{title}",
        "-m",
        "{rule} $(rm) ; 'x': {nope} fired",
    )


@pytest.mark.parametrize("name", ["--help", "-h", "@/etc/passwd"])
def test_what_an_alert_says_begins_no_argument_as_an_option_or_a_file(name: str) -> None:
    row = AlertRow(id="1", rule="r", subject="s", at=0.0, title=name, evidence="", first_try="")

    assert filled(("curl", "{title}", "-d{title}", "--body={title}", "-", "@{title}"), row, "fired") == (
        "curl",
        f" {name}",
        f"-d{name}",
        f"--body={name}",
        "-",
        f"@{name}",
    )
