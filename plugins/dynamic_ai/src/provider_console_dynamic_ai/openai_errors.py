"""What OpenAI and its relatives mean by their errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from provider_console.sdk import Call, ErrorClass, HttpResponse, ProviderError
from provider_console_dynamic_ai.speech import quoted

# The vendor's own codes and types say more than the status (platform.openai.com/docs/guides/error-codes): a 429 can
# be an empty account. Relatives: OpenRouter and DeepSeek (402), vLLM and llama.cpp (context), Groq (498).
CODES: Final[Mapping[str, ErrorClass]] = {
    "insufficient_quota": ErrorClass.QUOTA,
    "billing_hard_limit_reached": ErrorClass.QUOTA,
    "billing_not_active": ErrorClass.QUOTA,
    "invalid_api_key": ErrorClass.AUTHENTICATION,
    "authentication_error": ErrorClass.AUTHENTICATION,
    "account_deactivated": ErrorClass.AUTHENTICATION,
    "context_length_exceeded": ErrorClass.CONTEXT_TOO_LONG,
    "exceed_context_size_error": ErrorClass.CONTEXT_TOO_LONG,
    "string_above_max_length": ErrorClass.CONTEXT_TOO_LONG,
    "request_too_large": ErrorClass.CONTEXT_TOO_LONG,
    "content_filter": ErrorClass.CONTENT_REFUSED,
    "content_policy_violation": ErrorClass.CONTENT_REFUSED,
    "moderation_blocked": ErrorClass.CONTENT_REFUSED,
    "model_not_found": ErrorClass.PERMISSION,
    "unsupported_country_region_territory": ErrorClass.PERMISSION,
    "rate_limit_exceeded": ErrorClass.RATE_LIMITED,
    "rate_limit_error": ErrorClass.RATE_LIMITED,
}
STATUSES: Final[Mapping[int, ErrorClass]] = {
    401: ErrorClass.AUTHENTICATION,
    402: ErrorClass.QUOTA,
    403: ErrorClass.PERMISSION,
    404: ErrorClass.PERMISSION,
    413: ErrorClass.CONTEXT_TOO_LONG,
    429: ErrorClass.RATE_LIMITED,
    498: ErrorClass.RATE_LIMITED,
    529: ErrorClass.RATE_LIMITED,
}
# Servers without codes say it in words only.
_CONTEXT: Final = re.compile(r"maximum context length|context size|context window|too many tokens", re.IGNORECASE)
# What one model refuses another accepts: a temperature, a longest answer, a role.
_OF_THE_MODEL: Final = ("unsupported_value", "unsupported_parameter", "extra_forbidden")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def error_from(call: Call, response: HttpResponse) -> ProviderError:
    """The error that an answer with a failing status is."""
    try:
        body = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = None
    return failure(call, error_in(body) or {}, status=response.status, headers=response.headers, response=response)


def error_in(body: Any) -> Mapping[str, Any] | None:
    """The error object in a body or a line of a stream, if it is one: OpenAI's own, a bare text, or a list's first."""
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, dict):
        return None
    found = body.get("error")
    if isinstance(found, dict):
        return found
    if isinstance(found, str) and found:
        return {"message": found}
    # vLLM and Mistral put the fields at the top.
    return body if body.get("object") == "error" else None


def failure(
    call: Call,
    error: Mapping[str, Any],
    *,
    status: int,
    headers: Mapping[str, str] | None = None,
    response: HttpResponse | None = None,
) -> ProviderError:
    """The error for an error object.

    `status` is the answer's; where that was 200 (an error inside it, or inside a stream), a number in the object's
    `code` takes its place, else 500.
    """
    code, kind, words = error.get("code"), error.get("type"), error.get("message")
    number = int(code) if isinstance(code, int) or (isinstance(code, str) and _NUMBER.fullmatch(code)) else 0
    if status < 400:
        status = number if 400 <= number <= 599 else 500
    name = code if isinstance(code, str) and not _NUMBER.fullmatch(code) else None
    error_class = CODES.get(name or "") or CODES.get(kind if isinstance(kind, str) else "") or STATUSES.get(status)
    # Mistral's message may be an object; it is searched and never quoted.
    said = words if isinstance(words, str) else msgspec.json.encode(words).decode()
    metadata = error.get("metadata")
    if status == 403 and isinstance(metadata, dict) and metadata.get("reasons"):
        # OpenRouter: the reasons are those of a moderation.
        error_class = ErrorClass.CONTENT_REFUSED
    elif status in (400, 422, 500) and _CONTEXT.search(said):
        error_class = ErrorClass.CONTEXT_TOO_LONG
    secretive = error_class is ErrorClass.AUTHENTICATION
    raised = ProviderError(
        # The words for a refused key quote it in part.
        f"{call.provider.id}: HTTP {status}{'' if secretive else quoted(words, call)}",
        error_class=error_class,
        status=status,
        code=str(name or kind)[:64] if name or kind else None,
        retry_after_s=response.retry_after_s if response else None,
        provider_specific=status in (400, 422) and _is_of_the_model(name, kind, said),
    )
    if raised.retry_after_s is None and error_class is ErrorClass.RATE_LIMITED:
        raised.retry_after_s = reset_s(headers or {})
    return raised


def reset_s(headers: Mapping[str, str]) -> float | None:
    """Seconds until the limit that is used up is open again, by OpenAI's rate limit headers.

    >>> reset_s({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m30.5s"})
    90.5
    >>> reset_s({"x-ratelimit-remaining-requests": "59", "x-ratelimit-reset-requests": "1s"}) is None
    True
    """
    waits = [
        sum(float(number) * _SECONDS[unit] for number, unit in _SPAN.findall(headers[f"x-ratelimit-reset-{limit}"]))
        for limit in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{limit}") == "0" and f"x-ratelimit-reset-{limit}" in headers
    ]
    return max(waits, default=None)


def _is_of_the_model(name: str | None, kind: Any, words: str) -> bool:
    return name in _OF_THE_MODEL or kind in _OF_THE_MODEL or "extra_forbidden" in words or "does not support" in words
