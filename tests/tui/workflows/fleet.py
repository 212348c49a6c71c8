"""Fourteen providers at one moment: one down, one slow, two that wait for a person, ten as ever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from tests.tui.scene import NOW, provider

from provider_console.console import events
from provider_console.console.views import (
    AttemptView,
    CheckView,
    CoverageEntry,
    CredentialView,
    ExecutionReport,
    FiguresView,
    HealthState,
    ProviderView,
    ScoreView,
    SystemHealth,
    TrendView,
    iso,
)
from provider_console.testing.frozen import FrozenClock, FrozenConsole, frozen_app
from provider_console.tui.app import ConsoleApp

_PAIRS: Final = ("de", "es", "fr", "it", "pt", "pl", "nl")


def _healthy(name: str, p50_s: float, success: float, score: float, **facts: Any) -> ProviderView:
    """A provider that is as ever; its terms add up to its score."""
    reliability = success * 0.3
    terms = ScoreView(total=score, base=40.0, response=score - 40.0 - reliability, reliability=reliability)
    view = provider(name, score=score, terms=terms, success_rate=success, p50_ms=p50_s * 1000, p95_ms=p50_s * 1700)
    return msgspec.structs.replace(view, **facts)


def _key(name: str, *, present: bool = True) -> CredentialView:
    age_ms = 12 * 86_400_000.0 if present else None
    return CredentialView(name=name, present=present, backend="keyring" if present else None, age_ms=age_ms)


_AI: Final = {
    "categories": ("ai",),
    "capabilities": ("text_generation",),
    "driver": "openai",
    "sources": ("dynamic_ai",),
}

LIBRETRANSLATE: Final = msgspec.structs.replace(
    provider(
        "LibreTranslate",
        HealthState.UNHEALTHY,
        why="down 2 m 06 s",
        score=91.0,
        success_rate=41.0,
        breaker="open",
        last_error="connection refused",
        last_error_class="network",
        failures_in_a_row=4,
        first_try="Is the server running there?",
        since=iso(NOW - 126),
        retry_at=iso(NOW + 14),
    ),
    tier="secondary",
    credential=None,
)
OPENAI: Final = msgspec.structs.replace(
    provider(
        "OpenAI",
        HealthState.DEGRADED,
        why="slow, p95 up 2.1×",
        score=89.3,
        terms=ScoreView(total=89.3, base=40.0, response=20.2, reliability=29.1),
        success_rate=97.1,
        p50_ms=1080.0,
        p95_ms=3410.0,
        since=iso(NOW - 240),
        first_try="Wait, or give it less: p95 is over the 3.0 s rule.",
    ),
    **{**_AI, "categories": ("ai", "translation")},
    credential=_key("OPENAI_API_KEY"),
    base_url="https://api.openai.com/v1",
    region="eu",
    models=("gpt-5-mini", "gpt-5"),
)
AZURE: Final = msgspec.structs.replace(
    provider(
        "Azure OpenAI",
        HealthState.HELD,
        why="credential missing: AZURE_OPENAI_KEY",
        success_rate=None,
        p50_ms=None,
        p95_ms=None,
        last_check=None,
        first_try="Store AZURE_OPENAI_KEY.",
    ),
    **_AI,
    credential=_key("AZURE_OPENAI_KEY", present=False),
)
GEMINI: Final = msgspec.structs.replace(
    provider(
        "Gemini",
        HealthState.HELD,
        why="quota used · until 00:00 UTC",
        success_rate=None,
        p50_ms=None,
        p95_ms=None,
        retry_at="2026-11-23T00:00:00.000Z",
        first_try="Raise the daily quota, or wait.",
    ),
    **_AI,
    credential=_key("GEMINI_API_KEY"),
)
HEALTHY: Final = (
    _healthy("Apertium", 0.06, 100.0, 100.0, credential=None),
    _healthy("Groq", 0.19, 99.4, 99.8, **_AI),
    _healthy("Google Translate", 0.22, 99.9, 99.7),
    _healthy("DeepL", 0.24, 99.8, 99.6),
    _healthy("Azure Translator", 0.26, 99.9, 99.5),
    _healthy("acme", 0.55, 99.3, 94.7),
    _healthy("Anthropic", 0.71, 99.6, 93.0, **_AI),
    _healthy("Mistral", 0.82, 99.1, 92.1, **_AI),
    _healthy("OpenRouter", 1.22, 98.9, 89.2, **_AI),
    _healthy("Ollama", 2.10, 100.0, 85.0, **_AI),
)
PROVIDERS: Final = (LIBRETRANSLATE, OPENAI, AZURE, GEMINI, *HEALTHY)


def health(providers: Sequence[ProviderView] = PROVIDERS) -> SystemHealth:
    """The whole map of these providers."""
    count = {state: sum(view.health.state is state for view in providers) for state in HealthState}
    return SystemHealth(
        overall_health=88.0,
        healthy=count[HealthState.HEALTHY],
        degraded=count[HealthState.DEGRADED],
        unhealthy=count[HealthState.UNHEALTHY],
        unknown=count[HealthState.UNKNOWN],
        held=count[HealthState.HELD],
        off=count[HealthState.OFF],
        last_health_check=iso(NOW - 8),
        next_health_check=iso(NOW + 22),
        prober=True,
        providers=tuple(providers),
    )


def _entry(category: str, capability: str, able: Sequence[str], down: Sequence[str] = ()) -> CoverageEntry:
    status = "not served" if not able else "breaks if it dies" if len(able) == 1 else "served"
    takes_over = able[1] if len(able) > 1 else None
    return CoverageEntry(
        category=category,
        capability=capability,
        status=status,
        providers=tuple(able),
        down=tuple(down),
        takes_over=takes_over,
    )


COVERAGE: Final = (
    _entry("translation", "translate:en>sr", (), ("libretranslate",)),
    _entry("translation", "translate:en>ar", ("google_translate",), ("libretranslate",)),
    _entry("ai", "vision", ("anthropic",), ("openai", "gemini")),
    _entry(
        "ai", "text_generation", ("groq", "anthropic", "mistral", "openrouter", "ollama"), ("azure_openai", "gemini")
    ),
    _entry("ai", "embeddings", ("mistral", "ollama", "openai"), ("gemini",)),
    *(
        _entry(
            "translation", f"translate:en>{to}", ("deepl", "google_translate", "azure_translator"), ("libretranslate",)
        )
        for to in _PAIRS
    ),
)

FIGURES: Final = FiguresView(
    window_ms=300_000.0,
    executions=1284,
    succeeded=1279,
    success_rate=99.61,
    saved_by_fallback=41,
    median_ms=480.0,
    cost=1.92,
)


def _checks(view: ProviderView, chance: random.Random) -> tuple[CheckView, ...]:
    """The last sixty checks of a provider, now and then a slow one."""
    usual_ms = view.health.p50_ms or 30.0
    state = view.health.state
    done = []
    for back in range(60, 0, -1):
        slow = chance.random() < (0.3 if state is HealthState.DEGRADED else 0.03)
        passed: bool | None = state is not HealthState.UNHEALTHY or back > 4
        if state is HealthState.HELD:
            passed = None if view.name == "Azure OpenAI" or back <= 8 else True
        if view.name == "OpenAI" and back == 14:
            passed = False
        done.append(
            CheckView(
                provider=view.id,
                at=iso(NOW - 30 * back),
                state=state,
                passed=passed,
                latency_ms=usual_ms * (3.0 if slow else 1.0) + (60.0 if slow else 0.0) if passed else None,
            )
        )
    return tuple(done)


_CHANCE: Final = random.Random(7)
CHECKS: Final = {view.id: _checks(view, _CHANCE) for view in PROVIDERS}
TRENDS: Final = {
    **{view.id: TrendView(medians=(view.health.p50_ms,) * 12, median_day_ms=view.health.p50_ms) for view in HEALTHY},
    "openai": TrendView(
        medians=(500.0,) * 5 + (700.0, 700.0, 720.0, 900.0, 900.0, 1100.0, 1100.0), median_day_ms=500.0
    ),
}


def _failed(seconds_ago: float) -> events.HealthChecked:
    check = CheckView(
        provider="libretranslate",
        at=iso(NOW - seconds_ago),
        state=HealthState.UNHEALTHY,
        passed=False,
        latency_ms=None,
        error_class="network",
        message="connection refused",
    )
    return events.HealthChecked(at=NOW - seconds_ago, check=check)


ABSORBED: Final = ExecutionReport(
    execution_id="01JD8Q7KX2",
    operation="translate",
    category="translation",
    status="ok",
    started_at=iso(NOW - 70),
    elapsed_ms=1210.0,
    provider="deepl",
    attempts=(
        AttemptView(
            provider="libretranslate",
            attempt=1,
            status="error",
            started_ms=0.0,
            duration_ms=30.0,
            timeout_ms=10_000.0,
            delay_before_ms=0.0,
            error_class="network",
            message="connection refused",
            absorbed=True,
        ),
        AttemptView(
            provider="deepl",
            attempt=1,
            status="ok",
            started_ms=940.0,
            duration_ms=270.0,
            timeout_ms=10_000.0,
            delay_before_ms=0.0,
            http_status=200,
        ),
    ),
)
HAPPENED: Final = (
    events.BreakerChanged(at=NOW - 126, provider="libretranslate", before="closed", after="open"),
    events.ExecutionEnded(at=NOW - 69, report=ABSORBED),
    _failed(38),
    _failed(8),
)


def checked(provider_id: str) -> events.HealthChecked:
    """A check that passed, now."""
    check = CheckView(provider=provider_id, at=iso(NOW), state=HealthState.HEALTHY, passed=True, latency_ms=20.0)
    return events.HealthChecked(at=NOW, check=check)


def switched_off(view: ProviderView) -> ProviderView:
    """The same provider, off."""
    off = msgspec.structs.replace(view.health, state=HealthState.OFF, why="switched off")
    return msgspec.structs.replace(view, enabled=False, health=off)


async def never(*_args: object) -> None:
    """Does not answer."""
    await asyncio.Event().wait()


def console(**answers: Any) -> FrozenConsole:
    """The console of that moment."""
    return FrozenConsole(
        {
            "health": health(),
            "coverage": COVERAGE,
            "figures": FIGURES,
            "recent_checks": CHECKS,
            "trends": TRENDS,
            **answers,
        }
    )


def app(frozen: FrozenConsole | None = None, *, clock: FrozenClock | None = None, **preview: Any) -> ConsoleApp:
    """The terminal of that moment."""
    return frozen_app(
        frozen or console(),
        clock=clock,
        **{
            "names": sorted((view.name for view in PROVIDERS), key=str.casefold),
            "user": "alice",
            "environment": "production",
            **preview,
        },
    )
