"""A console served over a real socket, with sandbox providers behind it and a token for each role.

async with served(tmp_path) as it:
    answer = await it.get("/health")
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from provider_console.api.serve import Address, Stop, serve
from provider_console.bootstrap import Situation, open_front_end, open_service
from provider_console.console.access import Role
from provider_console.console.routes import PREFIX
from provider_console.sandbox import Sandbox, toml_text

KEY: Final = "5c" * 32
"""Signs the tokens of the tests."""
HOUSE: Final = {"text": "The house is red.", "from": "en", "to": "es"}
TRANSLATION: Final = {"operation": "translate", "payload": HOUSE}
QUICK: Final = {"base_delay": 10, "max_delay": 50}


class Served:
    """What a test holds: the address, the tokens, the sandbox, and the way to end the server."""

    def __init__(self, url: str, tokens: Mapping[Role, str], sandbox: Sandbox, stop: Stop, home: Path) -> None:
        self.url = url
        self.tokens = tokens
        self.sandbox = sandbox
        self.stop = stop
        self.home = home
        self.client = httpx.AsyncClient(base_url=url, timeout=15.0, trust_env=False)

    def headers(self, role: Role | None = Role.SUPER_ADMIN) -> dict[str, str]:
        """What shows a role."""
        return {} if role is None else {"Authorization": f"Bearer {self.tokens[role]}"}

    async def send(
        self, method: str, path: str, *, role: Role | None = Role.SUPER_ADMIN, headers: Any = None, **rest: Any
    ) -> httpx.Response:
        """One request; a path without a leading `/api` or root address is under the prefix."""
        root = path.startswith(("/api/", "/metrics", "/livez", "/readyz", "/docs", "/openapi"))
        fields = {**self.headers(role), **(headers or {})}
        return await self.client.request(method, path if root else PREFIX + path, headers=fields, **rest)

    async def get(self, path: str, **rest: Any) -> httpx.Response:
        """GET."""
        return await self.send("GET", path, **rest)

    async def post(self, path: str, json: Any = None, **rest: Any) -> httpx.Response:
        """POST of JSON."""
        return await self.send("POST", path, json=json, **rest)

    async def execute(self, **fields: Any) -> httpx.Response:
        """The translation of the house, with more fields."""
        headers = fields.pop("headers", None)
        return await self.post("/execute", {**TRANSLATION, **fields}, headers=headers)

    async def audited(self) -> list[dict[str, Any]]:
        """Rows of the audit trail, newest first."""
        rows: list[dict[str, Any]] = (await self.get("/audit?limit=1000")).json()
        return rows


def situation(home: Path, sandbox: Sandbox, **tables: Any) -> Situation:
    """A home with the sandbox's providers, and a key for tokens."""
    home.mkdir(exist_ok=True)
    key = home / "token.key"
    key.touch(mode=0o600)
    key.write_text(KEY)
    own = {"engine": QUICK, **sandbox.tables, **tables}
    own["dynamic_ai"] = {**own["dynamic_ai"], "discover_local": False}
    own["api"] = {"key_file": str(key), "requests_per_minute": 100_000, **tables.get("api", {})}
    (home / "config.toml").write_text(toml_text(own), "utf-8")
    environ = {**os.environ, **sandbox.credentials, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    return Situation(home=home, environ=environ)


async def tokens_of(place: Situation, *, ttl_ms: int = 900_000) -> dict[Role, str]:
    """A token for each role, issued by a console beside the server."""
    async with open_front_end("cli", place, background=False) as console:
        return {
            role: (await console.issue_token(f"some-{role.value}", role=role.value, ttl_ms=ttl_ms)).token
            for role in Role
        }


@asynccontextmanager
async def served(
    folder: Path,
    *,
    grace_s: float = 5.0,
    tls: tuple[Path, Path] | None = None,
    verify: ssl.SSLContext | bool = False,
    behind_proxy: bool = False,
    **tables: Any,
) -> AsyncIterator[Served]:
    """The server, until the block ends; then it has ended as well."""
    async with Sandbox() as sandbox:
        place = situation(folder / "served", sandbox, **tables)
        tokens = await tokens_of(place)
        stop = Stop()
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        address = Address(port=0, certfile=tls and tls[0], keyfile=tls and tls[1], behind_proxy=behind_proxy)
        async with open_service(place, grace_s=0.0) as service, asyncio.TaskGroup() as tasks:
            server = tasks.create_task(
                serve(service, address, stop, started=port.set_result, grace_s=grace_s), name="server"
            )
            it = Served(address.at(await port), tokens, sandbox, stop, folder / "served")
            if tls is not None:
                await it.client.aclose()
                it.client = httpx.AsyncClient(base_url=it.url, timeout=15.0, trust_env=False, verify=verify)
            try:
                yield it
            finally:
                stop.end()
                await it.client.aclose()
                await server


async def frames(response: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """Server-sent events as they arrive; comments are left out."""
    frame: dict[str, str] = {}
    async for line in response.aiter_lines():
        if not line:
            if "data" in frame:
                yield frame
            frame = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            frame[name] = value
