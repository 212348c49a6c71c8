"""Errors as they travel: each has a problem document, and is the same error again at the other end."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest
from tests.documentation.pages import codes, rows

from provider_console.console import errors
from provider_console.console.errors import ConsoleError
from provider_console.console.problems import KINDS, Problem, Refused, code_of, error_of, problem_of
from provider_console.console.views import AttemptView, ExecutionReport
from provider_console.console.wire import ExecuteRequest, operation_of, options_of, request_of
from provider_console.sdk.errors import ErrorClass
from provider_console.sdk.operation import Operation, RetryPolicy


def _report(status: str = "failed", error_class: str = "server_error") -> ExecutionReport:
    attempt = AttemptView(
        provider="a",
        attempt=1,
        status="error",
        started_ms=0.0,
        duration_ms=1.0,
        timeout_ms=2.0,
        delay_before_ms=0.0,
        error_class=error_class,
    )
    return ExecutionReport(
        execution_id="E1",
        operation="chat",
        category="ai",
        status=status,  # type: ignore[arg-type]
        started_at="2026-11-22T14:03:11.204Z",
        elapsed_ms=3.0,
        attempts=(attempt,),
        retry_after_ms=1_500.0,
    )


ERRORS: Final[list[ConsoleError]] = [
    errors.BadRequest("no", field="max_providers"),
    errors.NotFound("none", field="provider"),
    errors.Unauthenticated("who?"),
    errors.Forbidden("not you"),
    errors.Busy("later", retry_after_ms=250.0),
    errors.NoProvider("nobody", report=_report()),
    errors.OperationFailed("all failed", report=_report()),
    errors.PartialResult("broke", report=_report("partial"), text="half"),
    errors.OutcomeUnknown("perhaps", report=_report("outcome_unknown")),
    errors.Draining("closing"),
    errors.AuditUnavailable("no trace"),
    errors.SecretRefused("no keyring"),
    errors.ConfigurationInvalid(["line 1: no", "line 2: no"]),
    errors.Conflict("changed"),
    errors.StorageUnavailable("full"),
]


def _again(error: ConsoleError) -> tuple[Problem, ConsoleError]:
    problem = problem_of(error, request_id="R1")
    read = msgspec.json.decode(msgspec.json.encode(problem), type=Problem)
    assert read == problem
    return problem, error_of(read)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_the_same_at_the_other_end(error: ConsoleError) -> None:
    problem, again = _again(error)

    assert type(again) is type(error)
    assert again.message == error.message
    assert problem.code == error.code
    assert problem.status == KINDS[error.code].status
    for name in ("report", "text", "problems", "retry_after_ms"):
        assert getattr(again, name, None) == getattr(error, name, None)


def test_every_error_of_the_console_is_tried_here() -> None:
    known = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ConsoleError)}

    assert known - {ConsoleError, errors.Reported} == {type(error) for error in ERRORS}


@pytest.mark.parametrize("code", KINDS)
def test_every_code_is_an_error_at_the_other_end(code: str) -> None:
    problem = problem_of(Refused(code, "a sentence", field="some_field"), request_id="R1")

    assert (problem.code, problem.status, problem.field) == (code, KINDS[code].status, "someField")
    assert error_of(problem).message == "a sentence"


def test_an_operation_that_the_providers_refuse_or_somebody_cancelled_is_no_failure_of_theirs() -> None:
    refused = errors.OperationFailed("too long", report=_report(error_class="context_too_long"))
    cancelled = errors.OperationFailed("stopped", report=_report("cancelled"))

    assert (code_of(refused), KINDS[code_of(refused)].status) == ("operation_refused", 422)
    assert (code_of(cancelled), KINDS[code_of(cancelled)].status) == ("conflict", 409)
    assert all(type(_again(error)[1]) is errors.OperationFailed for error in (refused, cancelled))


def test_the_documentation_has_every_code_with_its_status() -> None:
    shown = {codes(code)[0]: int(status) for code, status, _ in rows("docs/api.md", "code")}

    assert shown == {code: kind.status for code, kind in KINDS.items()}


OPERATIONS: Final[list[dict[str, Any]]] = [
    {},
    {"capabilities": ("text_generation",), "providers": ("a", "b"), "max_providers": 2, "wait": True},
    {"deadline_s": 2.5, "idempotent": False, "reference": "mine"},
    {"policy": RetryPolicy(attempts=2, base_delay_s=0.5, classes=frozenset({ErrorClass.NETWORK}), swift=True)},
]


@pytest.mark.parametrize("fields", OPERATIONS)
def test_an_operation_is_the_same_at_the_other_end(fields: dict[str, Any]) -> None:
    operation = Operation(kind="chat", category="ai", payload={"text": "x"}, **fields)

    request = msgspec.json.decode(msgspec.json.encode(request_of(operation)), type=ExecuteRequest)

    assert operation_of(request) == operation
    assert options_of(request, request_id="R1")["request_id"] == "R1"
