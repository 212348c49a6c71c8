"""The living sandbox: the cast on loopback, a console on it, a script of faults, and people who ask for things."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from provider_console.adapters.clock import SystemClock
from provider_console.bootstrap import Situation, open_front_end
from provider_console.console.access import Role
from provider_console.console.console import Console
from provider_console.core.ports.time import Clock
from provider_console.sandbox.apertium import ApertiumSandbox
from provider_console.sandbox.cast import CAST, FOUND, PREFER, PROBE_SHARE, SPREAD, Player
from provider_console.sandbox.catalogue import PATH, CatalogueSandbox, Listing
from provider_console.sandbox.deepl import DeepLSandbox
from provider_console.sandbox.errands import run_errands
from provider_console.sandbox.fault import Lane
from provider_console.sandbox.fleet import Tables, toml_text
from provider_console.sandbox.home import temporary_home
from provider_console.sandbox.libretranslate import LibreTranslateSandbox
from provider_console.sandbox.ollama import OllamaSandbox
from provider_console.sandbox.openai import OpenAISandbox
from provider_console.sandbox.past import write_past
from provider_console.sandbox.script import SCRIPT, Cue, play
from provider_console.sandbox.server import Server, serve
from provider_console.sandbox.vendor import Vendor

SEED: Final = 20
"""Of the script's chances, the requests and the latencies."""
GRACE_S: Final = 0.2
"""For requests under way when it is left: nobody waits for pretend answers."""

SETTINGS: Final[Tables] = {
    # Checks and delays are quicker than usual: a sandbox is watched, not waited for.
    "engine": {"base_delay": 200, "max_delay": 1_600},
    "health": {"health_check_interval": 5_000},
}


class Living(msgspec.Struct, frozen=True):
    """A living sandbox: the `console` of a person, the `servers` by the ids of their players, and the `home`."""

    console: Console
    servers: Mapping[str, Server]
    home: Path


class Place(msgspec.Struct, frozen=True):
    """Where a living sandbox is: the `situation` of a console on it, and its `servers`."""

    situation: Situation
    servers: Mapping[str, Server]


@asynccontextmanager
async def living_place(
    *, overrides: Mapping[str, object] | None = None, seed: int = SEED, past: bool = True
) -> AsyncIterator[Place]:
    """The cast on loopback and a temporary home that knows it, for whatever opens a console there."""
    async with AsyncExitStack() as stack:
        home = stack.enter_context(temporary_home())
        servers = await _serve(stack, random.Random(seed))
        (home / "config.toml").write_text(toml_text(_tables(servers)), "utf-8")
        situation = Situation(home=home, environ=_credentials(), overrides=overrides or {}, secrets="memory")
        if past:
            await write_past(situation.places.console_db, clock=SystemClock(), rng=random.Random(seed))
        yield Place(situation, servers)


@asynccontextmanager
async def living_sandbox(
    *,
    front_end: str = "tui",
    role: Role | None = None,
    overrides: Mapping[str, object] | None = None,
    seed: int = SEED,
    script: Sequence[Cue] = SCRIPT,
    errands: bool = True,
    past: bool = True,
    clock: Clock | None = None,
) -> AsyncIterator[Living]:
    """A console on the cast in a temporary home, which is gone afterwards; the user's own files and keyring are not
    touched.

    `overrides` are settings by dotted key. With an empty `script` nothing fails by itself, without `errands` nobody
    asks for anything, without `past` nothing is on record when it opens. `clock` is the script's and the errands'.
    """
    timer = clock or SystemClock()
    async with living_place(overrides=overrides, seed=seed, past=past) as place:
        servers = place.servers

        async def happen(console: Console) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(play(servers, timer, random.Random(seed), script=script))
                if errands:
                    group.create_task(run_errands(console, timer, random.Random(seed)))

        async with open_front_end(
            front_end, place.situation, role=role, grace_s=GRACE_S, repair=True, beside=happen
        ) as console:
            yield Living(console, servers, place.situation.places.config_file.parent)


def vendor_of(player: Player) -> Vendor:
    """The protocol that a player speaks."""
    key = _key_of(player)
    match player.protocol:
        case "deepl":
            return DeepLSandbox(key=key, character_limit=50_000_000)
        case "libretranslate":
            languages = ("en", "es", "fr", "de", *(("sr",) if player.id == "libretranslate" else ()))
            return LibreTranslateSandbox(key=key, languages=languages)
        case "apertium":
            return ApertiumSandbox(pairs=(("eng", "spa"), ("spa", "eng")))
        case "ollama":
            return OllamaSandbox(key=key, models=player.models, gap_s=0.03)
        case "openrouter":
            return OpenAISandbox(key=key, models=player.models, gap_s=0.03, flavour="openrouter")
        case "openai" | "openai_compatible":
            return OpenAISandbox(key=key, models=player.models, gap_s=0.03)


async def _serve(stack: AsyncExitStack, rng: random.Random) -> Mapping[str, Server]:
    servers = {
        player.id: await stack.enter_async_context(
            serve(vendor_of(player), name=player.id, pace=_pace(player.latency_s, rng))
        )
        for player in CAST
    }
    found = Listing(
        FOUND,
        "Together AI",
        "openai_compatible",
        servers["acme"].base_url,
        ("acme-chat",),
        ("text_generation",),
        network="loopback",
    )
    servers["catalogue"] = await stack.enter_async_context(serve(CatalogueSandbox((found,))))
    for server in servers.values():
        server.siblings = servers
    return servers


def _pace(latency_s: float, rng: random.Random) -> Callable[[Lane], float]:
    def seconds(lane: Lane) -> float:
        share = 1.0 if lane == "work" else PROBE_SHARE
        return share * latency_s * math.exp(rng.gauss(0.0, SPREAD))

    return seconds


def _tables(servers: Mapping[str, Server]) -> Tables:
    sections: dict[str, dict[str, Any]] = {"translation": {}, "dynamic_ai": {}}
    for player in CAST:
        sections[player.section][player.id] = player.table(servers[player.id].base_url)
    return {
        **SETTINGS,
        "translation": {
            "prefer": {pair: list(ids) for pair, ids in PREFER.items()},
            "providers": sections["translation"],
        },
        "dynamic_ai": {
            "catalogues": [{"url": servers["catalogue"].base_url + PATH}],
            "discover_local": False,
            "providers": sections["dynamic_ai"],
        },
    }


def _key_of(player: Player) -> str | None:
    """What opens a player's server: nothing else, and no other one. One whose key is missing takes any."""
    return f"sandbox-{player.id}-0000" if player.key == "there" else None


def _credentials() -> Mapping[str, str]:
    keys = {player.credential: _key_of(player) for player in CAST}
    return {name: key for name, key in keys.items() if name is not None and key is not None}
