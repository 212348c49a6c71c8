"""What a failure means: one taxonomy, one table of rules, one order of decision."""

from __future__ import annotations

import math
from asyncio import CancelledError
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from provider_console.core.text import clean_text
from provider_console.core.transport import Recognised, recognise
from provider_console.sdk import BadResult, ErrorClass, OperationInvalid, ProviderError, TransportError

Jitter = Literal["full", "equal", "none"]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from an error class.

    `retries` is how often the same provider is asked again: None as often as the policy allows, 0 never.
    `weight` is what one failure counts against the provider.
    """

    retries: int | None = 0
    jitter: Jitter = "none"
    weight: float = 0.0
    breaker: Literal["counts", "ignores"] = "ignores"


_TRANSIENT: Final = Rule(retries=None, jitter="full", weight=1.0, breaker="counts")
_SETTLED: Final = Rule()

RULES: Final[Mapping[ErrorClass, Rule]] = {
    # Held NEEDS_AUTH until the secret changes or a probe passes.
    ErrorClass.AUTHENTICATION: _SETTLED,
    # The pair of provider and model is left out for PERMISSION_LEFT_OUT_S.
    ErrorClass.PERMISSION: _SETTLED,
    # Held QUOTA until the reset time, else probed every QUOTA_PROBE_S.
    ErrorClass.QUOTA: _SETTLED,
    ErrorClass.RATE_LIMITED: Rule(retries=None, jitter="equal", weight=0.25),
    ErrorClass.TIMEOUT: _TRANSIENT,
    ErrorClass.NETWORK: _TRANSIENT,
    ErrorClass.SERVER_ERROR: _TRANSIENT,
    ErrorClass.BAD_RESULT: Rule(weight=0.5, breaker="counts"),
    # On to the next only when the driver says that the objection is this provider's own.
    ErrorClass.INVALID_REQUEST: _SETTLED,
    # On to the next only with `on_refusal = "next"`.
    ErrorClass.CONTENT_REFUSED: _SETTLED,
    # On to the next only where a larger context is declared.
    ErrorClass.CONTEXT_TOO_LONG: _SETTLED,
    ErrorClass.CANCELLED: _SETTLED,
    ErrorClass.UNKNOWN: Rule(retries=1, jitter="full", weight=0.5, breaker="counts"),
}

PERMISSION_LEFT_OUT_S: Final = 600.0
"""How long a provider is left out for the model it refused (engine.md, section 3)."""

QUOTA_PROBE_S: Final = 900.0
"""How often a provider held QUOTA is probed where the reset time is unknown (engine.md, section 3)."""

CODE_LIMIT: Final = 64
"""Characters kept of a provider's own code: longer ones are prose."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One failed attempt, sorted.

    `message` is clean and at most 300 characters. `retryable` False overrules the rule of the class: TLS
    certificates and refused addresses do not get better. `never_left` is True only where the request
    provably never reached the provider. `kind` says how the transport failed, where it was the transport.
    """

    error_class: ErrorClass
    message: str
    status: int | None = None
    code: str | None = None
    retry_after_s: float | None = None
    resets_after_s: float | None = None
    provider_specific: bool = False
    never_left: bool = False
    retryable: bool = True
    kind: str | None = None


Hook = Callable[[Exception], ErrorClass | None]


def classify(error: BaseException, *, hooks: Sequence[Hook] = (), safe: Callable[[str], str] = str) -> Failure:
    """Sort what a driver, or a caller's own callable, raised.

    Decided by the driver's typed error, then the plugins' hooks, the provider's code, the HTTP status, the
    transport's exception; what none of them knows is `unknown` and gives away only its type, because its
    text could hold a prompt. `hooks` must not raise; `safe` takes known secrets out of a message.

    >>> classify(ProviderError("You exceeded your quota", status=429, code="insufficient_quota")).error_class
    <ErrorClass.QUOTA: 'quota'>
    >>> classify(ValueError("tell me about my salary")).message
    'unexpected ValueError'

    Raises:
        TypeError: the error is a cancellation or an exit, which must travel on and is never classified.
    """
    if not isinstance(error, ProviderError):
        error = _alone(error)
    if isinstance(error, ProviderError):
        found = _of_provider(error, hooks)
    elif isinstance(error, CancelledError) or not isinstance(error, Exception):
        raise TypeError(f"{type(error).__name__} is never classified: raise it again")
    else:
        found = _of_sdk(error) or _of_hooks(error, hooks) or _of_foreign(error)
    # Before anything is cut, so that no secret is cut in two and overlooked.
    code = None if found.code is None else clean_text(safe(found.code), CODE_LIMIT)
    message = clean_text(safe(found.message))
    if message == found.message and code == found.code:
        return found
    return msgspec.structs.replace(found, message=message, code=code)


def class_of_status(status: int) -> ErrorClass:
    """The class of an HTTP status that nothing else explains.

    >>> [class_of_status(status).value for status in (401, 402, 456, 403, 404, 429, 529)]
    ['authentication', 'quota', 'quota', 'permission', 'permission', 'rate_limited', 'rate_limited']
    >>> [class_of_status(status).value for status in (408, 504, 425, 409, 500, 503)]
    ['timeout', 'timeout', 'server_error', 'server_error', 'server_error', 'server_error']
    >>> [class_of_status(status).value for status in (400, 422, 413, 307, 200, 999)]
    ['invalid_request', 'invalid_request', 'context_too_long', 'bad_result', 'bad_result', 'unknown']
    """
    known = _STATUSES.get(status)
    if known is not None:
        return known
    if 500 <= status < 600:
        return _SERVER_ERROR
    if 400 <= status < 500:
        return ErrorClass.INVALID_REQUEST
    # A redirect is not followed, and an error inside a 2xx that no code explains is no result either.
    return ErrorClass.BAD_RESULT if 100 <= status < 400 else ErrorClass.UNKNOWN


def class_of_code(code: str | None) -> ErrorClass | None:
    """The class of a code that many vendors share, however they spell it; None for one that says nothing.

    Three digits are a status that travelled in the body.

    >>> class_of_code("rateLimitExceeded") is class_of_code("RATE_LIMIT_EXCEEDED") is class_of_code("429")
    True
    >>> class_of_code("E-17") is None
    True
    """
    if not code:
        return None
    folded = _fold(code)
    if len(folded) == 3 and folded.isdecimal() and folded[0] in "45":
        return class_of_status(int(folded))
    return _CODES.get(folded)


# Looking a member up on its enum costs a fifth of a microsecond.
_SERVER_ERROR: Final = ErrorClass.SERVER_ERROR


class _Verdict(NamedTuple):
    error_class: ErrorClass
    retryable: bool = True


_TRANSPORT: Final[Mapping[str, _Verdict]] = {
    "dns": _Verdict(ErrorClass.NETWORK),
    "refused": _Verdict(ErrorClass.NETWORK),
    "reset": _Verdict(ErrorClass.NETWORK),
    "connect": _Verdict(ErrorClass.NETWORK),
    "protocol": _Verdict(ErrorClass.NETWORK),
    "tls": _Verdict(ErrorClass.NETWORK, retryable=False),
    "address": _Verdict(ErrorClass.NETWORK, retryable=False),
    "timeout": _Verdict(ErrorClass.TIMEOUT),
    # An answer came; asking again brings the same one.
    "too_large": _Verdict(ErrorClass.BAD_RESULT),
}


def _alone(error: BaseException) -> BaseException:
    # A driver that used a TaskGroup wraps its one failure; what counts is the failure.
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _of_sdk(error: Exception) -> Failure | None:
    match error:
        case TransportError():
            verdict = _TRANSPORT.get(error.kind, _Verdict(ErrorClass.NETWORK))
            return Failure(
                error_class=verdict.error_class,
                message=str(error.message),
                never_left=bool(error.never_left),
                retryable=verdict.retryable,
                kind=error.kind,
            )
        case BadResult():
            return Failure(error_class=ErrorClass.BAD_RESULT, message=str(error.message))
        case OperationInvalid():
            return Failure(error_class=ErrorClass.INVALID_REQUEST, message=str(error.message))
    return None


def _of_provider(error: ProviderError, hooks: Sequence[Hook]) -> Failure:
    # An OpenRouter code is a number, whatever the annotation says.
    code = None if error.code is None else str(error.code)
    error_class = None if error.error_class is None else _declared(error.error_class)
    if error_class is None and hooks:
        error_class = _ask(hooks, error)
    if error_class is None and code is not None:
        error_class = class_of_code(code)
    if error_class is None:
        error_class = class_of_status(error.status) if isinstance(error.status, int) else ErrorClass.UNKNOWN
    return Failure(
        error_class=error_class,
        message=str(error.message),
        status=error.status,
        code=code,
        retry_after_s=None if error.retry_after_s is None else _seconds(error.retry_after_s),
        resets_after_s=None if error.resets_after_s is None else _seconds(error.resets_after_s),
        provider_specific=bool(error.provider_specific),
    )


def _of_hooks(error: Exception, hooks: Sequence[Hook]) -> Failure | None:
    error_class = _ask(hooks, error)
    return None if error_class is None else Failure(error_class=error_class, message=_raised(error))


def _of_foreign(error: Exception) -> Failure:
    known = recognise(error)
    if known is None:
        return Failure(error_class=ErrorClass.UNKNOWN, message=_raised(error))
    if known.status is not None:
        return Failure(
            error_class=class_of_code(known.code) or class_of_status(known.status),
            message=f"HTTP {known.status}",
            status=known.status,
            code=known.code or None,
            retry_after_s=_seconds(known.retry_after_s),
        )
    verdict = _TRANSPORT[known.kind]
    return Failure(
        error_class=verdict.error_class,
        message=_transport_message(error, known),
        never_left=known.never_left,
        retryable=verdict.retryable,
        kind=known.kind,
    )


def _transport_message(error: Exception, known: Recognised) -> str:
    # Never str(error): an address with its query may stand in it.
    return f"{_SENTENCES[known.kind]} ({type(error).__name__})"


_SENTENCES: Final[Mapping[str, str]] = {
    "dns": "the name does not resolve",
    "refused": "the connection was refused",
    "reset": "the connection broke",
    "connect": "no connection could be made",
    "protocol": "the answer is not HTTP",
    "tls": "the TLS certificate or name was not accepted",
    "address": "the address is not allowed",
    "timeout": "no answer in time",
    "too_large": "the answer is too large",
}


def _raised(error: Exception) -> str:
    return f"unexpected {type(error).__name__}"


def _declared(value: object) -> ErrorClass | None:
    # A plugin cannot cancel somebody's operation; what it calls that is unexplained.
    if value is ErrorClass.CANCELLED:
        return ErrorClass.UNKNOWN
    return value if isinstance(value, ErrorClass) else None


def _ask(hooks: Sequence[Hook], error: Exception) -> ErrorClass | None:
    for hook in hooks:
        error_class = _declared(hook(error))
        if error_class is not None:
            return error_class
    return None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return max(0.0, float(value))


def _fold(code: str) -> str:
    return "".join(filter(str.isalnum, code)).lower()


_STATUSES: Final[Mapping[int, ErrorClass]] = {
    401: ErrorClass.AUTHENTICATION,
    402: ErrorClass.QUOTA,
    403: ErrorClass.PERMISSION,
    404: ErrorClass.PERMISSION,
    408: ErrorClass.TIMEOUT,
    409: ErrorClass.SERVER_ERROR,
    413: ErrorClass.CONTEXT_TOO_LONG,
    425: ErrorClass.SERVER_ERROR,
    429: ErrorClass.RATE_LIMITED,
    # Unavailable for legal reasons: this provider may not, here; another one may.
    451: ErrorClass.PERMISSION,
    456: ErrorClass.QUOTA,
    500: ErrorClass.SERVER_ERROR,
    502: ErrorClass.SERVER_ERROR,
    503: ErrorClass.SERVER_ERROR,
    504: ErrorClass.TIMEOUT,
    529: ErrorClass.RATE_LIMITED,
}

# Codes that several vendors or their gateways share. A type as wide as `invalid_request_error` is left out: it
# comes with 400, 401 and 404 alike, and the status says more.
_SPELLINGS: Final[Mapping[ErrorClass, str]] = {
    ErrorClass.AUTHENTICATION: """
        invalid_api_key incorrect_api_key missing_api_key no_api_key expired_api_key api_key_invalid api_key_expired
        api_key_not_valid authentication_error invalid_authentication account_deactivated key_expired token_expired
        unauthenticated unauthorized
    """,
    ErrorClass.PERMISSION: """
        permission_denied permission_error forbidden access_denied model_not_found model_not_available
        deployment_not_found not_found_error unsupported_country_region_territory access_not_configured
    """,
    ErrorClass.QUOTA: """
        insufficient_quota quota_exceeded quota_error billing_error billing_hard_limit_reached billing_not_active
        insufficient_balance insufficient_credits insufficient_funds payment_required credit_balance_too_low
        daily_limit_exceeded monthly_limit_exceeded character_limit_exceeded
    """,
    ErrorClass.RATE_LIMITED: """
        rate_limit_exceeded rate_limit_error rate_limited rate_limit rate_limit_reached user_rate_limit_exceeded
        too_many_requests resource_exhausted overloaded_error overloaded throttled throttling_exception
    """,
    ErrorClass.TIMEOUT: "timeout timeout_error request_timeout gateway_timeout deadline_exceeded",
    ErrorClass.SERVER_ERROR: """
        server_error internal_error internal_server_error internal api_error service_unavailable unavailable
        backend_error bad_gateway server_overloaded model_loading
    """,
    ErrorClass.CONTENT_REFUSED: """
        content_filter content_filtered content_policy_violation responsible_ai_policy_violation safety
        prohibited_content moderation_blocked
    """,
    ErrorClass.CONTEXT_TOO_LONG: """
        context_length_exceeded context_window_exceeded context_too_long string_above_max_length request_too_large
        prompt_too_long payload_too_large text_too_long
    """,
}

_CODES: Final[Mapping[str, ErrorClass]] = {
    _fold(code): error_class for error_class, codes in _SPELLINGS.items() for code in codes.split()
}
