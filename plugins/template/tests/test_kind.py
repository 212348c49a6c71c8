"""The kind's own rules, and what the driver puts on the wire."""

from __future__ import annotations

import pytest

from provider_console.sdk import BadResult, Operation, OperationInvalid, Result
from provider_console.testing.fakes import WireDouble, call, reply
from provider_console_template.driver import SummaryService
from provider_console_template.kind import Summarise

TEXT = "The house is red. It has a roof."


def test_a_payload_gets_its_defaults():
    assert Summarise().validate({"text": TEXT}) == {"text": TEXT, "sentences": 2.0}


def test_an_empty_text_is_refused_and_the_field_named():
    with pytest.raises(OperationInvalid) as caught:
        Summarise().validate({"text": "  "})
    assert caught.value.field == "text"


@pytest.mark.parametrize("summary", ["", "  ", TEXT * 2, None])
def test_what_is_no_summary_does_not_count(summary):
    with pytest.raises(BadResult):
        Summarise().check({"text": TEXT}, Result(value={"text": summary}))


async def test_a_summary_is_one_request():
    wire = WireDouble(reply({"summary": "The house is red."}))
    driver = SummaryService()
    operation = Operation(kind="template_summarise", category="text", payload={"text": TEXT, "sentences": 1.0})

    result = await driver.call(call(driver, wire, operation=operation, secret="key", base_url="https://a.example/"))

    assert result == Result(value={"text": "The house is red."}, units={"characters": len(TEXT)})
    assert (wire.sent[0].url, wire.sent[0].json) == ("https://a.example/v1/summaries", {"text": TEXT, "sentences": 1})
    assert wire.sent[0].headers["authorization"] == "Bearer key"
