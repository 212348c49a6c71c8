"""Runs pytest on a test of ours inside a test, with only the plugins it needs: the others take seconds to import."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLUGINS = ("pytest_asyncio.plugin", "xdist.plugin")


def run_pytest(*arguments: str, environ: Mapping[str, str]) -> tuple[int, str]:
    """The exit code and what was printed, with `environ` over this process's environment; leaves no cache behind."""
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *(f"-p{name}" for name in ("no:cacheprovider", *PLUGINS)), *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1", **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout
