"""The stores in RAM: usable in virtual time, and true to their contracts where only they are tried."""

from __future__ import annotations

import pytest
from tests.unit.adapters.hand_clock import HandClock

from provider_console.adapters.memory import (
    MemoryAudit,
    MemoryDisk,
    MemorySecrets,
    MemorySettings,
    MemoryUsage,
)
from provider_console.core.ports.secrets import SecretsUnavailable
from provider_console.core.ports.settings import SettingsConflict, SettingsInvalid
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.time import Clock
from provider_console.core.ports.usage import ExecutionBegun
from provider_console.core.settings import EngineSettings, Settings
from provider_console.sdk.secret import Secret
from provider_console.testing import simulation
from provider_console.testing.simulation import SimClock


def test_they_run_in_virtual_time_without_threads() -> None:
    async def history() -> tuple[int, bool]:
        clock: Clock = SimClock()
        usage, audit = MemoryUsage(), MemoryAudit(clock)
        secrets, settings = MemorySecrets({"KEY": "v"}, clock=clock, index=usage), MemorySettings(clock=clock)
        await settings.load(())
        await usage.write([ExecutionBegun(id="E1", kind="chat", category="ai", at=clock.wall())])
        await clock.sleep(3600)
        await secrets.get("KEY")
        secrets.used("KEY")
        await secrets.flush()
        audit.conclude(
            await audit.intend(
                actor="a", role="admin", front_end="cli", action="x", subject="y", before=None, after=None
            ),
            result="done",
        )
        return len(await usage.executions()), (await audit.verify()).ok

    assert simulation.run(history, seed=1).value == (1, True)


async def test_a_crash_leaves_what_was_written_and_its_executions_to_the_next() -> None:
    disk = MemoryDisk()
    first = MemoryUsage(disk)
    await first.write([ExecutionBegun(id="E1", kind="chat", category="ai", at=1.0)])
    first.crash()

    assert await MemoryUsage(disk).abandon() == ("E1",)


async def test_a_failure_can_be_asked_for_and_taken_back() -> None:
    usage, audit = MemoryUsage(), MemoryAudit(HandClock())
    usage.failure = audit.failure = "the disk is full"

    with pytest.raises(StoreUnavailable, match="disk is full"):
        await usage.write([])
    with pytest.raises(StoreUnavailable, match="disk is full"):
        await audit.rows()

    usage.failure = audit.failure = None
    await usage.write([])
    assert not await audit.rows()


async def test_a_changed_row_breaks_the_chain() -> None:
    audit = MemoryAudit(HandClock())
    for _ in range(3):
        await audit.intend(actor="a", role="admin", front_end="cli", action="x", subject="y", before=None, after=None)
    audit._rows[1] = audit._rows[0]

    verdict = await audit.verify()

    assert (verdict.ok, verdict.broken_at) == (False, 2)


# --- secrets


async def test_a_secret_is_cached_only_once_it_was_asked_for() -> None:
    secrets = MemorySecrets({"KEY": "v"}, clock=HandClock())

    assert secrets.cached("KEY") is None
    assert await secrets.get("KEY") == Secret("v")
    assert secrets.cached("KEY") == Secret("v")
    secrets.forget("KEY")
    assert secrets.cached("KEY") is None
    assert await secrets.get("KEY") == Secret("v")
    secrets.forget()
    assert secrets.cached("KEY") is None


async def test_the_keyring_comes_before_the_environment_and_the_environment_cannot_be_listed() -> None:
    secrets = MemorySecrets({"A": "kept"}, clock=HandClock(), environment={"A": "other", "B": "given", "C": ""})

    assert await secrets.get("A") == Secret("kept")
    assert await secrets.get("B") == Secret("given")
    assert await secrets.get("C") is None
    assert await secrets.names() == ("A",)
    assert (await secrets.info("B")).backend == "environment"
    assert (await secrets.info("C")).present is False


async def test_ages_count_from_storing_and_from_the_last_success() -> None:
    clock = HandClock()
    secrets = MemorySecrets(clock=clock)
    await secrets.set("KEY", Secret("v"))
    clock.now += 10
    secrets.used("KEY")
    clock.now += 5
    before = await secrets.info("KEY")
    await secrets.flush()
    after = await secrets.info("KEY")

    assert (before.age_s, before.last_success_age_s, before.backend) == (15, 5, "keyring")
    assert after == before


async def test_a_deleted_secret_is_gone_everywhere() -> None:
    secrets = MemorySecrets({"KEY": "v"}, clock=HandClock())
    await secrets.get("KEY")

    assert await secrets.delete("KEY")
    assert not await secrets.delete("KEY")
    assert await secrets.get("KEY") is None
    assert secrets.cached("KEY") is None
    assert await secrets.names() == ()


async def test_an_unusable_keyring_refuses_and_says_why() -> None:
    secrets = MemorySecrets({"KEY": "v"}, clock=HandClock(), unusable="the keyring is locked; unlock it")

    with pytest.raises(SecretsUnavailable, match="unlock it"):
        await secrets.set("KEY", Secret("w"))
    with pytest.raises(SecretsUnavailable, match="unlock it"):
        await secrets.delete("KEY")
    assert await secrets.get("KEY") is None
    assert (await secrets.backend()).usable is False


# --- settings


async def test_a_value_handed_in_is_what_load_gives_and_another_one_is_a_change() -> None:
    store = MemorySettings(Settings(engine=EngineSettings(max_retries=2)))
    first = await store.load(())

    assert first.settings.engine.max_retries == 2
    assert not await store.changed()
    store.use(Settings(engine=EngineSettings(max_retries=3)))
    assert await store.changed()
    assert (await store.load(())).settings.engine.max_retries == 3
    assert not await store.changed()


async def test_what_is_put_is_what_is_loaded_and_a_revision() -> None:
    store = MemorySettings(text="[engine]\nmax_retries = 2 # few\n")
    loaded = await store.load(())
    text = await store.edited("engine.max_retries", 4)

    put = await store.put(text, (), revision=loaded.settings.revision, author="alice", reason="more")

    assert "# few" in text
    assert put.settings.engine.max_retries == 4
    assert (await store.load(())).settings == put.settings
    (revision,) = await store.revisions()
    assert (revision.author, revision.text, revision.hash) == ("alice", text, put.settings.revision)


async def test_two_writers_do_not_overwrite_each_other() -> None:
    store = MemorySettings()
    revision = (await store.load(())).settings.revision
    await store.put("[engine]\nmax_retries = 4\n", (), revision=revision, author="a", reason="r")

    with pytest.raises(SettingsConflict):
        await store.put("[engine]\nmax_retries = 3\n", (), revision=revision, author="b", reason="r")
    assert "max_retries = 4" in (await store.text())[0]


async def test_what_is_wrong_is_not_kept() -> None:
    store = MemorySettings()
    revision = (await store.load(())).settings.revision

    with pytest.raises(SettingsInvalid):
        await store.put("[engine]\nmax_retries = 0\n", (), revision=revision, author="a", reason="r")
    assert (await store.text())[0] == ""
    assert not await store.revisions()


async def test_secrets_in_memory_refuse_what_the_keyring_refuses_and_tell_the_redactor() -> None:
    told: list[Secret] = []
    secrets = MemorySecrets(clock=HandClock(), environment={"GIVEN": "from outside"}, on_loaded=told.append)

    with pytest.raises(ValueError, match="control characters"):
        await secrets.set("NAME", Secret("two\nlines"))
    with pytest.raises(ValueError, match="capital letters"):
        await secrets.set("name", Secret("value"))
    await secrets.set("NAME", Secret("stored"))
    await secrets.get("GIVEN")

    assert [value.reveal() for value in told] == ["stored", "from outside"]
    assert await secrets.audit_key() == await secrets.audit_key()
