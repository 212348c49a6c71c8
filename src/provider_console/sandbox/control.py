"""The routes under `/_sandbox` with which people set faults and read the log while a sandbox runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from provider_console.sandbox.fault import LANES, OK, Fault, Lane
from provider_console.sandbox.message import Answer, Request, json_answer

if TYPE_CHECKING:
    from provider_console.sandbox.server import Server

PREFIX = "/_sandbox"


class FaultOrder(Fault, frozen=True, forbid_unknown_fields=True):
    """A fault to set over HTTP: the fields of `Fault`, the lane, and a script to show first."""

    on: Lane | None = None
    script: tuple[Fault, ...] = ()

    def fault(self) -> Fault:
        """Return the standing fault without the rest."""
        return Fault(**{name: getattr(self, name) for name in Fault.__struct_fields__})


def control(request: Request, here: Server, siblings: Mapping[str, Server]) -> Answer:
    """Answer `GET|PUT|DELETE /_sandbox/fault` and `GET|DELETE /_sandbox/log`.

    `/_sandbox/NAME/fault` and `/_sandbox/NAME/log` speak of a sibling, also of one that refuses connections.
    """
    parts = request.path.removeprefix(PREFIX).strip("/").split("/")
    server = here
    if len(parts) == 2:
        if parts[0] not in siblings:
            return _problem(404, f"no server is called {parts[0]!r}; there are {', '.join(siblings) or 'no others'}")
        server = siblings[parts[0]]
    match request.method, parts[-1]:
        case "GET", "fault":
            return json_answer(_shown(server))
        case "PUT", "fault":
            return _set(request, server, undone_elsewhere=server is not here)
        case "DELETE", "fault":
            server.faults.clear()
            return json_answer(_shown(server))
        case "GET", "log":
            return json_answer(_log(server))
        case "DELETE", "log":
            server.record.clear()
            return json_answer(_log(server))
    return _problem(404, "use GET, PUT or DELETE on /_sandbox/fault, GET or DELETE on /_sandbox/log")


def _set(request: Request, server: Server, *, undone_elsewhere: bool) -> Answer:
    try:
        order = msgspec.json.decode(request.body, type=FaultOrder)
        if order.kind == "refuse" and order.seconds is None and not undone_elsewhere:
            text = (
                "refuse needs seconds here, or nobody could undo it; or set it through /_sandbox/NAME/fault elsewhere"
            )
            return _problem(400, text)
        server.faults.set(order.fault(), on=order.on)
        if order.script:
            server.faults.script(order.script, on=order.on)
    except (msgspec.ValidationError, msgspec.DecodeError, ValueError) as error:
        return _problem(400, f"the fault was not set: {error}")
    return json_answer(_shown(server))


def _shown(server: Server) -> dict[str, Any]:
    standing = {lane: server.faults.standing(lane) for lane in LANES}
    # Defaults are left out of a fault, and the kind must be seen even when it is the usual one.
    shown = {lane: {"kind": fault.kind, **_fields(fault)} for lane, fault in standing.items()}
    return {"server": server.name, "fault": shown, "scriptLeft": server.faults.left()}


def _fields(fault: Fault) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(fault).items() if value != getattr(OK, name)}


def _log(server: Server) -> dict[str, Any]:
    return {
        "server": server.name,
        "total": server.record.total,
        "connections": server.connections,
        "counts": server.record.counts(),
        "requests": server.record.requests,
    }


def _problem(status: int, detail: str) -> Answer:
    body = {"type": "about:blank", "title": "Sandbox", "status": status, "detail": detail}
    return json_answer(body, status=status, content_type="application/problem+json")
