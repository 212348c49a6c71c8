"""The errors a plugin raises, and the classes every failure is sorted into.

SdkError
├── ProviderError      the provider answered, and the answer is no
├── TransportError     no usable answer arrived
├── BadResult          an answer arrived and cannot be used
├── Incomplete         a source found some of its providers, and could not look for others
└── OperationInvalid   the payload does not fit the operation's fields
"""

from __future__ import annotations

import copyreg
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provider_console.sdk.http import HttpResponse
    from provider_console.sdk.provider import ProviderDescriptor


class ErrorClass(StrEnum):
    """What a failure means for the next attempt; `core.classify` holds the rule of each."""

    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    QUOTA = "quota"
    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    NETWORK = "network"
    SERVER_ERROR = "server_error"
    BAD_RESULT = "bad_result"
    INVALID_REQUEST = "invalid_request"
    CONTENT_REFUSED = "content_refused"
    CONTEXT_TOO_LONG = "context_too_long"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class SdkError(Exception):
    """Root of everything a plugin may raise on purpose."""


class ProviderError(SdkError):
    """The provider refused or failed the call.

    `error_class` None lets the engine decide from `code`, then `status`. `retry_after_s` is how long
    the provider asked to wait, `resets_after_s` when a used-up quota returns (both seconds from now).
    `provider_specific` says that another provider may well accept the same request.
    """

    # A dictionary for them would cost as much as all the rest of raising one.
    __slots__ = (
        "code",
        "error_class",
        "message",
        "provider_specific",
        "resets_after_s",
        "retry_after_s",
        "status",
    )

    def __init__(
        self,
        message: str,
        *,
        error_class: ErrorClass | None = None,
        status: int | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        resets_after_s: float | None = None,
        provider_specific: bool = False,
    ) -> None:
        # What `Exception` does with it, for half of the cost.
        self.args = (message,)
        self.message = message
        self.error_class = error_class
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s
        self.resets_after_s = resets_after_s
        self.provider_specific = provider_specific

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied, or sent from one process to another, it keeps its attributes."""
        slots = {name: getattr(self, name) for name in ProviderError.__slots__}
        return copyreg.__newobj__, (type(self), *self.args), {**self.__dict__, **slots}  # type: ignore[attr-defined]  # typeshed leaves it out

    @classmethod
    def from_response(
        cls,
        response: HttpResponse,
        message: str,
        *,
        error_class: ErrorClass | None = None,
        code: str | None = None,
        resets_after_s: float | None = None,
        provider_specific: bool = False,
    ) -> ProviderError:
        """The error for an HTTP answer, with its status and Retry-After taken from the answer."""
        return cls(
            message or f"HTTP {response.status}",
            error_class=error_class,
            status=response.status,
            code=code,
            retry_after_s=response.retry_after_s,
            resets_after_s=resets_after_s,
            provider_specific=provider_specific,
        )


TransportKind = Literal["dns", "refused", "reset", "tls", "connect", "timeout", "too_large", "address", "protocol"]


class TransportError(SdkError):
    """No usable answer arrived.

    `never_left` is True only where the request provably never reached the provider, so that even an
    operation that is not idempotent may be tried again. `tls` and `address` are not worth a retry.
    """

    def __init__(self, message: str, *, kind: TransportKind, never_left: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.kind: TransportKind = kind
        self.never_left = never_left


class BadResult(SdkError):
    """An answer arrived that cannot be used: unreadable, or it failed its kind's check."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Incomplete(SdkError):
    """A source could look in some of its places only; `found` is all that it knows, old answers among it.

    The message says what is missing and why.
    """

    def __init__(self, message: str, *, found: Sequence[ProviderDescriptor]) -> None:
        super().__init__(message)
        self.message = message
        self.found = tuple(found)


class OperationInvalid(SdkError):
    """A payload does not fit the fields of its kind; `field` is the one at fault, if it is one."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
