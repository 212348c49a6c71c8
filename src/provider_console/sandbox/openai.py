"""OpenAI's protocol, and OpenRouter's way of speaking it."""

from __future__ import annotations

import base64
import struct
from typing import Any, ClassVar, Literal

import msgspec

from provider_console.sandbox import prose
from provider_console.sandbox.message import Answer, Request, Route, Say, json_answer, page_answer, phrase

_CREATED = 1_735_689_600
_REQUESTS_A_MINUTE = 5_000
_TOKENS_A_MINUTE = 200_000

# Status and code -> message, type, code, as the vendor's API reference and its users' reports show them.
_ERRORS: dict[tuple[int, str], tuple[str, str, str | None]] = {
    (400, ""): ("We could not parse the JSON body of your request.", "invalid_request_error", None),
    (400, "context_length_exceeded"): (
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 131072 tokens. "
        "Please reduce the length of the messages.",
        "invalid_request_error",
        "context_length_exceeded",
    ),
    (400, "content_filter"): (
        "The response was filtered due to the prompt triggering the content management policy. "
        "Please modify your prompt and retry.",
        "invalid_request_error",
        "content_filter",
    ),
    (401, ""): (
        "Incorrect API key provided: sk-sandb***********************wrong. "
        "You can find your API key at https://platform.openai.com/account/api-keys.",
        "invalid_request_error",
        "invalid_api_key",
    ),
    (401, "missing"): (
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
        "(i.e. Authorization: Bearer YOUR_KEY).",
        "invalid_request_error",
        None,
    ),
    (402, ""): (
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
    ),
    (403, ""): (
        "Country, region, or territory not supported",
        "request_forbidden",
        "unsupported_country_region_territory",
    ),
    (404, ""): (
        "The model `unknown` does not exist or you do not have access to it.",
        "invalid_request_error",
        "model_not_found",
    ),
    (408, ""): ("Request timed out.", "server_error", None),
    (413, ""): ("Request too large.", "invalid_request_error", "request_too_large"),
    (429, ""): (
        "Rate limit reached for gpt-5-mini in organization org-sandbox on requests per min (RPM): "
        "Limit 5000, Used 5000, Requested 1. Please try again in 12ms. "
        "Visit https://platform.openai.com/account/rate-limits to learn more.",
        "requests",
        "rate_limit_exceeded",
    ),
    (429, "insufficient_quota"): (
        "You exceeded your current quota, please check your plan and billing details. For more information on this "
        "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
        "insufficient_quota",
        "insufficient_quota",
    ),
    (500, ""): (
        "The server had an error while processing your request. Sorry about that!",
        "server_error",
        None,
    ),
    (503, ""): (
        "That model is currently overloaded with other requests. You can retry your request, or contact us through "
        "our help center at help.openai.com if the error persists.",
        "server_error",
        None,
    ),
}
_GATEWAY = frozenset({502, 504})
_STREAM = "text/event-stream; charset=utf-8"


class OpenAISandbox:
    """Models, chat (streamed or not) and embeddings.

    `key`: what Bearer has to carry; None takes any, or none. `context_tokens`: longer conversations are refused.
    `first_byte_s` and `gap_s` make the answers as slow as a model's. `flavour`: `openrouter` sends comments in its
    streams and numbers as error codes.
    """

    name: ClassVar[str] = "openai"
    base_path: ClassVar[str] = "/v1"

    def __init__(
        self,
        *,
        key: str | None = None,
        models: tuple[str, ...] = ("gpt-5", "gpt-5-mini", "text-embedding-3-small"),
        context_tokens: int = 128_000,
        first_byte_s: float = 0.0,
        gap_s: float = 0.0,
        flavour: Literal["openai", "openrouter"] = "openai",
    ) -> None:
        self._key = key
        self._models = models
        self._context_tokens = context_tokens
        self._first_byte_s = first_byte_s
        self._flavour = flavour
        self.gap_s = gap_s
        self.routes = {
            ("GET", "/v1/models"): Route("probe", self._list),
            ("GET", "/v1/models/*"): Route("probe", self._model),
            ("POST", "/v1/chat/completions"): Route("work", self._chat),
            ("POST", "/v1/embeddings"): Route("work", self._embed),
        }

    def error(self, status: int, *, code: str = "", message: str = "") -> Answer:
        """Return `{"error": {message, type, param, code}}`, or a gateway's page for 502 and 504."""
        if status in _GATEWAY and not message:
            return page_answer(status)
        answer = json_answer({"error": self._error_body(status, code, message)}, status=status)
        if status == 429 and code != "insufficient_quota":
            return answer.with_headers(("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "12ms"))
        return answer

    def stream_error(self, *, code: str = "") -> bytes:
        """Return an error object as a data line."""
        return b"data: " + msgspec.json.encode({"error": self._error_body(500, code, "")}) + b"\n\n"

    def missing(self, request: Request) -> Answer:
        """Return the 404 for a URL that does not exist."""
        return self._refusal(404, f"Invalid URL ({request.method} {request.path})")

    def stamp(self, request: Request, answer: Answer) -> Answer:
        """Add request id, version and rate limits."""
        left = max(0, _REQUESTS_A_MINUTE - request.number)
        sent = {name.lower() for name, _ in answer.headers}
        headers = {
            "x-request-id": f"req_{request.number:032x}",
            "openai-version": "2020-10-01",
            "openai-organization": "org-sandbox",
            "openai-processing-ms": "12",
            "x-ratelimit-limit-requests": str(_REQUESTS_A_MINUTE),
            "x-ratelimit-limit-tokens": str(_TOKENS_A_MINUTE),
            "x-ratelimit-remaining-requests": str(left),
            "x-ratelimit-remaining-tokens": str(max(0, _TOKENS_A_MINUTE - 20 * request.number)),
            "x-ratelimit-reset-requests": "12ms",
            "x-ratelimit-reset-tokens": "6ms",
        }
        return answer.with_headers(*((name, value) for name, value in headers.items() if name not in sent))

    def _error_body(self, status: int, code: str, message: str) -> dict[str, object]:
        known = _ERRORS.get((status, code)) or _ERRORS.get((status, ""))
        text, kind, known_code = known or (phrase(status), "server_error" if status >= 500 else "api_error", None)
        if self._flavour == "openrouter":
            return {"message": message or text, "code": status}
        return {"message": message or text, "type": kind, "param": None, "code": code or known_code}

    def _refusal(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> Answer:
        body = self._error_body(status, code or "", message)
        if self._flavour == "openai":
            body |= {"type": "invalid_request_error", "code": code, "param": param}
        return json_answer({"error": body}, status=status)

    def _unauthorized(self, request: Request) -> Answer | None:
        if self._key is None or request.bearer == self._key:
            return None
        if request.bearer is None:
            text, kind, _ = _ERRORS[401, "missing"]
            return json_answer({"error": {"message": text, "type": kind, "param": None, "code": None}}, status=401)
        return self.error(401)

    def _unknown_model(self, model: object) -> Answer | None:
        if not isinstance(model, str) or not model:
            return self._refusal(400, "you must provide a model parameter")
        if model not in self._models:
            text = f"The model `{model}` does not exist or you do not have access to it."
            return self._refusal(404, text, code="model_not_found")
        return None

    def _list(self, request: Request, say: Say) -> Answer:
        models = [_model_card(say(model)) for model in self._models]
        return self._unauthorized(request) or json_answer({"object": "list", "data": models})

    def _model(self, request: Request, say: Say) -> Answer:
        model = request.path.removeprefix("/v1/models/")
        return self._unauthorized(request) or self._unknown_model(model) or json_answer(_model_card(say(model)))

    def _chat(self, request: Request, say: Say) -> Answer:
        if refused := self._unauthorized(request):
            return refused
        asked = request.json()
        if asked is None:
            return self.error(400)
        if refused := self._unknown_model(asked.get("model")):
            return refused
        messages = asked.get("messages")
        if not isinstance(messages, list) or not messages:
            return self._refusal(400, "Missing required parameter: 'messages'.", param="messages")
        model = str(asked["model"])
        prompt_tokens = sum(4 + len(prose.pieces(prose.content(message))) for message in messages)
        if prompt_tokens > self._context_tokens:
            text = (
                f"This model's maximum context length is {self._context_tokens} tokens. However, your messages "
                f"resulted in {prompt_tokens} tokens. Please reduce the length of the messages."
            )
            return self._refusal(400, text, code="context_length_exceeded", param="messages")
        said = prose.pieces(say(prose.reply(messages, model=model)))
        limit = asked.get("max_completion_tokens") or asked.get("max_tokens")
        kept = said[:limit] if isinstance(limit, int) and limit > 0 else said
        finish = "stop" if len(kept) == len(said) else "length"
        usage = _usage(prompt_tokens, len(kept))
        identity = f"chatcmpl-{request.number:024x}"
        streamed = asked.get("stream") is True
        facts: dict[str, str | int | bool] = {"model": model, "stream": streamed, "outputTokens": len(kept)}
        if streamed:
            options = asked.get("stream_options")
            with_usage = isinstance(options, dict) and options.get("include_usage") is True
            parts = self._stream(identity, model, kept, finish, usage if with_usage else None)
            headers = (("content-type", _STREAM), ("cache-control", "no-cache"))
            return Answer(200, headers, parts, streamed=True, delay_s=self._first_byte_s, facts=facts)
        answer = {
            "id": identity,
            "object": "chat.completion",
            "created": _CREATED,
            "model": model,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "".join(kept), "refusal": None, "annotations": []},
                    "logprobs": None,
                    "finish_reason": finish,
                }
            ],
            "usage": usage,
            "service_tier": "default",
            "system_fingerprint": "fp_sandbox",
        }
        return msgspec.structs.replace(json_answer(answer, facts=facts), delay_s=self._first_byte_s)

    def _stream(
        self, identity: str, model: str, said: list[str], finish: str, usage: dict[str, Any] | None
    ) -> tuple[bytes, ...]:
        head: dict[str, object] = {
            "id": identity,
            "object": "chat.completion.chunk",
            "created": _CREATED,
            "model": model,
            "service_tier": "default",
            "system_fingerprint": "fp_sandbox",
        }
        # Asked for usage, every chunk but the last carries it as null.
        tail: dict[str, object] = {"usage": None} if usage else {}

        def chunk(delta: dict[str, object], reason: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
            return _event({**head, "choices": [choice], **tail})

        parts = [b": OPENROUTER PROCESSING\n\n"] if self._flavour == "openrouter" else []
        parts.append(chunk({"role": "assistant", "content": "", "refusal": None}))
        parts.extend(chunk({"content": piece}) for piece in said)
        parts.append(chunk({}, finish))
        if usage:
            parts.append(_event({**head, "choices": [], "usage": usage}))
        parts.append(b"data: [DONE]\n\n")
        return tuple(parts)

    def _embed(self, request: Request, say: Say) -> Answer:
        if refused := self._unauthorized(request):
            return refused
        asked = request.json()
        if asked is None:
            return self.error(400)
        if refused := self._unknown_model(asked.get("model")):
            return refused
        given = asked.get("input")
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
            return self._refusal(400, "'$.input' is invalid. Please check the API reference.", param="input")
        dimensions = asked.get("dimensions")
        size = dimensions if isinstance(dimensions, int) and 1 <= dimensions <= 3_072 else 16
        vectors: list[object] = [prose.vector(text, dimensions=size) for text in texts]
        if asked.get("encoding_format") == "base64":
            vectors = [
                base64.b64encode(struct.pack(f"<{size}f", *prose.vector(text, dimensions=size))).decode()
                for text in texts
            ]
        tokens = sum(len(prose.pieces(text)) for text in texts)
        data = [{"object": "embedding", "index": index, "embedding": value} for index, value in enumerate(vectors)]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return json_answer(
            {"object": "list", "data": data, "model": say(str(asked["model"])), "usage": usage},
            facts={"model": str(asked["model"]), "texts": len(texts)},
        )


def _event(value: object) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def _model_card(model: str) -> dict[str, object]:
    return {"id": model, "object": "model", "created": _CREATED, "owned_by": "system"}


def _usage(prompt: int, completion: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
