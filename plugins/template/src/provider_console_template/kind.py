"""The kind `template_summarise`: its form, what it needs of a provider, and what a result has to be."""

from __future__ import annotations

from typing import Final

from provider_console.sdk import BadResult, Capability, Field, OperationInvalid, OperationKind, Payload, Result

KIND: Final = "template_summarise"
CATEGORY: Final = "text"
CAPABILITY: Final = "template_summaries"


class Summarise(OperationKind):
    """A long text into a short one."""

    name = KIND
    title = "Summarise"
    category = CATEGORY
    fields: tuple[Field, ...] = (
        Field(name="text", label="Text", type="text", required=True, max_length=100_000),
        Field(name="sentences", label="Sentences", type="number", default=2.0, minimum=1, maximum=20),
    )

    def validate(self, payload: Payload) -> Payload:
        """The payload with its defaults. Types, lengths and bounds of the fields were checked before."""
        if not str(payload.get("text", "")).strip():
            raise OperationInvalid("there is no text to summarise", field="text")
        return {"sentences": 2.0, **payload}

    def capabilities(self, payload: Payload) -> tuple[Capability, ...]:
        """What a provider must be able to do."""
        del payload
        return (CAPABILITY,)

    def check(self, payload: Payload, result: Result) -> None:
        """Refuse a summary that is none: the next provider is asked then."""
        summary = result.value.get("text")
        if not isinstance(summary, str) or not summary.strip():
            raise BadResult("the summary is empty")
        if len(summary) > len(payload["text"]):
            raise BadResult("the summary is longer than the text")
