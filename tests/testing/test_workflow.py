"""The driver of workflows, on somebody else's panel: what it does, waits for, and says where a step fails."""

from __future__ import annotations

import asyncio
import inspect
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widgets import Button, Input, Static

from provider_console.console.access import ACTIONS
from provider_console.console.console import Console
from provider_console.console.errors import BadRequest, ConsoleError
from provider_console.console.events import SettingsReloaded
from provider_console.testing import operator, workflow
from provider_console.testing.frozen import FrozenClock, FrozenConsole
from provider_console.testing.workflow import (
    StepFailed,
    Workflow,
    click,
    do,
    enter,
    expect,
    play,
    press,
    resize,
    see,
    see_no,
    snapshot,
    together,
    unproven,
)

PAGE = Path(__file__).parents[2] / "docs" / "workflows.md"


@dataclass(frozen=True)
class Counted:
    count: int = 0


class Panel(App[None]):
    """A third party's panel: a counter, a field and a button."""

    BINDINGS: ClassVar[list[BindingType]] = [("plus", "count", "count")]
    state = Counted()

    def compose(self) -> ComposeResult:
        yield Static("0 so far", id="said")
        yield Input(id="name")
        yield Button("Count")

    def on_mount(self) -> None:
        self.query_one(Button).focus()

    def action_count(self) -> None:
        self.state = replace(self.state, count=self.state.count + 1)
        self.set_timer(0.05, self.say)

    def say(self) -> None:
        self.query_one("#said", Static).update(f"{self.state.count} so far")

    def on_button_pressed(self) -> None:
        self.action_count()


async def test_a_workflow_presses_types_clicks_waits_and_takes_pictures() -> None:
    twice = together("count twice", press("plus", "plus"), see("2 so far"))
    pictures = await play(
        Workflow(
            "counting",
            [
                twice,
                expect("two", lambda state: state.count == 2),
                snapshot("two"),
                click("Count"),
                see("3 so far"),
                see_no("2 so far"),
                do("into the field", lambda stage: stage.app.query_one(Input).focus() and None),
                enter("acme"),
                resize(40, 10),
                see("acme"),
                expect("three", lambda state: state.count == 3),
                snapshot("three"),
            ],
            size=(60, 20),
        ),
        Panel(),
    )

    assert list(pictures) == ["two", "three"]
    assert all(picture.startswith("<svg") for picture in pictures.values())
    assert pictures["two"] != pictures["three"]


async def test_a_step_that_fails_names_the_workflow_and_the_step_and_shows_the_screen() -> None:
    with pytest.raises(StepFailed) as failed:
        await play(Workflow("counting", [press("plus"), see("7 so far", limit_s=0.2)]), Panel())

    said = str(failed.value)
    assert "counting: step 2 of 2, see '7 so far': '7 so far' is not there" in said
    assert "1 so far" in said


async def test_a_claim_that_is_not_so_fails() -> None:
    with pytest.raises(StepFailed, match="the state says otherwise"):
        await play(Workflow("counting", [expect("seven", lambda state: state.count == 7, limit_s=0.1)]), Panel())


async def test_a_defect_of_the_panel_is_not_taken_for_a_step_that_failed() -> None:
    class Broken(Panel):
        def action_count(self) -> None:
            raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        await play(Workflow("counting", [press("plus"), see("1 so far", limit_s=0.2)]), Broken())


def test_a_snapshot_without_a_claim_is_found() -> None:
    steps = [snapshot("bare"), expect("so", lambda _state: True), snapshot("proven"), snapshot("again")]

    assert unproven(Workflow("pictures", steps)) == ["bare", "again"]


async def test_a_frozen_console_answers_what_was_given_and_keeps_what_was_asked() -> None:
    console = FrozenConsole({"check": lambda provider_id=None: (provider_id,), "survey": BadRequest("no")})

    assert await console.check("acme") == ("acme",)
    with pytest.raises(BadRequest):
        await console.survey()
    with pytest.raises(ConsoleError, match="nothing was given for set_secret"):
        await console.set_secret("A_KEY", None)
    assert console.asked[0] == ("check", ("acme",), {})
    assert console.times("check") == 1


async def test_a_frozen_console_tells_of_events() -> None:
    console = FrozenConsole()
    console.happen(SettingsReloaded(at=1.0, revision="2"))

    async for event in console.events():
        assert event.revision == "2"  # type: ignore[attr-defined]
        break


async def test_a_frozen_clock_wakes_whose_time_has_come() -> None:
    clock, woken = FrozenClock(100.0), []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sleeper(5.0))
        tasks.create_task(sleeper(50.0))
        await asyncio.sleep(0)
        clock.advance(5.0)
        for _ in range(3):
            await asyncio.sleep(0)
        assert (clock.wall(), woken) == (105.0, [5.0])
        clock.advance(45.0)
    assert woken == [5.0, 50.0]


READS = ("operation", "execute", "explain", "repeat", "execution", "secret_backend", "verify_audit", "config_text")


def test_every_read_of_the_console_that_needs_no_choice_is_answered_from_the_start() -> None:
    answered = FrozenConsole().answers
    reads = [
        name
        for name, method in vars(Console).items()
        if inspect.iscoroutinefunction(method)
        and not [p for p in inspect.signature(method).parameters.values() if p.default is p.empty and p.name != "self"]
    ]
    changes = {name for name, action in ACTIONS.items() if action.audited}
    # How a server fares and who has its tokens are no questions of a terminal's.
    assert [name for name in reads if name not in answered and name not in (*READS, *changes, "tokens", "vitals")] == []


@pytest.mark.parametrize("module", [workflow, operator])
def test_the_page_names_every_step_and_no_other(module: object) -> None:
    steps = {
        name
        for name, made in vars(module).items()
        if inspect.isfunction(made)
        and made.__module__ == module.__name__  # type: ignore[attr-defined]
        and not name.startswith("_")
        and inspect.signature(made).return_annotation == "Step"
    }
    heading = "Steps for any" if module is workflow else "Steps for the console"
    section = PAGE.read_text("utf-8").partition(f"## {heading}")[2].partition("\n## ")[0]
    rows = "\n".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))

    assert set(re.findall(r"`(\w+)\(", rows)) == steps
