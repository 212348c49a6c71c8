"""What every sandbox vendor has: routes, its own error bodies, and a name."""

from __future__ import annotations

from typing import ClassVar, Protocol

from provider_console.sandbox.message import Answer, Request, Route


class Vendor(Protocol):
    """A vendor's protocol, without a network: requests in, answers out."""

    name: ClassVar[str]
    base_path: ClassVar[str]
    """What a client's base address has after host and port, such as `/v1`."""

    @property
    def gap_s(self) -> float:
        """The pause between two parts of a stream."""

    @property
    def routes(self) -> dict[tuple[str, str], Route]:
        """Routes by method and path; a path that ends in `/*` stands for everything below it."""

    def error(self, status: int, *, code: str = "", message: str = "") -> Answer:
        """Return the vendor's own body for `status`; `code` chooses among several, `message` replaces its text."""

    def stream_error(self, *, code: str = "") -> bytes:
        """Return the piece of a stream in which the vendor reports an error after HTTP 200."""

    def missing(self, request: Request) -> Answer:
        """Return what the vendor says to a path that it does not know."""

    def stamp(self, request: Request, answer: Answer) -> Answer:
        """Return the answer with the headers that the vendor puts on every one, errors too."""


def find_route(vendor: Vendor, request: Request) -> Route | None:
    """Return the route that answers `request`, or None."""
    routes = vendor.routes
    exact = routes.get((request.method, request.path))
    if exact is not None:
        return exact
    for (method, path), route in routes.items():
        below = path.removesuffix("*")
        if below != path and method == request.method and request.path.startswith(below):
            return route
    return None
