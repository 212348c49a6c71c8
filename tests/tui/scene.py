"""A made-up moment: five providers, one of them down, one that needs a key, and what they serve."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from provider_console.console.views import (
    CheckView,
    CoverageEntry,
    CredentialView,
    FiguresView,
    HealthState,
    ProviderHealth,
    ProviderView,
    ScoreView,
    SystemHealth,
    TrendView,
    Who,
    iso,
)
from provider_console.tui.changes import Read
from provider_console.tui.reduce import reduce
from provider_console.tui.state import Happening, State

NOW: Final = 1_795_356_131.0


def provider(name: str, state: HealthState = HealthState.HEALTHY, **health: Any) -> ProviderView:
    """A provider in a state; its id is its name in lower case."""
    known: dict[str, Any] = {
        "state": state,
        "why": "healthy" if state is HealthState.HEALTHY else "",
        "score": 97.0,
        "breaker": "closed",
        "terms": ScoreView(total=97.0, base=40.0, response=28.0, reliability=29.0),
        "success_rate": 99.4,
        "p50_ms": 240.0,
        "p95_ms": 410.0,
        "last_check": iso(NOW - 8),
    }
    return ProviderView(
        id=name.lower().replace(" ", "_"),
        name=name,
        categories=("translation",),
        capabilities=("translate",),
        models=(),
        driver="libretranslate",
        tier="primary",
        network="loopback",
        region=None,
        base_url="http://10.0.4.12:5000",
        enabled=state is not HealthState.OFF,
        configured=True,
        sources=("translation",),
        credential=CredentialView(name="A_KEY", present=state is not HealthState.HELD),
        provenance={},
        contradictions=(),
        cost=None,
        health=ProviderHealth(**{**known, **health}),
    )


DOWN: Final = provider(
    "LibreTranslate",
    HealthState.UNHEALTHY,
    why="down 2 m 06 s",
    breaker="open",
    last_error="connection refused",
    last_error_class="network",
    failures_in_a_row=4,
    first_try="Is the server running there?",
    since=iso(NOW - 126),
    retry_at=iso(NOW + 14),
)
SLOW: Final = provider(
    "OpenAI", HealthState.DEGRADED, why="slow, p95 up 2.1×", score=89.0, p50_ms=1080.0, p95_ms=3400.0
)
KEYLESS: Final = provider("Gemini", HealthState.HELD, why="credential missing: GEMINI_API_KEY", last_check=None)
PROVIDERS: Final = (provider("Apertium", score=99.0), DOWN, KEYLESS, SLOW, provider("DeepL"))


def check(name: str, at: float, *, passed: bool | None = True, latency_ms: float = 20.0) -> CheckView:
    """One check."""
    return CheckView(
        provider=name, at=iso(at), state=HealthState.HEALTHY, passed=passed, latency_ms=latency_ms if passed else None
    )


def health(providers: tuple[ProviderView, ...] = PROVIDERS) -> SystemHealth:
    """The whole map."""
    return SystemHealth(
        overall_health=80.0,
        healthy=2,
        degraded=1,
        unhealthy=2,
        unknown=0,
        held=1,
        off=0,
        last_health_check=iso(NOW - 8),
        next_health_check=iso(NOW + 22),
        prober=True,
        providers=providers,
    )


COVERAGE: Final = (
    CoverageEntry(
        category="translation",
        capability="translate:en>sr",
        status="not served",
        providers=(),
        down=("libretranslate",),
    ),
    CoverageEntry(
        category="translation",
        capability="translate:en>es",
        status="served",
        providers=("deepl", "apertium"),
        down=("libretranslate",),
    ),
)


def scene(providers: tuple[ProviderView, ...] = PROVIDERS, **more: Any) -> State:
    """The state of the moment."""
    fields: dict[str, Any] = {
        "open": True,
        "who": Who(actor="alice", role="super_admin", front_end="tui", may={}),
        "user": "alice",
        "environment": "production",
        "health": health(providers),
        "coverage": COVERAGE,
        "figures": FiguresView(
            window_ms=300_000.0,
            executions=1284,
            succeeded=1279,
            success_rate=99.61,
            saved_by_fallback=41,
            median_ms=480.0,
            cost=1.92,
        ),
        "trends": {"openai": TrendView(medians=(500.0,) * 8 + (700.0, 900.0, 1100.0, 1300.0), median_day_ms=500.0)},
        "checks": {
            "deepl": tuple(check("deepl", NOW - 30 * back) for back in range(20, 0, -1)),
            "libretranslate": tuple(
                check("libretranslate", NOW - 30 * back, passed=back > 4) for back in range(20, 0, -1)
            ),
        },
        **more,
    }
    state = reduce(State(now=NOW), Read(NOW, fields))
    happened = Happening(NOW - 60, "libretranslate", "check", "failed · connection refused", HealthState.UNHEALTHY)
    return replace(state, happenings=(happened,))
