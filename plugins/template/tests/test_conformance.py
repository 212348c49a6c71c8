"""What every plugin has to keep, tried over real HTTP on this machine against a double of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from provider_console.sandbox import Vendor
from provider_console.sandbox.message import Answer, Request, Route, Say, json_answer
from provider_console.sdk import Operation
from provider_console.testing.conformance import DriverConformance, SourceConformance


class ServiceDouble:
    """The protocol without a network: the suite serves it, and makes it fail."""

    name: ClassVar[str] = "template"
    base_path: ClassVar[str] = ""
    gap_s: float = 0.0

    def __init__(self, key: str) -> None:
        self._key = key
        self.routes = {
            ("POST", "/v1/summaries"): Route("work", self._summarise),
            ("GET", "/v1/status"): Route("probe", self._status),
        }

    def error(self, status: int, *, code: str = "", message: str = "") -> Answer:
        return json_answer({"error": message or f"error {status}", "code": code}, status=status)

    def stream_error(self, *, code: str = "") -> bytes:
        return self.error(500, code=code).body

    def missing(self, request: Request) -> Answer:
        return self.error(404)

    def stamp(self, request: Request, answer: Answer) -> Answer:
        return answer

    def _summarise(self, request: Request, say: Say) -> Answer:
        if request.bearer != self._key:
            return self.error(401)
        sentences = request.fields()["text"].split(". ")
        return json_answer({"summary": say(". ".join(sentences[: request.fields()["sentences"]]))})

    def _status(self, request: Request, say: Say) -> Answer:
        return json_answer({"ready": True})


class TestDriver(DriverConformance):
    entry_point = "template"
    driver_name = "template"

    def vendor(self) -> Vendor:
        return ServiceDouble(self.secret)

    def operations(self) -> Sequence[Operation]:
        payload = {"text": f"{self.text} It has a roof. It has a door.", "sentences": 2.0}
        return (Operation(kind="template_summarise", category="text", payload=payload),)


class TestSource(SourceConformance):
    entry_point = "template"
    source_name = "template"
    configures = True

    def tables(self) -> Mapping[str, object]:
        providers = {"acme": {"base_url": "https://api.acme.example", "credential": "ACME_KEY"}, "spare": {}}
        return {"template": {"providers": providers}}
