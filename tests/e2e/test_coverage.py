"""Coverage of a console: the command and the panel say the same of real providers, one of them gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.e2e.home import KEY, Home, clean_stderr, deepl, translation

from provider_console.bootstrap import open_front_end
from provider_console.console.console import Console
from provider_console.console.views import CoverageEntry
from provider_console.sandbox import DeepLSandbox, serve
from provider_console.testing.workflow import Stage, Workflow, do, expect, play, press, see
from provider_console.tui.app import ConsoleApp
from provider_console.tui.clock import WallClock
from provider_console.tui.link import Preview
from provider_console.tui.themes import load_themes


@pytest.mark.limit(60)
async def test_the_panel_of_coverage_shows_what_the_command_prints(home: Home) -> None:
    async with serve(DeepLSandbox(key=KEY), name="a") as server:
        home.configure(
            translation(
                {
                    "first": deepl(server.base_url, name={"en": "The first"}),
                    "second": deepl(server.base_url, name={"en": "The second"}),
                    "keyless": deepl(server.base_url, credential="NOBODYS_KEY", name={"en": "The keyless"}),
                }
            )
        )
        printed: list[str] = []
        said: list[dict[str, Any]] = []

        @asynccontextmanager
        async def opened() -> AsyncIterator[Console]:
            async with open_front_end("tui", home.situation, grace_s=0.1) as console:
                yield console

        async def compare(stage: Stage) -> None:
            listed = await asyncio.to_thread(home.run, "coverage", "--json")
            table = await asyncio.to_thread(home.run, "coverage")
            clean_stderr(table)
            said.extend(listed.json())
            printed.extend(table.out.splitlines())
            (row,) = [line for line in stage.text.splitlines() if "translate en›es" in line]
            coverage: Sequence[CoverageEntry] = stage.app.state.coverage  # type: ignore[attr-defined]  # ConsoleApp's
            (entry,) = [each for each in coverage if each.capability == "translate:en>es"]
            shown.append((entry, row))
            capabilities.update(each.capability for each in coverage)

        shown: list[tuple[CoverageEntry, str]] = []
        capabilities: set[str] = set()
        app = ConsoleApp(opener=opened, preview=Preview(), clock=WallClock(), themes=load_themes([]))
        steps = [
            expect("all are checked", lambda state: {p.health.state for p in state.providers.values()} >= {"healthy"}),
            press("v"),
            see("To serve", "translate en›es", "2 of 3", limit_s=15.0),
            do("the command prints", compare),
        ]
        await play(Workflow("a panel and a command", steps, size=(120, 40)), app)

    (entry,) = [each for each in said if each["capability"] == "translate:en>es"]
    assert (sorted(entry["providers"]), entry["down"]) == (["first", "second"], ["keyless"])
    assert entry["status"] == "served"
    # Which of two equals comes first is what each process has measured.
    ((panel, row),) = shown
    assert (sorted(panel.providers), list(panel.down), panel.status) == (["first", "second"], ["keyless"], "served")
    names = [{"first": "The first", "second": "The second"}[name] for name in panel.providers]
    assert "2 of 3" in row
    assert f"{names[0]}, then {names[1]}" in row
    (line,) = [line for line in printed if "translate:en›es" in line]
    assert ("first, second" in line) or ("second, first" in line)
    assert {each["capability"] for each in said} == capabilities
