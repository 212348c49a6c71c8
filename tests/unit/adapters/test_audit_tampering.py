"""Somebody who can write the audit file changes it; verification says where."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from provider_console.adapters.clock import SystemClock
from provider_console.adapters.sqlite import SqliteAudit
from provider_console.adapters.sqlite.chain import row_hash
from provider_console.core.ports.audit import AuditVerdict

KEY = b"0123456789abcdef0123456789abcdef"
ROWS = 230
COLUMNS = "seq, at, actor, role, front_end, action, subject, phase, refers_to, result, before, after"


async def key() -> bytes:
    return KEY


def store(path: Path, *, signed: bool = True) -> SqliteAudit:
    return SqliteAudit(path, clock=SystemClock(), key=key if signed else None)


async def act(audit: SqliteAudit, rows: int) -> None:
    async def one(number: int) -> None:
        seq = await audit.intend(
            actor="alice",
            role="admin",
            front_end="cli",
            action="config.set",
            subject=f"key-{number}",
            before="old",
            after="new",
        )
        audit.conclude(seq, result="done")

    async with asyncio.TaskGroup() as group:
        for number in range(rows // 2):
            group.create_task(one(number))
    # Outcomes are on the disk once somebody reads.
    await audit.rows(limit=1)


async def written(path: Path, *, rows: int = ROWS, signed: bool = True) -> None:
    audit = store(path, signed=signed)
    try:
        await act(audit, rows)
    finally:
        await audit.close()


async def verdict(path: Path, *, signed: bool = True, more: int = 0) -> AuditVerdict:
    audit = store(path, signed=signed)
    try:
        await act(audit, more)
        return await audit.verify()
    finally:
        await audit.close()


def set_aside(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.corrupt-*"))


def tamper(path: Path, change: Callable[[sqlite3.Connection], Any]) -> None:
    """What somebody with the file and without the key can do: the triggers are no obstacle."""
    with closing(sqlite3.connect(path)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        change(connection)
        connection.commit()


def rechained(connection: sqlite3.Connection, since: int) -> None:
    """Compute every hash from a row on anew, as anybody can, and the head's."""
    (previous,) = connection.execute("SELECT hash FROM audit_log WHERE seq = ?", (since - 1,)).fetchone()
    for row in connection.execute(f"SELECT {COLUMNS} FROM audit_log WHERE seq >= ? ORDER BY seq", (since,)).fetchall():
        previous = row_hash(previous, row)
        connection.execute("UPDATE audit_log SET hash = ? WHERE seq = ?", (previous, row[0]))
    point_head_at_the_end(connection)


def point_head_at_the_end(connection: sqlite3.Connection) -> None:
    connection.execute(
        "UPDATE audit_head SET (seq, hash) = (SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1)"
    )


def shift(connection: sqlite3.Connection, since: int, by: int) -> None:
    connection.execute("UPDATE audit_log SET seq = -(seq + ?) WHERE seq >= ?", (by, since))
    connection.execute("UPDATE audit_log SET seq = -seq WHERE seq < 0")


# --- untouched


@pytest.mark.parametrize("rows", [2, 98, 100, 102, 200, 230])
async def test_an_untouched_trail_is_whole_and_signed_to_its_end(tmp_path: Path, rows: int) -> None:
    await written(tmp_path / "audit.db", rows=rows)

    assert await verdict(tmp_path / "audit.db") == AuditVerdict(ok=True, rows=rows, signed_up_to=rows)


async def test_without_a_key_the_trail_says_it_is_unsigned(tmp_path: Path) -> None:
    await written(tmp_path / "audit.db", signed=False)

    found = await verdict(tmp_path / "audit.db", signed=False)

    assert (found.ok, found.rows, found.signed_up_to) == (True, ROWS, None)
    assert found.reason is not None
    assert "unsigned" in found.reason


async def test_rows_written_without_the_key_are_said_to_be_unsigned(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    await written(path, rows=110)
    await written(path, rows=10, signed=False)

    found = await verdict(path)

    assert (found.ok, found.rows, found.signed_up_to) == (True, 120, 110)
    assert found.reason == "rows 111 to 120 are unsigned"


async def test_signing_rows_that_were_unsigned_leaves_a_row_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    await written(path, rows=10, signed=False)
    audit = store(path)
    try:
        await act(audit, 2)
        found, rows = await audit.verify(), await audit.rows()
    finally:
        await audit.close()

    assert (found.ok, found.rows, found.signed_up_to) == (True, 13, 13)
    assert (rows[2].seq, rows[2].action, rows[2].subject) == (11, "audit.unsigned", "rows up to 10")


@pytest.mark.parametrize("wrong", [b"short", b""])
async def test_a_key_of_the_wrong_length_is_not_used_and_said(tmp_path: Path, wrong: bytes) -> None:
    async def short() -> bytes:
        return wrong

    audit = SqliteAudit(tmp_path / "audit.db", clock=SystemClock(), key=short)
    try:
        await act(audit, 2)
        found = await audit.verify()
    finally:
        await audit.close()

    assert (found.ok, found.signed_up_to) == (True, None)
    assert "stays unsigned" in audit.notices[0]


# --- changed rows

POSITIONS = [1, 2, 50, 99, 100, 101, 150, 200, 201, 229, 230]


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
@pytest.mark.parametrize("position", [1, 100, 151, 230])
async def test_a_changed_value_is_found_in_every_column(tmp_path: Path, position: int, *, signed: bool) -> None:
    path = tmp_path / "audit.db"
    await written(path, signed=signed)
    whole = path.read_bytes()
    for column in (*COLUMNS.split(", ")[1:], "hash"):
        path.write_bytes(whole)
        value = 12345 if column in ("at", "refers_to") else "forged"
        tamper(
            path, lambda c, n=column, v=value: c.execute(f"UPDATE audit_log SET {n} = ? WHERE seq = ?", (v, position))
        )

        found = await verdict(path, signed=signed)

        assert (found.ok, found.broken_at) == (False, position), column


@pytest.mark.parametrize("position", POSITIONS)
async def test_text_that_became_bytes_or_null_or_is_longer_by_a_nul_is_found(tmp_path: Path, position: int) -> None:
    path = tmp_path / "audit.db"
    await written(path)
    whole = path.read_bytes()
    for expression in ("CAST(subject AS BLOB)", "subject || char(0)", "subject || X'FF'", "''"):
        path.write_bytes(whole)
        tamper(
            path, lambda c, e=expression: c.execute(f"UPDATE audit_log SET subject = {e} WHERE seq = ?", (position,))
        )

        found = await verdict(path)

        assert (found.ok, found.broken_at) == (False, position), expression


@pytest.mark.parametrize("position", POSITIONS)
async def test_a_deleted_row_is_found(tmp_path: Path, position: int) -> None:
    path = tmp_path / "audit.db"
    await written(path)
    tamper(path, lambda connection: connection.execute("DELETE FROM audit_log WHERE seq = ?", (position,)))

    found = await verdict(path)

    assert (found.ok, found.broken_at) == (False, position)


@pytest.mark.parametrize("position", POSITIONS[:-1])
async def test_a_deleted_row_is_found_when_the_others_close_the_gap(tmp_path: Path, position: int) -> None:
    path = tmp_path / "audit.db"
    await written(path)

    def change(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM audit_log WHERE seq = ?", (position,))
        shift(connection, position + 1, -1)
        point_head_at_the_end(connection)

    tamper(path, change)

    found = await verdict(path)

    assert (found.ok, found.broken_at) == (False, position)


@pytest.mark.parametrize("position", POSITIONS)
async def test_an_inserted_row_is_found(tmp_path: Path, position: int) -> None:
    path = tmp_path / "audit.db"
    await written(path)

    def change(connection: sqlite3.Connection) -> None:
        shift(connection, position, 1)
        source = position - 1 or position + 2
        row = connection.execute(f"SELECT {COLUMNS}, hash FROM audit_log WHERE seq = ?", (source,)).fetchone()
        connection.execute(f"INSERT INTO audit_log VALUES ({', '.join('?' * 13)})", (position, *row[1:]))
        point_head_at_the_end(connection)

    tamper(path, change)

    found = await verdict(path)

    assert (found.ok, found.broken_at) == (False, position)


async def test_a_row_put_before_the_first_is_found(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    await written(path)
    tamper(
        path,
        lambda connection: connection.execute(
            "INSERT INTO audit_log SELECT 0, at, actor, role, front_end, action, subject, phase, refers_to, result, "
            "before, after, hash FROM audit_log WHERE seq = 1"
        ),
    )

    found = await verdict(path)

    assert (found.ok, found.broken_at) == (False, 0)


@pytest.mark.parametrize("position", POSITIONS[:-1])
async def test_two_swapped_rows_are_found(tmp_path: Path, position: int) -> None:
    path = tmp_path / "audit.db"
    await written(path)

    def change(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE audit_log SET seq = -1 WHERE seq = ?", (position,))
        connection.execute("UPDATE audit_log SET seq = ? WHERE seq = ?", (position, position + 1))
        connection.execute("UPDATE audit_log SET seq = ? WHERE seq = -1", (position + 1,))

    tamper(path, change)

    found = await verdict(path)

    assert (found.ok, found.broken_at) == (False, position)


# --- a cut tail


@pytest.mark.parametrize("left", [0, 1, 99, 100, 101, 199, 200, 201, 229])
async def test_a_cut_tail_is_found(tmp_path: Path, left: int) -> None:
    path = tmp_path / "audit.db"
    await written(path)
    tamper(path, lambda connection: connection.execute("DELETE FROM audit_log WHERE seq > ?", (left,)))

    found = await verdict(path)

    assert (found.ok, found.rows, found.broken_at) == (False, left, left + 1)


@pytest.mark.parametrize("signatures", ["kept", "cut", "promoted"])
@pytest.mark.parametrize("left", [1, 99, 100, 101, 199, 200, 201, 229])
async def test_a_cut_tail_is_found_when_the_head_is_changed_too(tmp_path: Path, left: int, signatures: str) -> None:
    path = tmp_path / "audit.db"
    await written(path)

    def change(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM audit_log WHERE seq > ?", (left,))
        point_head_at_the_end(connection)
        if signatures != "kept":
            connection.execute("DELETE FROM audit_signatures WHERE seq > ?", (left,))
        if signatures == "promoted":
            connection.execute(
                "UPDATE audit_head SET signature = coalesce((SELECT signature FROM audit_signatures "
                "ORDER BY seq DESC LIMIT 1), signature)"
            )

    tamper(path, change)

    found = await verdict(path)

    assert (found.ok, found.broken_at) == (False, left + 1)


async def test_a_tail_cut_after_sudden_death_is_found_up_to_the_last_row(tmp_path: Path) -> None:
    path, copy = tmp_path / "audit.db", tmp_path / "copy"
    copy.mkdir()
    audit = store(path)
    try:
        await act(audit, 130)
        for suffix in ("", "-wal"):
            (copy / f"audit.db{suffix}").write_bytes((tmp_path / f"audit.db{suffix}").read_bytes())
    finally:
        await audit.close()

    def change(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM audit_log WHERE seq = 130")
        point_head_at_the_end(connection)

    tamper(copy / "audit.db", change)

    found = await verdict(copy / "audit.db")

    assert (found.ok, found.broken_at) == (False, 130)


async def test_without_its_head_signature_a_cut_tail_is_said_to_be_unsigned(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    await written(path)

    def change(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM audit_log WHERE seq > 220")
        connection.execute("DELETE FROM audit_signatures WHERE seq > 220")
        point_head_at_the_end(connection)
        connection.execute("UPDATE audit_head SET signature = NULL")

    tamper(path, change)

    found = await verdict(path)

    assert (found.signed_up_to, found.reason) == (200, "rows 201 to 220 are unsigned")


# --- a chain made anew


@pytest.mark.parametrize(("position", "named"), [(2, 1), (99, 1), (100, 1), (101, 101), (200, 101), (205, 201)])
async def test_a_chain_made_anew_contradicts_the_next_signed_head(tmp_path: Path, position: int, named: int) -> None:
    path = tmp_path / "audit.db"
    await written(path)

    def change(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE audit_log SET actor = 'mallory' WHERE seq = ?", (position,))
        rechained(connection, position)

    tamper(path, change)

    found = await verdict(path)

    assert (found.ok, found.broken_at) == (False, named)


async def test_a_chain_made_anew_with_its_heads_fails_their_signatures(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    await written(path)

    def change(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE audit_log SET actor = 'mallory' WHERE seq = 150")
        rechained(connection, 150)
        connection.execute(
            "UPDATE audit_signatures SET hash = (SELECT hash FROM audit_log l WHERE l.seq = audit_signatures.seq)"
        )

    tamper(path, change)

    found = await verdict(path)

    assert (found.ok, found.broken_at, found.signed_up_to) == (False, 101, 100)
    assert found.reason is not None
    assert "not made with this key" in found.reason


async def test_another_key_does_not_pass(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    await written(path)

    async def other() -> bytes:
        return b"x" * 32

    audit = SqliteAudit(path, clock=SystemClock(), key=other)
    try:
        found = await audit.verify()
    finally:
        await audit.close()

    assert (found.ok, found.broken_at) == (False, 1)


async def test_a_part_of_another_trail_does_not_fit(tmp_path: Path) -> None:
    path, other = tmp_path / "audit.db", tmp_path / "other.db"
    await written(path, rows=20)
    await written(other, rows=30)

    def change(connection: sqlite3.Connection) -> None:
        connection.execute("ATTACH ? AS other", (str(other),))
        connection.execute("DELETE FROM audit_log")
        connection.execute("INSERT INTO audit_log SELECT * FROM other.audit_log")

    tamper(path, change)

    found = await verdict(path)

    assert (found.ok, found.broken_at) == (False, 1)


async def test_a_head_taken_away_is_found(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    await written(path)
    tamper(path, lambda connection: connection.execute("DELETE FROM audit_head"))

    assert (await verdict(path)).ok is False


# --- tampering is not covered up by going on


@pytest.mark.parametrize("left", [50, 100, 150, 229])
async def test_going_on_after_a_cut_tail_keeps_the_break_in_the_trail(tmp_path: Path, left: int) -> None:
    path = tmp_path / "audit.db"
    await written(path)

    def change(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM audit_log WHERE seq > ?", (left,))
        connection.execute("DELETE FROM audit_signatures WHERE seq > ?", (left,))
        point_head_at_the_end(connection)

    tamper(path, change)

    first = await verdict(path, more=220)
    second = await verdict(path)

    assert (first.ok, first.broken_at) == (False, left + 1)
    assert (second.ok, second.broken_at, second.rows) == (False, left + 1, left + 221)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_log WHERE seq > 100",
        "DELETE FROM audit_log WHERE seq = 200",
        "UPDATE audit_log SET actor = 'mallory' WHERE seq = 230",
        "UPDATE audit_log SET actor = CAST(X'6DFF' AS TEXT) WHERE seq = 229",
        "UPDATE audit_head SET signature = 'x'",
    ],
)
async def test_a_broken_end_is_said_at_the_start(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "audit.db"
    await written(path)
    tamper(path, lambda connection: connection.execute(statement))
    audit = store(path)
    try:
        await audit.open()
    finally:
        await audit.close()

    assert len(audit.notices) == 1
    assert "provider-console audit verify" in audit.notices[0]


# --- bytes


async def test_a_flipped_bit_in_any_row_is_found(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    await written(path)
    whole = path.read_bytes()
    places = {number: whole.find(b"key-%d" % number) for number in range(ROWS // 2) if number > 9}
    for number in list(places)[::7]:
        for bit in (0, 3, 7):
            raw = bytearray(whole)
            raw[places[number] + 1] ^= 1 << bit
            path.write_bytes(raw)

            found = await verdict(path)

            assert found.ok is False, (number, bit)
            assert found.broken_at is not None


async def test_damage_anywhere_is_never_taken_for_a_whole_trail(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    await written(path, rows=200)
    whole = path.read_bytes()
    page = 4096
    for number in range(2, len(whole) // page):
        if not whole[number * page : number * page + page].count(b"config.set"):
            continue
        raw = bytearray(whole)
        raw[number * page : number * page + page] = b"\xa5" * page
        path.write_bytes(raw)

        audit = store(path)
        try:
            found = await audit.verify()
        finally:
            await audit.close()

        assert found.ok is False
        assert found.broken_at is not None
        assert any("damaged" in notice for notice in audit.notices)
        for file in set_aside(tmp_path):
            file.unlink()


async def test_the_part_of_a_damaged_trail_that_proves_itself_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    await written(path, rows=400)
    raw = bytearray(path.read_bytes())
    half = len(raw) // 2 // 4096 * 4096
    raw[half : half + 4096] = b"\xa5" * 4096
    path.write_bytes(raw)

    audit = store(path)
    try:
        await act(audit, 10)
        found, rows = await audit.verify(), await audit.rows(limit=1000)
    finally:
        await audit.close()
    saved = len(rows) - 11

    assert 50 < saved < 399
    assert (found.ok, found.broken_at) == (False, saved + 1)
    assert [row.seq for row in rows] == list(range(saved + 11, 0, -1))
    assert rows[10].action == "audit.break"
    assert f"{saved} of 400 rows are here" in (rows[10].after or "")
    assert len(set_aside(tmp_path)) == 1


# --- triggers


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'mallory' WHERE seq = 1",
        "DELETE FROM audit_log WHERE seq = 2",
        "INSERT OR REPLACE INTO audit_log SELECT * FROM audit_log WHERE seq = 1",
        "UPDATE OR REPLACE audit_log SET seq = 1 WHERE seq = 2",
        "UPDATE audit_signatures SET signature = 'x'",
        "DELETE FROM audit_signatures",
        "DELETE FROM audit_head",
    ],
)
async def test_the_file_itself_refuses_to_be_changed(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "audit.db"
    await written(path, rows=4)

    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError, match="append only"):
        connection.execute(statement)

    assert (await verdict(path)).ok
