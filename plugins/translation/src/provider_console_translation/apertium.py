"""Apertium APY's API (wiki.apertium.org/wiki/Apertium-apy)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlencode

import msgspec

from provider_console.sdk import (
    BadResult,
    Call,
    Capability,
    Chunk,
    CredentialNeed,
    Description,
    Driver,
    ErrorClass,
    HttpResponse,
    Network,
    ProbeResult,
    ProviderError,
    Result,
    Rung,
)
from provider_console_translation.iso639 import THREE_LETTERS
from provider_console_translation.language import normalise
from provider_console_translation.request import address, answer, decoded, quoted, request

# Apertium writes one Serbo-Croatian with variants where BCP 47 has languages, and names a variant its own way.
WIRE: Final = {"bs": "hbs_BS", "hr": "hbs_HR", "sr": "hbs_SR", "oc-aranes": "oci_aran"}
TAGS: Final = {code: tag for tag, code in WIRE.items()}


class _Text(msgspec.Struct, rename="camel"):
    translated_text: str


class _Translated(msgspec.Struct, rename="camel"):
    response_data: _Text


class _Pair(msgspec.Struct, rename="camel"):
    source_language: str
    target_language: str


class _Pairs(msgspec.Struct, rename="camel"):
    response_data: list[_Pair]


class Apertium(Driver):
    """Translates with an Apertium server: the installed pairs are its capabilities, and it detects nothing."""

    name = "apertium"
    title = "Apertium"
    categories: tuple[str, ...] = ("translation",)
    credential: CredentialNeed = "none"
    capabilities: tuple[Capability, ...] = ()
    rungs: tuple[Rung, ...] = (Rung(name="reach", proves="the server runs"),)
    default_base_url: str | None = "http://127.0.0.1:2737"
    default_network: Network = "loopback"
    describes = True

    async def call(self, call: Call) -> Result | AsyncIterator[Chunk]:
        """Translate one text."""
        wanted = request(call)
        if wanted.source is None:
            raise ProviderError(
                f"{call.provider.id} cannot detect a language; name the one to translate from",
                error_class=ErrorClass.INVALID_REQUEST,
                provider_specific=True,
            )
        form = {
            "langpair": f"{to_apertium(wanted.source, source=True)}|{to_apertium(wanted.target)}",
            "q": wanted.text,
            # Otherwise a word that it does not know arrives with an asterisk.
            "markUnknown": "no",
        }
        if wanted.format != "html":
            form["format"] = "txt"
        # In the body: a query would put the text into every log on the way, and into the limit of a URL's length.
        response = await call.http.request(
            "POST",
            address(call, "/translate"),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            content=urlencode(form).encode(),
        )
        self._raise_for(call, response)
        text = decoded(response, _Translated).response_data.translated_text
        return answer(call, Result(value={"text": text}, units={"characters": len(wanted.text)}))

    async def probe(self, call: Call) -> ProbeResult:
        """Ask for the server's own statistics."""
        response = await call.http.request("GET", address(call, "/stats"))
        self._raise_for(call, response)
        body = response.json()
        data = body.get("responseData") if isinstance(body, dict) else None
        if not isinstance(data, dict):
            raise BadResult("what answers is no Apertium server: /stats has no responseData")
        uptime = data.get("uptime")
        detail = f"up for {uptime:,.0f} s" if isinstance(uptime, int | float) else ""
        return ProbeResult(rung="reach", detail=detail)

    async def describe(self, call: Call) -> Description:
        """Ask for the installed pairs."""
        response = await call.http.request("GET", address(call, "/listPairs"))
        self._raise_for(call, response)
        pairs = decoded(response, _Pairs).response_data
        known = {(from_apertium(pair.source_language), from_apertium(pair.target_language)) for pair in pairs}
        return Description(
            capabilities=tuple(sorted(f"translate:{source}>{target}" for source, target in known if source and target))
        )

    def _raise_for(self, call: Call, response: HttpResponse) -> None:
        """Raise what the answer says; a failure may hide in a body whose HTTP status is 200."""
        try:
            body = msgspec.json.decode(response.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            body = None
        body = body if isinstance(body, dict) else {}
        told = body.get("code") if body.get("status") == "error" else body.get("responseStatus")
        status = told if response.ok and isinstance(told, int) else response.status
        if 200 <= status < 300:
            return
        words = body.get("explanation") or body.get("responseDetails") or body.get("message")
        raise ProviderError(
            f"{call.provider.id}: Apertium answered {status}{quoted(words, call)}",
            status=status,
            code=None,
            retry_after_s=response.retry_after_s,
            # 400 is a pair that is not installed here; somewhere else it may be.
            error_class=ErrorClass.INVALID_REQUEST if status == 400 else None,
            provider_specific=status == 400,
        )


def to_apertium(tag: str, *, source: bool = False) -> str:
    """A BCP 47 tag in Apertium's spelling. A source loses its region: who reads English reads British English.

    >>> to_apertium("en-GB", source=True), to_apertium("pt-BR"), to_apertium("hr"), to_apertium("ca-valencia")
    ('eng', 'por_BR', 'hbs_HR', 'cat_valencia')
    """
    if tag in WIRE:
        return WIRE[tag]
    language, _, rest = tag.partition("-")
    code = THREE_LETTERS.get(language, language)
    return f"{code}_{rest.replace('-', '_')}" if rest and not (source and _is_region(rest)) else code


def from_apertium(code: str) -> str | None:
    """Apertium's spelling as a BCP 47 tag; None where it is none.

    >>> from_apertium("eng"), from_apertium("por_BR"), from_apertium("hbs_HR"), from_apertium("zz9")
    ('en', 'pt-BR', 'hr', None)
    """
    if code in TAGS:
        return TAGS[code]
    try:
        return normalise(code)
    except ValueError:
        return None


def _is_region(subtag: str) -> bool:
    return len(subtag) == 2 or subtag.isdigit()
