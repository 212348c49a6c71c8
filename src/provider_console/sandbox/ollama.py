"""Ollama's own protocol: JSON lines, no keys unless it stands behind a proxy."""

from __future__ import annotations

import hashlib
from typing import ClassVar

import msgspec

from provider_console.sandbox import prose
from provider_console.sandbox.message import Answer, Request, Route, Say, json_answer, phrase

_AT = "2025-01-01T00:00:00.000000Z"
_JSON = "application/json; charset=utf-8"
_ERRORS = {
    400: "invalid request",
    401: "unauthorized",
    403: "forbidden",
    404: "model 'unknown' not found",
    429: "too many requests",
    500: "llama runner process has terminated: signal: killed",
    502: "upstream unavailable",
    503: "server busy, please try again.  maximum pending requests exceeded",
}
_NANOSECONDS_A_TOKEN = 12_000_000


class OllamaSandbox:
    """Version, models, loaded models, chat (streamed unless told otherwise) and embeddings.

    `key`: what Bearer has to carry; None takes any, or none. `load_s`: how long the first call of each model takes to
    load it. `gap_s`: the pause between two pieces of a stream.
    """

    name: ClassVar[str] = "ollama"
    base_path: ClassVar[str] = ""

    def __init__(
        self,
        *,
        key: str | None = None,
        models: tuple[str, ...] = ("llama3.2:3b", "nomic-embed-text:latest"),
        version: str = "0.12.6",
        load_s: float = 0.0,
        gap_s: float = 0.0,
    ) -> None:
        self._key = key
        self._models = models
        self._version = version
        self._load_s = load_s
        self._loaded: list[str] = []
        self.gap_s = gap_s
        self.routes = {
            ("GET", "/"): Route("probe", self._greet),
            ("GET", "/api/version"): Route("probe", self._tell_version),
            ("GET", "/api/tags"): Route("probe", self._list),
            ("GET", "/api/ps"): Route("probe", self._list_loaded),
            ("POST", "/api/chat"): Route("work", self._chat),
            ("POST", "/api/embed"): Route("work", self._embed),
        }

    def error(self, status: int, *, code: str = "", message: str = "") -> Answer:
        """Return `{"error": "text"}`; Ollama has no codes, so `code` changes nothing."""
        del code
        text = message or _ERRORS.get(status) or phrase(status).lower()
        return json_answer({"error": text}, status=status, content_type=_JSON)

    def stream_error(self, *, code: str = "") -> bytes:
        """Return a line that has only `error`, and no `done`."""
        del code
        return _line({"error": "an error was encountered while running the model: unexpected EOF"})

    def missing(self, request: Request) -> Answer:
        """Return the router's plain 404."""
        del request
        return Answer(404, (("content-type", "text/plain"),), (b"404 page not found",))

    def stamp(self, request: Request, answer: Answer) -> Answer:
        """Return the answer as it is: Ollama adds nothing."""
        del request
        return answer

    def _unauthorized(self, request: Request) -> Answer | None:
        return None if self._key is None or request.bearer == self._key else self.error(401)

    def _greet(self, request: Request, say: Say) -> Answer:
        del request
        return Answer(200, (("content-type", "text/plain; charset=utf-8"),), (say("Ollama is running").encode(),))

    def _tell_version(self, request: Request, say: Say) -> Answer:
        version = {"version": say(self._version)}
        return self._unauthorized(request) or json_answer(version, content_type=_JSON)

    def _list(self, request: Request, say: Say) -> Answer:
        models = [{"modified_at": _AT, **_model_card(model, say)} for model in self._models]
        return self._unauthorized(request) or json_answer({"models": models}, content_type=_JSON)

    def _list_loaded(self, request: Request, say: Say) -> Answer:
        models = [
            {**_model_card(model, say), "expires_at": "2038-01-01T00:00:00Z", "size_vram": 2_019_393_189}
            for model in self._loaded
        ]
        return self._unauthorized(request) or json_answer({"models": models}, content_type=_JSON)

    def _prepare(self, request: Request) -> tuple[dict[str, object], str, float] | Answer:
        """Return the fields asked, the model's full name and how long it takes to load, or the refusal."""
        if refused := self._unauthorized(request):
            return refused
        asked = request.json()
        if asked is None:
            return self.error(400, message="invalid character 'x' looking for beginning of value")
        wanted = asked.get("model")
        if not isinstance(wanted, str) or not wanted:
            return self.error(400, message="model is required")
        model = wanted if ":" in wanted else f"{wanted}:latest"
        if model not in self._models:
            return self.error(404, message=f"model '{wanted}' not found")
        if model in self._loaded:
            return asked, model, 0.0
        self._loaded.append(model)
        return asked, model, self._load_s

    def _chat(self, request: Request, say: Say) -> Answer:
        prepared = self._prepare(request)
        if isinstance(prepared, Answer):
            return prepared
        asked, model, load_s = prepared
        given = asked.get("messages")
        messages = given if isinstance(given, list) else []
        streamed = asked.get("stream") is not False
        said = prose.pieces(say(prose.reply(messages, model=model))) if messages else []
        options = asked.get("options")
        limit = options.get("num_predict") if isinstance(options, dict) else None
        kept = said[:limit] if isinstance(limit, int) and limit > 0 else said
        reason = "load" if not messages else "stop" if len(kept) == len(said) else "length"
        prompt_tokens = sum(4 + len(prose.pieces(prose.content(message))) for message in messages)
        head: dict[str, object] = {"model": model, "created_at": _AT}
        final: dict[str, object] = {"done": True, "done_reason": reason}
        if messages:
            final |= _durations(prompt_tokens, len(kept), load_s)
        facts: dict[str, str | int | bool] = {"model": model, "stream": streamed, "outputTokens": len(kept)}
        if not streamed:
            message = {"role": "assistant", "content": "".join(kept)}
            answer = json_answer({**head, "message": message, **final}, facts=facts, content_type=_JSON)
            return msgspec.structs.replace(answer, delay_s=load_s)
        lines = [_line({**head, "message": {"role": "assistant", "content": piece}, "done": False}) for piece in kept]
        lines.append(_line({**head, "message": {"role": "assistant", "content": ""}, **final}))
        headers = (("content-type", "application/x-ndjson"),)
        return Answer(200, headers, tuple(lines), streamed=True, delay_s=load_s, facts=facts)

    def _embed(self, request: Request, say: Say) -> Answer:
        prepared = self._prepare(request)
        if isinstance(prepared, Answer):
            return prepared
        asked, model, load_s = prepared
        given = asked.get("input")
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            return self.error(400, message="invalid input type")
        tokens = sum(len(prose.pieces(text)) for text in texts)
        answer = json_answer(
            {
                "model": say(model),
                "embeddings": [prose.vector(text, dimensions=16) for text in texts],
                "total_duration": tokens * _NANOSECONDS_A_TOKEN,
                "load_duration": int(load_s * 1e9),
                "prompt_eval_count": tokens,
            },
            facts={"model": model, "texts": len(texts)},
            content_type=_JSON,
        )
        return msgspec.structs.replace(answer, delay_s=load_s)


def _line(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _durations(prompt_tokens: int, output_tokens: int, load_s: float) -> dict[str, object]:
    prompt_ns, output_ns = prompt_tokens * 1_000_000, output_tokens * _NANOSECONDS_A_TOKEN
    load_ns = int(load_s * 1e9)
    return {
        "total_duration": load_ns + prompt_ns + output_ns,
        "load_duration": load_ns,
        "prompt_eval_count": prompt_tokens,
        "prompt_eval_duration": prompt_ns,
        "eval_count": output_tokens,
        "eval_duration": output_ns,
    }


def _model_card(model: str, say: Say) -> dict[str, object]:
    return {
        "name": say(model),
        "model": say(model),
        "size": 2_019_393_189,
        "digest": hashlib.sha256(model.encode()).hexdigest(),
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": "llama",
            "families": ["llama"],
            "parameter_size": "3.2B",
            "quantization_level": "Q4_K_M",
        },
    }
