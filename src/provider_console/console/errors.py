"""What a front end may be told. Each error has a stable code, the same in the terminal, the API and `--json`.

ConsoleError
├── BadRequest               a name, a payload or a value is wrong: exit 2
│   └── NotFound             there is nothing of that name: exit 2
├── Unauthenticated          nobody knows who asks: exit 4
├── Forbidden                the role may not do this: exit 4
├── Busy                     too much at once: exit 1
├── NoProvider               nobody is eligible: exit 1, or 3 where all of them are failing
├── OperationFailed          every provider failed: exit 3
├── PartialResult            a stream broke after its first content: exit 3
├── OutcomeUnknown           it may or may not have happened at the provider: exit 1
├── Draining                 the console is shutting down: exit 1
├── AuditUnavailable         no effect without a trace: exit 1
├── SecretRefused            the keyring cannot do it: exit 4
├── ConfigurationInvalid     exit 5
├── Conflict                 somebody else changed it first: exit 1
└── StorageUnavailable       a database or the disk: exit 1
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from provider_console.console.views import ExecutionReport


class ConsoleError(Exception):
    """Root. `message` says what failed, for whom, and what to do next; it never holds a secret or a prompt."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(ConsoleError):
    """A name, a payload or a value is wrong; `field` is the one at fault, where there is one."""

    code = "bad_request"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class NotFound(BadRequest):
    """There is no provider, execution or version of that name."""

    code = "not_found"


class Unauthenticated(ConsoleError):
    """The token is missing, or is none that counts."""

    code = "unauthenticated"


class Busy(ConsoleError):
    """Too many requests, or too many executions under way; come back after `retry_after_ms`."""

    code = "busy"

    def __init__(self, message: str, *, retry_after_ms: float) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class Forbidden(ConsoleError):
    """The role may not do this."""

    code = "forbidden"


class Reported(ConsoleError):
    """An execution ended without a result; `report` says everything that happened."""

    code = "execution_failed"

    def __init__(self, message: str, *, report: ExecutionReport) -> None:
        super().__init__(message)
        self.report = report


class NoProvider(Reported):
    """No provider is eligible: the report's `excluded` says why for each."""

    code = "no_provider"


class OperationFailed(Reported):
    """Every provider that could be tried failed, or the operation itself was refused."""

    code = "operation_failed"


class PartialResult(Reported):
    """A stream broke after its first content; `text` is what had arrived."""

    code = "partial_result"

    def __init__(self, message: str, *, report: ExecutionReport, text: str) -> None:
        super().__init__(message, report=report)
        self.text = text


class OutcomeUnknown(Reported):
    """The operation must not be repeated and nobody knows whether it took effect."""

    code = "outcome_unknown"


class Draining(ConsoleError):
    """The console is shutting down and takes nothing new."""

    code = "draining"


class AuditUnavailable(ConsoleError):
    """The audit trail cannot be written, so nothing that changes or executes may happen."""

    code = "audit_unavailable"


class SecretRefused(ConsoleError):
    """The keyring cannot do what was asked."""

    code = "secret_refused"


class ConfigurationInvalid(ConsoleError):
    """A configuration cannot be used; `problems` are whole sentences with file, line and column."""

    code = "configuration_invalid"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Conflict(ConsoleError):
    """Somebody else changed it since it was read."""

    code = "conflict"


class StorageUnavailable(ConsoleError):
    """A database or the disk will not have it."""

    code = "storage_unavailable"
