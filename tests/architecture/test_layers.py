"""Who may import whom: the contracts hold, and each of them catches a breach."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PLUGINS: Final = sorted(path.name for path in (ROOT / "plugins").iterdir() if (path / "src").is_dir())

CONTRACTS: Final[list[dict[str, Any]]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]

BREACHES: Final[Mapping[str, Mapping[str, str]]] = {
    "layers": {
        "provider_console/sdk/provider.py": "from provider_console.core import decide",
        "provider_console/core/decide.py": "from provider_console.console import views",
        "provider_console/console/views.py": "from provider_console.engine import bus",
        "provider_console/engine/bus.py": "from provider_console.adapters import clock",
        "provider_console/adapters/clock.py": "from provider_console.engine import planner",
        "provider_console/bootstrap.py": "from provider_console.cli import exits",
        "provider_console/tui/pump.py": "from provider_console import bootstrap",
        "provider_console/api/docs.py": "from provider_console.tui import state",
        "provider_console/remote/address.py": "from provider_console.api import desk",
    },
    "front-ends": {
        "provider_console/cli/health.py": "from provider_console.engine import planner",
        "provider_console/cli/check.py": "import keyring",
        "provider_console/api/desk.py": "from provider_console.engine import token_desk",
        "provider_console/tui/link.py": "from provider_console.core import decide",
    },
    "adapters-alone": {
        "provider_console/engine/doctor.py": "import sqlite3",
        "provider_console/core/scoring.py": "import httpx",
        "provider_console/api/desk.py": "import jwt",
    },
    "servers-alone": {
        "provider_console/adapters/places.py": "import uvicorn",
        "provider_console/remote/tokens.py": "import starlette",
    },
    "pure-core": {"provider_console/core/budget.py": "import time", "provider_console/core/text.py": "import os"},
    "terminal-alone": {
        "provider_console/cli/output.py": "import rich",
        "provider_console/remote/connection.py": "import textual",
    },
    "widgets": {
        "provider_console/tui/widgets/nav.py": "from provider_console.console import views",
        "provider_console/tui/widgets/table.py": "from provider_console.tui import app",
    },
    "pure-terminal": {
        "provider_console/tui/first_frame.py": "import textual",
        "provider_console/tui/state.py": "import textual",
        "provider_console/tui/pages/frame.py": "from provider_console.tui.widgets import nav",
    },
    "plugins": {"provider_console_translation/__init__.py": "from provider_console.engine import planner"},
}
"""For each contract, by its id: lines that must not pass, and where they are put."""


def lint(folder: Path, *, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", ROOT / "pyproject.toml"],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def breached(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """What the linter says of a copy with every breach in it: one run, for it builds its graph anew each time."""
    tree = tmp_path_factory.mktemp("tree")
    sources = [ROOT / "src" / "provider_console"]
    sources += [ROOT / "plugins" / name / "src" / f"provider_console_{name}" for name in PLUGINS]
    for source in sources:
        if source.is_dir():
            shutil.copytree(source, tree / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    for lines in BREACHES.values():
        for place, line in lines.items():
            file = tree / place
            assert file.is_file(), f"{place} is not there any more: put its breach elsewhere"
            file.write_text(f"{file.read_text()}\n{line}\n")
    # Before the site's folders, where an editable installation names the checkout.
    return lint(tree, environ={"PYTHONPATH": str(tree)})


@pytest.mark.limit(60)
def test_the_contracts_hold() -> None:
    finished = lint(ROOT, environ={})

    assert finished.returncode == 0, finished.stdout


def test_each_contract_has_a_breach_here() -> None:
    assert {contract["id"] for contract in CONTRACTS} == set(BREACHES)


@pytest.mark.limit(60)
@pytest.mark.parametrize("contract", CONTRACTS, ids=[contract["id"] for contract in CONTRACTS])
def test_each_contract_is_broken_by_its_breach(
    contract: dict[str, Any], breached: subprocess.CompletedProcess[str]
) -> None:
    assert breached.returncode == 1, breached.stdout + breached.stderr
    assert f"{contract['name']} BROKEN" in breached.stdout


SEEDED: Final = [(where, line) for lines in BREACHES.values() for where, line in lines.items()]


@pytest.mark.limit(60)
@pytest.mark.parametrize(("where", "line"), SEEDED, ids=[f"{where}: {line}" for where, line in SEEDED])
def test_each_breach_is_named(where: str, line: str, breached: subprocess.CompletedProcess[str]) -> None:
    importer = where.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")
    words = line.split(" as ")[0].split()
    imported = words[1] if words[0] == "import" else f"{words[1]}.{words[3]}"

    assert f"{importer} -> {imported}" in breached.stdout


def test_the_layers_are_the_folders_of_the_package() -> None:
    (layers,) = [contract for contract in CONTRACTS if contract["id"] == "layers"]

    assert layers["exhaustive"], "a new folder must be given its place"
