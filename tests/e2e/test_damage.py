"""Files that cannot be read or written: the console says so, does what it still can, and nothing without a trace."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from tests.e2e.home import PROGRAM, Home, clean_stderr, deepl, translation

from provider_console.sandbox import Server

# Each of these tests starts several processes, and a busy machine takes its time for that.
pytestmark = pytest.mark.limit(60)

HOUSE = ("execute", "translate", "--from", "en", "--to", "es", "--text", "The house is red.", "--json", "--quiet")


@pytest.fixture
def served(home: Home, deepl_server: Server) -> Home:
    """A console with one provider that works."""
    home.configure(translation({"primary": deepl(deepl_server.base_url)}))
    return home


@pytest.fixture
def used(served: Home) -> Home:
    """A console that has worked once, so that its files are there."""
    assert served.run(*HOUSE).code == 0
    return served


def test_a_file_where_the_home_should_be_is_named(home: Home) -> None:
    home.path.write_text("in the way", "utf-8")

    commands = (HOUSE, ("providers",), ("health",), ("config", "set", "log.level", "debug"))
    ended = [home.run(*command) for command in commands]

    for finished in ended:
        assert finished.code in (1, 5), finished
        assert str(home.path) in clean_stderr(finished)[-1]
    assert home.path.read_text("utf-8") == "in the way"


def mounted(home: Home, first: str, then: str, *places: Path) -> subprocess.CompletedProcess[str]:
    """A translation in mounts of its own: words of a shell make them, and run it; `$0` is the home."""
    unshare = ["unshare", "--mount", "--map-root-user", "/bin/sh", "-c"]
    where = [str(home.path), *map(str, places)]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*unshare, first, *where], capture_output=True, check=False).returncode
    ):
        pytest.skip("this machine allows no mount of one's own")
    return subprocess.run(
        [*unshare, f"{first}; {then}", *where, str(PROGRAM), *HOUSE],
        env=home.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_home_that_cannot_be_written_translates_nothing_without_a_trace(served: Home, deepl_server: Server) -> None:
    # Root ignores the modes of files, so this is a mount that refuses; `unshare` gives it to this one command.
    ended = mounted(served, 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"', 'exec "$@"')

    assert ended.returncode == 1, ended
    assert "Traceback" not in ended.stderr
    assert str(served.path) in ended.stderr or "audit" in ended.stderr
    assert deepl_server.count("/v2/translate") == 0


def limited_to(size: int) -> None:
    """A disk that is full: no file may grow beyond `size` bytes, and the attempt is an error, not a signal."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_stops_what_would_leave_no_trace(used: Home, deepl_server: Server) -> None:
    before = deepl_server.count("/v2/translate")

    finished = used.run(*HOUSE, prepare=lambda: limited_to(0))

    assert finished.code == 1, finished
    assert clean_stderr(finished)
    assert deepl_server.count("/v2/translate") == before


def test_a_disk_without_any_room_is_said_to_be_full(used: Home, deepl_server: Server, tmp_path: Path) -> None:
    aside = tmp_path / "aside"
    shutil.copytree(used.path, aside)
    before = deepl_server.count("/v2/translate")
    full = 'mount -t tmpfs -o size=2m tmpfs "$0" && cp -r "$1/." "$0" && shift'
    fill = 'dd if=/dev/zero of="$0/fill" bs=4k 2>/dev/null; exec "$@"'

    ended = mounted(used, full, fill, aside)

    assert ended.returncode == 1, ended
    assert "audit.db cannot be used: the disk is full; free some space and try again" in ended.stderr
    assert "failed to read or write" not in ended.stderr
    assert deepl_server.count("/v2/translate") == before


def test_a_full_disk_still_lets_the_map_be_read(used: Home) -> None:
    finished = used.run("providers", "--json", prepare=lambda: limited_to(0))

    assert finished.code == 0, finished
    assert [view["id"] for view in finished.json()] == ["primary"]
    clean_stderr(finished)


def test_after_a_full_disk_the_records_are_whole_and_work_goes_on(used: Home) -> None:
    used.run(*HOUSE, prepare=lambda: limited_to(0))

    again = used.run(*HOUSE)
    verified = used.run("audit", "verify", "--json")

    assert again.code == 0, again
    assert verified.json()["ok"] is True
    with closing(sqlite3.connect(used.path / "console.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("name", ["console.db", "audit.db"])
def test_a_database_of_a_newer_version_is_left_alone_and_named(used: Home, name: str) -> None:
    file = used.path / name
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version = 999")
        database.commit()
    before = file.read_bytes()

    told = [used.run("audit", "list") if name == "audit.db" else used.run("health"), used.run("doctor")]
    executed = used.run(*HOUSE)

    # The map and its health need no usage database, and say so; the audit trail needs its file.
    assert [finished.code for finished in told] == [1 if name == "audit.db" else 0, 1], told
    assert all(name in finished.out + finished.err for finished in told)
    assert any("newer console" in line for line in clean_stderr(told[0]))
    # Usage may be lost, an effect without a trace may not be.
    assert executed.code == (1 if name == "audit.db" else 0), executed
    assert file.read_bytes() == before


def test_an_execution_that_could_not_be_recorded_says_so(used: Home) -> None:
    with closing(sqlite3.connect(used.path / "console.db")) as database:
        database.execute("PRAGMA user_version = 999")
        database.commit()

    finished = used.run(*HOUSE)

    assert "newer console" in finished.err


@pytest.mark.parametrize("name", ["console.db", "audit.db"])
@pytest.mark.parametrize("damage", ["garbage", "torn", "empty"])
def test_a_corrupt_database_is_set_aside_and_the_console_runs_on(used: Home, name: str, damage: str) -> None:
    file = used.path / name
    content = file.read_bytes()
    damaged = {
        "garbage": b"this is no database" * 500,
        "torn": content[:4096] + os.urandom(len(content) - 4096),
        "empty": b"",
    }
    file.write_bytes(damaged[damage])
    for companion in ("-wal", "-shm"):
        (used.path / f"{name}{companion}").unlink(missing_ok=True)

    finished = used.run(*HOUSE)
    next_time = used.run(*HOUSE)

    assert finished.code == 0, finished
    assert next_time.code == 0, next_time
    clean_stderr(finished)
    aside = list(used.path.glob(f"{name}.corrupt-*"))
    assert bool(aside) is (damage != "empty"), [file.name for file in used.path.iterdir()]


def test_a_database_that_was_set_aside_is_told_by_the_command_that_did_it(used: Home) -> None:
    (used.path / "console.db").write_bytes(b"this is no database" * 500)

    finished = used.run(*HOUSE)

    assert "console.db was damaged" in finished.err


def test_health_tells_of_a_database_that_was_set_aside(used: Home) -> None:
    (used.path / "console.db").write_bytes(b"this is no database" * 500)

    finished = used.run("health")

    assert finished.code == 0, finished
    assert "console.db was damaged" in finished.err
    assert "corrupt-" in clean_stderr(finished)[-1]


def test_a_lost_audit_trail_is_not_passed_over(used: Home) -> None:
    with closing(sqlite3.connect(used.path / "audit.db")) as database:
        database.execute("DROP TRIGGER audit_log_no_delete")
        database.execute("DELETE FROM audit_log WHERE seq = 1")
        database.commit()

    finished = used.run("audit", "verify", "--json")

    assert finished.code == 1, finished
    assert finished.json()["ok"] is False
    clean_stderr(finished)


def test_two_commands_at_once_share_one_home(served: Home) -> None:
    with served.started(*HOUSE) as one, served.started(*HOUSE) as other:
        ended = [one.finish(), other.finish()]

    assert [finished.code for finished in ended] == [0, 0], ended
    assert [row["status"] for row in served.executions()] == ["ok", "ok"]
    assert served.run("audit", "verify", "--json").json()["ok"] is True
