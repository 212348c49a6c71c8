"""Everything a console does with twelve secrets, against a server that repeats what it was sent.

Run in a process of its own with the folder of the console as argument; what is seen of the console goes to stdout. The
secrets come from the environment, and one goes into a keyring in this process's memory.
"""

from __future__ import annotations

import asyncio
import base64
import html
import json
import os
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

STATUSES: Final = (200, 307, 400, 401, 402, 403, 404, 408, 413, 422, 425, 429, 456, 500, 503, 504, 529)
BODIES: Final = ("errors", "text", "broken", "empty", "stream")
DRIVERS: Final = ("deepl", "libretranslate", "openai", "ollama")
NAMES: Final = tuple(f"CANARY_{number:02}" for number in range(12))


def canaries() -> dict[str, str]:
    """The secrets by name: letters that each of the other spellings changes in its own way."""
    tails = ["", "/+=", '"q"', "\\b", "%2F", "&a=b", "?x#y", "'s'", "~.-_", "a b", "{[]}", "<&>"]
    return {name: f"cnry{number:02}XqZ{number * 7919:06}{tails[number]}Kv" for number, name in enumerate(NAMES)}


def spellings(value: str) -> set[str]:
    """A secret as other layers write it."""
    raw = value.encode()
    forms = {value, quote(value), quote(value, safe=""), quote(value).lower(), raw.hex(), raw.hex().upper()}
    forms |= {json.dumps(value)[1:-1], json.dumps(json.dumps(value))[3:-3], repr(value)[1:-1]}
    for offset in range(3):
        # Whatever stands before it; only what no neighbour changes.
        encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        core = encoded[(0, 2, 3)[offset] : -1]
        forms |= {core, core.replace("+", "-").replace("/", "_")}
    return forms


class Echo:
    """A server that repeats every secret it was sent, in headers and body and in each spelling."""

    def __init__(self) -> None:
        self.status = 200
        self.body = "errors"
        self.seen: set[str] = set()
        self.requests = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                ),
                0,
            )
            sent = head + await reader.readexactly(length)
            writer.write(self.answer(sent.decode("latin-1")))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def answer(self, sent: str) -> bytes:
        """The answer to a request."""
        self.requests += 1
        if sent.startswith("GET /languages"):
            # Without its pairs nobody would translate with it.
            pairs = json.dumps([{"code": code, "name": code, "targets": ["en", "es"]} for code in ("en", "es")])
            return f"HTTP/1.1 200 OK\r\nContent-Length: {len(pairs)}\r\nConnection: close\r\n\r\n{pairs}".encode()
        found = [
            value
            for value in canaries().values()
            if value in sent or json.dumps(value)[1:-1] in sent or quote(value, safe="") in sent
        ]
        self.seen.update(found)
        said = " ".join(form for value in found for form in sorted(spellings(value)))
        plain = found[0] if found else "nothing"
        error = {"message": f"bad key {said}", "code": plain, "type": plain, "param": plain}
        body = {
            "errors": json.dumps({"message": said, "detail": said, "error": error, "code": plain}),
            "text": json.dumps({"message": said, "error": f"invalid key {said}"}),
            "broken": f"<html>{said}",
            "empty": "",
            "stream": f"data: {json.dumps({'error': error})}\n\ndata: {json.dumps({'choices': said})}\n\n",
        }[self.body].encode()
        kind = "text/event-stream" if self.body == "stream" else "application/json"
        headers = [
            f"HTTP/1.1 {self.status} {quote(plain, safe='')}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            f"X-Request-Id: {plain}",
            f'WWW-Authenticate: Bearer realm="{plain}"',
            f"Location: http://127.0.0.1:{self.port}/elsewhere?key={quote(plain)}",
            "Connection: close",
        ]
        return "\r\n".join([*headers, "", ""]).encode() + body


def configuration(port: int) -> str:
    """Twelve providers, each with a secret of its own."""
    lines = [
        "[engine]\nmax_retries = 1\nbase_delay = 0\nmax_delay = 0\nresponse_time_threshold = 2000",
        '[log]\nlevel = "debug"',
        f'[dynamic_ai]\ndiscover_local = false\n[[dynamic_ai.catalogues]]\nurl = "http://127.0.0.1:{port}/catalogue"\n'
        f'credential = "{NAMES[0]}"\nnetwork = "loopback"',
    ]
    for number, name in enumerate(NAMES):
        driver = DRIVERS[number % len(DRIVERS)]
        section = "translation" if driver in ("deepl", "libretranslate") else "dynamic_ai"
        model = 'models = ["m"]\n' if section == "dynamic_ai" else ""
        lines.append(
            f'[{section}.providers.p{number:02}]\ndriver = "{driver}"\ncredential = "{name}"\nnetwork = "loopback"\n'
            f'base_url = "http://127.0.0.1:{port}"\n{model}'
        )
    return "\n".join(lines) + "\n"


def prepare(home: Path, port: int) -> None:
    """The folder of the console, with its configuration."""
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(configuration(port))


def say(text: str) -> None:
    """A line on stdout."""
    sys.stdout.write(f"{text}\n")


def show(what: object) -> None:
    """Whatever is seen of the console, in each way somebody may look at it."""
    say(repr(what))
    say(str(what))
    try:
        say(msgspec.json.encode(what, enc_hook=repr).decode())
    except (TypeError, ValueError, msgspec.MsgspecError):
        return


async def tried(work: Callable[[], Awaitable[Any]]) -> Any:
    """Do something, and show what came of it."""
    try:
        found = await work()
    except Exception as error:  # noqa: BLE001 - every error is looked at
        show(error)
        show(vars(error))
        say("".join(traceback.format_exception(error)))
        return None
    show(found)
    return found


async def listen(console: Any) -> None:
    """Show every event."""
    async with aclosing(console.events()) as events:
        async for event in events:
            show(event)


async def everything(console: Any, engine: Any, echo: Echo) -> None:
    """Each operation, error class, check and action."""
    from provider_console.sdk import Secret

    for status in STATUSES:
        for body in BODIES if status in (200, 401, 503) else BODIES[:1]:
            echo.status, echo.body = status, body
            # Fresh lanes: nothing that an earlier answer held keeps this one from being asked.
            engine.catalog.lanes.clear()
            await engine.catalog.refresh()
            for name, lane in sorted(engine.catalog.lanes.items()):
                await tried(lambda lane=lane: engine.checker._look(lane, manual=True))
                lane.breaker.release()
                kind = "translate" if "translation" in lane.provider.categories else "chat"
                payload = {"text": "Hello", "from": "en", "to": "es"} if kind == "translate" else {"text": "Hello"}
                operation = await console.operation(kind, payload, options={"providers": [name]})
                await tried(lambda operation=operation: console.execute(operation))
                if body == "stream":
                    await tried(lambda operation=operation: _all(console.execute_stream(operation)))
                show(lane.last_error)
    value = Secret(canaries()[NAMES[1]])
    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: console.providers(include_inactive=True),
        lambda: console.provider("p00"),
        console.health,
        console.coverage,
        console.clear_cache,
        console.kinds,
        console.executions,
        console.analytics,
        console.config,
        console.config_text,
        lambda: console.validate_config("[engine]\nmax_retries = many"),
        lambda: console.set_config("engine.max_retries", 2),
        console.config_history,
        lambda: console.restore_config(1),
        lambda: console.set_secret(NAMES[1], value),
        lambda: console.set_secret(NAMES[1], Secret(value.reveal() + "\n")),
        lambda: console.set_secret("not a name", value),
        console.secrets,
        console.secret_backend,
        lambda: console.test_secret(NAMES[1]),
        lambda: console.delete_secret(NAMES[1]),
        lambda: console.set_provider_enabled("p01", enabled=False),
        lambda: console.audit(limit=10_000),
        console.verify_audit,
        console.plugins,
        console.doctor,
        lambda: console.check("p02"),
    ]
    for call in calls:
        await tried(call)
    for summary in (await console.executions(limit=1000))[:200]:
        await tried(lambda summary=summary: console.execution(summary.execution_id))


async def _all(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


async def contexts(engine: Any) -> None:
    """What a plugin can see of the credentials."""
    from provider_console.engine.plugin_context import Context

    context = Context(
        "any",
        own=("translation", "dynamic_ai"),
        current=lambda: engine.settings().sections,
        secrets=engine.parts.secrets,
        http=engine.parts.http,
    )
    show(vars(context))
    show(context.settings())
    for name in NAMES:
        show(await context.credentials.info(name))
    show(await context.credentials.names())
    show(context.http(network="loopback", bearer=NAMES[0]))
    for secret in [await engine.parts.secrets.get(name) for name in NAMES]:
        show(secret)
        say(f"{secret} {secret!r} {secret!s:>40} {[secret]} {vars(type(secret)).keys()}")
    context.logger.warning("a key: %s, %r", *[canaries()[NAMES[5]]] * 2, extra={"key": canaries()[NAMES[6]]})
    try:
        raise ValueError(canaries()[NAMES[7]])
    except ValueError:
        context.logger.exception("it failed")


async def through_the_api(home: Path, echo: Echo) -> None:
    """The console as a front end has it."""
    from provider_console.bootstrap import Situation, open_front_end

    async with open_front_end("cli", Situation(home=home), background=False) as console:
        engine = console._console._engine  # type: ignore[attr-defined]
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(listen(console))
            await everything(console, engine, echo)
            await contexts(engine)
            listening.cancel()


async def through_the_commands(echo: Echo) -> None:
    """The command line, each command in a process of its own."""
    commands = [
        ["check", "--json", "--log-level", "debug"],
        ["execute", "chat", "--text", "Hello", "--explain"],
        ["execute", "translate", "--from", "en", "--to", "es", "--text", "Hello", "--json"],
        ["doctor", "--json"],
        ["secrets", "list", "--json"],
        ["secrets", "set", NAMES[3]],
        ["config", "show", "--json"],
        ["audit", "--json"],
        ["providers", "--include-inactive", "--json"],
        ["health"],
    ]
    for status in (401, 503):
        echo.status, echo.body = status, "errors"
        for command in commands if status == 401 else commands[:4]:
            process = await asyncio.create_subprocess_exec(
                Path(sys.executable).with_name("provider-console"),
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            out, _ = await process.communicate(canaries()[NAMES[3]].encode())
            say(out.decode())


async def over_http(home: Path, echo: Echo) -> None:
    """Every answer of the HTTP API, its events among them, and what it says to a key in the wrong place."""
    import httpx

    from provider_console.api.serve import Address, Stop, serve
    from provider_console.bootstrap import Situation, open_service
    from provider_console.console.access import Identity, Role
    from provider_console.console.routes import PREFIX, ROUTES

    key = home.parent / "token.key"
    key.touch(mode=0o600)
    key.write_text("5c" * 32)
    place = Situation(home=home, overrides={"api.key_file": str(key)})
    boss = Identity(actor="boss", role=Role.SUPER_ADMIN, front_end="api")
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    stop = Stop()
    async with open_service(place, grace_s=0.0) as service, asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(service, Address(port=0), stop, started=port.set_result, grace_s=0.0))
        token = (await service.console(boss).issue_token("boss", role="super_admin")).token
        headers = {"Authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{await port}"
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=30.0) as client:
            listening = tasks.create_task(_events(client, f"{PREFIX}/events"))
            value = canaries()[NAMES[1]]
            calls: list[tuple[str, str, Any]] = [("GET", path, None) for path in ("/metrics", "/docs", "/openapi.json")]
            calls += [("GET", row.path, None) for row in ROUTES if _plain(row)]
            calls += [("GET", f"{PREFIX}/{path}", None) for path in ("providers/p00", "analytics/p01")]
            for given in ({"value": value}, {"value": value + "\n"}, {"valeu": value}, {"value": [value]}, value):
                calls.append(("PUT", f"{PREFIX}/secrets/{NAMES[1]}", given))
            calls.append(("POST", f"{PREFIX}/secrets/{NAMES[1]}/test", None))
            calls.append(("PATCH", f"{PREFIX}/config", {"key": "dynamic_ai.providers.p02.credential", "value": value}))
            calls.append(("POST", f"{PREFIX}/config/validate", {"text": f'[network]\nproxy = "http://me:{value}@h"'}))
            for status, kind in ((401, "errors"), (503, "text"), (200, "stream")):
                echo.status, echo.body = status, kind
                for provider, operation in (("p00", "translate"), ("p02", "chat"), ("p03", "chat")):
                    asked = {"operation": operation, "payload": {"text": "Hello", "from": "en", "to": "es"}}
                    if operation == "chat":
                        asked["payload"] = {"text": "Hello"}
                    for more in ({}, {"stream": True}, {"dryRun": True}):
                        calls.append(("POST", f"{PREFIX}/execute", {**asked, "providers": [provider], **more}))
                calls.append(("POST", f"{PREFIX}/health/check", {}))
                for method, path, body in calls:
                    answer = await client.request(method, path, json=body)
                    say(f"{method} {path} {answer.status_code} {answer.headers} {answer.text}")
                calls = [call for call in calls if call[0] == "GET"]
            listening.cancel()
        stop.end()


def _plain(row: Any) -> bool:
    return row.method == "GET" and "{" not in row.path and row.special != "events"


async def _events(client: Any, path: str) -> None:
    async with client.stream("GET", path) as answer:
        async for line in answer.aiter_lines():
            say(line)


async def on_the_screen(home: Path, echo: Echo) -> None:
    """Every mode of the terminal and what its keys lead to, as a picture."""
    from provider_console.bootstrap import Situation, open_front_end
    from provider_console.tui.app import ConsoleApp
    from provider_console.tui.clock import WallClock
    from provider_console.tui.link import Preview
    from provider_console.tui.themes import load_themes

    echo.status, echo.body = 401, "errors"
    app = ConsoleApp(
        opener=lambda: open_front_end("tui", Situation(home=home), background=False, grace_s=0.0),
        preview=Preview(environment="mine"),
        clock=WallClock(),
        themes=load_themes([]),
    )
    async with app.run_test(size=(200, 60)) as pilot:
        while not app.state.open:
            await pilot.pause(0.05)
        for keys in (
            "1",
            "1 c",
            "1 v",
            "1 ?",
            "1 D",
            "2",
            "2 l",
            "2 e",
            "3",
            "4",
            "4 slash c r e d",
            "4 h",
            "5 A",
            "5 T",
            "5 T enter",
            "5 L",
            "5 L enter",
            "6",
            "6 enter",
        ):
            for key in keys.split():
                await pilot.press(key)
                await pilot.pause(0.2)
            say(html.unescape(app.export_screenshot()).replace("\N{NO-BREAK SPACE}", " "))
            await pilot.press("escape")
            await pilot.press("escape")


async def main(home: Path) -> None:
    """Both, and then what the server has seen: a secret that was never sent proves nothing."""
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    echo.port = server.sockets[0].getsockname()[1]
    prepare(home, echo.port)
    async with server:
        await through_the_api(home, echo)
        await through_the_commands(echo)
        await over_http(home, echo)
        await on_the_screen(home, echo)
    names = sorted(name for name, value in canaries().items() if value in echo.seen)
    say(f"\nSENT {' '.join(names)}\nREQUESTS {echo.requests}")


def own_keyring() -> None:
    """A keyring in the memory of this process."""
    import keyring
    from keyring.backend import KeyringBackend

    class InMemory(KeyringBackend):
        priority = 5.0  # type: ignore[assignment]

        def __init__(self) -> None:
            super().__init__()
            self.kept: dict[tuple[str, str], str] = {}

        def get_password(self, service: str, username: str) -> str | None:
            return self.kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.kept[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del self.kept[service, username]

    keyring.set_keyring(InMemory())


if __name__ == "__main__":
    os.environ.update(canaries())
    own_keyring()
    asyncio.run(main(Path(sys.argv[1])))
