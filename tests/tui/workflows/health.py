"""Workflows of Health: what is wrong, who it hurts, and what to do about it."""

from __future__ import annotations

from typing import Final

from tests.tui.workflows import fleet

from provider_console.testing.operator import coverage, filter_by, help_, select, tell
from provider_console.testing.workflow import Workflow, expect, press, resize, see, see_no, snapshot, theme, together
from provider_console.tui.state import State


def _down(state: State) -> bool:
    return state.health is not None and state.providers["libretranslate"].health.state == "unhealthy"


OPEN: Final = together("open the console", see("down 2 m"), tell(*fleet.HAPPENED))
OUTAGE: Final = Workflow(
    "an outage is read at every size",
    [
        OPEN,
        see("Served, except translate en›sr.", "4 of 14 providers need attention", "down 2 m 06 s"),
        expect("LibreTranslate is down", _down),
        snapshot("health-120x40-dark"),
        select("openai"),
        resize(200, 60),
        see("p95 3.41", "Just now", "base"),
        expect("its score is the sum of its terms", lambda state: state.providers["openai"].health.score == 89.3),
        snapshot("health-200x60-dark"),
        resize(80, 24),
        select("libretranslate"),
        see("next 22 s", "First: Is the server running there?"),
        expect("LibreTranslate is down", _down),
        snapshot("health-80x24-dark"),
    ],
)
THEMES: Final = Workflow(
    "an outage is read in every theme",
    [
        OPEN,
        theme("console-light"),
        expect("LibreTranslate is down", _down),
        snapshot("health-120x40-light"),
        theme("console-contrast"),
        expect("LibreTranslate is down", _down),
        snapshot("health-120x40-contrast"),
        theme("console-mono"),
        expect("LibreTranslate is down", _down),
        snapshot("health-120x40-mono"),
    ],
)
FIND: Final = Workflow(
    "a provider is found by its name",
    [
        OPEN,
        filter_by("azure"),
        see("Azure Translator", "Azure OpenAI"),
        see_no("Anthropic"),
        expect("nothing left the map", lambda state: len(state.providers) == 14),
        snapshot("filter-80x24-dark"),
        press("escape"),
        filter_by("deppl"),
        see("Filter found nothing", "DeepL"),
        expect("nothing left the map", lambda state: len(state.providers) == 14),
        snapshot("filter-nothing-80x24-dark"),
        press("escape"),
        see("Anthropic"),
    ],
    size=(80, 24),
)
BREAKS: Final = Workflow(
    "what breaks if one more dies",
    [
        OPEN,
        select("google_translate"),
        coverage(),
        see("Without Google Translate nobody serves translate en›ar.", "nobody takes over"),
        expect("one thing is served by nobody", lambda state: state.coverage[0].status == "not served"),
        snapshot("coverage-120x40-dark"),
        press("escape"),
        help_(),
        expect("the engine is open", lambda state: state.open),
        snapshot("help-120x40-dark"),
    ],
)
ALL: Final = tuple((workflow, fleet.app) for workflow in (OUTAGE, THEMES, FIND, BREAKS))
