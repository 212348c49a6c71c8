"""Made-up executions: the one of seven attempts at three providers, and one of each other ending."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from tests.tui.scene import NOW, provider, scene

from provider_console.console.events import AttemptEnded, AttemptStarted, ExecutionStarted
from provider_console.console.views import (
    AttemptView,
    Excluded,
    ExecutionReport,
    ExecutionSummary,
    HealthState,
    Left,
    PlanEntry,
    ProviderView,
    ScoreView,
    iso,
)
from provider_console.sdk.provider import Cost
from provider_console.tui.changes import ReportRead
from provider_console.tui.reduce import reduce
from provider_console.tui.state import State

ID: Final = "01KAVZ8Q7KX2M3N4P5R6S7T8V9"
STARTED: Final = NOW - 193

TEXT: Final = (
    "La reserva queda confirmada para el martes 24 de noviembre a las 18:30. Si necesita cambiarla, responda a este "
    "mensaje antes del lunes a mediodía y le propondremos otra hora. El desayuno se sirve de 7:00 a 10:30 en la planta "
    "baja; las mascotas son bienvenidas con un suplemento de 12 € por noche."
)


def attempt(name: str, number: int, started: float, took: float, wait: float = 0.0, **more: Any) -> AttemptView:
    """One call; times in seconds. Without an error class it succeeded."""
    failed = more.get("error_class") is not None
    return AttemptView(
        provider=name,
        attempt=number,
        status=more.pop("status", "error" if failed else "ok"),
        started_ms=started * 1000,
        duration_ms=took * 1000,
        timeout_ms=15_000.0,
        delay_before_ms=wait * 1000,
        absorbed=failed,
        **more,
    )


def entry(name: str, rank: int, response: float, reliability: float, why: str) -> PlanEntry:
    """One place in a plan."""
    total = 40 + response + reliability
    score = ScoreView(total=round(total, 1), base=40.0, response=response, reliability=reliability)
    return PlanEntry(provider=name, rank=rank, score=score, breaker="closed", why=why)


ATTEMPTS: Final = (
    attempt("openai", 1, 0.0, 1.12, error_class="server_error", http_status=503, message="upstream is overloaded"),
    attempt("openai", 2, 1.74, 0.77, 0.62, error_class="server_error", http_status=503),
    attempt(
        "openai",
        3,
        3.82,
        0.23,
        1.31,
        error_class="rate_limited",
        http_status=429,
        provider_code="rate_limit_exceeded",
        message="openai: Rate limit reached for gpt-5-mini",
        retry_after_ms=20_000.0,
    ),
    attempt("libretranslate", 1, 4.05, 0.03, error_class="network", message="connection refused"),
    attempt("libretranslate", 2, 4.42, 0.03, 0.34, error_class="network"),
    attempt("libretranslate", 3, 5.69, 0.03, 1.23, error_class="network"),
    attempt("deepl", 1, 5.75, 0.27),
)

SAVED: Final = ExecutionReport(
    execution_id=ID,
    operation="translate",
    category="translation",
    status="ok",
    started_at=iso(STARTED),
    elapsed_ms=6020.0,
    result={"text": TEXT, "detected": "en", "units": {"characters": 1240.0}},
    provider="deepl",
    plan=(
        entry("openai", 1, 20.9, 29.0, "tier primary, score 89.9"),
        entry("libretranslate", 2, 26.7, 24.3, "tier secondary, score 91.0"),
        entry("deepl", 3, 30.0, 29.9, "tier fallback, score 99.9"),
    ),
    attempts=ATTEMPTS,
    left=(
        Left(provider="openai", reason="no retry for class"),
        Left(provider="libretranslate", reason="breaker"),
    ),
    excluded=(
        Excluded(provider="gemini", reason="quota"),
        Excluded(provider="azure_openai", reason="credential missing"),
        Excluded(provider="groq", reason="category is ai"),
        Excluded(provider="ollama", reason="lacks translate:en>es"),
    ),
)


def priced(view: ProviderView, tier: str, cost: Cost | None = None) -> ProviderView:
    """A provider in a tier, at a price."""
    return msgspec.structs.replace(view, tier=tier, cost=cost)


PROVIDERS: Final = (
    priced(provider("OpenAI", score=78.0), "primary"),
    priced(provider("LibreTranslate", HealthState.UNHEALTHY, why="down", retry_at=iso(NOW + 14)), "secondary"),
    priced(provider("DeepL", score=100.0), "fallback", Cost(input=20.0, output=20.0)),
    priced(provider("Gemini", HealthState.HELD, why="quota", retry_at=iso(NOW + 3600)), "primary"),
    priced(provider("Azure OpenAI", HealthState.HELD, why="credential missing: A_KEY"), "secondary"),
    priced(provider("Groq"), "primary"),
    priced(provider("Ollama"), "primary"),
)


def report(status: str, *attempts: AttemptView, **more: Any) -> ExecutionReport:
    """Another ending."""
    elapsed_ms = max((each.started_ms + each.duration_ms for each in attempts), default=0.0)
    known = {"result": None, "provider": None, "left": (), "hint": None, "elapsed_ms": elapsed_ms, **more}
    return msgspec.structs.replace(SAVED, status=status, attempts=attempts, **known)


def summary(which: ExecutionReport) -> ExecutionSummary:
    """Its line in the list."""
    return ExecutionSummary(
        execution_id=which.execution_id,
        operation=which.operation,
        category=which.category,
        started_at=which.started_at,
        status=which.status,
        provider=which.provider,
        elapsed_ms=which.elapsed_ms,
        outcomes=tuple("ok" if each.status == "ok" else each.error_class or each.status for each in which.attempts),
    )


def others(count: int) -> tuple[ExecutionSummary, ...]:
    """Executions before it, one every eleven seconds."""
    kinds = (
        ("chat", "openai", "ok", ("ok",)),
        ("translate", "deepl", "ok", ("timeout", "ok")),
        ("embed", None, "failed", ("server_error", "server_error", "network")),
        ("chat", None, "cancelled", ("cancelled",)),
        ("translate", "deepl", "ok", ("rate_limited", "authentication", "ok")),
    )
    return tuple(
        ExecutionSummary(
            execution_id=f"01KAVZ8{25_000 - number:019}",
            operation=kinds[number % 5][0],
            category="ai",
            started_at=iso(STARTED - 11 * (number + 1)),
            provider=kinds[number % 5][1],
            status=kinds[number % 5][2],
            elapsed_ms=240.0 + 37 * number,
            outcomes=kinds[number % 5][3],
        )
        for number in range(count)
    )


def executed(which: ExecutionReport = SAVED, *, before: int = 11) -> State:
    """The moment after an execution, which has been read."""
    return reduce(scene(PROVIDERS, recent=(summary(which), *others(before))), ReportRead(which))


def running(*ended: AttemptView, under: tuple[str, int, float] | None, since: float = 2.4) -> State:
    """One under way for some seconds: its ended attempts, and who is asked now since when (s after its start)."""
    state = scene(PROVIDERS, recent=others(11))
    begun = ExecutionStarted(
        at=NOW - since,
        execution_id=ID,
        operation="chat",
        category="ai",
        providers=("openai", "deepl"),
        reference="mine",
    )
    state = reduce(state, begun)
    for each in ended:
        state = reduce(state, AttemptEnded(at=NOW, execution_id=ID, attempt=each))
    if under is not None:
        name, number, at = under
        state = reduce(
            state,
            AttemptStarted(
                at=NOW - since + at,
                execution_id=ID,
                provider=name,
                attempt=number,
                delay_before_ms=400.0 if number > 1 else 0.0,
                timeout_ms=15_000.0,
            ),
        )
    return state
