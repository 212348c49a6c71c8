"""A sandbox provider goes down while a console watches: it rings once, says what to try, and clears by itself."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.e2e.home import KEY, Home, clean_stderr, deepl, translation

from provider_console import open_console
from provider_console.bootstrap import open_front_end
from provider_console.console.console import Console
from provider_console.console.events import AlertCleared, AlertFired, HealthChecked
from provider_console.sandbox import OK, DeepLSandbox, Fault, serve
from provider_console.testing.operator import open_mode
from provider_console.testing.workflow import Stage, Workflow, do, play, press, see
from provider_console.tui.app import ConsoleApp
from provider_console.tui.clock import WallClock
from provider_console.tui.link import Preview
from provider_console.tui.themes import load_themes

WRITE = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + '\\n')"


@pytest.mark.limit(60)
async def test_the_shipped_alert_rings_once_names_what_to_try_and_clears_by_itself(home: Home, tmp_path: Path) -> None:
    rang = tmp_path / "rang"
    command = [sys.executable, "-c", WRITE, str(rang), "{title} | {first_try} | {command}"]
    async with serve(DeepLSandbox(key=KEY), name="a") as leaving, serve(DeepLSandbox(key=KEY), name="b") as staying:
        home.configure(
            translation(
                {"leaving": deepl(leaving.base_url), "staying": deepl(staying.base_url)},
                health={"health_check_interval": 1_000},
                alerts={"window": 2_000, "on_alert": command},
            )
        )
        async with open_console(home.situation) as console:
            heard: list[AlertFired | AlertCleared] = []
            down, fired, cleared = asyncio.Event(), asyncio.Event(), asyncio.Event()

            async def listen() -> None:
                async for event in console.events():
                    if isinstance(event, HealthChecked) and event.check.event == "went_down":
                        down.set()
                    if isinstance(event, AlertFired | AlertCleared):
                        heard.append(event)
                        (fired if isinstance(event, AlertFired) else cleared).set()

            async with asyncio.TaskGroup() as group:
                listening = group.create_task(listen())
                await asyncio.to_thread(home.run, "health")
                leaving.faults.set(Fault("refuse"))
                await down.wait()
                async with asyncio.timeout(60):
                    await fired.wait()
                listed = await asyncio.to_thread(home.run, "alerts", "--json")
                (open_alert,) = listed.json()
                acked = await asyncio.to_thread(home.run, "alerts", "ack", open_alert["id"], "--json")
                leaving.faults.set(OK)
                await cleared.wait()
                listening.cancel()

    assert [(type(event).__name__, event.alert.title) for event in heard] == [
        ("AlertFired", "leaving is down"),
        ("AlertCleared", "leaving is down"),
    ]
    assert open_alert["firstTry"] == "Is the server running there?"
    assert open_alert["command"] == "provider-console check leaving"
    assert (acked.json()["state"], acked.code) == ("acknowledged", 0)
    clean_stderr(acked)
    said = await asyncio.to_thread(rang.read_text)
    assert said == "leaving is down | Is the server running there? | provider-console check leaving\n"
    assert ("acknowledge_alert", "outcome", "done") in home.audited()
    assert [row["cleared_at"] is not None for row in home.rows("SELECT * FROM alerts")] == [True]


@pytest.mark.limit(60)
def test_a_rule_that_cannot_be_understood_is_said_with_its_line_and_the_rest_works(home: Home) -> None:
    home.configure_text(
        '[alerts]\nwindow = 5000\n[[alerts.rules]]\nname = "good"\nwhen = "score < 40 for 5m"\n'
        '[[alerts.rules]]\nname = "bad"\nwhen = "failure_rat > 20"\n[dynamic_ai]\ndiscover_local = false\n'
    )

    validated = home.run("config", "validate")
    rules = home.run("alerts", "rules", "--json")

    assert validated.code == 0
    assert "alerts.rules[1].when (line 8): column 1: expected a quantity" in validated.err
    assert "did you mean 'failure_rate'" in validated.err
    assert {rule["name"]: rule["watched"] for rule in rules.json()} == {
        "provider down": True,
        "not served": True,
        "credential missing": True,
        "good": True,
        "bad": False,
    }
    assert home.run("alerts", "ack", "nope").code == 2
    assert home.run("alerts", "snooze", "nope", "--for", "soon").code == 2


@pytest.mark.limit(60)
async def test_the_panel_of_alerts_shows_what_the_command_prints(home: Home) -> None:
    async with serve(DeepLSandbox(key=KEY), name="a") as server:
        home.configure(translation({"keyless": deepl(server.base_url, credential="NOBODYS_KEY")}))
        shown: list[Any] = []

        @asynccontextmanager
        async def opened() -> AsyncIterator[Console]:
            async with open_front_end("terminal", home.situation) as console:
                yield console

        async def compare(stage: Stage) -> None:
            listed = await asyncio.to_thread(home.run, "alerts", "--json")
            app: Any = stage.app
            shown.append((listed.json(), msgspec.json.decode(msgspec.json.encode(app.state.alerts))))

        app = ConsoleApp(opener=opened, preview=Preview(), clock=WallClock(), themes=load_themes([]))
        steps = [
            open_mode("activity"),
            see("keyless: credential missing", "NOBODYS_KEY", "s set key", limit_s=30.0),
            press("a"),
            see("acknowledged by", limit_s=15.0),
            do("the command prints", compare),
        ]
        await play(Workflow("a panel and a command", steps), app)

    ((listed, panel),) = shown
    assert {alert["title"] for alert in listed} >= {"keyless: credential missing"}
    assert "acknowledged" in {alert["state"] for alert in listed}
    assert panel == listed
