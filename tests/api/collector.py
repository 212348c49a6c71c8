"""A collector of OpenTelemetry on loopback: takes OTLP over HTTP, as protobuf, and keeps what it was sent.

with collector() as it:
    ...  # telemetry.endpoint = it.endpoint
    spans = it.spans()
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Span(NamedTuple):
    """A span as it arrived; times are seconds since 1970."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    began: float
    ended: float
    failed: bool
    attributes: Mapping[str, Any]


class Collector:
    """`raw` is each body that came, `headers` what came with it; `answer` is what the next requests get."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}/v1/traces"
        self.raw: list[bytes] = []
        self.headers: list[Mapping[str, str]] = []
        self.paths: list[str] = []
        self.answer: tuple[int, bytes] = (200, b"")
        self.open = threading.Event()
        self.open.set()
        """Not set: requests wait for their answer."""
        self.came = threading.Event()

    def requests(self) -> list[ExportTraceServiceRequest]:
        """What came, decoded; a body without a span asks whether somebody is there."""
        return [ExportTraceServiceRequest.FromString(body) for body in self.raw]

    def spans(self) -> list[Span]:
        """Every span that came."""
        return [
            Span(
                name=span.name,
                trace=span.trace_id.hex(),
                id=span.span_id.hex(),
                parent=span.parent_span_id.hex(),
                kind=span.kind,
                began=span.start_time_unix_nano / 1e9,
                ended=span.end_time_unix_nano / 1e9,
                failed=span.status.code == 2,
                attributes=_values(span.attributes),
            )
            for request in self.requests()
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def resource(self) -> Mapping[str, Any]:
        """Who said so."""
        return _values(self.requests()[-1].resource_spans[0].resource.attributes)


def _values(attributes: Any) -> Mapping[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def collector(port: int = 0) -> Iterator[Collector]:
    """It listens until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            it.came.set()
            it.open.wait(10.0)
            if it.answer[0] == 200:
                it.paths.append(self.path)
                it.headers.append({name.lower(): value for name, value in self.headers.items()})
                it.raw.append(body)
            self.send_response(it.answer[0])
            self.send_header("content-length", str(len(it.answer[1])))
            # Who asked may have gone, where the answer was kept from them.
            with suppress(ConnectionError):
                self.end_headers()
                self.wfile.write(it.answer[1])

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        it = Collector(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield it
        finally:
            it.open.set()
            server.shutdown()
            thread.join()
