"""DeepL's protocol, version 2: text translation, usage and languages."""

from __future__ import annotations

from typing import ClassVar

from provider_console.sandbox import phrases
from provider_console.sandbox.message import Answer, Request, Route, Say, json_answer, page_answer, phrase

_SOURCES = {"DE": "German", "EN": "English", "ES": "Spanish", "FR": "French"}
# A target without its region is refused where the vendor wants one: EN is EN-GB or EN-US.
_TARGETS = {
    "DE": ("German", True),
    "EN-GB": ("English (British)", False),
    "EN-US": ("English (American)", False),
    "ES": ("Spanish", True),
    "FR": ("French", True),
}
_TEXTS_A_REQUEST = 50
_BYTES_A_REQUEST = 128 * 1024
_ERRORS = {
    400: "Bad request",
    403: "Forbidden",
    404: "Not found",
    413: "Payload too large",
    414: "URI too long",
    429: "Too many requests",
    456: "Quota for this billing period has been exceeded.",
    500: "Internal server error",
    503: "Service temporarily unavailable",
    529: "Too many requests",
}
_GATEWAY = frozenset({502, 504})


class DeepLSandbox:
    """Translation of form and JSON bodies, usage that really counts, and languages.

    `key`: what `Authorization: DeepL-Auth-Key` has to carry; None takes any, but one there must be.
    `character_limit`: a translation that would pass it is refused with 456.
    """

    name: ClassVar[str] = "deepl"
    base_path: ClassVar[str] = ""
    gap_s: float = 0.0

    def __init__(self, *, key: str | None = None, character_limit: int = 500_000, character_count: int = 0) -> None:
        self._key = key
        self._limit = character_limit
        self._count = character_count
        self.routes = {
            (method, path): route
            for method in ("GET", "POST")
            for path, route in (
                ("/v2/usage", Route("probe", self._usage)),
                ("/v2/languages", Route("probe", self._languages)),
                ("/v2/translate", Route("work", self._translate)),
            )
        }

    def error(self, status: int, *, code: str = "", message: str = "") -> Answer:
        """Return `{"message": "text"}`, or a gateway's page for 502 and 504; DeepL has no codes."""
        del code
        if status in _GATEWAY and not message:
            return page_answer(status)
        return json_answer({"message": message or _ERRORS.get(status) or phrase(status)}, status=status)

    def stream_error(self, *, code: str = "") -> bytes:
        """Return an error body; DeepL has no streams."""
        return self.error(500, code=code).body

    def missing(self, request: Request) -> Answer:
        """Return the 404 for a path that does not exist."""
        del request
        return self.error(404)

    def stamp(self, request: Request, answer: Answer) -> Answer:
        """Add the trace id that DeepL's support asks for."""
        return answer.with_headers(
            ("x-trace-id", f"{request.number:032x}"),
            ("access-control-expose-headers", "Server-Timing, X-Trace-ID"),
            ("server-timing", "l7_lb_tls;dur=1, l7_lb_idle;dur=0, l7_lb_receive;dur=0, l7_lb_total;dur=9"),
        )

    def _unauthorized(self, request: Request) -> Answer | None:
        given = request.authorization("DeepL-Auth-Key")
        return None if given and (self._key is None or given == self._key) else self.error(403)

    def _usage(self, request: Request, say: Say) -> Answer:
        del say
        usage = {"character_count": self._count, "character_limit": self._limit}
        return self._unauthorized(request) or json_answer(usage)

    def _languages(self, request: Request, say: Say) -> Answer:
        if refused := self._unauthorized(request):
            return refused
        wanted = request.fields().get("type", "source")
        if wanted == "target":
            return json_answer(
                [
                    {"language": code, "name": say(name), "supports_formality": formality}
                    for code, (name, formality) in _TARGETS.items()
                ]
            )
        if wanted == "source":
            return json_answer([{"language": code, "name": say(name)} for code, name in _SOURCES.items()])
        return self.error(400, message="Parameter 'type' is invalid. 'source' and 'target' are valid values.")

    def _translate(self, request: Request, say: Say) -> Answer:
        if refused := self._unauthorized(request):
            return refused
        if len(request.body) > _BYTES_A_REQUEST:
            return self.error(413)
        fields = request.fields()
        given = fields.get("text")
        texts = given if isinstance(given, list) else [given] if given is not None else []
        target = str(fields.get("target_lang") or "").upper()
        source = str(fields.get("source_lang") or "").upper()
        if not texts or not all(isinstance(text, str) for text in texts):
            return self.error(400, message="Parameter 'text' not specified")
        if len(texts) > _TEXTS_A_REQUEST:
            return self.error(400, message="Too many texts in one request")
        if target not in _TARGETS:
            return self.error(400, message="Value for 'target_lang' not supported.")
        if source and source not in _SOURCES:
            return self.error(400, message="Value for 'source_lang' not supported.")
        characters = sum(len(text) for text in texts)
        if self._count + characters > self._limit:
            return self.error(456)
        self._count += characters
        billed = fields.get("show_billed_characters") in (True, "1", "true")
        translations = [
            {
                "detected_source_language": source or phrases.detect(text).upper(),
                "text": say(phrases.translate(text, target, source=source)),
                **({"billed_characters": len(text)} if billed else {}),
            }
            for text in texts
        ]
        facts: dict[str, str | int | bool] = {"target": target, "texts": len(texts), "characters": characters}
        return json_answer({"translations": translations}, facts=facts)
