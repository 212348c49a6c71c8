"""The usage database's file: where it lies, what is in the way, and what becomes of it when it breaks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from provider_console.adapters.clock import SystemClock
from provider_console.adapters.sqlite import SqliteAudit, SqliteUsage
from provider_console.adapters.sqlite.migration import migrations
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.usage import AttemptRow, ExecutionBegun


def attempt(number: int, *, message: str | None = None) -> AttemptRow:
    return AttemptRow(
        execution_id="E1",
        provider=f"p{number % 7}",
        kind="chat",
        category="ai",
        attempt=1,
        at=float(number),
        duration_ms=1.0,
        timeout_ms=15000.0,
        delay_before_ms=0.0,
        ok=True,
        absorbed=False,
        counted=0.0,
        message=message,
    )


async def write(path: Path, rows: Sequence[AttemptRow]) -> list[str]:
    usage = SqliteUsage(path, clock=SystemClock())
    try:
        await usage.write(rows)
    finally:
        await usage.close()
    return usage.notices


async def count(path: Path) -> int:
    usage = SqliteUsage(path, clock=SystemClock())
    try:
        return len(await usage.attempts(limit=100_000))
    finally:
        await usage.close()


async def refusal(path: Path) -> str:
    usage = SqliteUsage(path, clock=SystemClock())
    try:
        with pytest.raises(StoreUnavailable) as caught:
            await usage.open()
    finally:
        await usage.close()
    return str(caught.value)


async def fill(usage: SqliteUsage) -> int:
    """Write until it is refused; the rows that were acknowledged, by their sum."""
    written = 0
    with contextlib.suppress(StoreUnavailable):
        while True:
            await usage.write([attempt(number, message="m" * 300) for number in range(50)])
            written += 50
    return written


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def set_aside(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.corrupt-*"))


def writer(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", _WRITER, path], stdout=subprocess.PIPE, text=True)


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- where it lies


@pytest.mark.skipif(sys.platform == "win32", reason="no modes")
async def test_files_are_their_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "home" / "data" / "console.db"
    before = os.umask(0)
    try:
        usage = SqliteUsage(path, clock=SystemClock())
        await usage.write([attempt(1)])
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        await usage.close()
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert modes == {"console.db": 0o600, "console.db-shm": 0o600, "console.db-wal": 0o600, "running": 0o700}


async def test_a_file_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    await write(path, [attempt(1)])
    path.chmod(0o644)

    await write(path, [attempt(2)])

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
async def test_a_symbolic_link_is_not_followed(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / "precious.txt"
    target.write_text("precious")
    (tmp_path / f"console.db{suffix}").symlink_to(target)

    message = await refusal(tmp_path / "console.db")

    assert "symbolic link" in message
    assert target.read_text() == "precious"


async def test_a_folder_in_the_files_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "console.db").mkdir()

    assert "not a plain file" in await refusal(tmp_path / "console.db")


async def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    assert str(tmp_path / "data" / "console.db") in await refusal(tmp_path / "data" / "console.db")


_REFUSED = """
import asyncio, os, sys
from pathlib import Path
from provider_console.adapters.clock import SystemClock
from provider_console.adapters.sqlite import SqliteAudit, SqliteUsage
from provider_console.core.ports.store import StoreUnavailable

os.setuid(65534)

async def main():
    for store in (SqliteUsage(Path(sys.argv[1]) / "console.db", clock=SystemClock()),
                  SqliteAudit(Path(sys.argv[1]) / "audit.db", clock=SystemClock())):
        try:
            await store.open()
            print("opened")
        except StoreUnavailable as error:
            print(error)
        finally:
            await store.close()

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become nobody")
def test_a_read_only_home_is_a_sentence_and_no_traceback(tmp_path: Path) -> None:
    # Root may write anywhere, so nobody makes the attempt, in a folder that everybody may enter.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        done = run(_REFUSED, folder)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("may not be written") == 2


# --- versions


async def test_a_newer_database_is_left_untouched(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    await write(path, [attempt(1)])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = contents(tmp_path)

    message = await refusal(path)

    assert message.count("\n") == 0
    known = migrations("console")[-1][0]
    assert all(part in message for part in (str(path), "version 99", f"knows {known}", "PROVIDER_CONSOLE_HOME"))
    assert contents(tmp_path) == before


async def test_another_programs_database_is_left_untouched(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
        connection.commit()
    before = path.read_bytes()

    assert "another program" in await refusal(path)
    assert path.read_bytes() == before


async def test_two_stores_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    stores = [SqliteUsage(tmp_path / "console.db", clock=SystemClock()) for _ in range(5)]

    async with asyncio.TaskGroup() as group:
        for number, store in enumerate(stores):
            group.create_task(store.write([attempt(number)]))

    assert len(await stores[0].attempts()) == 5
    for store in stores:
        await store.close()


# --- damage


async def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    path.write_bytes(b"this is not a database" * 1000)

    notices = await write(path, [attempt(1)])

    assert await count(path) == 1
    (aside,) = set_aside(tmp_path)
    assert aside.read_bytes().startswith(b"this is not")
    assert len(notices) == 1
    assert aside.name in notices[0]
    assert "nothing in it could be read" in notices[0]


async def test_the_readable_rows_of_a_damaged_file_are_saved(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    await write(path, [attempt(number, message="m" * 200) for number in range(5000)])
    raw = bytearray(path.read_bytes())
    middle = len(raw) // 2 // 4096 * 4096
    raw[middle : middle + 8 * 4096] = os.urandom(8 * 4096)
    path.write_bytes(raw)

    notices = await write(path, [attempt(9999)])

    saved = await count(path) - 1
    assert 4000 < saved < 5000
    assert f"{saved} of its rows were saved" in notices[0]


async def test_text_that_is_no_text_any_more_does_not_hide_the_other_rows(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    await write(path, [attempt(1, message="good"), attempt(2, message="here: mark")])
    path.write_bytes(path.read_bytes().replace(b"here: mark", b"here: m\xffrk"))

    usage = SqliteUsage(path, clock=SystemClock())
    try:
        messages = [row.message for row in await usage.attempts()]
    finally:
        await usage.close()

    assert messages == ["here: m\ufffdrk", "good"]


async def test_a_file_cut_short_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    await write(path, [attempt(number, message="m" * 200) for number in range(2000)])
    os.truncate(path, path.stat().st_size // 2)

    notices = await write(path, [attempt(1)])

    assert "was damaged" in notices[0]
    assert await count(path) >= 1


async def test_a_damaged_file_is_not_taken_from_under_a_living_console(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    await write(path, [attempt(number, message="m" * 200) for number in range(2000)])
    living = SqliteUsage(path, clock=SystemClock())
    await living.write([attempt(1)])
    with path.open("r+b") as file:
        file.seek(20 * 4096)
        file.write(b"\xff" * 4096 * 40)

    try:
        message = await refusal(path)
    finally:
        await living.close()

    assert "another console has it open" in message
    assert not set_aside(tmp_path)


async def test_set_aside_files_do_not_overwrite_each_other(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    for _ in range(3):
        path.write_bytes(b"this is not a database" * 1000)
        await write(path, [attempt(1)])
        path.unlink()

    assert len(set_aside(tmp_path)) == 3


# --- full


async def test_a_full_disk_is_a_sentence_and_nothing_is_half_written(tmp_path: Path) -> None:
    usage = SqliteUsage(tmp_path / "console.db", clock=SystemClock(), max_pages=60)
    try:
        written = await fill(usage)
        with pytest.raises(StoreUnavailable, match="disk is full; free some space"):
            await usage.write([attempt(number, message="m" * 300) for number in range(50)])
        assert written > 0
        assert len(await usage.attempts(limit=100_000)) == written
        assert await usage.prune(1e12) == written
        await usage.write([attempt(1)])
        assert len(await usage.attempts()) == 1
    finally:
        await usage.close()


_LIMITED = """
import asyncio, resource, signal, sys
from pathlib import Path
from provider_console.adapters.clock import SystemClock
from provider_console.adapters.sqlite import SqliteAudit
from provider_console.core.ports.store import StoreUnavailable

async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    audit = SqliteAudit(Path(sys.argv[1]), clock=SystemClock())
    written = 0
    try:
        while written < 1000:
            seq = await audit.intend(actor="a", role="admin", front_end="cli", action="x", subject="y",
                                     before="b" * 4000, after=None)
            assert seq == written + 1
            written = seq
    except StoreUnavailable as error:
        print(written)
        print(error)
    finally:
        await audit.close()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE")
async def test_a_real_limit_of_the_system_refuses_the_audit_row_and_keeps_those_before(tmp_path: Path) -> None:
    done = run(_LIMITED, tmp_path / "audit.db")
    assert (done.returncode, done.stderr) == (0, "")
    written, message = done.stdout.splitlines()

    audit = SqliteAudit(tmp_path / "audit.db", clock=SystemClock())
    try:
        verdict = await audit.verify()
    finally:
        await audit.close()
    assert int(written) > 0
    assert "cannot be used" in message
    assert (verdict.ok, verdict.rows) == (True, int(written))


async def test_the_store_recovers_once_what_was_wrong_is_gone(tmp_path: Path) -> None:
    blocked = tmp_path / "data"
    blocked.write_text("")
    usage = SqliteUsage(blocked / "console.db", clock=SystemClock())
    try:
        with pytest.raises(StoreUnavailable):
            await usage.write([attempt(1)])
        blocked.unlink()
        await usage.write([attempt(1)])
        assert len(await usage.attempts()) == 1
    finally:
        await usage.close()


@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
async def test_a_file_that_stays_locked_is_waited_for_once_and_used_again_when_it_is_free(
    tmp_path: Path, lock: str
) -> None:
    path = tmp_path / "console.db"
    await write(path, [attempt(1)])
    usage = SqliteUsage(path, clock=SystemClock())
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute(f"BEGIN {lock}")
            # Five seconds each would be over a minute.
            for number in range(15):
                with pytest.raises(StoreUnavailable, match="kept it locked"):
                    await usage.write([attempt(number)])
            other.execute("ROLLBACK")
        await usage.write([attempt(2)])
        assert len(await usage.attempts()) == 2
    finally:
        await usage.close()


def remove(folder: Path, name: str) -> None:
    """A database with what SQLite keeps beside it."""
    for file in folder.glob(f"{name}*"):
        file.unlink()


@pytest.mark.parametrize("how", ["removed", "replaced"])
async def test_a_database_that_goes_while_it_is_open_is_said_and_a_new_one_takes_the_records(
    tmp_path: Path, how: str
) -> None:
    path = tmp_path / "console.db"
    usage = SqliteUsage(path, clock=SystemClock())
    try:
        await usage.write([attempt(1)])
        remove(tmp_path, "console.db")
        if how == "replaced":
            await write(path, [attempt(number) for number in range(5)])
        with pytest.raises(StoreUnavailable, match="removed or replaced while this console had it open"):
            await usage.write([attempt(2)])
        await usage.write([attempt(2)])
        assert len(await usage.attempts()) == (1 if how == "removed" else 6)
    finally:
        await usage.close()

    assert len(usage.notices) == 1
    assert "console.db was removed or replaced" in usage.notices[0]
    assert await count(path) == (1 if how == "removed" else 6)


async def test_a_database_that_is_gone_is_noticed_by_who_reads_it_too(tmp_path: Path) -> None:
    usage = SqliteUsage(tmp_path / "console.db", clock=SystemClock())
    try:
        await usage.write([attempt(1)])
        (tmp_path / "console.db").rename(tmp_path / "elsewhere")
        told = await asyncio.gather(*(usage.attempts() for _ in range(5)), return_exceptions=True)
        assert isinstance(told[0], StoreUnavailable)
        assert await usage.attempts() == []
    finally:
        await usage.close()


# --- sudden death


_WRITER = """
import asyncio, sys
from pathlib import Path
from provider_console.adapters.clock import SystemClock
from provider_console.adapters.sqlite import SqliteUsage
from provider_console.core.ports.usage import AttemptRow, ExecutionBegun

def attempt(number):
    return AttemptRow(execution_id="E1", provider="p", kind="chat", category="ai", attempt=1, at=float(number),
                      duration_ms=1.0, timeout_ms=1.0, delay_before_ms=0.0, ok=True, absorbed=False, counted=0.0)

async def main():
    usage = SqliteUsage(Path(sys.argv[1]), clock=SystemClock())
    try:
        await usage.write([ExecutionBegun(id="KILLED", kind="chat", category="ai", at=1.0)])
        for batch in range(100_000):
            await usage.write([attempt(batch)] * 20)
            print(batch, flush=True)
    finally:
        await usage.close()

asyncio.run(main())
"""


async def test_kill_9_loses_no_acknowledged_row_and_leaves_no_half_batch(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    neighbour = SqliteUsage(path, clock=SystemClock())
    await neighbour.write([ExecutionBegun(id="LIVING", kind="chat", category="ai", at=1.0)])
    try:
        for _ in range(3):
            before = len(await neighbour.attempts(limit=1_000_000))
            acknowledged = 0
            with writer(path) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    acknowledged = int(line) + 1
                    if acknowledged == 40:
                        process.kill()

            found = len(await neighbour.attempts(limit=1_000_000)) - before
            assert found % 20 == 0
            assert found // 20 in (acknowledged, acknowledged + 1)
            assert await neighbour.abandon() in (("KILLED",), ())
    finally:
        await neighbour.close()

    assert await count(path) > 0
    reopened = SqliteUsage(path, clock=SystemClock())
    try:
        assert await reopened.abandon() == ("LIVING",)
        assert {row.id: row.status for row in await reopened.executions()} == {
            "KILLED": "unknown_crashed",
            "LIVING": "unknown_crashed",
        }
        assert not reopened.notices
    finally:
        await reopened.close()


async def test_a_living_neighbours_executions_are_not_abandoned(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    with writer(path) as neighbour:
        assert neighbour.stdout is not None
        neighbour.stdout.readline()
        usage = SqliteUsage(path, clock=SystemClock())
        try:
            assert await usage.abandon() == ()
            neighbour.kill()
            neighbour.wait()
            assert await usage.abandon() == ("KILLED",)
        finally:
            await usage.close()


async def test_an_owner_that_is_a_path_is_never_opened(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    usage = SqliteUsage(path, clock=SystemClock())
    await usage.write([ExecutionBegun(id="E1", kind="chat", category="ai", at=1.0)])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE executions SET owner = '../../etc/passwd'")
        connection.commit()

    try:
        assert await usage.abandon() == ("E1",)
    finally:
        await usage.close()


async def test_a_cancelled_write_is_carried_through_and_the_store_goes_on(tmp_path: Path) -> None:
    usage = SqliteUsage(tmp_path / "console.db", clock=SystemClock())
    try:
        await usage.open()
        task = asyncio.create_task(usage.write([attempt(1)]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        await usage.write([attempt(2)])
        assert len(await usage.attempts()) == 2
    finally:
        await usage.close()


async def test_cancelled_while_opening_leaves_nothing_open(tmp_path: Path) -> None:
    usage = SqliteUsage(tmp_path / "console.db", clock=SystemClock())
    for steps in range(6):
        task = asyncio.create_task(usage.open())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await usage.write([attempt(1)])
    await usage.close()

    assert list(contents(tmp_path)) == ["console.db"]
