"""Workflows of Health: what is wrong, who it hurts, and what to do about it."""

from __future__ import annotations

from typing import Final

from tests.tui.workflows import fleet

from provider_console.testing.frozen import MOMENT
from provider_console.testing.operator import check_all, coverage, disable, filter_by, help_, select, tell
from provider_console.testing.workflow import (
    Stage,
    Workflow,
    do,
    expect,
    press,
    resize,
    see,
    see_no,
    snapshot,
    theme,
    together,
)
from provider_console.tui.changes import Read, Ticked
from provider_console.tui.state import State


def _down(state: State) -> bool:
    return state.health is not None and state.providers["libretranslate"].health.state == "unhealthy"


async def _switched(stage: Stage) -> None:
    off = [
        fleet.switched_off(view) if view.id == "google_translate" else view
        for view in stage.app.state.providers.values()  # type: ignore[attr-defined]
    ]
    stage.app.change(Read(MOMENT, {"health": fleet.health(off)}))  # type: ignore[attr-defined]
    stage.app.clear_notifications()


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
DETAIL: Final = Workflow(
    "a provider is inspected on its own page",
    [
        OPEN,
        select("openai"),
        press("enter"),
        see("OpenAI", "reliability", "OPENAI_API_KEY"),
        expect("it is degraded", lambda state: state.providers["openai"].health.state == "degraded"),
        snapshot("provider-120x40-dark"),
        resize(80, 24),
        theme("console-light"),
        expect("it is degraded", lambda state: state.providers["openai"].health.state == "degraded"),
        snapshot("provider-80x24-light"),
    ],
)
CHECK_ALL: Final = Workflow(
    "all are checked, with progress, and the one that was down is up again",
    [
        OPEN,
        check_all(),
        expect("fourteen are asked", lambda state: state.checking is not None and state.checking.total == 14),
        tell(*(fleet.checked(view.id) for view in fleet.HEALTHY)),
        tell(Ticked(MOMENT + 2.0)),
        theme("console-contrast"),
        see("10 of 14"),
        expect("four have not answered", lambda state: len(state.checking.waiting) == 4),
        snapshot("checking-120x40-contrast"),
    ],
)
SWITCH: Final = Workflow(
    "a provider is switched off after a question, and on again without one",
    [
        OPEN,
        disable("google_translate", confirm=False),
        see("Disable Google Translate?", "translate en›ar"),
        expect("it is on still", lambda state: state.providers["google_translate"].enabled),
        snapshot("disable-120x40-dark"),
        press("y"),
        see("Google Translate is off"),
        do("told so", _switched),
        expect("it is off", lambda state: not state.providers["google_translate"].enabled),
        select("google_translate"),
        theme("console-mono"),
        resize(80, 24),
        see_no("Google Translate is off"),
        snapshot("off-80x24-mono"),
    ],
)
PALETTE: Final = Workflow(
    "the palette has each action in a row, with its key, and finds it by what it does",
    [
        OPEN,
        press("ctrl+p"),
        see("probe every provider", "who could serve what", "console-contrast"),
        expect("nothing is asked by looking", lambda state: state.checking is None),
        snapshot("palette-120x40-dark"),
        press("escape"),
        theme("console-light"),
        resize(80, 24),
        press("ctrl+p"),
        see("Search"),
        *(press(letter) for letter in "probe"),
        see("probe every provider"),
        see_no("what breaks"),
        expect("nothing was asked", lambda state: state.checking is None),
        snapshot("palette-80x24-light"),
    ],
)
ALL: Final = (
    *((workflow, fleet.app) for workflow in (OUTAGE, THEMES, FIND, BREAKS, DETAIL, PALETTE)),
    (CHECK_ALL, lambda: fleet.app(fleet.console(check=fleet.never))),
    (SWITCH, lambda: fleet.app(fleet.console(set_provider_enabled=lambda *_args, **_named: None))),
)
