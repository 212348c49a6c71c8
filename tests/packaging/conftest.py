"""Wheels and installations in temporary folders.

pip builds in isolation and asks a package index for hatchling: the one thing in the tests that leaves this machine,
and only as a child process of its own. What was installed then runs under the guard that keeps it on loopback.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

GUARD = ROOT / "tests" / "loopback_guard"

CHILD_S = 120


def _pip(*arguments: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=CHILD_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's own wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    _pip("wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture
def install(tmp_path: Path) -> Callable[[Path], Path]:
    """Install a project or a wheel, without its dependencies, and return the folder that holds it."""

    def installed(project: Path) -> Path:
        target = tmp_path / "site"
        _pip("install", "--no-deps", "--target", target, project)
        return target

    return installed


@pytest.fixture
def run_beside() -> Callable[..., str]:
    """Run Python with a folder in front of the installed packages, and return what it printed."""

    def run(target: Path, *arguments: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=cwd or target,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(target), str(GUARD)]),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CHILD_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    return run
