"""The dynamic catalogue: an address that lists AI providers as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from provider_console.sandbox.message import Answer, Request, Route, Say, json_answer, phrase

PATH = "/api/dynamic-ai/providers"
_ERRORS = {401: "A valid token is needed.", 403: "This token may not read the catalogue.", 429: "Too many requests."}


class Listing(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One provider as the catalogue lists it; `credential` is the name of a credential, never its value."""

    id: str
    name: str
    driver: str
    base_url: str
    models: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    credential: str | None = None
    region: str | None = None
    network: str | None = None


class CatalogueSandbox:
    """Lists `providers`, which may be exchanged while it runs; `key`: what Bearer has to carry, None takes any."""

    name: ClassVar[str] = "catalogue"
    base_path: ClassVar[str] = ""
    gap_s: float = 0.0

    def __init__(self, providers: Sequence[Listing] = (), *, key: str | None = None) -> None:
        self.providers = tuple(providers)
        self._key = key
        self.routes = {("GET", PATH): Route("probe", self._list)}

    def error(self, status: int, *, code: str = "", message: str = "") -> Answer:
        """Return an RFC 9457 problem."""
        problem = {
            "type": "about:blank",
            "title": phrase(status),
            "status": status,
            "detail": message or _ERRORS.get(status) or phrase(status),
            "code": code or phrase(status).lower().replace(" ", "_"),
        }
        return json_answer(problem, status=status, content_type="application/problem+json")

    def stream_error(self, *, code: str = "") -> bytes:
        """Return an error body; the catalogue has no streams."""
        return self.error(500, code=code).body

    def missing(self, request: Request) -> Answer:
        """Return the 404 for a path that does not exist."""
        del request
        return self.error(404)

    def stamp(self, request: Request, answer: Answer) -> Answer:
        """Add the request's id."""
        return answer.with_headers(("x-request-id", f"{request.number:032x}"))

    def _list(self, request: Request, say: Say) -> Answer:
        if self._key is not None and request.bearer != self._key:
            return self.error(401).with_headers(("www-authenticate", "Bearer"))
        listed = [msgspec.structs.replace(provider, name=say(provider.name)) for provider in self.providers]
        return json_answer({"providers": listed}, facts={"providers": len(listed)})
