import asyncio
import copy
import errno
import pickle
import socket
import ssl

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider_console.core.classify import RULES, Failure, Rule, class_of_code, class_of_status, classify
from provider_console.sdk import BadResult, ErrorClass, OperationInvalid, ProviderError, SdkError, TransportError

E = ErrorClass


@pytest.mark.parametrize(
    ("error_class", "retries", "jitter", "weight", "breaker"),
    [
        (E.AUTHENTICATION, 0, "none", 0, "ignores"),
        (E.PERMISSION, 0, "none", 0, "ignores"),
        (E.QUOTA, 0, "none", 0, "ignores"),
        (E.RATE_LIMITED, None, "equal", 0.25, "ignores"),
        (E.TIMEOUT, None, "full", 1, "counts"),
        (E.NETWORK, None, "full", 1, "counts"),
        (E.SERVER_ERROR, None, "full", 1, "counts"),
        (E.BAD_RESULT, 0, "none", 0.5, "counts"),
        (E.INVALID_REQUEST, 0, "none", 0, "ignores"),
        (E.CONTENT_REFUSED, 0, "none", 0, "ignores"),
        (E.CONTEXT_TOO_LONG, 0, "none", 0, "ignores"),
        (E.CANCELLED, 0, "none", 0, "ignores"),
        (E.UNKNOWN, 1, "full", 0.5, "counts"),
    ],
)
def test_each_class_has_its_row(error_class, retries, jitter, weight, breaker) -> None:
    assert RULES[error_class] == Rule(retries=retries, jitter=jitter, weight=weight, breaker=breaker)


def test_no_class_is_without_a_row() -> None:
    assert set(RULES) == set(ErrorClass)


@pytest.mark.parametrize("error", [asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(), GeneratorExit()])
def test_a_cancellation_is_never_classified(error: BaseException) -> None:
    with pytest.raises(TypeError, match="raise it again"):
        classify(error)


def test_a_cancellation_in_a_group_of_one_is_never_classified() -> None:
    with pytest.raises(TypeError):
        classify(BaseExceptionGroup("tasks", [asyncio.CancelledError()]))


def test_a_drivers_typed_error_wins_over_code_and_status() -> None:
    error = ProviderError("low credit", error_class=E.QUOTA, status=400, code="content_filter")

    assert classify(error).error_class is E.QUOTA


@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])
def test_an_error_that_is_copied_or_sent_between_processes_keeps_what_it_says(again) -> None:
    error = ProviderError("slow down", status=429, code="busy", retry_after_s=2.5, provider_specific=True)
    error.request = "r-17"
    error.add_note("seen twice")

    other = again(error)

    assert classify(other) == classify(error)
    assert (str(other), other.args, other.request, other.__notes__) == (
        "slow down",
        ("slow down",),
        "r-17",
        ["seen twice"],
    )


def test_a_drivers_cancelled_cannot_cancel_the_operation() -> None:
    assert classify(ProviderError("no", error_class=E.CANCELLED)).error_class is E.UNKNOWN


def test_a_code_wins_over_the_status() -> None:
    assert classify(ProviderError("no", status=429, code="insufficient_quota")).error_class is E.QUOTA
    assert classify(ProviderError("no", status=403, code="dailyLimitExceeded")).error_class is E.QUOTA
    assert classify(ProviderError("no", status=403, code="userRateLimitExceeded")).error_class is E.RATE_LIMITED
    assert classify(ProviderError("no", status=400, code="API_KEY_INVALID")).error_class is E.AUTHENTICATION
    assert classify(ProviderError("no", status=200, code="529")).error_class is E.RATE_LIMITED


def test_an_unknown_code_leaves_it_to_the_status() -> None:
    assert classify(ProviderError("no", status=503, code="E-17")).error_class is E.SERVER_ERROR


def test_a_number_as_code_is_read_as_text() -> None:
    failure = classify(ProviderError("no", status=200, code=429))  # type: ignore[arg-type]

    assert (failure.error_class, failure.code) == (E.RATE_LIMITED, "429")


def test_neither_code_nor_status_is_unknown_and_keeps_its_message() -> None:
    failure = classify(ProviderError("the queue is gone"))

    assert (failure.error_class, failure.message) == (E.UNKNOWN, "the queue is gone")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (307, E.BAD_RESULT),
        (400, E.INVALID_REQUEST),
        (401, E.AUTHENTICATION),
        (402, E.QUOTA),
        (403, E.PERMISSION),
        (404, E.PERMISSION),
        (408, E.TIMEOUT),
        (409, E.SERVER_ERROR),
        (413, E.CONTEXT_TOO_LONG),
        (418, E.INVALID_REQUEST),
        (422, E.INVALID_REQUEST),
        (425, E.SERVER_ERROR),
        (429, E.RATE_LIMITED),
        (451, E.PERMISSION),
        (456, E.QUOTA),
        (500, E.SERVER_ERROR),
        (503, E.SERVER_ERROR),
        (504, E.TIMEOUT),
        (529, E.RATE_LIMITED),
    ],
)
def test_a_status_has_its_class(status: int, expected: ErrorClass) -> None:
    assert class_of_status(status) is expected


def test_a_wide_type_says_nothing() -> None:
    assert class_of_code("invalid_request_error") is None


@pytest.mark.parametrize(
    ("kind", "expected", "retryable"),
    [
        ("dns", E.NETWORK, True),
        ("refused", E.NETWORK, True),
        ("reset", E.NETWORK, True),
        ("connect", E.NETWORK, True),
        ("protocol", E.NETWORK, True),
        ("tls", E.NETWORK, False),
        ("address", E.NETWORK, False),
        ("timeout", E.TIMEOUT, True),
        ("too_large", E.BAD_RESULT, True),
    ],
)
def test_a_transport_error_has_its_class(kind, expected: ErrorClass, retryable: bool) -> None:
    failure = classify(TransportError("no answer", kind=kind, never_left=True))

    assert (failure.error_class, failure.retryable, failure.kind, failure.never_left) == (
        expected,
        retryable,
        kind,
        True,
    )


def test_bad_results_and_invalid_operations_keep_their_message() -> None:
    assert classify(BadResult("{name} was lost")) == Failure(error_class=E.BAD_RESULT, message="{name} was lost")
    assert classify(OperationInvalid("no text")) == Failure(error_class=E.INVALID_REQUEST, message="no text")


@pytest.mark.parametrize("error", [ValueError("my salary"), KeyError("my salary"), SdkError("my salary")])
def test_an_unexpected_exception_gives_away_its_type_only(error: Exception) -> None:
    failure = classify(error)

    assert failure.error_class is E.UNKNOWN
    assert "salary" not in failure.message
    assert type(error).__name__ in failure.message


def test_hooks_are_asked_in_order_where_the_driver_did_not_say() -> None:
    hooks = [lambda error: None, lambda error: E.QUOTA, lambda error: E.TIMEOUT]

    assert classify(ValueError(), hooks=hooks).error_class is E.QUOTA
    assert classify(ProviderError("no", status=500), hooks=hooks).error_class is E.QUOTA
    assert classify(ProviderError("no", error_class=E.NETWORK), hooks=hooks).error_class is E.NETWORK
    assert classify(BadResult("no"), hooks=hooks).error_class is E.BAD_RESULT


def test_a_hook_that_returns_nonsense_is_passed_over() -> None:
    hooks = [lambda error: "quota", lambda error: E.CANCELLED]

    assert classify(TimeoutError(), hooks=hooks[:1]).error_class is E.TIMEOUT
    assert classify(TimeoutError(), hooks=hooks).error_class is E.UNKNOWN


def test_a_known_secret_is_taken_out_before_the_message_is_cut() -> None:
    failure = classify(
        ProviderError("x" * 290 + "sk-live-1234567890"), safe=lambda text: text.replace("sk-live-1234567890", "***")
    )

    assert failure.message == "x" * 290 + "***"


@pytest.mark.parametrize(
    ("given_s", "kept_s"), [(-1, 0.0), (2, 2.0), (float("nan"), None), (float("inf"), None), ("soon", None)]
)
def test_waiting_times_are_numbers_or_nothing(given_s, kept_s: float | None) -> None:
    failure = classify(ProviderError("wait", status=429, retry_after_s=given_s, resets_after_s=given_s))

    assert (failure.retry_after_s, failure.resets_after_s) == (kept_s, kept_s)


def test_a_group_of_one_is_its_one_failure() -> None:
    group = ExceptionGroup("tasks", [ExceptionGroup("more", [ProviderError("no", status=402)])])

    assert classify(group).error_class is E.QUOTA


def test_a_group_of_several_is_unexpected() -> None:
    assert classify(ExceptionGroup("tasks", [TimeoutError(), ValueError()])).error_class is E.UNKNOWN


@pytest.mark.parametrize(
    ("error", "expected", "kind"),
    [
        (TimeoutError(), E.TIMEOUT, "timeout"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), E.NETWORK, "refused"),
        (ConnectionResetError(), E.NETWORK, "reset"),
        (BrokenPipeError(), E.NETWORK, "reset"),
        (OSError(errno.EHOSTUNREACH, "no route"), E.NETWORK, "connect"),
        (socket.gaierror(-2, "unknown name"), E.NETWORK, "dns"),
        (ssl.SSLCertVerificationError(1, "bad certificate"), E.NETWORK, "tls"),
        (httpx.ReadTimeout("slow"), E.TIMEOUT, "timeout"),
        (httpx.ConnectError("no"), E.NETWORK, "connect"),
        (httpx.ReadError("no"), E.NETWORK, "reset"),
        (httpx.RemoteProtocolError("no"), E.NETWORK, "reset"),
    ],
)
def test_what_a_callable_raises_of_the_transport_is_known(error: Exception, expected: ErrorClass, kind: str) -> None:
    failure = classify(error)

    assert (failure.error_class, failure.kind) == (expected, kind)


@pytest.mark.parametrize("error", [FileNotFoundError(2, "no"), PermissionError(13, "no", "/etc/secret")])
def test_an_error_about_a_file_is_not_the_networks(error: OSError) -> None:
    assert classify(error).error_class is E.UNKNOWN


def test_a_certificate_below_a_wrapper_is_found_and_not_retried() -> None:
    error = httpx.ConnectError("https://host/?key=sk-live")
    error.__cause__ = ssl.SSLCertVerificationError(1, "bad certificate")

    failure = classify(error)

    assert (failure.kind, failure.retryable) == ("tls", False)
    assert "sk-live" not in failure.message


def test_a_connect_timeout_alone_does_not_prove_that_nothing_left() -> None:
    error = httpx.ConnectTimeout("late")
    error.__cause__ = ConnectionResetError()

    assert not classify(error).never_left


def test_a_name_that_does_not_resolve_proves_that_nothing_left() -> None:
    error = httpx.ConnectError("no")
    error.__cause__ = socket.gaierror(-2, "unknown name")

    assert classify(error).never_left


def test_aiohttps_own_connector_error_proves_that_nothing_left() -> None:
    aiohttp = pytest.importorskip("aiohttp")
    key = aiohttp.client_reqrep.ConnectionKey("h", 443, True, True, None, None, None)
    error = httpx.ConnectTimeout("late")
    error.__cause__ = aiohttp.ClientConnectorError(key, OSError(errno.ECONNREFUSED, "refused"))

    failure = classify(error)

    assert (failure.error_class, failure.never_left) == (E.TIMEOUT, True)


def test_a_status_error_of_httpx_is_read_like_an_answer() -> None:
    request = httpx.Request("POST", "https://host/?key=sk-live")
    response = httpx.Response(429, headers={"Retry-After": "7"}, request=request)
    error = httpx.HTTPStatusError("429 for https://host/?key=sk-live", request=request, response=response)

    failure = classify(error)

    assert (failure.error_class, failure.status, failure.retry_after_s) == (E.RATE_LIMITED, 429, 7.0)
    assert failure.message == "HTTP 429"


@settings(max_examples=100, deadline=None)
@given(
    message=st.text(max_size=600),
    status=st.none() | st.integers(-5, 1000),
    code=st.none() | st.text(max_size=90),
    wait_s=st.none() | st.floats(),
)
def test_whatever_a_provider_says_becomes_a_sound_failure(message, status, code, wait_s) -> None:
    failure = classify(ProviderError(message, status=status, code=code, retry_after_s=wait_s))

    assert len(failure.message) <= 300
    assert len(failure.code or "") <= 64
    assert failure.error_class is not E.CANCELLED
    assert failure.retry_after_s is None or 0 <= failure.retry_after_s < float("inf")
