"""Numbers and names that the prose gives, each against the constant it speaks of."""

from __future__ import annotations

import re

import pytest
from tests.documentation.pages import PAGES, ROOT, codes, name, text

from provider_console.adapters import log_file
from provider_console.core import backoff, breaker, budget, classify, decide, scoring
from provider_console.engine import (
    caller,
    catalog,
    fallback,
    lane,
    planner,
    plugin_barrier,
    plugins,
    prober,
    settings_desk,
    standing,
)
from provider_console.sandbox.fleet import NAMES
from provider_console.sdk.errors import ErrorClass

FALLBACK, PLUGINS, OPERATIONS = "docs/fallback.md", "docs/plugins.md", "docs/operations.md"
DESCRIBE = "docs/decisions/0007-what-a-provider-says-of-itself.md"
KEPT = "docs/decisions/0005-decision-kept-for-a-quarter-second.md"
REFUSED = "docs/decisions/0004-definite-refusals-of-operations-that-must-not-be-repeated.md"

SENTENCES = [
    (FALLBACK, "another is ahead by {} points in two looks", decide.LEAD_POINTS),
    (FALLBACK, "at most {} s. 4.", backoff.TIMEOUT_MAX_S),
    (FALLBACK, "A stream may pause for {} s", caller.IDLE_S),
    (FALLBACK, "the model is left out at this provider for {} minutes", classify.PERMISSION_LEFT_OUT_S / 60),
    (FALLBACK, "else a check every {} minutes looks", classify.QUOTA_PROBE_S / 60),
    (FALLBACK, "the wait is over {} s, that one is asked at once", fallback.HURRY_ABOVE_S),
    (FALLBACK, "`unknown`: {} within", breaker.UNKNOWN_FAILURES),
    (FALLBACK, "within {} minutes suspend the provider", breaker.UNKNOWN_WITHIN_S / 60),
    (FALLBACK, "suspend the provider for {} minutes", breaker.SUSPENDED_S / 60),
    (FALLBACK, "One over {} s is not waited for", backoff.COOLDOWN_ABOVE_S),
    (FALLBACK, "It opens on {} counting failures in a row", breaker.FAILURES_IN_A_ROW),
    (FALLBACK, "with at least {} events", breaker.SHARE_EVENTS),
    (FALLBACK, "It lasts {} s, then", breaker.OPEN_BASE_S),
    (FALLBACK, "up to {} s for openings", breaker.OPEN_MAX_S),
    (FALLBACK, "{} successes close it", breaker.SUCCESSES_TO_CLOSE),
    (FALLBACK, "from a bucket of its own: {} at once", budget.PANIC_BURST),
    (FALLBACK, "then {} a second. A provider", budget.PANIC_PER_SECOND),
    (FALLBACK, "**base**: {} up", scoring.BASE_POINTS),
    (FALLBACK, "**response**: up to {} by", scoring.RESPONSE_POINTS),
    (FALLBACK, "**reliability**: up to {} by", scoring.RELIABILITY_POINTS),
    (FALLBACK, "a head start of {} in 5", scoring.PRIOR_SUCCESSES),
    (FALLBACK, "score under {}, or p95", standing.DEGRADED_SCORE),
    (FALLBACK, "its {} slots stayed taken", lane.SLOTS),
    (PLUGINS, "knows now, within {} s", catalog.DISCOVER_S),
    (PLUGINS, "hangs ({} s for its import", plugins.IMPORT_S),
    (PLUGINS, "import, {} s for a hook", plugins.HOOK_S),
    (PLUGINS, "prints more than {} KiB", plugin_barrier.OUTPUT_BYTES / 1024),
    (OPERATIONS, "log folder, {} MiB", log_file.FILE_BYTES / 1024 / 1024),
    ("docs/configuration.md", "looks at the file every {} seconds", settings_desk.LOOK_S),
    (KEPT, "for at most {} s (`VALID_S`)", planner.VALID_S),
    (KEPT, "At most {} are kept", planner.CACHE_ENTRIES),
    (DESCRIBE, "for enabled providers only, within {} s", catalog.DESCRIBE_S),
]


@pytest.mark.parametrize(
    ("page", "sentence", "value"), SENTENCES, ids=lambda v: None if isinstance(v, float) else str(v)[:50]
)
def test_a_number_in_the_prose_is_the_constant(page: str, sentence: str, value: float):
    words = " ".join(text(page).split())
    assert sentence.format(f"{value:g}") in words


def test_words_that_stand_for_constants_still_fit_them():
    page = " ".join(text(FALLBACK).split())
    assert (lane.STALE_INTERVALS, "for three check intervals" in page) == (3, True)
    assert (scoring.PROBE_WEIGHT, "A check counts half" in page) == (0.5, True)
    assert (backoff.COOLDOWN_MAX_S, "at most an hour" in page) == (3600.0, True)
    assert (backoff.RETRY_AFTER_SPREAD, "up to a tenth more" in page) == (0.1, True)
    assert (prober.CONFIRM_S, "repeated about a second later" in page) == (1.0, True)
    assert (standing.SLOW_FACTOR, "at least twice its median of the day" in page) == (2.0, True)
    assert (log_file.FILES, "three older ones" in text(OPERATIONS)) == (3, True)
    assert (len(NAMES), "The five servers" in text(OPERATIONS)) == (5, True)


def test_the_decision_names_the_refusals_of_the_engine():
    decided = text(REFUSED).partition("## Decision")[2].partition("They are `REFUSALS`")[0]
    named = {code for code in codes(decided.replace("\n", " ")) if code in set(ErrorClass)}
    assert named == {error_class.value for error_class in fallback.REFUSALS}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_source_file_that_is_named_exists(page):
    bases = [page.parent, ROOT, ROOT / "src" / "provider_console", *(ROOT / "plugins" / "template" / "src").iterdir()]
    for path in re.findall(r"`([\w/]+\.py)`", page.read_text("utf-8")):
        hits = [
            base / path for base in (*bases, ROOT / "plugins" / "translation" / "src" / "provider_console_translation")
        ]
        assert any(hit.exists() for hit in hits), f"{name(page)} names {path}"
