"""What is wrong and what to do: each trouble is found, with its evidence and the command that mends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from tests.unit.engine.workbench import ScriptedDriver, bench, failing, play, provider, refused

from provider_console.console.views import Finding, PluginView
from provider_console.core.ports.machine import LockHolder
from provider_console.core.ports.usage import CheckRow
from provider_console.core.settings import AlertRule, AlertsSettings, HealthSettings, NetworkSettings, Settings
from provider_console.testing.simulation import SimClock


def examined(*providers: Any, trouble: Callable[[Any], Any] | None = None, **more: Any) -> Mapping[str, Finding]:
    """What the doctor finds, by the name of the check."""

    async def history() -> Mapping[str, Finding]:
        if "epoch_s" in more:
            more["clock"] = SimClock(epoch_s=more.pop("epoch_s"))
        async with bench(*providers, **more) as it:
            if trouble is not None:
                found = trouble(it)
                if found is not None:
                    await found
            findings = {finding.check: finding for finding in await it.console.doctor()}
            it.usage.failure = it.audit.failure = None
            return findings

    return play(history, seeds=[1])


def test_a_console_that_is_well_has_nothing_to_mend() -> None:
    findings = examined(provider("a"))

    assert all(finding.ok for finding in findings.values())
    assert {finding.mend for finding in findings.values()} == {None}
    assert findings["a answers"].evidence


def test_every_finding_has_evidence_and_every_trouble_a_way_out() -> None:
    findings = examined(
        provider("a"),
        provider("b", enabled=False),
        trouble=lambda it: it.driver.probing.update({"a": refused()}),
    )

    assert all(finding.evidence for finding in findings.values())
    assert all(finding.mend for finding in findings.values() if not finding.ok)


TROUBLES: list[tuple[str, dict[str, Any], Callable[[Any], Any], str, str, str]] = [
    (
        "a configuration that cannot be used",
        {},
        lambda it: _reloaded(it, "[engine]\nmax_retries = 99\n"),
        "configuration",
        "max_retries",
        "config edit",
    ),
    (
        "a usage database that cannot be written",
        {},
        lambda it: setattr(it.usage, "failure", "console.db: the disk is full"),
        "usage database",
        "the disk is full",
        "chmod -R u+rwX /data",
    ),
    (
        "a trail that cannot be read",
        {},
        lambda it: setattr(it.audit, "failure", "audit.db: the disk is full"),
        "audit trail",
        "the disk is full",
        "chmod -R u+rwX /data",
    ),
    (
        "a plugin that was put aside",
        {},
        lambda it: setattr(it.plugins, "quarantined", (_broken(),)),
        "plugins",
        "broken: it raised",
        "plugins disable broken",
    ),
    ("a clock that is years behind", {"epoch_s": 0.0}, lambda it: None, "clock", "before 2025", "timedatectl"),
    (
        "an address where nobody listens",
        {},
        lambda it: it.driver.probing.update({"a": refused()}),
        "a answers",
        "refused",
        "config set SECTION.providers.a.base_url ADDRESS",
    ),
    (
        "a key that is not accepted",
        {"driver": ScriptedDriver(credential="required"), "secrets": {"A_KEY": "value"}},
        lambda it: it.driver.probing.update({"a": failing(401)}),
        "a answers",
        "401",
        "secrets set A_KEY",
    ),
    (
        "a key that is not there",
        {"driver": ScriptedDriver(credential="required")},
        lambda it: None,
        "a answers",
        "A_KEY is missing",
        "secrets set A_KEY",
    ),
    (
        "everybody fails",
        {},
        lambda it: it.driver.probing.update({"a": refused()}),
        "somebody answers",
        "every enabled provider fails",
        "config set SECTION.providers.a.base_url ADDRESS",
    ),
    (
        "answers that take long",
        {},
        lambda it: setattr(it.lanes["a"], "history_latency_s", 9.0),
        "answers are quick",
        "a: usually over 5.0 s",
        "config set engine.response_time_threshold 36000",
    ),
    (
        "a disk that is nearly full",
        {},
        lambda it: setattr(it.machine, "free", 5 * 2**20),
        "disk space",
        "5 MiB are free in /data",
        "config set history.keep_attempts 7d",
    ),
    (
        "a configuration that others may change",
        {},
        lambda it: setattr(it.machine, "open_to_others", ("/etc/my config.toml",)),
        "files are private",
        "may change /etc/my config.toml",
        "chmod go-w '/etc/my config.toml'",
    ),
    (
        "records of the future",
        {},
        lambda it: it.usage.write([CheckRow(provider="a", at=it.clock.wall() + 86_400, state="healthy", passed=True)]),
        "clock",
        "1 d 0 h ahead of the clock",
        "timedatectl",
    ),
    (
        "a console that holds the lock and is stuck",
        {},
        lambda it: _stuck(it),
        "one console checks",
        "process 4711 holds the lock and has checked nothing for",
        "kill 4711",
    ),
    (
        "a command of alerts that is not there",
        {"settings": Settings(alerts=AlertsSettings(on_alert=("beep",)))},
        lambda it: None,
        "alerts",
        "alerts.on_alert names beep",
        "config set alerts.on_alert --unset",
    ),
    (
        "a rule of alerts that cannot be understood",
        {"settings": Settings(alerts=AlertsSettings(rules=(AlertRule(name="bad", when="scor < 1"),)))},
        lambda it: None,
        "alerts",
        "bad: column 1",
        "config edit",
    ),
    (
        "authorities that are not there",
        {"settings": Settings(network=NetworkSettings(ca_file="/no/such.pem"))},
        lambda it: None,
        "authorities",
        "/no/such.pem, which cannot be read",
        "config set network.ca_file --unset",
    ),
    (
        "checks once a day",
        {"settings": Settings(health=HealthSettings(health_check_interval=86_400_000))},
        lambda it: None,
        "health checks run",
        "checked every 1 d 0 h",
        "config set health.health_check_interval --unset",
    ),
]


@pytest.mark.parametrize(
    ("more", "trouble", "check", "evidence", "mend"), [row[1:] for row in TROUBLES], ids=[row[0] for row in TROUBLES]
)
def test_a_trouble_is_found_with_its_evidence_and_its_way_out(
    more: dict[str, Any], trouble: Callable[[Any], Any], check: str, evidence: str, mend: str
) -> None:
    keyed = more.get("driver") is not None
    finding = examined(provider("a", credential="A_KEY" if keyed else None), trouble=trouble, **more)[check]

    assert not finding.ok
    assert evidence in finding.evidence
    assert finding.mend is not None
    assert mend in finding.mend


def test_without_any_provider_it_says_how_to_get_one() -> None:
    finding = examined()["providers are found"]

    assert (finding.ok, finding.mend) == (False, "provider-console config edit")


def test_what_was_only_found_can_be_used() -> None:
    finding = examined(provider("lm", configured=False, enabled=None))["providers are found"]

    assert finding.mend == "provider-console providers enable lm"


def test_a_keyring_that_is_not_needed_is_no_trouble_and_one_that_is_needed_is() -> None:
    def locked(it: Any) -> None:
        it.secrets.unusable = "the keyring is locked"

    idle = examined(provider("a"), trouble=locked)["keyring"]
    needed = examined(provider("a", credential="A_KEY"), driver=ScriptedDriver(credential="required"), trouble=locked)[
        "keyring"
    ]

    assert idle.ok
    assert not needed.ok
    assert "A_KEY" in (needed.mend or "")


def test_a_trail_that_was_tampered_with_is_found_with_its_row() -> None:
    async def tampered(it: Any) -> None:
        for _ in range(3):
            await it.audit.intend(
                actor="a", role="admin", front_end="cli", action="x", subject="y", before=None, after=None
            )
        it.audit._rows[1] = msgspec.structs.replace(it.audit._rows[1], actor="mallory")

    finding = examined(provider("a"), trouble=tampered)["audit trail"]

    assert (finding.ok, finding.evidence.startswith("row 2")) == (False, True)


async def _stuck(it: Any) -> None:
    await it.usage.write([CheckRow(provider="a", at=it.clock.wall() - 3_600, state="healthy", passed=True)])
    it.machine.holder = LockHolder(pid=4711)


def test_a_slow_provider_beside_a_quick_one_is_switched_off() -> None:
    finding = examined(
        provider("a"), provider("b"), trouble=lambda it: setattr(it.lanes["a"], "history_latency_s", 9.0)
    )["answers are quick"]

    assert finding.mend == "provider-console providers disable a"


def test_where_everybody_fails_and_somebody_is_off_that_one_is_named() -> None:
    finding = examined(
        provider("a"),
        provider("b", enabled=False),
        trouble=lambda it: it.driver.probing.update({"a": refused()}),
    )["somebody answers"]

    assert finding.mend == "provider-console providers enable b"


def test_where_everybody_fails_the_one_that_only_lacks_its_key_is_named() -> None:
    driver = ScriptedDriver(credential="optional")
    findings = examined(
        provider("a"),
        provider("b", credential="B_KEY"),
        driver=driver,
        trouble=lambda it: driver.probing.update({"a": refused(), "b": refused()}),
    )

    assert findings["a answers"].mend == "provider-console providers disable a"
    assert findings["somebody answers"].mend == "provider-console secrets set B_KEY"


def test_the_last_version_that_can_still_be_used_mends_the_configuration() -> None:
    async def trouble(it: Any) -> None:
        await it.console.set_config("engine.max_retries", 3)
        await it.console.set_config("engine.max_retries", 4)
        it.settings._revisions[1] = msgspec.structs.replace(it.settings._revisions[1], text="[engin]\n")
        await _reloaded(it, "[engine]\nmax_retries = 99\n")

    assert examined(provider("a"), trouble=trouble)["configuration"].mend == "provider-console config restore 1"


def test_a_holder_that_has_just_begun_is_not_stuck() -> None:
    finding = examined(provider("a"), trouble=lambda it: setattr(it.machine, "holder", LockHolder(pid=4711)))

    assert finding["one console checks"].ok


async def _reloaded(it: Any, text: str) -> None:
    it.settings.edit(text)
    await it.engine.desk.reload()


def _broken() -> PluginView:
    return PluginView(name="broken", package="broken", version="1", state="quarantined", reason="it raised")


def test_checks_that_stopped_are_said_and_the_doctors_own_do_not_count() -> None:
    async def history() -> list[tuple[bool, str]]:
        async with bench(provider("a"), background=True) as it:
            found = []

            async def look() -> None:
                (finding,) = [f for f in await it.console.doctor() if f.check == "health checks run"]
                assert finding.ok is (finding.mend is None)
                found.append((finding.ok, finding.evidence))

            await it.clock.sleep(70.0)
            await look()

            it.engine.prober._due["a"] = 1e9
            await it.clock.sleep(200.0)
            await look()
            it.engine.lifecycle.failures.append("the background task prober failed with KeyError; restart the console")
            await look()
            return found

    healthy, silent, failed = play(history, seeds=[1])
    assert healthy[0]
    assert (silent[0], "nothing was checked for 3 m" in silent[1]) == (False, True)
    assert (failed[0], "KeyError" in failed[1]) == (False, True)


def test_a_command_that_runs_once_says_that_nobody_checks() -> None:
    finding = examined(provider("a"))["health checks run"]

    assert (finding.ok, "no console is checking" in finding.evidence) == (True, True)
