"""Apertium APY's protocol as a sandbox vendor: two pairs, its bodies, and its failures."""

from __future__ import annotations

from typing import ClassVar

from provider_console.sandbox import phrases
from provider_console.sandbox.message import Answer, Request, Route, Say, json_answer, phrase

PAIRS = (("eng", "spa"), ("spa", "eng"), ("oci_aran", "cat"), ("spa", "por_BR"))


class ApertiumSandbox:
    """Translation, pairs and statistics."""

    name: ClassVar[str] = "apertium"
    base_path: ClassVar[str] = ""
    gap_s: float = 0.0

    def __init__(self) -> None:
        self.routes = {
            ("POST", "/translate"): Route("work", self._translate),
            ("GET", "/listPairs"): Route("probe", self._list),
            ("GET", "/stats"): Route("probe", self._stats),
        }

    def error(self, status: int, *, code: str = "", message: str = "") -> Answer:
        body = {"status": "error", "code": status, "message": phrase(status), "explanation": message or phrase(status)}
        return json_answer(body, status=status)

    def stream_error(self, *, code: str = "") -> bytes:
        return self.error(500).body

    def missing(self, request: Request) -> Answer:
        return self.error(404)

    def stamp(self, request: Request, answer: Answer) -> Answer:
        return answer

    def _translate(self, request: Request, say: Say) -> Answer:
        fields = request.fields()
        if "langpair" not in fields or "q" not in fields:
            return self.error(400, message="Missing argument q")
        source, _, target = fields["langpair"].partition("|")
        if (source, target) not in PAIRS:
            return self.error(400, message="That pair is not installed")
        text = phrases.translate(fields["q"], {"spa": "es", "eng": "en"}.get(target, target), source=source)
        return _wrapped({"translatedText": say(text)})

    def _list(self, request: Request, say: Say) -> Answer:
        return _wrapped([{"sourceLanguage": source, "targetLanguage": target} for source, target in PAIRS])

    def _stats(self, request: Request, say: Say) -> Answer:
        return _wrapped({"uptime": 12, "useCount": {}, "runningPipes": {}, "holdingPipes": 0})


def _wrapped(data: object) -> Answer:
    return json_answer({"responseData": data, "responseDetails": None, "responseStatus": 200})
