"""Writing the audit trail: together, from two processes, until sudden death, and on a disk that is full."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from provider_console.adapters.clock import SystemClock
from provider_console.adapters.sqlite import SqliteAudit
from provider_console.core.ports.secrets import SecretsUnavailable
from provider_console.core.ports.store import StoreUnavailable

KEY = b"0123456789abcdef0123456789abcdef"

_APPENDER = """
import asyncio, sys
from pathlib import Path
from provider_console.adapters.clock import SystemClock
from provider_console.adapters.sqlite import SqliteAudit

async def key():
    return b"0123456789abcdef0123456789abcdef"

async def act(audit, number):
    seq = await audit.intend(actor=sys.argv[2], role="admin", front_end="cli", action="execute",
                             subject=f"s{number}", before=None, after=None)
    print(seq, flush=True)
    audit.conclude(seq, result="done")

async def main():
    audit = SqliteAudit(Path(sys.argv[1]), clock=SystemClock(), key=key)
    try:
        await audit.open()
        print("ready", flush=True)
        sys.stdin.readline()
        for start in range(0, int(sys.argv[3]), 5):
            async with asyncio.TaskGroup() as group:
                for number in range(start, start + 5):
                    group.create_task(act(audit, number))
    finally:
        await audit.close()

asyncio.run(main())
"""


async def key() -> bytes:
    return KEY


def appender(path: Path, actor: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", _APPENDER, str(path), actor, str(count)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def started(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def let_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


async def intend(audit: SqliteAudit, subject: str = "deepl") -> int:
    return await audit.intend(
        actor="alice", role="admin", front_end="cli", action="execute", subject=subject, before=None, after=None
    )


async def test_two_processes_write_one_chain(tmp_path: Path) -> None:
    path, count = tmp_path / "audit.db", 100
    processes = [started(appender(path, name, count)) for name in ("one", "two")]
    for process in processes:
        let_go(process)
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")

    audit = SqliteAudit(path, clock=SystemClock(), key=key)
    try:
        verdict, rows = await audit.verify(), await audit.rows(limit=10_000)
    finally:
        await audit.close()

    assert (verdict.ok, verdict.rows, verdict.signed_up_to) == (True, 4 * count, 4 * count)
    intents = {row.seq: row for row in rows if row.phase == "intent"}
    outcomes = [row for row in rows if row.phase == "outcome"]
    assert {row.refers_to for row in outcomes} == set(intents)
    assert all(row.actor == intents[row.refers_to or 0].actor for row in outcomes)
    mixed = [row.actor for row in reversed(rows)]
    assert sum(a != b for a, b in itertools.pairwise(mixed)) > 2  # they did take turns


async def test_kill_9_leaves_every_acknowledged_intent_in_a_whole_chain(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    acknowledged = 0
    for _ in range(3):
        with started(appender(path, "victim", 100_000)) as process:
            let_go(process)
            assert process.stdout is not None
            for number, line in enumerate(process.stdout):
                acknowledged = int(line)
                if number == 30:
                    process.kill()

    audit = SqliteAudit(path, clock=SystemClock(), key=key)
    try:
        verdict = await audit.verify()
    finally:
        await audit.close()

    assert verdict.ok
    assert verdict.rows >= acknowledged
    assert verdict.signed_up_to == verdict.rows
    assert not audit.notices


async def test_whoever_comes_within_the_window_shares_a_transaction(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    audit = SqliteAudit(path, clock=SystemClock())
    try:
        await intend(audit, "first")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("CREATE TABLE transactions (seq)")
            # The head moves once a transaction.
            other.execute(
                "CREATE TRIGGER count_them AFTER UPDATE ON audit_head BEGIN INSERT INTO transactions VALUES (1); END"
            )
            async with asyncio.TaskGroup() as group:
                for number in range(100):
                    group.create_task(intend(audit, f"s{number}"))
            (transactions,) = other.execute("SELECT count(*) FROM transactions").fetchone()
        subjects = [row.subject for row in reversed(await audit.rows())]
    finally:
        await audit.close()

    assert transactions == 1
    assert subjects == ["first", *(f"s{number}" for number in range(100))]


async def test_an_outcome_that_another_writer_adds_speaks_of_the_intent_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    first, second = SqliteAudit(path, clock=SystemClock()), SqliteAudit(path, clock=SystemClock())
    try:
        seqs = [await intend(first, f"s{number}") for number in range(2)]
        first.conclude(seqs[0], result="done")
        await first.rows()
        await second.open()
        second.conclude(seqs[1], result="done")
        found = [(row.subject, row.refers_to, row.actor) for row in reversed(await second.rows())]
        verdict = await second.verify()
    finally:
        await first.close()
        await second.close()

    assert found[2:] == [("s0", seqs[0], found[0][2]), ("s1", seqs[1], found[1][2])]
    assert (verdict.ok, verdict.rows) == (True, 4)


async def test_one_wrong_outcome_does_not_spoil_the_others_of_its_transaction(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    audit = SqliteAudit(tmp_path / "audit.db", clock=SystemClock())
    try:
        seq = await intend(audit)
        audit.conclude(seq, result="done")
        audit.conclude(77, result="done")
        third = await intend(audit)
        verdict = await audit.verify()
    finally:
        await audit.close()

    assert third == 3
    assert "audit row 77 could not be written: the audit trail has no intent 77" in caplog.text
    assert (verdict.ok, verdict.rows) == (True, 3)


async def test_a_cancelled_writer_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    audit = SqliteAudit(tmp_path / "audit.db", clock=SystemClock())
    try:
        await audit.open()
        tasks = [asyncio.create_task(intend(audit)) for _ in range(5)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[3].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        verdict = await audit.verify()
    finally:
        await audit.close()

    assert [isinstance(result, asyncio.CancelledError) for result in results] == [True, False, False, True, False]
    assert (verdict.ok, verdict.rows) == (True, 5)


async def test_the_next_intent_takes_an_outcome_along(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    audit = SqliteAudit(path, clock=SystemClock())
    try:
        seq = await intend(audit)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("CREATE TABLE transactions (seq)")
            other.execute(
                "CREATE TRIGGER count_them AFTER UPDATE ON audit_head BEGIN INSERT INTO transactions VALUES (1); END"
            )
            for _ in range(10):
                audit.conclude(seq, result="done")
                seq = await intend(audit)
            (transactions,) = other.execute("SELECT count(*) FROM transactions").fetchone()
    finally:
        await audit.close()

    assert transactions == 10


async def test_an_outcome_that_nothing_follows_is_written_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    audit = SqliteAudit(path, clock=SystemClock())
    try:
        audit.conclude(await intend(audit), result="done")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            async with asyncio.timeout(30):
                while other.execute("SELECT count(*) FROM audit_log").fetchone() != (2,):  # noqa: ASYNC110 - nobody is told
                    await asyncio.sleep(0.005)
    finally:
        await audit.close()


async def test_outcomes_of_an_end_are_written_by_closing(tmp_path: Path) -> None:
    audit = SqliteAudit(tmp_path / "audit.db", clock=SystemClock(), key=key)
    seqs = [await intend(audit) for _ in range(3)]
    for seq in seqs:
        audit.conclude(seq, result="done")
    await audit.close()

    again = SqliteAudit(tmp_path / "audit.db", clock=SystemClock(), key=key)
    try:
        rows, verdict = await again.rows(), await again.verify()
    finally:
        await again.close()

    assert {row.refers_to for row in rows if row.phase == "outcome"} == set(seqs)
    assert (verdict.ok, verdict.signed_up_to) == (True, 6)


async def test_reading_does_not_wait_for_rows_that_came_after_it(tmp_path: Path) -> None:
    audit = SqliteAudit(tmp_path / "audit.db", clock=SystemClock())
    going_on = True

    async def act() -> None:
        while going_on:
            audit.conclude(await intend(audit), result="done")

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(act())
            async with asyncio.timeout(60):
                for _ in range(5):
                    await audit.rows()
            going_on = False
    finally:
        await audit.close()


async def test_closing_writes_what_still_waits(tmp_path: Path) -> None:
    audit = SqliteAudit(tmp_path / "audit.db", clock=SystemClock(), key=key)
    await audit.open()
    tasks = [asyncio.create_task(intend(audit)) for _ in range(20)]
    await asyncio.sleep(0)
    await audit.close()

    assert sorted(await asyncio.gather(*tasks)) == list(range(1, 21))


async def test_a_full_disk_refuses_every_waiting_intent_and_keeps_the_chain_whole(tmp_path: Path) -> None:
    audit = SqliteAudit(tmp_path / "audit.db", clock=SystemClock(), key=key, max_pages=40)
    written: list[int] = []

    async def fill() -> None:
        with contextlib.suppress(StoreUnavailable):
            while True:
                written.append(
                    await audit.intend(
                        actor="alice",
                        role="admin",
                        front_end="cli",
                        action="execute",
                        subject="deepl",
                        before="b" * 4000,
                        after=None,
                    )
                )

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(fill())
        with pytest.raises(StoreUnavailable, match=r"audit\.db cannot be used: the disk is full; free some space"):
            await audit.intend(
                actor="a",
                role="admin",
                front_end="cli",
                action="execute",
                subject="s",
                before="b" * 4000,
                after="c" * 4000,
            )
        verdict = await audit.verify()
    finally:
        await audit.close()

    assert len(written) > 5
    assert sorted(written) == list(range(1, len(written) + 1))
    assert (verdict.ok, verdict.rows, verdict.signed_up_to) == (True, len(written), len(written))


async def test_an_audit_file_that_somebody_keeps_locked_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    audit = SqliteAudit(path, clock=SystemClock())
    try:
        await audit.open()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match="kept it locked"):
                await intend(audit)
            other.execute("ROLLBACK")
        assert await intend(audit) == 1
    finally:
        await audit.close()


def remove(folder: Path, name: str) -> None:
    """A database with what SQLite keeps beside it."""
    for file in folder.glob(f"{name}*"):
        file.unlink()


async def test_a_trail_that_goes_while_it_is_open_refuses_the_action_and_a_new_one_begins(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "audit.db"
    audit = SqliteAudit(path, clock=SystemClock())
    try:
        begun = await intend(audit)
        remove(tmp_path, "audit.db")
        with pytest.raises(StoreUnavailable, match="removed or replaced while this console had it open"):
            await intend(audit)
        # What had begun in the lost trail does not end in the new one, as somebody else's deed.
        first = await intend(audit)
        audit.conclude(begun, result="ok")
        verdict = await audit.verify()
        assert await audit.writable()
    finally:
        await audit.close()

    assert (first, verdict.ok, verdict.rows) == (1, True, 1)
    assert any("audit.db was removed" in notice for notice in audit.notices)
    assert f"the outcome of audit row {begun} could not be written" in caplog.text


async def test_an_outcome_that_waits_does_not_end_somebody_elses_deed_in_a_new_trail(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    audit = SqliteAudit(tmp_path / "audit.db", clock=SystemClock())
    try:
        await intend(audit)
        begun = await intend(audit, "old")
        remove(tmp_path, "audit.db")
        with pytest.raises(StoreUnavailable, match="removed or replaced"):
            await intend(audit)
        audit.conclude(begun, result="failed")
        await intend(audit, "new 1")
        await intend(audit, "new 2")
        rows = await audit.rows()
    finally:
        await audit.close()

    assert [(row.subject, row.phase) for row in reversed(rows)] == [("new 1", "intent"), ("new 2", "intent")]
    assert f"the outcome of audit row {begun} could not be written" in caplog.text


async def test_an_outcome_that_comes_while_the_trail_is_closed_is_written(tmp_path: Path) -> None:
    audit = SqliteAudit(tmp_path / "audit.db", clock=SystemClock(), key=key)
    first, second = [await intend(audit) for _ in range(2)]
    audit.conclude(first, result="done")
    closing_it = asyncio.create_task(audit.close())
    await asyncio.sleep(0)
    audit.conclude(second, result="done")
    await closing_it

    again = SqliteAudit(tmp_path / "audit.db", clock=SystemClock(), key=key)
    try:
        rows = await again.rows()
    finally:
        await again.close()

    assert {row.refers_to for row in rows if row.phase == "outcome"} == {first, second}


async def test_the_log_says_of_an_outcome_that_it_comes_after_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    audit = SqliteAudit(tmp_path / "audit.db", clock=SystemClock())
    seq = await intend(audit)
    await audit.close()
    audit.conclude(seq, result="done")

    assert f"the outcome of audit row {seq} could not be written" in caplog.text


async def test_a_trail_that_is_gone_is_not_writable_and_not_whole(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    audit = SqliteAudit(path, clock=SystemClock())
    try:
        await intend(audit)
        path.unlink()
        assert not await audit.writable()
        assert await audit.writable()
        path.unlink()
        with pytest.raises(StoreUnavailable, match="removed or replaced"):
            await audit.verify()
    finally:
        await audit.close()


async def test_a_keyring_that_fails_leaves_the_trail_unsigned_and_says_so(tmp_path: Path) -> None:
    async def broken() -> bytes:
        raise SecretsUnavailable("the keyring is locked; unlock it")

    audit = SqliteAudit(tmp_path / "audit.db", clock=SystemClock(), key=broken)
    try:
        await intend(audit)
        verdict = await audit.verify()
    finally:
        await audit.close()

    assert (verdict.ok, verdict.signed_up_to) == (True, None)
    assert audit.notices == ["The audit trail stays unsigned: the keyring is locked; unlock it"]


async def test_a_newer_trail_is_left_untouched(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    audit = SqliteAudit(path, clock=SystemClock())
    await intend(audit)
    await audit.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 7")
    before = path.read_bytes()

    newer = SqliteAudit(path, clock=SystemClock())
    with pytest.raises(StoreUnavailable, match="newer console"):
        await intend(newer)
    await newer.close()

    assert path.read_bytes() == before
