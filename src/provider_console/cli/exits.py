"""Exit codes, and the one place where an error becomes text."""

from __future__ import annotations

from typing import Final

from provider_console.cli.output import Output
from provider_console.console.errors import (
    BadRequest,
    ConfigurationInvalid,
    ConsoleError,
    Forbidden,
    NoProvider,
    OperationFailed,
    PartialResult,
    Reported,
    SecretRefused,
)

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
ALL_FAILED: Final = 3
ACCESS: Final = 4
CONFIGURATION: Final = 5
INTERRUPTED: Final = 130

_THE_REQUEST: Final = frozenset({"invalid_request", "content_refused", "context_too_long"})
"""Not the providers failed: what was asked of them was refused."""


def failure(error: Exception, output: Output) -> int:
    """Say what went wrong, print the report where there is one, and return the exit code."""
    if isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        return failure(error.exceptions[0], output)
    if isinstance(error, Reported):
        output.report(error.report, hint=False)
    if isinstance(error, ConsoleError):
        output.say(str(error))
    else:
        # The text of a foreign exception may hold anything: the log file has it, redacted.
        output.say(f"a defect: {type(error).__name__}; the log file has the details, please report it")
    return code_of(error)


def code_of(error: Exception) -> int:
    """The exit code of an error.

    >>> code_of(BadRequest("no")), code_of(ConfigurationInvalid(["no"])), code_of(ValueError())
    (2, 5, 1)
    """
    match error:
        case BadRequest():
            return USAGE
        case ConfigurationInvalid():
            return CONFIGURATION
        case Forbidden() | SecretRefused():
            return ACCESS
        case NoProvider():
            # Nobody was there to be asked, or everybody is known to be failing.
            return ALL_FAILED if error.report.retry_after_ms is not None else FAILED
        case OperationFailed():
            if error.report.status == "cancelled":
                return INTERRUPTED
            last = error.report.attempts[-1].error_class if error.report.attempts else None
            return FAILED if last in _THE_REQUEST else ALL_FAILED
        case PartialResult():
            return ALL_FAILED
    return FAILED
