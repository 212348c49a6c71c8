"""One sentence that says what to do after an execution that gave no result."""

from __future__ import annotations

from collections import Counter

from provider_console.console.views import HealthState
from provider_console.engine.lane import NAMELESS, Lane
from provider_console.engine.trace import Execution
from provider_console.sdk.errors import ErrorClass


def hint_for(execution: Execution) -> str:
    """What to try first."""
    classes = Counter(a.failure.error_class for a in execution.attempts if a.failure is not None)
    if not classes:
        return _nobody_called(execution)
    last = next(a for a in reversed(execution.attempts) if a.failure is not None)
    failure = last.failure
    assert failure is not None  # noqa: S101 - the line above chose it so
    match failure.error_class:
        case ErrorClass.INVALID_REQUEST:
            return f"{last.provider} says the request is wrong: {failure.message}"
        case ErrorClass.CONTENT_REFUSED:
            return f"{last.provider} refused the content; change it, or set engine.on_refusal = 'next'"
        case ErrorClass.CONTEXT_TOO_LONG:
            return f"the text is too long for {last.provider}, and no provider declares a larger limit; shorten it"
    return _most_common(execution, classes)


def _most_common(execution: Execution, classes: Counter[ErrorClass]) -> str:
    error_class, _ = classes.most_common(1)[0]
    names = sorted({a.provider for a in execution.attempts if a.failure and a.failure.error_class is error_class})
    who = ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
    left = {reason for _, reason in execution.left}
    if "deadline" in left:
        allowed_s = execution.deadline - execution.started
        return (
            f"the deadline of {allowed_s:.0f} s came first; allow more time, or look at {who}: provider-console check"
        )
    match error_class:
        case ErrorClass.AUTHENTICATION:
            keys = {c.candidate.provider.id: c.candidate.provider.credential for c in execution.plan}
            return f"{who} needs a valid key: provider-console secrets set {keys.get(names[0]) or 'NAME'}"
        case ErrorClass.QUOTA:
            return f"the quota of {who} is used up; raise it there, or enable another provider"
        case ErrorClass.PERMISSION:
            return f"{who} does not allow the model; choose another with --model"
        case ErrorClass.RATE_LIMITED:
            return f"{who} limits the rate; wait, or enable another provider"
        case ErrorClass.NETWORK:
            return f"{who} cannot be reached; look at its address and at the network: provider-console doctor"
        case ErrorClass.TIMEOUT:
            return f"{who} does not answer in time; try provider-console check, or raise engine.response_time_threshold"
    return f"{who} fails ({error_class.value}); try again later, or enable another provider"


def first_try(lane: Lane, state: HealthState, error_class: str | None) -> str | None:
    """What to try first about a provider that is not as it should be; None where nothing is wrong."""
    if state in (HealthState.HEALTHY, HealthState.UNKNOWN):
        return None
    if state is HealthState.OFF:
        return "Switch it on." if lane.provider.configured else "Adopt it, if it is yours."
    if lane.missing == NAMELESS:
        return "Name its credential in the configuration."
    if lane.missing is not None:
        return f"Store the credential {lane.missing}."
    match error_class:
        case ErrorClass.AUTHENTICATION:
            return "Is the key still valid? Store a new one."
        case ErrorClass.QUOTA:
            return "Raise the quota there, or wait until it is back."
        case ErrorClass.NETWORK:
            return "Is the server running there?"
        case ErrorClass.TIMEOUT:
            return "Does it hang? Look at its load, or allow it more time."
        case ErrorClass.RATE_LIMITED:
            return "Send less, or wait: it says when it is back."
        case ErrorClass.SERVER_ERROR:
            return "Look at what its vendor says, and at its own log."
        case ErrorClass.PERMISSION:
            return "Choose a model that the key may use."
    return "Check it now." if state is HealthState.UNHEALTHY else "Watch it; others take its share meanwhile."


def _nobody_called(execution: Execution) -> str:
    decision = execution.decision
    if not decision.excluded:
        return (
            "no provider is configured: add one to config.toml, store a credential with provider-console secrets set, "
            "or try provider-console demo"
        )
    waiting = [out for out in decision.excluded if out.waiting]
    if waiting:
        names = " and ".join(sorted(out.candidate.provider.id for out in waiting))
        return f"{names} cannot be called now; wait, or enable another provider"
    asked = set(execution.operation.providers or ())
    off = [out.candidate.provider.id for out in decision.excluded if out.reason == "disabled"]
    if asked and asked <= set(off):
        return f"{' and '.join(sorted(asked))} is disabled; provider-console providers enable {min(asked)}"
    missing = [out for out in decision.excluded if out.reason == "credential missing"]
    if missing:
        candidate = missing[0].candidate
        if candidate.missing == NAMELESS:
            key = f"SECTION.providers.{candidate.provider.id}.credential"
            return f"name its credential: provider-console config set {key} NAME"
        return f"store the credential: provider-console secrets set {candidate.missing}"
    found = [out for out in decision.excluded if out.reason == "found, not adopted"]
    if found:
        return f"use what was found: provider-console providers enable {found[0].candidate.provider.id}"
    return "provider-console providers --include-inactive shows every provider and why it was left out"
