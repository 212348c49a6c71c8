"""What is remembered of refusals never says anything else than sorting them anew."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from provider_console.adapters.redaction import Redactor
from provider_console.core.classify import Failure, classify
from provider_console.engine.sorter import KNOWN, Sorter
from provider_console.sdk import ErrorClass, ProviderError, Secret


def down(**more: Any) -> ProviderError:
    """A refusal as a driver raises it."""
    return ProviderError(more.pop("message", "the provider is overloaded"), **({"status": 503} | more))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"status": 429, "retry_after_s": 7.0},
        {"status": 402, "code": "insufficient_quota", "resets_after_s": 60.0},
        {"error_class": ErrorClass.QUOTA},
        {"error_class": ErrorClass.CANCELLED},
        {"status": 400, "provider_specific": True},
        {"status": None},
        {"status": None, "code": "503"},
        {"message": "two  spaces, a\x1b[31m colour and an end\n"},
        {"message": "long " * 100},
        {"code": "long " * 100},
    ],
)
def test_a_refusal_means_the_same_however_often_it_comes(more: dict[str, Any]) -> None:
    sorter = Sorter()
    sorter.sort(down(status=404))

    assert [sorter.sort(down(**more)) for _ in range(3)] == [classify(down(**more))] * 3


def test_refusals_that_differ_in_anything_are_not_taken_for_each_other() -> None:
    sorter = Sorter()
    several = [{}, {"status": 500}, {"code": "quota"}, {"retry_after_s": 3.0}, {"resets_after_s": 3.0}]
    several += [{"error_class": ErrorClass.TIMEOUT}, {"provider_specific": True}, {"message": "another"}]

    assert [sorter.sort(down(**more)) for more in several * 2] == [classify(down(**more)) for more in several] * 2


def test_what_a_driver_gives_that_is_no_number_is_sorted_all_the_same() -> None:
    sorter = Sorter()
    odd = down(code=["a", "list"])

    assert [sorter.sort(odd) for _ in range(2)] == [classify(odd)] * 2


@pytest.mark.parametrize(
    ("usual", "odd"),
    [
        ({"error_class": ErrorClass.QUOTA, "status": 500}, {"error_class": "quota", "status": 500}),
        ({"status": 503}, {"status": 503.0}),
        ({"status": 429, "retry_after_s": 1}, {"status": 429, "retry_after_s": True}),
        ({"status": 402, "resets_after_s": 1.0}, {"status": 402, "resets_after_s": Decimal(1)}),
        ({"code": "429"}, {"code": 429}),
    ],
)
def test_what_equals_a_value_of_another_type_is_not_taken_for_it(usual: dict[str, Any], odd: dict[str, Any]) -> None:
    for first, second in ((usual, odd), (odd, usual)):
        sorter = Sorter()
        for more in (first, second, first, second):
            assert sorter.sort(down(**more)) == classify(down(**more))


def test_a_message_that_was_harmless_is_redacted_once_it_holds_a_secret() -> None:
    redactor = Redactor()
    sorter = Sorter(redact=redactor.redact)
    quoted = down(message="no such key: plum-4711-orchard")
    coded = down(code="plum-4711-orchard")
    assert "plum-4711-orchard" in sorter.sort(quoted).message
    assert sorter.sort(coded).code == "plum-4711-orchard"

    redactor.add(Secret("plum-4711-orchard"))

    assert "plum-4711-orchard" not in sorter.sort(quoted).message
    assert "plum-4711-orchard" not in (sorter.sort(coded).code or "")
    assert "plum-4711-orchard" not in sorter.sort(down(message="and again: plum-4711-orchard")).message


def test_hooks_are_asked_each_time() -> None:
    answers = iter([ErrorClass.QUOTA, ErrorClass.TIMEOUT])
    sorter = Sorter(hooks=[lambda _error: next(answers)])

    assert [sorter.sort(down()).error_class for _ in range(2)] == [ErrorClass.QUOTA, ErrorClass.TIMEOUT]


def test_an_error_of_a_driver_of_its_own_is_sorted_by_itself() -> None:
    class Mine(ProviderError):
        pass

    sorter = Sorter()
    assert sorter.sort(Mine("no", status=401)) == classify(Mine("no", status=401))


def test_no_more_than_a_few_refusals_are_remembered() -> None:
    sorter = Sorter()
    for number in range(3 * KNOWN):
        failure = sorter.sort(down(message=f"request {number} failed"))
        assert failure == Failure(error_class=ErrorClass.SERVER_ERROR, message=f"request {number} failed", status=503)

    assert len(sorter._known) <= KNOWN
