"""A demo's home is gone after the demo, however the demo ended."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from provider_console.sandbox.home import temporary_home

KILLED = """
import os, signal
from provider_console.sandbox.home import temporary_home
with temporary_home() as home:
    (home / "console.db").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def age(path: Path, seconds: float) -> None:
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def test_it_is_private_and_gone_afterwards(folder: Path) -> None:
    with temporary_home() as home:
        assert home.parent == folder
        assert home.stat().st_mode & 0o777 == 0o700

    assert list(folder.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="a signal that nothing can catch is a thing of Unix")
def test_what_a_killed_demo_left_goes_with_the_next_one(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED], env={**os.environ, "TMPDIR": str(folder)}, check=False)
    (left,) = folder.iterdir()
    age(left, 61)

    with temporary_home() as home:
        assert list(folder.iterdir()) == [home]


def test_the_home_of_a_demo_that_runs_is_left_alone(folder: Path) -> None:
    with temporary_home() as first:
        age(first, 3_600)
        with temporary_home():
            assert first.is_dir()


def test_what_is_new_or_no_demos_is_left_alone(folder: Path) -> None:
    new, other, far = folder / "provider-console-demo-new", folder / "provider-console-demo-other", folder / "far"
    for path in new, far:
        path.mkdir()
        (path / "demo.lock").touch()
    other.mkdir()
    (folder / "provider-console-demo-link").symlink_to(far)
    for path in other, far:
        age(path, 3_600)

    with temporary_home():
        assert all(path.is_dir() for path in (new, other, far))
