"""No secret leaves through text, whatever form another layer gave it."""

from __future__ import annotations

import base64
import io
import json
import logging
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider_console.adapters.redaction import SHORTEST, RedactingFilter, Redactor
from provider_console.sdk.secret import Secret

AWKWARD = 'k€y/with "quotes"\\and+more=?&\n~%41'
values = st.text(st.characters(codec="utf-8"), min_size=SHORTEST, max_size=40)


def knowing(*texts: str) -> Redactor:
    redactor = Redactor()
    for text in texts:
        redactor.add(Secret(text))
    return redactor


def forms(value: str) -> list[str]:
    raw = value.encode()
    upper = quote(value, safe="")
    return [
        value,
        upper,
        quote(value),
        quote_plus(value),
        urlencode({"key": value}).removeprefix("key="),
        json.dumps(value),
        json.dumps(value, ensure_ascii=False),
        json.dumps(value).replace("/", "\\/"),
        repr(value),
        raw.hex(),
        raw.hex().upper(),
    ]


@pytest.mark.parametrize("value", ["sk-live-0123456789abcdef", "abc/+&=", AWKWARD, "pässwörd", "key:with:colons"])
def test_every_rewritten_form_of_a_secret_becomes_stars(value: str) -> None:
    redactor = knowing(value)

    for form in forms(value):
        text = redactor.redact(f"before {form} after")
        assert form.strip("\"'") not in text
        assert "***" in text
        assert text.startswith("before ")
        assert text.endswith(" after")


def test_lower_case_url_quoting_is_found_too() -> None:
    assert knowing("secret/&key").redact("secret%2f%26key SECRET") == "*** SECRET"


@given(value=values, before=st.binary(max_size=5), after=st.binary(max_size=5))
def test_a_secret_inside_base64_is_found_at_every_offset(value: str, before: bytes, after: bytes) -> None:
    redactor = knowing(value)
    blob = before + value.encode() + after

    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for text in (encode(blob).decode(), encode(blob).decode().rstrip("=")):
            redacted = redactor.redact(text)
            assert "***" in redacted
            # What is left besides belongs to the neighbours, three bytes to four characters.
            assert len(redacted) - 3 <= 4 * (len(before) // 3 + len(after) // 3 + 2) + 3


def test_basic_authorisation_is_redacted() -> None:
    header = base64.b64encode(b"admin:correct-horse").decode()

    assert knowing("correct-horse").redact(f"Authorization: Basic {header}") == "Authorization: Basic YWRtaW46***"


@given(st.lists(values, min_size=1, max_size=4), st.text(max_size=20))
def test_no_value_survives_whatever_the_others_are(secrets: list[str], between: str) -> None:
    text = knowing(*secrets).redact(between.join(secrets))

    # A value may be put together again by the stars of another only if it holds stars itself.
    assert not any(value in text for value in secrets if "*" not in value and "…" not in value)


def test_of_two_secrets_that_begin_alike_the_longer_one_goes_whole() -> None:
    assert knowing("secret", "secret-and-more").redact("secret-and-more secret") == "*** ***"


def test_a_short_value_is_not_looked_for_and_says_so() -> None:
    redactor = Redactor()

    assert not redactor.add(Secret("abc12"))
    assert redactor.redact("abc12") == "abc12"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET https://host/v1/models?key=abc&x=1 failed", "GET https://host/v1/models?… failed"),
        ('"GET /v1/models?key=abc HTTP/1.1" 200', '"GET /v1/models?… HTTP/1.1" 200'),
        ("<https://host/v1?flag>", "<https://host/v1?…>"),
        ("https://host/a#access_token=1", "https://host/a?…"),
        ("proxy http://user:pw@proxy:3128", "proxy http://proxy:3128"),
        ("is it? x=1 or y?", "is it? x=1 or y?"),
        ("https://host/v1/models", "https://host/v1/models"),
        ("url='https://host/a?b=c'", "url='https://host/a?…'"),
    ],
)
def test_queries_and_users_are_cut_out_of_urls(text: str, expected: str) -> None:
    assert Redactor().redact(text) == expected


@given(st.text(max_size=200))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    redactor = knowing("sk-live-4711")
    once = redactor.redact(text)

    assert redactor.redact(once) == once


@pytest.fixture
def logged() -> tuple[logging.Logger, io.StringIO]:
    """A logger whose handler redacts, and what that handler wrote."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(RedactingFilter(knowing("sk-live-4711")))
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger = logging.Logger("under-test", logging.DEBUG)
    logger.addHandler(handler)
    return logger, written


def test_message_and_arguments_of_a_record_are_redacted(logged: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = logged

    logger.debug("headers %s for %s", {"x-api-key": "sk-live-4711"}, "https://host/?key=other")

    assert written.getvalue() == "DEBUG headers {'x-api-key': '***'} for https://host/?…\n"


def test_a_traceback_is_redacted_with_its_causes(logged: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = logged

    try:
        try:
            raise KeyError("sk-live-4711")
        except KeyError as cause:
            raise ValueError("https://host/?key=sk-live-4711") from cause
    except ValueError:
        logger.exception("it failed", stack_info=True)

    assert "sk-live-4711" not in written.getvalue()
    assert "KeyError: '***'" in written.getvalue()
    assert "ValueError: https://host/?…" in written.getvalue()


def test_arguments_that_do_not_fit_their_message_are_redacted_instead_of_reported(
    logged: tuple[logging.Logger, io.StringIO], capsys: pytest.CaptureFixture[str]
) -> None:
    logger, written = logged

    logger.warning("one %s", "sk-live-4711", "two")

    assert "sk-live-4711" not in written.getvalue()
    assert "its arguments do not fit" in written.getvalue()
    assert capsys.readouterr().err == ""


def test_extra_fields_of_a_record_are_redacted() -> None:
    record = logging.makeLogRecord({"msg": "m", "headers": {"k": "sk-live-4711"}, "attempt": 3})

    assert RedactingFilter(knowing("sk-live-4711")).filter(record)
    assert (record.__dict__["headers"], record.__dict__["attempt"]) == ("{'k': '***'}", 3)
