"""The configuration file under killed writers, many writers, full disks and links."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from provider_console.adapters.settings_file import Lock, content_of, replaced, revision_of, stamp_of
from provider_console.core.ports.settings import SettingsConflict, SettingsInvalid
from provider_console.core.ports.store import StoreUnavailable

PREFIX = """
import asyncio, json, os, resource, signal, sys, time
from pathlib import Path
from provider_console.adapters.toml_settings import TomlSettings
from provider_console.core.ports.settings import SettingsConflict
from provider_console.core.ports.store import StoreUnavailable

class Clock:
    def monotonic(self): return time.monotonic()
    def wall(self): return time.time()
    async def sleep(self, seconds): await asyncio.sleep(seconds)

file = Path(sys.argv[1])
settings = TomlSettings(file, revisions=None, clock=Clock(), environ={}, overrides={})
"""

KILLED = (
    PREFIX
    + """
def killed(event, arguments):
    if event == "os.rename":
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    base = (await settings.load(())).settings.revision
    sys.addaudithook(killed)
    await settings.put("[log]\\nlevel = 'warning'\\n", (), revision=base, author="a", reason="")

asyncio.run(main())
"""
)

FULL = (
    PREFIX
    + """
async def main():
    base = (await settings.load(())).settings.revision
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8))
    try:
        await settings.put("[log]\\nlevel = 'warning'\\n", (), revision=base, author="a", reason="")
    except StoreUnavailable as error:
        os.write(1, str(error).encode())

asyncio.run(main())
"""
)

COUNTING = (
    PREFIX
    + """
async def main():
    saved = 0
    while saved < 5:
        now = await settings.load(())
        text = await settings.edited("engine.base_delay", now.settings.engine.base_delay + 1)
        try:
            await settings.put(text, (), revision=now.settings.revision, author=sys.argv[2], reason="")
        except SettingsConflict:
            continue
        saved += 1

asyncio.run(main())
"""
)


def python(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text("[log]\nlevel = 'debug'\n")
    return file


def save(file: Path, text: str) -> None:
    lock = Lock.taken(file)
    assert lock is not None
    replaced(file, text.encode(), revision=content_of(file).revision, lock=lock)


def test_a_writer_killed_before_the_rename_leaves_the_old_file_whole(file: Path) -> None:
    process = python(KILLED, file)
    _, errors = process.communicate(timeout=20)

    assert process.returncode == -signal.SIGKILL, errors
    assert file.read_text() == "[log]\nlevel = 'debug'\n"
    left = [each for each in file.parent.iterdir() if each.suffix == ".tmp"]
    assert [each.read_text() for each in left] == ["[log]\nlevel = 'warning'\n"]

    save(file, "# next\n")

    assert file.read_text() == "# next\n"
    assert [each.name for each in sorted(file.parent.iterdir())] == [".config.toml.lock", "config.toml"]


def test_a_full_disk_leaves_the_old_file_and_says_so_in_one_sentence(file: Path) -> None:
    process = python(FULL, file)
    said, errors = process.communicate(timeout=20)

    assert said == (f"{file}: the configuration was not saved (File too large); free some space and try again"), errors
    assert file.read_text() == "[log]\nlevel = 'debug'\n"
    assert [each.name for each in file.parent.iterdir() if each.suffix == ".tmp"] == []


def test_no_change_of_several_processes_is_lost(file: Path) -> None:
    file.write_text("[engine]\nbase_delay = 100\n")

    writers = [python(COUNTING, file, f"writer {number}") for number in range(3)]
    ends = [(writer.communicate(timeout=60)[1], writer.returncode) for writer in writers]

    assert ends == [("", 0)] * 3
    assert file.read_text() == "[engine]\nbase_delay = 115\n"


def test_a_lock_excludes_until_both_its_holders_let_go(file: Path) -> None:
    lock = Lock.taken(file)
    assert lock is not None
    other = lock.shared()

    lock.free()
    still = Lock.taken(file)
    other.free()
    other.free()
    free = Lock.taken(file)

    assert still is None
    assert free is not None
    free.free()


def test_a_lock_nobody_keeps_is_free(file: Path) -> None:
    Lock.taken(file)

    again = Lock.taken(file)

    assert again is not None
    again.free()


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    target = tmp_path / "dotfiles" / "console.toml"
    target.write_text("# old\n")
    file = tmp_path / "config.toml"
    file.symlink_to(target)

    save(file, "# new\n")

    assert file.is_symlink()
    assert target.read_text() == "# new\n"


def test_a_new_file_is_the_users_alone_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "new" / "config.toml"

    save(file, "")
    first = stat.S_IMODE(file.stat().st_mode)
    file.chmod(0o640)
    save(file, "# more\n")

    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert (first, stat.S_IMODE(file.stat().st_mode)) == (0o600, 0o640)


def test_a_folder_that_cannot_be_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")

    with pytest.raises(StoreUnavailable) as caught:
        Lock.taken(tmp_path / "taken" / "config.toml")

    assert str(caught.value) == (
        f"{tmp_path}/taken/config.toml: the configuration was not saved (File exists); "
        f"check who may write to {tmp_path}/taken"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_a_read_only_folder_is_said_in_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o755)
    file = folder / "config.toml"
    file.write_text("")
    tmp_path.chmod(0o755)
    for parent in list(tmp_path.parents)[:3]:
        if parent.stat().st_uid == 0 and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o111)
    child = os.fork()
    if child == 0:
        os.setgid(65534)
        os.setuid(65534)
        try:
            Lock.taken(file)
        except StoreUnavailable as error:
            right = f"(Permission denied); check who may write to {folder}" in str(error)
            os._exit(7 if right else 8)
        os._exit(9)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_stale_revision_is_a_conflict(file: Path) -> None:
    lock = Lock.taken(file)
    assert lock is not None

    with pytest.raises(SettingsConflict):
        replaced(file, b"", revision=revision_of(b"other"), lock=lock)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("folder", "is not a file; move away what has its name"),
        ("pipe", "is not a file; move away what has its name"),
        ("device", "is not a file; move away what has its name"),
        ("loop", "cannot be read (Too many levels of symbolic links); check who owns it"),
        ("large", "is larger than 256 KiB; no configuration needs that"),
    ],
)
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str, expected: str) -> None:
    file = tmp_path / "config.toml"
    match kind:
        case "folder":
            file.mkdir()
        case "pipe":
            os.mkfifo(file)
        case "device":
            file.symlink_to("/dev/zero")
        case "loop":
            file.symlink_to(file)
        case "large":
            file.write_bytes(b"#" * (256 * 1024 + 1))

    with pytest.raises(SettingsInvalid) as caught:
        content_of(file)

    assert str(caught.value) == f"{file}: {expected}"


def test_bytes_that_are_no_text_are_refused_with_their_place(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"[log]\nlevel = '\xff'\n")

    with pytest.raises(SettingsInvalid) as caught:
        content_of(file).text(file)

    assert str(caught.value) == f"{file}:2:10: is not UTF-8 text; save it as UTF-8"


def test_no_file_is_an_empty_one(tmp_path: Path) -> None:
    content = content_of(tmp_path / "config.toml")

    assert content.data == b""
    assert content.revision == revision_of(b"")
    assert content.stamp == stamp_of(tmp_path / "config.toml")
