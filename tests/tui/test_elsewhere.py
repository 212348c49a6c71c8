"""The terminal on an engine elsewhere that goes away and comes back: it says so, and then reads everything anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.api.far import certificate, elsewhere, running, token_of
from tests.api.served import situation

from provider_console.bootstrap import Situation, open_remote, open_service
from provider_console.console.console import Console
from provider_console.remote.address import address_of
from provider_console.remote.tokens import VARIABLE, Tokens
from provider_console.sandbox import Fault, Sandbox
from provider_console.testing.workflow import Workflow, do, expect, play, see, see_no
from provider_console.tui.app import ConsoleApp
from provider_console.tui.clock import WallClock
from provider_console.tui.link import Preview
from provider_console.tui.themes import load_themes

pytestmark = pytest.mark.limit(60)


async def test_the_terminal_survives_the_restart_of_its_engine(tmp_path: Path) -> None:
    files = certificate(tmp_path)
    async with Sandbox() as sandbox, AsyncExitStack() as first, AsyncExitStack() as second:
        place = situation(tmp_path / "engine", sandbox, health={"health_check_interval": 5_000})
        service = await first.enter_async_context(open_service(place, grace_s=0.0))
        token = await token_of(service)
        url = await first.enter_async_context(running(service, files=files, grace_s=0.0))
        address = address_of(url)

        @asynccontextmanager
        async def opened() -> AsyncIterator[Console]:
            tokens = Tokens(address, environ={VARIABLE: token})
            home = Situation(home=tmp_path / "elsewhere")
            async with open_remote(address, tokens, situation=home, ca_file=files.authority) as console:
                yield console

        async def back() -> None:
            sandbox["libretranslate"].faults.set(Fault("refuse"))
            again = await second.enter_async_context(open_service(place, grace_s=0.0))
            port = urlsplit(url).port or 0
            await second.enter_async_context(running(again, files=files, port=port, grace_s=0.0))

        preview = Preview(environment="mine", address=url)
        app = ConsoleApp(opener=opened, preview=preview, clock=WallClock(), themes=load_themes([]))
        await play(
            Workflow(
                "a restart",
                [
                    see("DeepL", "LibreTranslate", url, limit_s=15.0),
                    expect("all is well", lambda state: state.open and state.stale_since is None),
                    do("the engine goes away", lambda _stage: first.aclose()),
                    expect("it is known to be behind", lambda state: state.stale_since is not None, limit_s=15.0),
                    see("s without the engine", "figures are from", "refuses connections", url),
                    do("it comes back, and a provider has died meanwhile", lambda _stage: back()),
                    expect("it is up to date again", lambda state: state.stale_since is None, limit_s=20.0),
                    see_no("refuses connections"),
                    expect(
                        "and knows what happened",
                        lambda state: state.providers["libretranslate"].health.state == "unhealthy",
                        limit_s=20.0,
                    ),
                ],
            ),
            app,
        )


async def test_a_token_that_is_revoked_ends_the_terminals_view_with_what_to_do(tmp_path: Path) -> None:
    async with Sandbox() as sandbox, elsewhere(situation(tmp_path / "engine", sandbox), tmp_path) as opened:
        app = ConsoleApp(opener=opened, preview=Preview(), clock=WallClock(), themes=load_themes([]))

        async def revoke() -> None:
            own = (await app.link.console.tokens())[0]
            assert await app.link.console.revoke_token(own.id)

        await play(
            Workflow(
                "revoked",
                [
                    see("DeepL", limit_s=15.0),
                    expect("it is open", lambda state: state.open),
                    do("somebody revokes the token", lambda _stage: revoke()),
                    see("does not take this token", limit_s=25.0),
                ],
            ),
            app,
        )
