"""LibreTranslate's protocol: the key travels in the body, errors are one text."""

from __future__ import annotations

from typing import Any, ClassVar

from provider_console.sandbox import phrases
from provider_console.sandbox.message import Answer, Request, Route, Say, json_answer, page_answer, phrase

_ERRORS = {
    400: "Invalid request: missing q parameter",
    403: "Invalid API key",
    429: "Slowdown: 20 per 1 minute",
    500: "Cannot translate text: out of memory",
}
# Flask and the server in front of it answer these, and they answer with a page.
_PAGES = frozenset({404, 405, 413, 502, 503, 504})


class LibreTranslateSandbox:
    """Translation, detection, languages, settings and health.

    `key`: what `api_key` in the body has to be; None takes any, or none. `character_limit`: longer texts are refused;
    -1 is no limit. `languages`: codes among en, es, fr, de and sr.
    """

    name: ClassVar[str] = "libretranslate"
    base_path: ClassVar[str] = ""
    gap_s: float = 0.0

    def __init__(
        self,
        *,
        key: str | None = None,
        character_limit: int = 5_000,
        languages: tuple[str, ...] = ("en", "es", "fr", "de"),
    ) -> None:
        self._key = key
        self._limit = character_limit
        self._languages = languages
        self.routes = {
            ("GET", "/health"): Route("probe", self._health),
            ("GET", "/languages"): Route("probe", self._list),
            ("GET", "/frontend/settings"): Route("probe", self._settings),
            ("POST", "/detect"): Route("work", self._detect),
            ("POST", "/translate"): Route("work", self._translate),
        }

    def error(self, status: int, *, code: str = "", message: str = "") -> Answer:
        """Return `{"error": "text"}`, or a page where the server in front answers; `code` `banned` is for 403."""
        if status in _PAGES and not message:
            return page_answer(status)
        known = "Too many request limits violations" if (status, code) == (403, "banned") else _ERRORS.get(status)
        return json_answer({"error": message or known or phrase(status)}, status=status)

    def stream_error(self, *, code: str = "") -> bytes:
        """Return an error body; LibreTranslate has no streams."""
        return self.error(500, code=code).body

    def missing(self, request: Request) -> Answer:
        """Return the 404 page."""
        del request
        return page_answer(404)

    def stamp(self, request: Request, answer: Answer) -> Answer:
        """Add the headers that let any page call it."""
        del request
        return answer.with_headers(
            ("access-control-allow-origin", "*"),
            ("access-control-allow-headers", "Authorization, Content-Type"),
            ("access-control-expose-headers", "Authorization"),
            ("access-control-allow-methods", "GET, POST"),
            ("access-control-allow-credentials", "true"),
            ("access-control-max-age", "1728000"),
        )

    def _unauthorized(self, fields: dict[str, Any]) -> Answer | None:
        given = fields.get("api_key")
        if self._key is None or given == self._key:
            return None
        if given:
            return self.error(403)
        return self.error(400, message="Please contact the server operator to get an API key")

    def _health(self, request: Request, say: Say) -> Answer:
        del request, say
        return json_answer({"status": "ok"})

    def _list(self, request: Request, say: Say) -> Answer:
        del request
        targets = sorted(self._languages)
        return json_answer(
            [{"code": code, "name": say(phrases.LANGUAGES[code]), "targets": targets} for code in self._languages]
        )

    def _settings(self, request: Request, say: Say) -> Answer:
        del request
        target = self._languages[1] if len(self._languages) > 1 else self._languages[0]
        return json_answer(
            {
                "apiKeys": self._key is not None,
                "charLimit": self._limit,
                "filesTranslation": False,
                "frontendTimeout": 500,
                "keyRequired": self._key is not None,
                "language": {
                    "source": {"code": "auto", "name": "Auto Detect"},
                    "target": {"code": target, "name": say(phrases.LANGUAGES[target])},
                },
                "suggestions": False,
                "supportedFilesFormat": [],
            }
        )

    def _detect(self, request: Request, say: Say) -> Answer:
        del say
        fields = request.fields()
        if refused := self._unauthorized(fields):
            return refused
        text = fields.get("q")
        if not isinstance(text, str) or not text:
            return self.error(400)
        return json_answer([{"confidence": 90.0, "language": phrases.detect(text)}])

    def _translate(self, request: Request, say: Say) -> Answer:
        fields = request.fields()
        if refused := self._unauthorized(fields):
            return refused
        for name in ("q", "source", "target"):
            if not fields.get(name):
                return self.error(400, message=f"Invalid request: missing {name} parameter")
        batch = isinstance(fields["q"], list)
        texts = [str(text) for text in fields["q"]] if batch else [str(fields["q"])]
        characters = sum(len(text) for text in texts)
        if -1 < self._limit < characters:
            text = f"Invalid request: request ({characters}) exceeds text limit ({self._limit})"
            return self.error(400, message=text)
        source, target = str(fields["source"]), str(fields["target"])
        for code in (source, target):
            if code not in self._languages and (code, source) != ("auto", code):
                return self.error(400, message=f"{code} is not supported")
        if fields.get("format", "text") not in {"text", "html"}:
            return self.error(400, message=f"{fields['format']} format is not supported")
        translated = [say(phrases.translate(text, target, source="" if source == "auto" else source)) for text in texts]
        answer: dict[str, object] = {"translatedText": translated if batch else translated[0]}
        if source == "auto":
            found = [{"confidence": 90.0, "language": phrases.detect(text)} for text in texts]
            answer["detectedLanguage"] = found if batch else found[0]
        return json_answer(answer, facts={"target": target, "texts": len(texts), "characters": characters})
