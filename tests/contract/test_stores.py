"""What every store promises, tried on SQLite and in RAM alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from provider_console.adapters.clock import SystemClock
from provider_console.adapters.memory import MemoryAudit, MemoryDisk, MemoryUsage
from provider_console.adapters.sqlite import SqliteAudit, SqliteUsage
from provider_console.core.ports.alerts import AlertRow
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.trials import Trial
from provider_console.core.ports.usage import AttemptRow, CheckRow, ExecutionBegun, ExecutionEnded, Memory
from provider_console.sdk.provider import Cost, Provider

Usage = SqliteUsage | MemoryUsage
Audit = SqliteAudit | MemoryAudit


@pytest.fixture(params=["sqlite", "memory"])
async def open_usage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Callable[[], Usage]]:
    """Makes stores that share one data directory."""
    disk, made = MemoryDisk(), []

    def make() -> Usage:
        store: Usage = (
            MemoryUsage(disk)
            if request.param == "memory"
            else SqliteUsage(tmp_path / "console.db", clock=SystemClock())
        )
        made.append(store)
        return store

    yield make
    for store in made:
        await store.close()


@pytest.fixture
def usage(open_usage: Callable[[], Usage]) -> Usage:
    return open_usage()


@pytest.fixture(params=["sqlite", "memory"])
async def audit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Audit]:
    clock = SystemClock()
    store: Audit = MemoryAudit(clock) if request.param == "memory" else SqliteAudit(tmp_path / "audit.db", clock=clock)
    yield store
    await store.close()


def attempt(number: int = 1, *, provider: str = "deepl", at: float = 100.0, **more: Any) -> AttemptRow:
    given: dict[str, Any] = {
        "execution_id": "E1",
        "kind": "translate",
        "category": "translation",
        "duration_ms": 12.5,
        "timeout_ms": 15000.0,
        "delay_before_ms": 0.0,
        "ok": True,
        "absorbed": False,
        "counted": 0.0,
    }
    return AttemptRow(provider=provider, attempt=number, at=at, **(given | more))


def check(provider: str = "deepl", *, at: float = 100.0, state: str = "healthy", **more: Any) -> CheckRow:
    return CheckRow(provider=provider, at=at, state=state, **({"passed": True} | more))


def begun(name: str, *, at: float = 100.0) -> ExecutionBegun:
    return ExecutionBegun(id=name, kind="translate", category="translation", at=at)


def ended(name: str, *, status: str = "ok") -> ExecutionEnded:
    return ExecutionEnded(id=name, status=status, provider="deepl", elapsed_ms=4.5, report=b'{"status":"ok"}')


def intend(audit: Audit, *, action: str = "providers.disable", **more: str | None) -> Awaitable[int]:
    given: dict[str, Any] = {
        "actor": "alice",
        "role": "admin",
        "front_end": "cli",
        "subject": "deepl",
        "before": None,
        "after": None,
    }
    return audit.intend(action=action, **(given | more))


# --- attempts and checks


async def test_an_attempt_comes_back_as_it_was_written(usage: Usage) -> None:
    row = attempt(
        ok=False,
        absorbed=True,
        counted=0.25,
        error_class="rate_limited",
        http_status=429,
        provider_code="slow_down",
        message="zu viele Anfragen – 稍后",
        retry_after_ms=1500.0,
        model="m-1",
        units={"characters": 17.0},
        cost=0.001,
    )

    await usage.write([row])

    assert list(await usage.attempts()) == [row]


async def test_a_bare_attempt_comes_back_as_it_was_written(usage: Usage) -> None:
    await usage.write([attempt()])

    assert list(await usage.attempts()) == [attempt()]


async def test_attempts_come_newest_first_and_of_equal_times_the_later_written_first(usage: Usage) -> None:
    await usage.write([attempt(1, at=5.0), attempt(2, at=9.0), attempt(3, at=5.0)])

    assert [row.attempt for row in await usage.attempts()] == [2, 3, 1]


async def test_attempts_are_chosen_by_provider_time_and_number(usage: Usage) -> None:
    await usage.write([attempt(n, provider=name, at=float(n)) for n in range(10) for name in ("a", "b")])

    found = await usage.attempts(provider="a", since=4.0, limit=3)

    assert [(row.provider, row.at) for row in found] == [("a", 9.0), ("a", 8.0), ("a", 7.0)]


async def test_a_long_message_is_cut_with_a_mark(usage: Usage) -> None:
    await usage.write([attempt(ok=False, message="x" * 5000), check(message="y" * 301)])

    (row,), (probe,) = await usage.attempts(), await usage.checks()
    assert row.message == "x" * 299 + "…"
    assert probe.message == "y" * 299 + "…"


async def test_a_message_with_a_lone_surrogate_can_be_stored(usage: Usage) -> None:
    await usage.write([attempt(ok=False, message="bad \ud800 text\0")])

    assert [row.message for row in await usage.attempts()] == ["bad ? text\0"]


async def test_a_check_comes_back_as_it_was_written(usage: Usage) -> None:
    rows = [
        check(at=2.0, state="down", passed=False, error_class="network", event="went_down", message="refused"),
        check(at=1.0, passed=None, rung="reach", latency_ms=3.5, score=71.5, out_ms=9.0, manual=True),
    ]

    await usage.write(rows)

    assert list(await usage.checks(provider="deepl")) == rows


async def test_the_latest_check_of_each_provider_is_the_newest_one(usage: Usage) -> None:
    await usage.write([check("b", at=3.0), check("a", at=5.0), check("a", at=1.0), check("a", at=5.0, state="down")])

    latest = await usage.latest_checks()

    assert {name: (row.at, row.state) for name, row in latest.items()} == {"a": (5.0, "down"), "b": (3.0, "healthy")}


async def test_an_empty_store_answers_with_nothing(usage: Usage) -> None:
    assert not await usage.latest_checks()
    assert not await usage.attempts()
    assert not await usage.executions()
    assert await usage.execution("E1") is None
    assert await usage.newest_valid() is None
    assert await usage.abandon() == ()
    await usage.write([])


# --- executions


async def test_an_execution_is_running_until_its_end_is_written(usage: Usage) -> None:
    await usage.write([begun("E1")])
    running = await usage.execution("E1")
    await usage.write([ended("E1", status="failed")])
    done = await usage.execution("E1")

    assert running is not None
    assert (running.status, running.report) == (None, None)
    assert done is not None
    assert (done.status, done.provider, done.elapsed_ms, done.report) == ("failed", "deepl", 4.5, b'{"status":"ok"}')


async def test_begin_and_end_may_come_in_one_write(usage: Usage) -> None:
    await usage.write([begun("E1"), attempt(), ended("E1")])

    assert [row.status for row in await usage.executions()] == ["ok"]


async def test_a_write_of_many_rows_keeps_each_of_them_in_its_order(usage: Usage) -> None:
    names = [f"E{number:03}" for number in range(71)]
    await usage.write([begun(name) for name in names[:40]])
    await usage.write(
        [
            *(row for name in names for row in (begun(name, at=200.0), ended(name))),
            *(attempt(number, execution_id=name) for number, name in enumerate(names)),
        ]
    )

    executions = await usage.executions(limit=100)

    assert [row.id for row in executions] == names[::-1]
    assert [row.at for row in executions] == [200.0] * 31 + [100.0] * 40
    assert {row.status for row in executions} == {"ok"}
    assert [row.attempt for row in await usage.attempts()] == list(range(71))[::-1]


async def test_an_end_without_a_begin_is_left_out(usage: Usage) -> None:
    await usage.write([ended("E9"), attempt()])

    assert await usage.execution("E9") is None
    assert len(await usage.attempts()) == 1


async def test_executions_are_paged_newest_first(usage: Usage) -> None:
    await usage.write([begun(f"E{number}") for number in range(7)])

    first = await usage.executions(limit=3)
    second = await usage.executions(limit=3, before=first[-1].id)

    assert [row.id for row in first] == ["E6", "E5", "E4"]
    assert [row.id for row in second] == ["E3", "E2", "E1"]


async def test_what_a_living_store_runs_is_not_abandoned(open_usage: Callable[[], Usage]) -> None:
    one, other = open_usage(), open_usage()
    await one.write([begun("E1")])
    await other.write([begun("E2")])

    assert await other.abandon() == ()
    assert await one.abandon() == ()


async def test_what_a_closed_store_left_unended_is_abandoned_once(open_usage: Callable[[], Usage]) -> None:
    one, other = open_usage(), open_usage()
    await one.write([begun("E1"), begun("E2"), ended("E2")])
    await other.write([begun("E3")])
    await one.close()

    assert await other.abandon() == ("E1",)
    assert await other.abandon() == ()
    crashed = await other.execution("E1")
    assert crashed is not None
    assert (crashed.status, crashed.report) == ("unknown_crashed", None)


async def test_pruning_takes_what_is_older_and_leaves_what_still_runs(usage: Usage) -> None:
    old = [attempt(at=1.0), check(at=1.0), begun("E1", at=1.0), ended("E1"), begun("E2", at=1.0)]
    new = [attempt(at=9.0), check(at=9.0), begun("E3", at=9.0), ended("E3")]
    await usage.write(old + new)

    gone = await usage.prune(9.0)

    assert gone == 3
    assert [row.at for row in await usage.attempts()] == [9.0]
    assert [row.at for row in await usage.checks()] == [9.0]
    assert [row.id for row in await usage.executions()] == ["E3", "E2"]


# --- providers


async def test_a_memory_is_merged_field_by_field(usage: Usage) -> None:
    await usage.remember(Memory(provider="a", enabled=False))
    await usage.remember(Memory(provider="a", described=b"{}", described_at=5.0))
    await usage.remember(Memory(provider="b", enabled=True))

    assert dict(await usage.memories()) == {
        "a": Memory(provider="a", enabled=False, described=b"{}", described_at=5.0),
        "b": Memory(provider="b", enabled=True),
    }


async def test_forgetting_descriptions_keeps_the_switch(usage: Usage) -> None:
    await usage.remember(Memory(provider="a", enabled=False, described=b"{}", described_at=5.0))
    await usage.remember(Memory(provider="b", enabled=True))

    assert await usage.forget_descriptions() == 1
    assert (await usage.memories())["a"] == Memory(provider="a", enabled=False)
    assert await usage.forget_descriptions() == 0


async def test_saving_providers_replaces_them_and_keeps_what_is_remembered(usage: Usage) -> None:
    provider = Provider(
        id="deepl",
        driver="deepl",
        configured=True,
        enabled=True,
        names={"en": "DeepL"},
        base_url="https://api.deepl.com",
        credential="DEEPL",
        network="global",
        tier="primary",
        categories=("translation",),
        capabilities=("translate:en>es",),
        models=(),
        cost=Cost(input=20.0),
        region="eu",
        max_characters=None,
        sources=("settings",),
        provenance={"driver": "settings"},
    )
    await usage.remember(Memory(provider="deepl", enabled=False))

    await usage.save_providers([provider], 1.0)
    await usage.save_providers([provider], 2.0)

    assert (await usage.memories())["deepl"].enabled is False


# --- secrets and revisions


async def test_the_index_of_secrets_knows_names_and_ages(usage: Usage) -> None:
    await usage.secret_stored("B", "keyring", 1.0)
    await usage.secret_stored("A", "keyring", 2.0)
    await usage.secret_used("A", 3.0)
    await usage.secret_used("UNKNOWN", 3.0)
    await usage.secret_removed("B")
    await usage.secret_removed("B")

    assert dict(await usage.secret_names()) == {"A": ("keyring", 2.0, 3.0)}


async def test_a_new_value_has_not_succeeded_yet(usage: Usage) -> None:
    await usage.secret_stored("A", "keyring", 1.0)
    await usage.secret_used("A", 2.0)
    await usage.secret_stored("A", "other", 3.0)

    assert dict(await usage.secret_names()) == {"A": ("other", 3.0, None)}


async def test_revisions_come_newest_first_and_the_newest_valid_one_is_the_last_good(usage: Usage) -> None:
    for number in range(1, 4):
        added = await usage.add_revision(
            at=float(number), author="alice", reason="why", hash=f"h{number}", text=f"t{number}", valid=number < 3
        )
        assert added == number

    assert [(row.id, row.text, row.valid) for row in await usage.revisions(limit=2)] == [
        (3, "t3", False),
        (2, "t2", True),
    ]
    good = await usage.newest_valid()
    assert good is not None
    assert good.id == 2


# --- audit


async def test_an_outcome_says_again_who_did_what(audit: Audit) -> None:
    seq = await intend(audit, before="on", after="off")
    audit.conclude(seq, result="done", after="switched off")

    last, first = await audit.rows()
    assert (first.seq, first.phase, first.result, first.before, first.after) == (seq, "intent", "pending", "on", "off")
    assert (last.seq, last.phase, last.refers_to, last.result) == (seq + 1, "outcome", seq, "done")
    assert (last.actor, last.role, last.front_end, last.action) == ("alice", "admin", "cli", "providers.disable")
    assert (last.subject, last.before, last.after) == ("deepl", None, "switched off")
    assert len({first.hash, last.hash}) == 2


async def test_positions_have_no_gaps_whoever_writes_at_once(audit: Audit) -> None:
    async def act() -> None:
        audit.conclude(await intend(audit), result="done")

    async with asyncio.TaskGroup() as group:
        for _ in range(40):
            group.create_task(act())

    rows = await audit.rows(limit=1000)
    assert [row.seq for row in rows] == list(range(80, 0, -1))
    assert sorted(row.refers_to for row in rows if row.refers_to) == sorted(
        row.seq for row in rows if row.phase == "intent"
    )
    verdict = await audit.verify()
    assert (verdict.ok, verdict.rows, verdict.signed_up_to, verdict.broken_at) == (True, 80, None, None)


async def test_an_outcome_needs_its_intent(audit: Audit, caplog: pytest.LogCaptureFixture) -> None:
    seq = await intend(audit)
    audit.conclude(seq, result="done")
    outcome, _ = await audit.rows()
    audit.conclude(99, result="done")
    audit.conclude(outcome.seq, result="done")

    assert len(await audit.rows()) == 2
    assert "audit row 99 could not be written: the audit trail has no intent 99" in caplog.text
    assert f"audit row {outcome.seq} could not be written: the audit trail has no intent" in caplog.text


async def test_an_outcome_is_there_for_whoever_reads_next(audit: Audit) -> None:
    for _ in range(3):
        audit.conclude(await intend(audit), result="done")
        assert (await audit.rows())[0].result == "done"

    audit.conclude(await intend(audit), result="failed")
    assert (await audit.verify()).rows == 8


async def test_what_changed_is_cut_at_4_kib_with_a_mark(audit: Audit) -> None:
    await intend(audit, before="é" * 9000, after="short", subject="s" * 999)

    (row,) = await audit.rows()
    assert row.before is not None
    assert len(row.before.encode()) <= 4096
    assert row.before.endswith("… [cut]")
    assert (row.after, len(row.subject)) == ("short", 300)


async def test_audit_rows_are_chosen_by_time(audit: Audit) -> None:
    await intend(audit)

    assert len(await audit.rows(since=1.0)) == 1
    assert not await audit.rows(since=1e12)


async def test_an_empty_trail_is_whole(audit: Audit) -> None:
    verdict = await audit.verify()

    assert (verdict.ok, verdict.rows, verdict.signed_up_to) == (True, 0, None)


# --- closing


async def test_a_closed_usage_store_says_so(usage: Usage) -> None:
    await usage.close()
    await usage.close()

    with pytest.raises(StoreUnavailable, match="closed"):
        await usage.write([attempt()])


async def test_a_closed_audit_store_says_so(audit: Audit) -> None:
    await intend(audit)
    await audit.close()
    await audit.close()

    with pytest.raises(StoreUnavailable, match="closed"):
        await intend(audit)


# --- alerts


def alert(name: str = "A1", *, rule: str = "provider down", subject: str = "deepl", at: float = 100.0) -> AlertRow:
    return AlertRow(
        id=name, rule=rule, subject=subject, at=at, title="deepl is down", evidence="refused", first_try="Look."
    )


async def test_an_alert_comes_back_as_it_was_written(usage: Usage) -> None:
    assert await usage.open_alert(alert())

    assert await usage.alert("A1") == alert()
    assert list(await usage.alerts(only_open=True)) == [alert()]
    assert await usage.alert("A2") is None


async def test_one_trouble_has_one_open_alert_and_another_once_it_has_cleared(usage: Usage) -> None:
    assert await usage.open_alert(alert("A1"))
    assert not await usage.open_alert(alert("A2", at=101.0))
    assert await usage.open_alert(alert("A3", subject="apertium"))

    assert await usage.clear_alert("A1", 150.0)
    assert not await usage.clear_alert("A1", 160.0)
    assert await usage.open_alert(alert("A4", at=200.0))
    assert [row.id for row in await usage.alerts()] == ["A4", "A3", "A1"]
    assert {row.id for row in await usage.alerts(only_open=True)} == {"A3", "A4"}


async def test_who_acknowledged_an_alert_is_kept_and_ends_its_snooze(usage: Usage) -> None:
    await usage.open_alert(alert())
    await usage.snooze_alert("A1", 500.0)
    snoozed = await usage.alert("A1")
    await usage.acknowledge_alert("A1", at=120.0, by="alice")

    row = await usage.alert("A1")
    assert snoozed is not None
    assert snoozed.snoozed_until == 500.0
    assert row is not None
    assert (row.acknowledged_by, row.acknowledged_at, row.snoozed_until) == ("alice", 120.0, None)


async def test_old_alerts_are_deleted_once_they_have_cleared(usage: Usage) -> None:
    for name in ("A1", "A2"):
        await usage.open_alert(alert(name, subject=name, at=10.0))
    await usage.clear_alert("A1", 20.0)

    assert await usage.prune(50.0) == 1
    assert [row.id for row in await usage.alerts()] == ["A2"]


# --- a configuration on trial


def trial(name: str = "h1", **more: Any) -> Trial:
    given: dict[str, Any] = {
        "before": "[engine]\n",
        "author": "alice",
        "reason": "set x",
        "at": 1.0,
        "until": 61.0,
        "health": 75.0,
    }
    return Trial(hash=name, covered=("ai chat",), **(given | more))


async def test_a_trial_comes_back_as_it_began_and_there_is_one_at_a_time(usage: Usage) -> None:
    assert await usage.trial() is None
    assert await usage.begin_trial(trial(), watched=True)
    assert not await usage.begin_trial(trial("h2"), watched=True)

    assert await usage.trial() == trial()
    assert not await usage.end_trial("h2")
    assert await usage.end_trial("h1")
    assert await usage.trial() is None
    assert await usage.begin_trial(trial("h2", health=None), watched=False)


@pytest.mark.parametrize("watched", [True, False])
async def test_a_trial_is_orphaned_once_the_process_that_watched_it_is_gone(
    open_usage: Callable[[], Usage], watched: bool
) -> None:
    first, second = open_usage(), open_usage()
    await first.begin_trial(trial(), watched=watched)
    living = await second.trial()
    await first.close()
    alone = await second.trial()

    assert living is not None
    assert alone is not None
    assert (living.orphaned, alone.orphaned) == (False, watched)


# --- plugins of the last start


async def test_the_plugins_of_a_start_take_the_place_of_those_before(usage: Usage) -> None:
    assert await usage.plugins_seen() == {}
    await usage.see_plugins({"acme": ("acme-console", "1.0"), "gone": ("gone", "2.0")})
    await usage.see_plugins({"acme": ("acme-console", "1.1")})

    assert await usage.plugins_seen() == {"acme": ("acme-console", "1.1")}
