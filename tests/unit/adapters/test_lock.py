"""Locks that die with their holder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from provider_console.adapters.lock import FileLock, FileProberLock
from provider_console.adapters.memory import MemoryLock

_HOLDER = """
import sys
from pathlib import Path
from provider_console.adapters.lock import FileProberLock
lock = FileProberLock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
sys.stdin.readline()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def pair(kind: str, path: Path) -> tuple[FileProberLock | MemoryLock, FileProberLock | MemoryLock]:
    if kind == "file":
        return FileProberLock(path / "prober.lock"), FileProberLock(path / "prober.lock")
    holders: list[MemoryLock] = []
    return MemoryLock(holders), MemoryLock(holders)


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_one_holds_it_and_the_other_takes_over_at_once(tmp_path: Path, kind: str) -> None:
    one, other = pair(kind, tmp_path)

    assert one.acquire()
    assert one.acquire()
    assert not other.acquire()
    other.release()
    assert not other.acquire()
    one.release()
    one.release()
    assert other.acquire()
    assert not one.acquire()
    other.release()


def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    path = tmp_path / "prober.lock"
    lock = FileProberLock(path)
    with holder(path) as process:
        assert answer(process) == "True"
        assert not lock.acquire()
        process.kill()
        process.wait()

        assert lock.acquire()
    lock.release()


def test_a_process_started_by_the_holder_does_not_keep_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "prober.lock"
    lock = FileProberLock(path)
    assert lock.acquire()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        lock.release()
        taken = FileProberLock(path).acquire()
        child.kill()

    assert taken


def test_a_folder_that_cannot_be_written_means_not_held_and_a_reason(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    lock = FileProberLock(tmp_path / "data" / "prober.lock")

    assert not lock.acquire()
    assert lock.problem is not None
    assert "write access" in lock.problem
    lock.release()


def test_a_symbolic_link_is_not_locked(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("precious")
    (tmp_path / "prober.lock").symlink_to(target)

    assert not FileProberLock(tmp_path / "prober.lock").acquire()
    assert target.read_text() == "precious"


def test_looking_whether_a_lock_is_held_does_not_take_it(tmp_path: Path) -> None:
    one, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")

    assert not other.is_held_by_anyone()
    assert one.acquire()
    assert other.is_held_by_anyone()
    assert one.is_held_by_anyone()
    one.release()
    assert not other.is_held_by_anyone()
    assert not other.held
