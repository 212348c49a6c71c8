"""The kind `translate`: its form, what it needs of a provider, and what a translation has to keep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from provider_console.sdk import (
    BadResult,
    Capability,
    Field,
    OperationInvalid,
    OperationKind,
    Payload,
    Result,
)
from provider_console_translation.language import AUTO, MAX_LENGTH, normalise, pair
from provider_console_translation.marks import lost
from provider_console_translation.pieces import Pieces

MAX_TEXT: Final = 1_000_000
"""Characters of one text: what the HTTP API's bodies of 1 MiB can carry; a book is longer, a document is not."""

FORMATS: Final = ("text", "html", "markdown")


class Translate(OperationKind):
    """Text from one language into another."""

    name = "translate"
    title = "Translate"
    category = "translation"
    fields: tuple[Field, ...] = (
        Field(name="text", label="Text", type="text", required=True, max_length=MAX_TEXT),
        Field(
            name="from",
            label="From",
            type="language",
            max_length=MAX_LENGTH,
            help="empty: the provider detects it",
        ),
        Field(name="to", label="To", type="language", required=True, max_length=MAX_LENGTH, help="like es or pt-BR"),
        Field(name="format", label="Format", type="choice", default="text", choices=FORMATS),
    )

    def validate(self, payload: Payload) -> Payload:
        """The payload with tags in their usual spelling; `from` is absent where the provider detects it."""
        text = payload.get("text")
        if not isinstance(text, str) or not text.strip():
            raise OperationInvalid("there is no text to translate", field="text")
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise OperationInvalid("the text holds half a character (a lone surrogate); send whole ones", field="text")
        source, target = _tag(payload, "from"), _tag(payload, "to")
        if target is None:
            raise OperationInvalid("name the language to translate into, like es", field="to")
        if source == target:
            raise OperationInvalid(f"the text is to be translated from {source} into {target}", field="to")
        written = payload.get("format") or "text"
        if written not in FORMATS:
            raise OperationInvalid(f"format is one of {', '.join(FORMATS)}", field="format")
        valid: dict[str, Any] = {**payload, "to": target, "format": written}
        valid.pop("from", None)
        return {**valid, "from": source} if source else valid

    def capabilities(self, payload: Payload) -> tuple[Capability, ...]:
        """The language pair."""
        target = _tag(payload, "to")
        if target is None:
            raise OperationInvalid("name the language to translate into, like es", field="to")
        return (pair(_tag(payload, "from"), target),)

    def check(self, payload: Payload, result: Result) -> None:
        """Refuse a translation that is empty, or lost or invented a placeholder or a tag."""
        text = result.value.get("text")
        if not isinstance(text, str):
            raise BadResult("the answer holds no text")
        source = payload["text"]
        if source.strip() and not text.strip():
            raise BadResult("the translation is empty")
        missing = lost(source, text, markdown=payload.get("format") == "markdown")
        if missing:
            # Counted and not named: a placeholder is part of the text, and reports hold no text.
            raise BadResult(f"{len(missing)} placeholders or tags are not as often in the translation as in its source")

    def split(self, payload: Payload, max_characters: int) -> Sequence[Payload]:
        """Pieces cut between paragraphs, else lines, sentences, words, and letters at the last."""
        text = payload["text"]
        if len(text) <= max_characters:
            return (payload,)
        if not text.strip():
            return (payload,)
        spans = Pieces(text).fitting(max(1, max_characters))
        return [{**payload, "text": text[start:end]} for start, end in spans]

    def join(self, payload: Payload, results: Sequence[Result]) -> Result:
        """The pieces with the separators of the source between them, and their units in sum."""
        if not payload["text"].strip():
            return results[0]
        parts = [result.value["text"] for result in results]
        value = {"text": Pieces(payload["text"]).joined(parts)}
        detected = Counter(result.value["detectedLanguage"] for result in results if "detectedLanguage" in result.value)
        if detected:
            value["detectedLanguage"] = detected.most_common(1)[0][0]
        names = {name for result in results for name in result.units}
        units = {name: sum(result.units.get(name, 0) for result in results) for name in sorted(names)}
        return Result(value=value, units=units)


def _tag(payload: Payload, field: str) -> str | None:
    given = payload.get(field)
    if given is None or given == "" or (field == "from" and given == AUTO):
        return None
    try:
        return normalise(str(given))
    except ValueError as error:
        raise OperationInvalid(f"{field} is {error}", field=field) from error
