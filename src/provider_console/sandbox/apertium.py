"""Apertium APY's protocol: installed pairs of three-letter codes, no keys, errors with an explanation."""

from __future__ import annotations

from typing import ClassVar

from provider_console.sandbox import phrases
from provider_console.sandbox.message import Answer, Request, Route, Say, json_answer, phrase

PAIRS = (("eng", "spa"), ("spa", "eng"), ("oci_aran", "cat"), ("spa", "por_BR"))
_TWO_LETTERS = {"spa": "es", "eng": "en"}


class ApertiumSandbox:
    """Translation, pairs and statistics; `pairs` are those that are installed, in Apertium's own spelling."""

    name: ClassVar[str] = "apertium"
    base_path: ClassVar[str] = ""
    gap_s: float = 0.0

    def __init__(self, *, pairs: tuple[tuple[str, str], ...] = PAIRS) -> None:
        self._pairs = pairs
        self.routes = {
            ("POST", "/translate"): Route("work", self._translate),
            ("GET", "/listPairs"): Route("probe", self._list),
            ("GET", "/stats"): Route("probe", self._stats),
        }

    def error(self, status: int, *, code: str = "", message: str = "") -> Answer:
        """Return `{status, code, message, explanation}`; the vendor has no codes beside the status."""
        del code
        body = {"status": "error", "code": status, "message": phrase(status), "explanation": message or phrase(status)}
        return json_answer(body, status=status)

    def stream_error(self, *, code: str = "") -> bytes:
        """Return an error body; Apertium has no streams."""
        return self.error(500, code=code).body

    def missing(self, request: Request) -> Answer:
        """Return the 404 for a path that does not exist."""
        del request
        return self.error(404)

    def stamp(self, request: Request, answer: Answer) -> Answer:
        """Return the answer as it is: Apertium adds nothing."""
        del request
        return answer

    def _translate(self, request: Request, say: Say) -> Answer:
        fields = request.fields()
        if "langpair" not in fields or "q" not in fields:
            return self.error(400, message="Missing argument q")
        source, _, target = fields["langpair"].partition("|")
        if (source, target) not in self._pairs:
            return self.error(400, message="That pair is not installed")
        text = phrases.translate(fields["q"], _TWO_LETTERS.get(target, target), source=_TWO_LETTERS.get(source, source))
        return _wrapped({"translatedText": say(text)})

    def _list(self, request: Request, say: Say) -> Answer:
        del request, say
        return _wrapped([{"sourceLanguage": source, "targetLanguage": target} for source, target in self._pairs])

    def _stats(self, request: Request, say: Say) -> Answer:
        del request, say
        return _wrapped({"uptime": 12, "useCount": {}, "runningPipes": {}, "holdingPipes": 0})


def _wrapped(data: object) -> Answer:
    return json_answer({"responseData": data, "responseDetails": None, "responseStatus": 200})
