"""The documentation page: every route of the table, readable without anything from outside."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Final

STYLE: Final = """
:root { color-scheme: light dark; font: 15px/1.55 system-ui, sans-serif }
body { margin: 0 auto; max-width: 62rem; padding: 1rem 1.25rem 4rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem }
h3 { font: 600 .95rem ui-monospace, monospace; margin: 1.6rem 0 .2rem }
code, pre { font: .86rem/1.5 ui-monospace, monospace }
pre { overflow-x: auto; padding: .7rem .9rem; border: 1px solid #8885; border-radius: .35rem }
table { border-collapse: collapse; margin: .4rem 0 } td, th { padding: .15rem .9rem .15rem 0; text-align: left;
vertical-align: top } .m { display: inline-block; min-width: 4.2rem } .r { opacity: .7; font-weight: 400 }
summary { cursor: pointer }
"""
POLICY: Final = b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(document: Mapping[str, Any]) -> bytes:
    """The page of an OpenAPI document."""
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Provider Console: HTTP API</title>',
        f"<style>{STYLE}</style></head><body><h1>Provider Console: HTTP API</h1>",
        f"<p>{escape(document['info']['description'])}</p>",
        "<p>Every request needs <code>Authorization: Bearer TOKEN</code>; "
        "<code>provider-console token issue --role admin</code> prints one. An error is a problem document (RFC 9457) "
        "with a stable <code>code</code> and the <code>field</code> that is at fault. The same as data: "
        '<a href="/openapi.json">openapi.json</a>.</p>',
        '<pre>curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8750/api/provider-integration/providers</pre>',
        "<h2>Routes</h2>",
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts += _route(path, method, operation)
    parts.append("<h2>Types</h2>")
    for name, schema in sorted(document["components"]["schemas"].items()):
        parts.append(f'<h3 id="{escape(name)}">{escape(name)}</h3>{_words(schema)}{_fields(schema)}')
    parts.append("</body></html>")
    return "".join(parts).encode()


def _route(path: str, method: str, operation: Mapping[str, Any]) -> list[str]:
    parts = [f'<h3><span class="m">{method.upper()}</span>{escape(path)}</h3>']
    parts.append(
        f"<p>{escape(operation['summary'])} <span class=r>{escape(operation.get('description', ''))}</span></p>"
    )
    rows = [
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{one['in']}</td><td>{_type(one['schema'])}</td>"
        f"<td>{'required' if one['required'] else ''}</td></tr>"
        for one in operation.get("parameters", [])
    ]
    if rows:
        parts.append(f"<table>{''.join(rows)}</table>")
    if "requestBody" in operation:
        parts.append(f"<p>Body: {_type(operation['requestBody']['content']['application/json']['schema'])}</p>")
    answers = []
    for status, answer in sorted(operation["responses"].items()):
        kinds = [_type(one.get("schema", {})) for one in answer.get("content", {}).values()]
        answers.append(f"<tr><td>{status}</td><td>{escape(answer['description'])}</td><td>{kinds[0] if kinds else ''}")
    parts.append(f"<details><summary>Answers</summary><table>{'</td></tr>'.join(answers)}</td></tr></table></details>")
    return parts


def _words(schema: Mapping[str, Any]) -> str:
    return f"<p>{escape(schema['description'])}</p>" if "description" in schema else ""


def _fields(schema: Mapping[str, Any]) -> str:
    rows = [
        f"<tr><td><code>{escape(name)}</code></td><td>{_type(one)}</td>"
        f"<td>{'required' if name in schema.get('required', ()) else ''}</td>"
        f"<td>{escape(str(one.get('description', '')))}</td></tr>"
        for name, one in schema.get("properties", {}).items()
    ]
    if not rows and "enum" in schema:
        return f"<p>{_type(schema)}</p>"
    return f"<table>{''.join(rows)}</table>" if rows else ""


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " · ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"])
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {_type(schema['items'])}" if isinstance(schema.get("items"), dict) else "list"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map of {_type(schema['additionalProperties'])}"
    bounds = [
        f"{words} {schema[key]}"
        for key, words in (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"), ("pattern", "like"))
        if key in schema
    ]
    return escape(" ".join([kind, *bounds]))
