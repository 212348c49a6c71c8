"""The terminal console on an engine elsewhere: `provider-console --connect ADDRESS`."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from provider_console.cli.output import Output
from provider_console.cli.question import hidden
from provider_console.cli.terminal import Crash, sandbox_for, show
from provider_console.console.errors import BadRequest

if TYPE_CHECKING:
    from provider_console.console.console import Console
    from provider_console.remote.tokens import Tokens


async def open_remote_terminal(arguments: argparse.Namespace, output: Output) -> int:
    """The console of the engine at `--connect`, until it is left.

    Raises:
        BadRequest: the address or the token cannot be used.
    """
    from provider_console.glance import glance
    from provider_console.remote.address import address_of
    from provider_console.remote.tokens import Tokens

    if arguments.role is not None:
        raise BadRequest("with --connect the token says the role; have one issued with --role admin", field="role")
    address = address_of(arguments.connect)
    tokens = Tokens(address, environ=os.environ)
    if await tokens.find() is None:
        await _ask(tokens, address.url, output)
    named = glance(os.environ).ca_file
    ca_file = Path(named) if named else None

    @asynccontextmanager
    async def opened(crash: Crash) -> AsyncIterator[Console]:
        bootstrap = await asyncio.to_thread(import_module, "provider_console.bootstrap")
        overrides: dict[str, object] = {} if arguments.log_level is None else {"log.level": arguments.log_level}
        situation = bootstrap.Situation(overrides=overrides)
        crash.redact = situation.redactor.redact
        async with bootstrap.open_remote(address, tokens, situation=situation, ca_file=ca_file) as console:
            yield console

    return await show(opened, theme=arguments.theme, sandbox=sandbox_for(None), names=(), address=address.url)


async def _ask(tokens: Tokens, address: str, output: Output) -> None:
    from provider_console.remote.tokens import checked

    output.say(f"{address} asks for a token; on its machine, provider-console token issue --role admin prints one")
    # A person is there: without one there is no terminal console.
    typed = await hidden("token (it is not shown): ")
    unkept = await tokens.keep(checked(typed, place="what was typed"))
    if unkept is not None:
        output.say(f"the token is not kept, and asked for again at the next start: {unkept}")
