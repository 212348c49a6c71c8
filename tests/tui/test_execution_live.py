"""Execution on the engine itself, here and elsewhere: run, fall back, read, run again, cancel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.api.far import Engine
from tests.api.served import situation
from tests.tui.execution_scene import SAVED

from provider_console.adapters.clock import SystemClock
from provider_console.adapters.sqlite import SqliteUsage
from provider_console.core.ports.usage import ExecutionBegun, ExecutionEnded
from provider_console.sandbox import Fault, Sandbox
from provider_console.testing.operator import open_mode
from provider_console.testing.workflow import Stage, Workflow, do, enter, expect, play, press, see, see_no
from provider_console.tui.app import ConsoleApp
from provider_console.tui.clock import WallClock
from provider_console.tui.link import Preview
from provider_console.tui.state import State
from provider_console.tui.themes import load_themes

pytestmark = pytest.mark.limit(60)
"""A whole console, with real servers behind it, starts in each."""

BRISK = {"engine": {"base_delay": 20, "max_delay": 40, "max_retries": 2}}
"""Delays that a test does not notice."""


@asynccontextmanager
async def living(home: Path, at: Engine, *, gap_s: float = 0.0) -> AsyncIterator[tuple[ConsoleApp, Sandbox]]:
    """The terminal on an engine whose providers are sandbox servers."""
    async with Sandbox(gap_s=gap_s) as sandbox, at(situation(home, sandbox, **BRISK), home) as opener:
        yield ConsoleApp(opener=opener, preview=Preview(), clock=WallClock(), themes=load_themes([])), sandbox


def newest(claim: Callable[[Any], bool]) -> Callable[[State], bool]:
    """A claim about the execution that began last."""
    return lambda state: bool(state.runs) and claim(list(state.runs.values())[-1])


def fill(text: str, source: str, target: str) -> list[Any]:
    """The form of a translation, filled in."""
    return [
        see("Nothing has been executed yet."),
        press("n"),
        see("Kind"),
        press("shift+tab", "left"),
        see("Translate:"),
        press("tab"),
        enter(text),
        press("tab"),
        enter(source),
        press("tab"),
        enter(target),
    ]


async def test_a_translation_is_run_falls_back_is_explained_copied_and_run_again(tmp_path: Path, at: Engine) -> None:
    async with living(tmp_path, at) as (app, sandbox):
        for name in ("openai", "deepl"):
            sandbox[name].faults.set(Fault("status", status=503), on="work")
        copied: list[str] = []

        def read_clipboard(stage: Stage) -> None:
            copied.append(stage.app.clipboard)

        await play(
            Workflow(
                "a translation falls back",
                [
                    open_mode("execution"),
                    *fill("The house is red.", "en", "es"),
                    press("ctrl+r"),
                    see("Saved by fallback: LibreTranslate answered", "× server_error 503", limit_s=30.0),
                    expect("it is known to have ended", newest(lambda run: run.report is not None)),
                    see("In total", "Why this order", "Result"),
                    press("e"),
                    see("came first.", "What would change it"),
                    press("escape"),
                    press("y"),
                    do("read the clipboard", read_clipboard),
                    press("r"),
                    expect("a second one ran", lambda state: len(state.runs) == 2),
                    expect("and ended", newest(lambda run: run.report is not None)),
                    see("of 2"),
                ],
                size=(120, 40),
            ),
            app,
        )
        assert "translate · ok" in copied[0]
        assert "server_error 503" in copied[0]
        assert "The house is red" not in copied[0]
        assert "roja" not in copied[0]


async def test_a_dry_run_shows_the_plan_and_calls_nobody(tmp_path: Path, at: Engine) -> None:
    async with living(tmp_path, at) as (app, sandbox):
        await play(
            Workflow(
                "a dry run",
                [
                    open_mode("execution"),
                    *fill("The house is red.", "en", "es"),
                    press("ctrl+t"),
                    see("would be asked first.", "Nobody is called for this."),
                    expect("nothing ran", lambda state: not state.runs),
                    press("escape"),
                    see("The house is red."),
                ],
                size=(120, 40),
            ),
            app,
        )
        assert [
            request for server in sandbox.servers.values() for request in server.requests if request.lane == "work"
        ] == []


async def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(tmp_path: Path, at: Engine) -> None:
    async with living(tmp_path, at) as (app, _sandbox):
        await play(
            Workflow(
                "a form with mistakes",
                [
                    open_mode("execution"),
                    *fill("The house is red.", "en", "en"),
                    press("ctrl+r"),
                    see("× the text is to be", "The house is red."),
                    press("end", "backspace", "backspace"),
                    enter("es"),
                    press("tab", "tab"),
                    enter("depl"),
                    press("ctrl+r"),
                    see("unknown provider 'depl'"),
                    press("escape"),
                    press("n"),
                    see("The house is red.", "depl"),
                    expect("nothing ran", lambda state: not state.runs),
                ],
                size=(80, 24),
            ),
            app,
        )


async def test_one_key_cancels_what_runs_and_its_record_stays(tmp_path: Path, at: Engine) -> None:
    async with living(tmp_path, at) as (app, sandbox):
        for name in ("openai", "deepl", "libretranslate"):
            sandbox[name].faults.set(Fault("hang"), on="work")
        await play(
            Workflow(
                "a cancel",
                [
                    open_mode("execution"),
                    *fill("The house is red.", "en", "es"),
                    press("ctrl+r"),
                    see("is asked in the 1st attempt", "asked now", "c cancel"),
                    press("c"),
                    see("Cancelled after", "○ cancelled"),
                    expect("the record says so", newest(lambda run: run.report and run.report.status == "cancelled")),
                    see_no("c cancel"),
                ],
                size=(120, 40),
            ),
            app,
        )


async def test_a_streamed_answer_is_read_while_it_arrives(tmp_path: Path, at: Engine) -> None:
    async with living(tmp_path, at, gap_s=0.15) as (app, _sandbox):
        await play(
            Workflow(
                "a stream",
                [
                    open_mode("execution"),
                    see("Nothing has been executed yet."),
                    press("n"),
                    see("Chat:"),
                    enter("Why is the sky blue?"),
                    press("ctrl+r"),
                    see("answers,", "characters so far", "asked now"),
                    see("answered at once", limit_s=15.0),
                    expect("its text is kept", newest(lambda run: len(run.text) > 10)),
                ],
                size=(80, 24),
            ),
            app,
        )


async def test_health_opens_the_form_of_what_the_selected_provider_does(tmp_path: Path, at: Engine) -> None:
    async with living(tmp_path, at) as (app, _sandbox):
        await play(
            Workflow(
                "from health to a form",
                [
                    see("DeepL"),
                    expect("the map is there", lambda state: "deepl" in state.providers),
                    do(
                        "select DeepL",
                        lambda stage: setattr(stage.app.screen.query_one("#providers"), "cursor", "deepl"),
                    ),
                    press("x"),
                    see("Translate: fill in and run it"),
                ],
                size=(80, 24),
            ),
            app,
        )


async def remembered(home: Path, count: int) -> None:
    """Executions of the day before, the oldest one an embedding."""
    clock = SystemClock()
    store = SqliteUsage(home / "console.db", clock=clock)
    begin = clock.wall() - 86_400
    for number in range(count):
        id_, at = f"01KAV0000000000000000{number:05}", begin + number
        kind = ("translate", "translation") if number else ("embed", "ai")
        report = msgspec.json.encode(msgspec.structs.replace(SAVED, execution_id=id_, result=None))
        ended = ExecutionEnded(id=id_, status="ok", provider="deepl", elapsed_ms=4.5, report=report)
        await store.write([ExecutionBegun(id=id_, kind=kind[0], category=kind[1], at=at), ended])
    await store.close()


async def test_the_filter_finds_what_is_stored_far_beyond_the_list(tmp_path: Path, at: Engine) -> None:
    await remembered(tmp_path, 450)

    async with living(tmp_path, at) as (app, _sandbox):
        steps = [
            press("l"),
            see("None of the last 100 executions failed."),
            press("slash"),
            enter("embed"),
            see("None of 1 execution failed.", "embed"),
            press("escape"),
            see("None of the last 100 executions failed."),
            press("slash"),
            enter("chat"),
            see("Filter found nothing", "chat matches no execution."),
        ]
        await play(Workflow("what is stored is found", [open_mode("execution"), *steps], size=(100, 30)), app)


async def test_an_execution_of_an_earlier_start_is_opened_but_cannot_be_run_again(tmp_path: Path, at: Engine) -> None:
    async with living(tmp_path, at) as (app, _sandbox):
        begin = [open_mode("execution"), *fill("The house is red.", "en", "es"), press("ctrl+r"), see("answered")]
        await play(Workflow("the first start", begin, size=(120, 40)), app)
    async with living(tmp_path, at) as (app, _sandbox):
        await play(
            Workflow(
                "the second start",
                [
                    open_mode("execution"),
                    see("answered at once", "Why this order"),
                    press("o"),
                    see("There is no result to open."),
                    press("r"),
                    see("payload"),
                    expect("nothing ran", lambda state: not state.runs),
                ],
                size=(120, 40),
            ),
            app,
        )
