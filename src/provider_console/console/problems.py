"""Errors as they travel: RFC 9457 problem documents, made from the console's errors and turned into them again."""

from __future__ import annotations

from typing import Final, NamedTuple

from provider_console.console import errors
from provider_console.console.errors import ConsoleError, Reported
from provider_console.console.views import ExecutionReport, View
from provider_console.console.wire import camel

MEDIA_TYPE: Final = "application/problem+json"


class Problem(View, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong. `code` is stable; `field` names the part of the request that is at fault.

    `report` is that of an execution that ended without a result, `text` what had arrived of a broken stream,
    `problems` all that is wrong with a configuration.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    field: str | None = None
    problems: tuple[str, ...] = ()
    text: str | None = None
    retry_after_ms: float | None = None
    report: ExecutionReport | None = None


class Kind(NamedTuple):
    """A code with its usual status and its title."""

    status: int
    title: str


KINDS: Final[dict[str, Kind]] = {
    "bad_request": Kind(400, "The request is wrong"),
    "unauthenticated": Kind(401, "Nobody knows who asks"),
    "forbidden": Kind(403, "The role may not do this"),
    "not_found": Kind(404, "There is nothing here"),
    "method_not_allowed": Kind(405, "This cannot be done here"),
    "timeout": Kind(408, "The request took too long to arrive"),
    "conflict": Kind(409, "Something else is the case by now"),
    "secret_refused": Kind(409, "The keyring cannot do it"),
    "precondition_failed": Kind(412, "Somebody else changed it first"),
    "too_large": Kind(413, "The request is too large"),
    "unsupported_media_type": Kind(415, "The body is not JSON"),
    "misdirected": Kind(421, "This console does not go by that name"),
    "configuration_invalid": Kind(422, "The configuration cannot be used"),
    "key_reused": Kind(422, "The idempotency key belongs to another request"),
    "operation_refused": Kind(422, "The providers refuse this operation"),
    "precondition_required": Kind(428, "Say which revision this replaces"),
    "busy": Kind(429, "Too much at once"),
    "headers_too_large": Kind(431, "The headers are too large"),
    "error": Kind(500, "A defect of the console"),
    "operation_failed": Kind(502, "Every provider failed"),
    "partial_result": Kind(502, "The answer broke off"),
    "outcome_unknown": Kind(502, "It is not known whether it took effect"),
    "no_provider": Kind(503, "No provider can be asked"),
    "draining": Kind(503, "The console is shutting down"),
    "audit_unavailable": Kind(503, "The audit trail cannot be written"),
    "storage_unavailable": Kind(503, "A database cannot be used"),
    "execution_failed": Kind(502, "The execution failed"),
}
"""Every code. Those of `console.errors` are there by their own names."""

_OF_THE_REQUEST: Final = frozenset({"invalid_request", "content_refused", "context_too_long"})
"""Not the providers failed: what was asked of them was refused."""


class Refused(ConsoleError):
    """What the HTTP side itself refuses: its code is one of `KINDS`."""

    def __init__(
        self, code: str, message: str, *, field: str | None = None, report: ExecutionReport | None = None
    ) -> None:
        super().__init__(message)
        self.kind = code
        self.field = field
        self.report = report


def problem_of(error: ConsoleError, *, request_id: str) -> Problem:
    """The document of an error."""
    code = code_of(error)
    kind = KINDS[code]
    field = getattr(error, "field", None)
    report: ExecutionReport | None = getattr(error, "report", None)
    retry_after_ms = getattr(error, "retry_after_ms", None)
    return Problem(
        type=f"urn:provider-console:problem:{code}",
        title=kind.title,
        status=kind.status,
        code=code,
        detail=error.message,
        request_id=request_id,
        # A dotted key of the settings is called as the file calls it.
        field=field if field is None or "." in field else camel(field),
        problems=error.problems if isinstance(error, errors.ConfigurationInvalid) else (),
        text=error.text if isinstance(error, errors.PartialResult) else None,
        retry_after_ms=retry_after_ms if report is None else report.retry_after_ms,
        report=report,
    )


def code_of(error: ConsoleError) -> str:
    """The code of an error; an operation that was refused for what it is has its own."""
    if isinstance(error, Refused):
        return error.kind
    if isinstance(error, errors.OperationFailed):
        if error.report.status == "cancelled":
            return "conflict"
        last = error.report.attempts[-1].error_class if error.report.attempts else None
        return "operation_refused" if last in _OF_THE_REQUEST else error.code
    return error.code


_BY_CODE: Final[dict[str, type[ConsoleError]]] = {
    kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ConsoleError)
}


def error_of(problem: Problem) -> ConsoleError:
    """The error that a document tells of: what the console at the other end raised."""
    report = problem.report
    if report is not None:
        if problem.code == "partial_result":
            return errors.PartialResult(problem.detail, report=report, text=problem.text or "")
        reported = _BY_CODE.get(problem.code, errors.OperationFailed)
        return (reported if issubclass(reported, Reported) else errors.OperationFailed)(problem.detail, report=report)
    match problem.code:
        case "configuration_invalid":
            return errors.ConfigurationInvalid(problem.problems or (problem.detail,))
        case "busy":
            return errors.Busy(problem.detail, retry_after_ms=problem.retry_after_ms or 1_000.0)
        case "not_found":
            return errors.NotFound(problem.detail, field=problem.field)
        case "precondition_failed":
            return errors.Conflict(problem.detail)
    kind = _BY_CODE.get(problem.code)
    if kind is None or issubclass(kind, errors.BadRequest):
        return (
            errors.BadRequest(problem.detail, field=problem.field)
            if problem.status < 500
            else ConsoleError(problem.detail)
        )
    return ConsoleError(problem.detail) if issubclass(kind, Reported) else kind(problem.detail)
