"""Workflows of Execution: why a request did what it did, and making one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from tests.tui import execution_scene as executions
from tests.tui.execution_scene import ATTEMPTS, ID, NOW, PROVIDERS, SAVED
from tests.tui.scene import COVERAGE, health

from provider_console.console.errors import BadRequest
from provider_console.console.events import AttemptEnded, AttemptStarted, ExecutionStarted
from provider_console.console.views import ExecutionReport, ExecutionSummary, Explanation, KindView, Left
from provider_console.sdk.operation import Field, Operation
from provider_console.testing.frozen import FrozenClock, FrozenConsole, frozen_app
from provider_console.testing.operator import open_mode, tell
from provider_console.testing.workflow import Workflow, enter, expect, press, resize, see, snapshot, theme
from provider_console.tui.app import ConsoleApp
from provider_console.tui.changes import ContentArrived
from provider_console.tui.state import State

FAILED: Final = msgspec.structs.replace(
    executions.report(
        "failed",
        *ATTEMPTS[:6],
        left=(Left(provider="openai", reason="no retry for class"), Left(provider="libretranslate", reason="breaker")),
        hint="libretranslate cannot be reached; look at its address and at the network: provider-console doctor",
    ),
    execution_id="01KAVZ8Q6FA1LEDXXXXXXXXXXX",
)
KINDS: Final = (
    KindView(name="chat", title="Chat", category="ai", fields=(Field(name="text", label="Text", type="text"),)),
    KindView(
        name="translate",
        title="Translate",
        category="translation",
        fields=(
            Field(name="text", label="Text", type="text", required=True),
            Field(name="from", label="From", type="language", help="empty: the provider detects it"),
            Field(name="to", label="To", type="language", required=True, help="like es or pt-BR"),
            Field(name="format", label="Format", type="choice", default="text", choices=("text", "html", "markdown")),
        ),
    ),
)
LIVE: Final = "01KAVZ8Q9RVNN1NGXXXXXXXXXX"


def _listed(*, limit: int = 50, before: str | None = None) -> Sequence[ExecutionSummary]:
    known = (executions.summary(SAVED), executions.summary(FAILED), *executions.others(30))
    return known[:limit] if before is None else ()


def _read(execution_id: str) -> ExecutionReport:
    return FAILED if execution_id == FAILED.execution_id else msgspec.structs.replace(SAVED, execution_id=execution_id)


def _operation(kind: str, payload: Any, *, options: Any = None) -> Operation:
    if payload.get("to") == payload.get("from"):
        raise BadRequest("the text is to be translated from en into en", field="to")
    return Operation(kind=kind, category="translation", payload=payload, **(options or {}))


def app(**preview: Any) -> ConsoleApp:
    """The terminal of that moment; `preview` are fields of `tui.link.Preview`."""
    console = FrozenConsole(
        {
            "health": health(PROVIDERS),
            "coverage": COVERAGE[1:],
            "executions": _listed,
            "execution": _read,
            "kinds": KINDS,
            "operation": _operation,
            "explain": Explanation(
                operation="translate", category="translation", plan=SAVED.plan, excluded=SAVED.excluded
            ),
        }
    )
    names = tuple(view.name for view in PROVIDERS)
    return frozen_app(console, clock=FrozenClock(NOW), names=names, user="alice", environment="production", **preview)


def _saved(state: State) -> bool:
    return state.reports[ID].status == "ok" and state.reports[ID].provider == "deepl"


OPEN: Final = (open_mode("execution"), see("Saved by fallback: DeepL answered on the 7th attempt", "Why this order"))
READ: Final = Workflow(
    "a request that was saved by fallback is read at every size",
    [
        *OPEN,
        expect("DeepL answered", _saved),
        snapshot("execution-120x40-dark"),
        press("up", "up", "up", "up"),
        see("Rate limit reached for gpt-5-mini", "asked to wait 20 s"),
        expect("three attempts were made there", lambda state: state.reports[ID].attempts[2].attempt == 3),
        snapshot("attempt-120x40-dark"),
        press("end"),
        resize(200, 60),
        see("Answered by", "came to no good end"),
        expect("DeepL answered", _saved),
        snapshot("execution-200x60-dark"),
        resize(80, 24),
        see("40 + 20.9 + 29.0", "3 attempts, rate_limited"),
        expect("DeepL answered", _saved),
        snapshot("execution-80x24-dark"),
    ],
)
THEMES: Final = Workflow(
    "an execution is read in every theme",
    [
        *OPEN,
        theme("console-light"),
        expect("DeepL answered", _saved),
        snapshot("execution-120x40-light"),
        theme("console-contrast"),
        expect("DeepL answered", _saved),
        snapshot("execution-120x40-contrast"),
        theme("console-mono"),
        expect("DeepL answered", _saved),
        snapshot("execution-120x40-mono"),
    ],
)
WALK: Final = Workflow(
    "a failure is found in the list and explained",
    [
        *OPEN,
        press("l"),
        see("came to no good end", "cancelled"),
        expect("32 are known", lambda state: len(state.recent) == 32),
        snapshot("executions-80x24-dark"),
        press("home", "down", "enter"),
        see("Failed: 6 attempts at 2 providers", "First: LibreTranslate cannot be reached"),
        expect("it failed", lambda state: state.reports[FAILED.execution_id].status == "failed"),
        snapshot("execution-failed-80x24-dark"),
        press("e"),
        see("OpenAI came first.", "What would change it"),
        expect("its order is known", lambda state: len(state.reports[FAILED.execution_id].plan) == 3),
        snapshot("order-80x24-dark"),
    ],
    size=(80, 24),
)
FORM: Final = Workflow(
    "a form says what is wrong and shows the plan",
    [
        *OPEN,
        press("n", "shift+tab", "right"),
        see("Translate: fill in and run it"),
        press("tab"),
        enter("The house is red."),
        press("tab"),
        enter("en"),
        press("tab"),
        enter("en"),
        press("ctrl+r"),
        see("× the text is to be translated"),
        expect("nothing runs", lambda state: not state.runs),
        snapshot("form-120x40-dark"),
        press("end", "backspace", "backspace"),
        enter("es"),
        press("ctrl+t"),
        see("OpenAI would be asked first.", "Nobody is called for this."),
        expect("nothing runs", lambda state: not state.runs),
        snapshot("dry-run-120x40-dark"),
        press("escape"),
        see("fill in and run it"),
        resize(80, 24),
        press("shift+tab"),
        theme("console-light"),
        expect("nothing runs", lambda state: not state.runs),
        snapshot("form-80x24-light"),
    ],
)
FOLLOW: Final = Workflow(
    "a running execution is followed",
    [
        *OPEN,
        tell(
            ExecutionStarted(
                at=NOW - 2.4, execution_id=LIVE, operation="chat", category="ai", providers=("openai", "deepl")
            ),
            AttemptEnded(
                at=NOW - 1.28, execution_id=LIVE, attempt=msgspec.structs.replace(ATTEMPTS[0], absorbed=False)
            ),
        ),
        press("right_square_bracket"),
        see("Waiting for 1.28 s since attempt 1 at OpenAI.", "c cancel"),
        expect("it runs", lambda state: state.runs[LIVE].report is None),
        snapshot("waiting-120x40-dark"),
        tell(
            AttemptStarted(
                at=NOW - 0.9,
                execution_id=LIVE,
                provider="openai",
                attempt=2,
                delay_before_ms=380.0,
                timeout_ms=15_000.0,
            ),
            ContentArrived(LIVE, "The sky is blue because "),
        ),
        see("OpenAI answers, 24 characters so far", "asked now", "The sky is blue because"),
        expect("it runs", lambda state: state.runs[LIVE].underway is not None),
        snapshot("running-120x40-dark"),
    ],
)
FORM_ASCII: Final = Workflow(
    "the fields of a form are seen without a colour and in ASCII",
    [
        see("retry in 14 s"),
        open_mode("execution"),
        press("n", "shift+tab", "right", "tab"),
        see("Translate: fill in and run it"),
        expect("the setting is ascii", lambda state: state.glyphs == "ascii"),
        snapshot("form-80x24-mono"),
        theme("console-contrast"),
        press("tab"),
        see("> From             --------------------"),
        enter("en"),
        expect("nothing runs", lambda state: not state.runs),
        snapshot("form-80x24-contrast"),
    ],
    size=(80, 24),
)
ALL: Final = (
    *((workflow, app) for workflow in (READ, THEMES, WALK, FORM, FOLLOW)),
    (FORM_ASCII, lambda: app(glyphs="ascii", theme="console-mono")),
)
