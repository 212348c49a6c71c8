"""The OpenAPI 3.1 document, made from the table of routes and the types of the interface."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from provider_console import __version__
from provider_console.api.exchange import BODY_BYTES
from provider_console.console import problems
from provider_console.console.problems import KINDS, Problem
from provider_console.console.routes import ROUTES, Route
from provider_console.console.views import Explanation
from provider_console.console.wire import StreamedText, arguments, camel, request_type, response_type, role_for, summary

_REF: Final = "#/components/schemas/{name}"

ALWAYS: Final = (401, 403, 408, 421, 429, 431, 500, 503)
"""What every route may answer."""

_FURTHER: Final[Mapping[str, tuple[int, ...]]] = {
    "execute": (409, 502),
    "provider": (404,),
    "set_provider_enabled": (404,),
    "adopt_provider": (404, 409, 422),
    "check": (404,),
    "analytics": (404,),
    "acknowledge_alert": (404,),
    "snooze_alert": (404,),
    "execution": (404, 409),
    "repeat": (404,),
    "set_secret": (409,),
    "delete_secret": (409,),
    "issue_token": (409,),
    "renew_token": (409,),
    "rotate_token_keys": (409,),
    "edited_config": (409, 422),
    "config_impact": (422,),
    "confirm_config": (409, 422),
    "set_plugin_enabled": (404, 409, 422),
    "set_config": (409, 422),
    "replace_config": (412, 422, 428),
    "revision_text": (404, 422),
    "restore_config": (404, 409, 422),
    "validate_config": (422,),
    "config_text": (422,),
}
"""What an action may be answered beyond that: a refusal of its own."""

_OPEN: Final = (
    ("/livez", "Whether the process answers", "text/plain", (200,)),
    (
        "/readyz",
        "Whether requests are taken: not while shutting down, nor while the audit trail cannot be written",
        "application/json",
        (200, 503),
    ),
    ("/openapi.json", "This document", "application/json", (200,)),
    ("/docs", "This document for people", "text/html", (200,)),
)


def statuses(route: Route) -> list[int]:
    """Every status that a route may answer, its success left out."""
    found = {*ALWAYS, *_FURTHER.get(route.action, ())}
    if "{" in route.path:
        found.add(404)
    found.add(400)
    if request_type(route) is not None:
        found |= {413, 415}
    elif route.method not in ("GET", "DELETE"):
        found.add(413)
    if route.special == "execute":
        found.add(422)
    return sorted(found)


def document(routes: Iterable[Route] = ROUTES) -> dict[str, Any]:
    """The whole document, as plain data."""
    rows = list(routes)
    types = [kind for row in rows for kind in (request_type(row), response_type(row)) if kind is not None]
    types += [Problem, Explanation, StreamedText]
    places = [one.type for row in rows for one in arguments(row) if _is_parameter(one.place, row)]
    schemas, components = msgspec.json.schema_components([*types, *places], ref_template=_REF)
    named = dict(zip(map(id, [*types, *places]), schemas, strict=True))
    paths: dict[str, Any] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, named)
    for path, words, kind, answers in _OPEN:
        paths[path] = {"get": _open(path, words, kind, answers)}
    paths["/metrics"] = {"get": _metrics()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Provider Console",
            "version": __version__,
            "description": "Keeps AI and translation providers working: health, operations with fallback, settings, "
            "secrets and the audit trail. Durations are milliseconds, rates percentages, times ISO 8601 in UTC.",
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(route: Route, schemas: Mapping[int, Any]) -> dict[str, Any]:
    kind, request = response_type(route), request_type(route)
    operation: dict[str, Any] = {
        "operationId": f"{route.action}_{route.special}" if route.special == "catalogue" else _unique(route),
        "summary": summary(route),
        "description": f"Needs the role {role_for(route).value}.",
        "parameters": [_parameter(one, schemas) for one in arguments(route) if _is_parameter(one.place, route)],
        "responses": {
            str(route.status): _success(route, None if kind is None else schemas[id(kind)], schemas),
            **{str(status): _problem(status) for status in statuses(route)},
        },
    }
    operation["parameters"] += _headers(route)
    if request is not None:
        operation["requestBody"] = {
            "required": route.special is not None or any(a.place == "body" and a.required for a in arguments(route)),
            "description": f"At most {BODY_BYTES:,} bytes.",
            "content": {"application/json": {"schema": schemas[id(request)]}},
        }
    if route.special in ("config", "config_text"):
        operation["responses"]["304"] = {"description": "It is still the one that If-None-Match names"}
    return operation


def _unique(route: Route) -> str:
    return f"{route.action}_of_all" if route.without else route.action


def _is_parameter(place: str, route: Route) -> bool:
    return place == "path" or (place == "query" and route.special is None)


def _parameter(argument: Any, schemas: Mapping[int, Any]) -> dict[str, Any]:
    in_path = argument.place == "path"
    schema = dict(schemas[id(argument.type)])
    if not in_path:
        # A query has no null: what is optional is left out.
        schema = _without_null(schema)
        if not argument.required and argument.default is not None:
            schema["default"] = argument.default
    return {
        "name": argument.name if in_path else camel(argument.key),
        "in": argument.place,
        "required": argument.required or in_path,
        "schema": schema,
    }


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    some = schema.get("anyOf")
    if some is None:
        return schema
    rest = [one for one in some if one != {"type": "null"}]
    return dict(rest[0]) if len(rest) == 1 else {**schema, "anyOf": rest}


def _headers(route: Route) -> list[dict[str, Any]]:
    def header(name: str, words: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
        return {"name": name, "in": "header", "required": required, "description": words, "schema": schema}

    text = {"type": "string", "pattern": "^[!-~]{1,128}$"}
    found = []
    if route.special == "execute":
        found.append(header("Idempotency-Key", "The same key and body again: the same answer, done once", text))
    if route.special == "replace_config":
        tag = {"type": "string", "pattern": '^"[!#-~]{1,128}"$'}
        found.append(header("If-Match", "The revision that this replaces, quoted: the ETag", tag, required=True))
    if route.special == "events":
        found.append(header("Last-Event-ID", "Read on after this event", text))
    return found


def _success(route: Route, schema: Any, schemas: Mapping[int, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {} if schema is None else {"application/json": {"schema": schema}}
    if route.special == "execute":
        content["application/json"] = {"schema": {"anyOf": [schema, schemas[id(Explanation)]]}}
    if route.special in ("events", "execute"):
        content["text/event-stream"] = {"schema": {"type": "string"}}
    return {"description": "Done" if route.method != "GET" else "What was asked for", "content": content}


def _problem(status: int) -> dict[str, Any]:
    codes = [code for code, kind in KINDS.items() if kind.status == status]
    titles = "; ".join(f"{KINDS[code].title} ({code})" for code in codes)
    schema = {"$ref": _REF.format(name="Problem")}
    return {"description": titles, "content": {problems.MEDIA_TYPE: {"schema": schema}}}


def _open(path: str, words: str, kind: str, answers: tuple[int, ...]) -> dict[str, Any]:
    return {
        "operationId": path.strip("/").partition(".")[0],
        "summary": words,
        "security": [],
        "responses": {
            **{str(status): {"description": words, "content": {kind: {}}} for status in answers},
            **{str(status): _problem(status) for status in (421, 431)},
        },
    }


def _metrics() -> dict[str, Any]:
    return {
        "operationId": "metrics",
        "summary": "Figures for Prometheus",
        "description": "Needs the role metrics; on loopback and without a proxy, no token.",
        "responses": {
            "200": {"description": "Figures", "content": {"text/plain": {}}},
            **{str(status): _problem(status) for status in ALWAYS},
        },
    }
