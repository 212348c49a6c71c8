"""Whatever is sent to them, vendors answer in their own protocol and never break."""

import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider_console.sandbox import (
    KINDS,
    OK,
    CatalogueSandbox,
    DeepLSandbox,
    Fault,
    LibreTranslateSandbox,
    OllamaSandbox,
    OpenAISandbox,
    Vendor,
)
from provider_console.sandbox.answering import answer_under
from provider_console.sandbox.message import Answer, Request

VENDORS: list[type[Any]] = [OpenAISandbox, OllamaSandbox, DeepLSandbox, LibreTranslateSandbox, CatalogueSandbox]
NAMES = [
    "model",
    "messages",
    "input",
    "stream",
    "options",
    "max_tokens",
    "text",
    "target_lang",
    "q",
    "source",
    "target",
]
SCALARS = st.none() | st.booleans() | st.integers(-3, 9) | st.sampled_from(["gpt-5", "llama3.2:3b", "es", "ES", "auto"])
VALUES = st.recursive(
    SCALARS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "text"]), inner),
    max_leaves=6,
)


def ask(vendor: Vendor, request: Request, fault: Fault = OK) -> Answer:
    noon = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
    return answer_under(fault, vendor, request, origin="http://127.0.0.1:1", wall=lambda: noon)


@pytest.mark.parametrize("vendor", VENDORS)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_any_body_has_an_answer(vendor: type[Any], data: st.DataObject) -> None:
    one = vendor()
    method, path = data.draw(st.sampled_from(sorted(one.routes)))
    body = msgspec.json.encode(data.draw(st.dictionaries(st.sampled_from(NAMES), VALUES) | VALUES))
    kind = data.draw(st.sampled_from(["application/json", "application/x-www-form-urlencoded", ""]))
    headers = {"content-type": kind, "authorization": data.draw(st.sampled_from(["DeepL-Auth-Key x", "Bearer x", ""]))}

    answer = ask(one, Request(method, path.replace("*", "x"), headers=headers, body=body))

    assert answer.status in {200, 400, 401, 403, 404, 413, 456}


@pytest.mark.parametrize("vendor", VENDORS)
@given(body=st.binary(max_size=40), query=st.text("abc=&%80+;", max_size=20))
@settings(max_examples=30, deadline=None)
def test_bytes_that_are_no_text_have_an_answer(vendor: type[Any], body: bytes, query: str) -> None:
    one = vendor()

    for method, path in one.routes:
        for kind in ("application/json", "application/x-www-form-urlencoded"):
            headers = {"content-type": kind, "authorization": "DeepL-Auth-Key x"}
            answer = ask(one, Request(method, path, query=query, headers=headers, body=body))
            assert answer.status in {200, 400, 404}


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_vendor_has_an_answer_to_every_fault(vendor: type[Any], kind: Any) -> None:
    one = vendor()

    for method, path in one.routes:
        answer = ask(one, Request(method, path), Fault(kind, status=307 if kind == "redirect" else 0))
        assert 200 <= answer.status <= 599
        assert all(name.isascii() and value.isascii() for name, value in answer.headers)


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_unknown_path_is_not_found(vendor: type[Any]) -> None:
    assert ask(vendor(), Request("GET", "/nowhere")).status == 404
