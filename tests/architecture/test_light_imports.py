"""What is loaded when: a plugin author's import, a line of help, a console without a request."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ENGINE: Final = ("provider_console.engine", "provider_console.adapters", "provider_console.bootstrap")
HTTP: Final = ("httpx", "aiohttp", "httpx_aiohttp", "httpcore")
SERVERS: Final = ("uvicorn", "starlette")
TERMINAL: Final = ("textual", "rich")
STORES: Final = ("aiosqlite", "sqlite3", "keyring", "tomlkit")
TOKENS: Final = ("jwt", "cryptography")
TRACES: Final = ("opentelemetry", "google.protobuf")

UNSERVED: Final = """operation = await console.operation("chat", {"text": "Hello"})
        try:
            await console.execute(operation)
        except console_errors.NoProvider:
            print("an execution has ended")"""
"""An execution that nobody can serve: it is recorded as any other."""

OPEN = """
import asyncio
from provider_console import open_console
async def main():
    async with open_console(background={background}) as console:
        {work}
asyncio.run(main())
"""


def loaded(program: str, home: Path) -> frozenset[str]:
    """The modules that a program has loaded when it ends."""
    finished = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys, json; print('\\n' + json.dumps(sorted(sys.modules)))"],
        env={**os.environ, "PROVIDER_CONSOLE_HOME": str(home), "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return frozenset(json.loads(finished.stdout.splitlines()[-1]))


def of(modules: frozenset[str], names: tuple[str, ...]) -> list[str]:
    """Those of `names` that are loaded."""
    return [name for name in names if name in modules]


CASES: Final = [
    ("the package", "import provider_console", (*ENGINE, *HTTP, *SERVERS, *TERMINAL, *STORES, "asyncio", "msgspec")),
    ("the sdk", "import provider_console.sdk", (*ENGINE, *HTTP, *SERVERS, *TERMINAL, *STORES, "asyncio", "ssl")),
    (
        "the sdk",
        "import provider_console.sdk",
        ("provider_console.core", "provider_console.console", "provider_console.cli"),
    ),
    ("the console", "import provider_console.console.access", (*ENGINE, *HTTP, *SERVERS, *TERMINAL, *STORES)),
    (
        "the help",
        "from provider_console.cli import main; main(['--help'])",
        (*ENGINE, *HTTP, *SERVERS, *TERMINAL, *STORES),
    ),
    (
        "the version",
        "from provider_console.cli import main; main(['--version'])",
        (*ENGINE, *HTTP, *SERVERS, *TERMINAL, *STORES),
    ),
    (
        "the help of the server",
        "from provider_console.cli import main; main(['serve', '--help'])",
        (*HTTP, *SERVERS, *TERMINAL, *STORES, *TOKENS, *ENGINE, "prometheus_client"),
    ),
    ("the help of a command", "from provider_console.cli import main; main(['health', '--help'])", (*HTTP, *SERVERS)),
    (
        "an open console",
        OPEN.format(background=False, work="await console.providers(include_inactive=True)"),
        (*HTTP, *SERVERS, *TERMINAL, *TOKENS, "provider_console.sandbox", "provider_console.api"),
    ),
    (
        "an execution that no collector is to hear of",
        "import provider_console.console.errors as console_errors"
        + OPEN.replace("{background}", "False").replace("{work}", UNSERVED),
        (*SERVERS, *TERMINAL, *TRACES),
    ),
    (
        "an open console that watches",
        OPEN.format(background=True, work="await console.health()"),
        (*HTTP, *SERVERS, *TERMINAL, "provider_console.sandbox"),
    ),
    (
        "a console elsewhere, before the first paint",
        "import provider_console.cli.connect, provider_console.remote.tokens, provider_console.remote.remote_console",
        (*HTTP, *SERVERS, *TERMINAL, "aiosqlite", "tomlkit", *TOKENS, "provider_console.engine"),
    ),
    (
        "the sandbox",
        "import provider_console.sandbox",
        (*HTTP, *TERMINAL, *STORES, *ENGINE),
    ),
]


@pytest.mark.limit(60)
@pytest.mark.parametrize(("program", "absent"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_it_loads_nothing_that_it_does_not_need(program: str, absent: tuple[str, ...], clean_home: Path) -> None:
    # Looking for providers on this machine is a request, and would load what requests need.
    (clean_home / "config.toml").write_text("[dynamic_ai]\ndiscover_local = false\n")

    assert of(loaded(program, clean_home), absent) == []


@pytest.mark.limit(60)
def test_a_request_loads_the_http_library_and_so_this_would_be_seen(clean_home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    (clean_home / "config.toml").write_text(
        "[dynamic_ai]\ndiscover_local = false\n"
        '[translation.providers.apertium]\ndriver = "apertium"\nnetwork = "loopback"\n'
        f'base_url = "http://127.0.0.1:{port}"\n'
    )

    modules = loaded(OPEN.format(background=False, work="await console.check('apertium')"), clean_home)

    assert "httpx" in modules


@pytest.mark.limit(60)
def test_serving_loads_the_server_and_so_this_would_be_seen(clean_home: Path) -> None:
    program = """
import asyncio
from provider_console.sandbox import DeepLSandbox, serve
async def main():
    async with serve(DeepLSandbox(key="k:fx")):
        pass
asyncio.run(main())
"""

    assert "uvicorn" in loaded(program, clean_home)
