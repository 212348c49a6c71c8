"""Workflows of Analytics: who is good, whether it is getting worse, and since when."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from tests.tui import past_scene
from tests.tui.workflows import fleet

from provider_console.console.history_views import HistoryView
from provider_console.testing.operator import back, filter_by, open_mode, select
from provider_console.testing.workflow import Workflow, enter, expect, press, resize, see, see_no, snapshot, theme
from provider_console.tui.app import ConsoleApp
from provider_console.tui.state import Asked, State


def app(**answers: Any) -> ConsoleApp:
    """The terminal of the fleet with its past."""
    given = {"history": past_scene.history, "outages": past_scene.outages, "kinds": past_scene.KINDS, **answers}
    return fleet.app(fleet.console(**given))


def _read(since: str, **only: Any) -> Any:
    def read(state: State) -> bool:
        return Asked(since, **only) in state.history

    return read


COMPARED: Final = Workflow(
    "who got worse is seen at every size",
    [
        see("down 2 m"),
        open_mode("analytics"),
        see("LibreTranslate and OpenAI got worse.", "All 10", "Errors by class"),
        select("openai"),
        expect("a day was read", _read("24h")),
        snapshot("analytics-120x40-dark"),
        resize(200, 60),
        see("Checks and outages, 30 days", "HTTP 503"),
        expect("its month was read", _read("30d", provider="openai")),
        snapshot("analytics-200x60-dark"),
        resize(80, 24),
        see("p99 6.20 s"),
        expect("a day was read", _read("24h")),
        snapshot("analytics-80x24-dark"),
        press("g"),
        see("Failed requests", "server_error"),
        see_no("p99 6.20 s"),
        expect("a day was read", _read("24h")),
        snapshot("analytics-charts-80x24-dark"),
    ],
)
THEMES: Final = Workflow(
    "the past is read in every theme",
    [
        see("down 2 m"),
        open_mode("analytics"),
        see("All 10"),
        select("openai"),
        theme("console-light"),
        expect("a day was read", _read("24h")),
        snapshot("analytics-120x40-light"),
        theme("console-mono"),
        expect("a day was read", _read("24h")),
        snapshot("analytics-120x40-mono"),
    ],
)
ASKED: Final = Workflow(
    "another period, of one kind, sorted by another column",
    [
        see("down 2 m"),
        open_mode("analytics"),
        see("All 10"),
        press("p"),
        expect("seven days were read", _read("7d")),
        press("f"),
        see("Figures of which requests?", "embed"),
        press("down", "down", "enter"),
        see("ai chat only"),
        expect("chats were read", _read("7d", category="ai", kind="chat")),
        press("s", "s"),
        filter_by("o"),
        see_no("DeepL"),
        expect("chats were read", _read("7d", category="ai", kind="chat")),
        snapshot("analytics-filtered-120x40-dark"),
        press("escape", "c"),
        see("Which period?"),
        press("ctrl+u"),
        enter("soon"),
        press("enter"),
        see("neither a span"),
        expect("chats were read", _read("7d", category="ai", kind="chat")),
        snapshot("analytics-custom-120x40-dark"),
    ],
)
ONE: Final = Workflow(
    "one provider's own past, and beside another",
    [
        see("down 2 m"),
        open_mode("analytics"),
        see("All 10"),
        select("openai"),
        press("enter"),
        see("success fell from 99.7 to 97.1 %", "2 outages, down", "not watched 7 h"),
        expect("its month was read", _read("30d", provider="openai")),
        snapshot("analytics-provider-120x40-dark"),
        press("v"),
        see("Side by side", "LibreTranslate"),
        expect("a day was read", _read("24h")),
        snapshot("analytics-comparison-120x40-dark"),
        back(),
        back(),
        see("All 10"),
    ],
)


def nothing(**_asked: Any) -> HistoryView:
    """A console that has not been used for a while, and keeps little."""
    view = past_scene.history(since="24h")
    note = "minutes are kept since 2026-11-22 10:00 UTC (history.keep_attempts); the figures are by the hour"
    return msgspec.structs.replace(view, total=None, providers=(), trend=(), notes=(note,))


EMPTY: Final = Workflow(
    "a period without a request is said, not drawn",
    [
        see("down 2 m"),
        open_mode("analytics"),
        see("No request in this period.", "keep_attempts"),
        see_no("All 10"),
        expect("a day was read", _read("24h")),
        snapshot("analytics-empty-120x40-dark"),
    ],
)
ALL: Final = (
    *((workflow, app) for workflow in (COMPARED, THEMES, ASKED, ONE)),
    (EMPTY, lambda: app(history=nothing)),
)
"""Every workflow, with the app that it is played on."""
