"""The console and the gateways beside it, each a program of its own on the loopback, held to one core."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from socket import socket
from typing import Final, NamedTuple

from traffic import request

PEERS: Final = Path(__file__).parent / "peers"
LITELLM: Final = PEERS / ".venv-litellm" / "bin" / "litellm"
PORTKEY: Final = PEERS / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
START_S: Final = 120.0

MESSAGES: Final = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
"""What an OpenAI-compatible gateway is asked, and the provider behind it."""


class Gateway(NamedTuple):
    """One that runs: its process, its address, and the request that is sent again and again."""

    pid: int
    url: str
    asked: bytes
    token: str = ""
    ended: Callable[[], int | None] = lambda: 0
    """How its program ended."""


def cores() -> tuple[int, int]:
    """The core of what is measured, and the one of everything else; the same where there is one only."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]


CORES: Final = cores()


def _started(command: list[str | Path], environ: Mapping[str, str], **more: int) -> subprocess.Popen[bytes]:
    available = os.sched_getaffinity(0)
    try:
        # Inherited by the child and all of its threads.
        os.sched_setaffinity(0, {CORES[0]})
        return subprocess.Popen(command, env={**os.environ, **environ}, **more)
    finally:
        os.sched_setaffinity(0, available)


def executed(**options: object) -> bytes:
    """The body of `POST /execute`."""
    return json.dumps({"operation": "chat", "payload": {"text": "hi"}, **options}).encode()


@contextlib.contextmanager
def console(home: Path, tables: str, *, body: bytes, environ: Mapping[str, str] | None = None) -> Iterator[Gateway]:
    """`provider-console serve` with these tables of its configuration, tokens, records and the audit trail on."""
    key = home / "token.key"
    key.touch(mode=0o600)
    key.write_text(secrets.token_hex(32))
    (home / "config.toml").write_text(
        f'[api]\nkey_file = "{key}"\nrequests_per_minute = 1_000_000\nmax_executions = 10_000\n'
        f"[dynamic_ai]\ndiscover_local = false\n{tables}"
    )
    around = {"PROVIDER_CONSOLE_HOME": str(home), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    around |= environ or {}
    program = Path(sys.executable).with_name("provider-console")
    issue = [program, "token", "issue", "--role", "admin", "--ttl", "2h", "--quiet"]
    token = subprocess.run(issue, env={**os.environ, **around}, check=True, capture_output=True, text=True).stdout
    process = _started([program, "serve", "--port", "0", "--json"], around, stdout=subprocess.PIPE)
    with process:
        try:
            told = b""
            while process.stdout is not None and not told.rstrip().endswith(b"}"):
                told += process.stdout.readline()
            url = str(json.loads(told)["url"])
            headers = {"Authorization": f"Bearer {token.strip()}"}
            execute = f"{url}/api/provider-integration/execute"
            yield Gateway(process.pid, execute, request(execute, body, headers), token.strip(), process.poll)
        finally:
            _end(process)


@contextlib.contextmanager
def bare(provider: str) -> Iterator[Gateway]:
    """The console's stack with nothing in it; see `peers/bare.py`."""
    port = _free_port()
    command: list[str | Path] = [sys.executable, "-m", "uvicorn", "bare:app", "--app-dir", PEERS, "--port", str(port)]
    process = _started([*command, "--no-access-log", "--log-level", "error"], {"PROVIDER": provider})
    with _chats(process, f"http://127.0.0.1:{port}", up="/") as gateway:
        yield gateway


@contextlib.contextmanager
def litellm(home: Path, provider: str) -> Iterator[Gateway]:
    """LiteLLM's proxy with one worker, without a key, a database or a log: what it does least."""
    config = home / "litellm.json"
    parameters = {"model": "openai/m", "api_base": f"{provider}/v1", "api_key": "none"}
    config.write_text(json.dumps({"model_list": [{"model_name": "m", "litellm_params": parameters}]}))
    port = _free_port()
    command: list[str | Path] = [LITELLM, "--config", config, "--host", "127.0.0.1", "--port", str(port)]
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION"}
    quiet["LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY"] = "true"  # it listens on the loopback only
    process = _started([*command, "--num_workers", "1", "--telemetry", "False"], quiet, stdout=subprocess.DEVNULL)
    with _chats(process, f"http://127.0.0.1:{port}", up="/health/liveliness") as gateway:
        yield gateway


@contextlib.contextmanager
def portkey(provider: str) -> Iterator[Gateway]:
    """Portkey's gateway on node."""
    port = _free_port()
    process = _started(["node", PORTKEY, f"--port={port}", "--headless"], {}, stdout=subprocess.DEVNULL)
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"{provider}/v1", "Authorization": "Bearer x"}
    with _chats(process, f"http://127.0.0.1:{port}", up="/", headers=headers) as gateway:
        yield gateway


@contextlib.contextmanager
def _chats(
    process: subprocess.Popen[bytes], url: str, *, up: str, headers: Mapping[str, str] | None = None
) -> Iterator[Gateway]:
    """A gateway that speaks OpenAI's protocol, once it answers at `up`, until it is ended."""
    chat = f"{url}/v1/chat/completions"
    with process:
        try:
            _await(process, url + up)
            yield Gateway(process.pid, chat, request(chat, MESSAGES, headers or {}))
        finally:
            _end(process)


def _await(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        time.sleep(0.2)
    raise RuntimeError(f"{url} did not come up; its program ended with {process.poll()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()


def _free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
