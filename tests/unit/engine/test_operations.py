"""Operations from forms: names against what exists, fields against what their kind declares."""

from __future__ import annotations

from typing import Any

import pytest

from provider_console.console.errors import BadRequest
from provider_console.engine.operations import build_operation
from provider_console.sdk import Field, OperationInvalid, OperationKind


class Speak(OperationKind):
    """A kind with a field of each type."""

    name = "speak"
    title = "Speak"
    category = "ai"
    fields = (
        Field(name="text", label="Text", type="text", required=True, max_length=10, help="what to say"),
        Field(name="tone", label="Tone", type="choice", choices=("kind", "plain"), default="plain"),
        Field(name="speed", label="Speed", type="number", minimum=0.5, maximum=2),
        Field(name="loud", label="Loud", type="boolean"),
        Field(name="words", label="Words", type="list", max_length=2),
    )

    def validate(self, payload: Any) -> Any:
        """Loud and slow do not go together."""
        if payload.get("loud") and payload.get("speed", 1) < 1:
            raise OperationInvalid("loud and slow do not go together", field="speed")
        return payload

    def capabilities(self, payload: Any) -> tuple[str, ...]:
        """A tone of one's own needs an ability."""
        return ("tone",) if payload["tone"] == "kind" else ()


KINDS = {"speak": Speak()}


def built(payload: Any, **more: Any) -> Any:
    offered = ["tone", "vision:x>y"]
    return build_operation(KINDS, "speak", payload, capabilities=lambda: offered, providers=["a"], **more)


def test_defaults_are_filled_in_and_what_is_unset_stays_away() -> None:
    operation = built({"text": "hello", "speed": None})

    assert operation.payload == {"text": "hello", "tone": "plain"}
    assert (operation.kind, operation.category, operation.idempotent) == ("speak", "ai", True)


def test_the_abilities_of_the_payload_and_of_the_caller_are_both_required_once() -> None:
    operation = built({"text": "hello", "tone": "kind"}, options={"capabilities": ["vision:a>b", "tone"]})

    assert operation.capabilities == ("tone", "vision:a>b")


WRONG = [
    ({}, "text"),
    ({"text": "  "}, "text"),
    ({"text": 4}, "text"),
    ({"text": "x" * 11}, "text"),
    ({"text": "x", "tone": "knd"}, "tone"),
    ({"text": "x", "speed": 3}, "speed"),
    ({"text": "x", "speed": "fast"}, "speed"),
    ({"text": "x", "speed": True}, "speed"),
    ({"text": "x", "speed": float("nan")}, "speed"),
    ({"text": "x", "loud": "yes"}, "loud"),
    ({"text": "x", "words": "one"}, "words"),
    ({"text": "x", "words": ["a", "b", "c"]}, "words"),
    ({"text": "x", "txet": "y"}, "txet"),
    ({"text": "x", "loud": True, "speed": 0.5}, "speed"),
]


@pytest.mark.parametrize(("payload", "field"), WRONG, ids=repr)
def test_a_field_that_does_not_fit_is_named(payload: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequest) as caught:
        built(payload)

    assert caught.value.field == field


OPTIONS = [
    ({"providers": ["b"]}, "unknown provider 'b'"),
    ({"capabilities": ["vison"]}, "did you mean 'vision'"),
    ({"dedline_s": 3}, "did you mean 'deadline_s'"),
    ({"deadline_s": 0}, "out of bounds"),
    ({"deadline_s": 3601}, "out of bounds"),
    ({"max_providers": 0}, "out of bounds"),
]


@pytest.mark.parametrize(("options", "words"), OPTIONS, ids=repr)
def test_an_option_that_does_not_fit_is_said(options: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        built({"text": "x"}, options=options)

    assert words in caught.value.message


def test_an_unknown_kind_gives_the_nearest_one() -> None:
    with pytest.raises(BadRequest, match="did you mean 'speak'"):
        build_operation(KINDS, "speek", {})


def test_what_was_typed_is_never_repeated_whole() -> None:
    with pytest.raises(BadRequest) as caught:
        built({"text": "x", "tone": "canary " * 1000})

    assert len(caught.value.message) < 200


@pytest.mark.parametrize("value", [["hello"], {"a": 1}, 5, True])
@pytest.mark.parametrize("field", ["text", "tone"])
def test_a_field_of_text_takes_nothing_but_text(field: str, value: object) -> None:
    with pytest.raises(BadRequest, match=f"{field} must be text") as caught:
        built({"text": "hello", field: value})

    assert caught.value.field == field


@pytest.mark.parametrize(
    "options", [{"providers": [["a"]]}, {"capabilities": [5]}, {"category": ["ai"]}, {"category": {"ai": 1}}]
)
def test_an_option_that_is_no_name_where_one_belongs_is_a_bad_request(options: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        built({"text": "hello"}, options=options)
