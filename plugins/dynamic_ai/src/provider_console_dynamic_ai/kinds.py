"""The kinds `chat` and `embed`."""

from __future__ import annotations

from typing import Any, Final

from provider_console.sdk import BadResult, Capability, Field, OperationInvalid, OperationKind, Payload, Result

MAX_TEXT: Final = 1_000_000
"""Characters of one conversation: what the HTTP API's bodies of 1 MiB can carry."""
MAX_MESSAGES: Final = 1_000
MAX_TEXTS: Final = 2_048
"""Texts of one request for embeddings, as OpenAI limits them."""

ROLES: Final = ("system", "user", "assistant")

_MODEL: Final = Field(name="model", label="Model", max_length=200, help="empty: the provider's first")


class Chat(OperationKind):
    """A conversation, and the model's next words."""

    name = "chat"
    title = "Chat"
    category = "ai"
    fields: tuple[Field, ...] = (
        Field(name="text", label="Text", type="text", max_length=MAX_TEXT),
        Field(name="messages", label="Messages", type="list", help="instead of text: {role, content} each"),
        _MODEL,
        Field(name="maxTokens", label="Longest answer", type="number", minimum=1, maximum=1_000_000, help="in tokens"),
        Field(name="temperature", label="Temperature", type="number", minimum=0, maximum=2),
    )

    def validate(self, payload: Payload) -> Payload:
        """The payload with `messages` alone: a text becomes the one message of a user."""
        text, messages = payload.get("text"), payload.get("messages")
        if bool(text) == bool(messages):
            raise OperationInvalid("give either text or messages", field="text")
        valid: dict[str, Any] = {key: value for key, value in payload.items() if key != "text" and value is not None}
        valid["messages"] = [{"role": "user", "content": text}] if text else _checked(messages)
        if "maxTokens" in valid:
            if valid["maxTokens"] != int(valid["maxTokens"]):
                raise OperationInvalid("maxTokens is a whole number", field="maxTokens")
            valid["maxTokens"] = int(valid["maxTokens"])
        return valid

    def capabilities(self, payload: Payload) -> tuple[Capability, ...]:
        """Text generation."""
        return ("text_generation",)

    def check(self, payload: Payload, result: Result) -> None:
        """Refuse an answer without text."""
        text = result.value.get("text")
        if not isinstance(text, str) or not text.strip():
            raise BadResult("the model said nothing")


class Embed(OperationKind):
    """Vectors that stand for the meaning of texts."""

    name = "embed"
    title = "Embed"
    category = "ai"
    fields: tuple[Field, ...] = (
        Field(name="texts", label="Texts", type="list", required=True, max_length=MAX_TEXTS),
        _MODEL,
    )

    def validate(self, payload: Payload) -> Payload:
        """The payload, where its texts are texts."""
        texts = payload.get("texts")
        if not isinstance(texts, list | tuple) or not 1 <= len(texts) <= MAX_TEXTS:
            raise OperationInvalid(f"texts is a list of 1 to {MAX_TEXTS:,} texts", field="texts")
        if not all(isinstance(text, str) and text for text in texts):
            raise OperationInvalid("every one of texts is a text that is not empty", field="texts")
        if sum(map(len, texts)) > MAX_TEXT:
            raise OperationInvalid(f"the texts have more than {MAX_TEXT:,} characters together", field="texts")
        return {**payload, "texts": list(texts)}

    def capabilities(self, payload: Payload) -> tuple[Capability, ...]:
        """Embeddings."""
        return ("embeddings",)

    def check(self, payload: Payload, result: Result) -> None:
        """Refuse an answer that has not one vector for each text."""
        vectors = result.value.get("vectors")
        if not isinstance(vectors, list | tuple) or len(vectors) != len(payload["texts"]):
            raise BadResult("the answer has not one vector for each text")
        if len({len(vector) for vector in vectors}) != 1 or not vectors[0]:
            raise BadResult("the vectors differ in length, or are empty")


def _checked(messages: Any) -> list[dict[str, str]]:
    if not isinstance(messages, list | tuple) or len(messages) > MAX_MESSAGES:
        raise OperationInvalid(f"messages is a list of at most {MAX_MESSAGES:,}", field="messages")
    checked = []
    for number, message in enumerate(messages, 1):
        role = message.get("role") if isinstance(message, dict) else None
        content = message.get("content") if isinstance(message, dict) else None
        if role not in ROLES or not isinstance(content, str):
            raise OperationInvalid(
                f"message {number} needs a role ({', '.join(ROLES)}) and a content that is text", field="messages"
            )
        checked.append({"role": role, "content": content})
    if sum(len(message["content"]) for message in checked) > MAX_TEXT:
        raise OperationInvalid(f"the messages have more than {MAX_TEXT:,} characters together", field="messages")
    return checked
