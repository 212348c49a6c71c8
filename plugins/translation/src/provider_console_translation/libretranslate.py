"""LibreTranslate's API (docs.libretranslate.com)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from provider_console.sdk import (
    Call,
    Capability,
    Chunk,
    CredentialNeed,
    Description,
    Driver,
    ErrorClass,
    HttpResponse,
    ProbeResult,
    ProviderError,
    Result,
    Rung,
)
from provider_console_translation.language import AUTO, normalise, primary
from provider_console_translation.request import address, answer, decoded, quoted, request

# Its models carry names of their own; servers list them in either spelling and accept this one.
WIRE: Final = {"zh-Hans": "zh", "zh-CN": "zh", "zh-Hant": "zt", "zh-TW": "zt", "pt-BR": "pb", "no": "nb"}
TAGS: Final = {"zh": ("zh", "zh-Hans"), "zh-Hans": ("zh", "zh-Hans"), "zt": ("zh-Hant",), "pb": ("pt-BR",)}

BAN_S: Final = 3600.0
"""A server bans whom it found flooding for hours; asking more often prolongs it."""


class _Detected(msgspec.Struct):
    language: str


class _Translated(msgspec.Struct, rename="camel"):
    translated_text: str
    detected_language: _Detected | None = None


class _Language(msgspec.Struct):
    code: str
    # Servers before 1.3.10 list no targets: then each language goes to every other.
    targets: list[str] | None = None


class _FrontendSettings(msgspec.Struct, rename="camel"):
    char_limit: int = -1


class LibreTranslate(Driver):
    """Translates with a LibreTranslate server. The key travels in the body, as the protocol wants it."""

    name = "libretranslate"
    title = "LibreTranslate"
    categories: tuple[str, ...] = ("translation",)
    credential: CredentialNeed = "optional"
    capabilities: tuple[Capability, ...] = ()
    rungs: tuple[Rung, ...] = (Rung(name="reach", proves="the server runs and has its models"),)
    default_base_url: str | None = None
    describes = True

    async def call(self, call: Call) -> Result | AsyncIterator[Chunk]:
        """Translate one text."""
        wanted = request(call)
        body = {
            "q": wanted.text,
            "source": _wire(wanted.source) if wanted.source else AUTO,
            "target": _wire(wanted.target),
            "format": "html" if wanted.format == "html" else "text",
        }
        if call.credential is not None:
            body["api_key"] = call.credential.reveal()
        response = await call.http.request("POST", address(call, "/translate"), json=body)
        if not response.ok:
            raise _error(call, response)
        translated = decoded(response, _Translated)
        value = {"text": translated.translated_text}
        if not wanted.source and translated.detected_language:
            value["detectedLanguage"] = next(iter(_tags(translated.detected_language.language)), AUTO)
        return answer(call, Result(value=value, units={"characters": len(wanted.text)}))

    async def probe(self, call: Call) -> ProbeResult:
        """Ask for the languages: free, without a key, and empty where the models are missing."""
        pairs = await self._pairs(call)
        if not pairs:
            raise ProviderError(f"{call.provider.id} runs without a single model", error_class=ErrorClass.SERVER_ERROR)
        return ProbeResult(
            rung="reach", detail=f"{len(pairs)} language pairs", description=Description(capabilities=pairs)
        )

    async def describe(self, call: Call) -> Description:
        """Ask for the language pairs and the longest text."""
        pairs = await self._pairs(call)
        response = await call.http.request("GET", address(call, "/frontend/settings"))
        limit = decoded(response, _FrontendSettings).char_limit if response.ok else -1
        return Description(capabilities=pairs, max_characters=limit if limit > 0 else None)

    async def _pairs(self, call: Call) -> tuple[Capability, ...]:
        response = await call.http.request("GET", address(call, "/languages"))
        if not response.ok:
            raise _error(call, response)
        languages = decoded(response, list[_Language])
        everything = [language.code for language in languages]
        pairs = {
            f"translate:{source}>{target}"
            for language in languages
            for source in (*_tags(language.code), AUTO)
            for code in (everything if language.targets is None else language.targets)
            for target in _tags(code)
            if code != language.code
        }
        return tuple(sorted(pairs))


def _wire(tag: str) -> str:
    return WIRE.get(tag, primary(tag))


def _tags(code: str) -> tuple[str, ...]:
    if code in TAGS:
        return TAGS[code]
    try:
        return (normalise(code),)
    except ValueError:
        return ()


def _error(call: Call, response: HttpResponse) -> ProviderError:
    try:
        body = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = None
    words = body.get("error") if isinstance(body, dict) else None
    words = words if isinstance(words, str) else ""
    error_class, provider_specific, wait_s = _meaning(response.status, words.lower())
    said = "" if error_class is ErrorClass.AUTHENTICATION else quoted(words, call)
    error = ProviderError.from_response(
        response,
        f"{call.provider.id}: LibreTranslate answered HTTP {response.status}{said}",
        error_class=error_class,
        provider_specific=provider_specific,
    )
    if wait_s is not None and error.retry_after_s is None:
        error.retry_after_s = wait_s
    return error


def _meaning(status: int, words: str) -> tuple[ErrorClass | None, bool, float | None]:
    """The class, whether another provider may accept the request, and seconds to wait.

    The server has one error shape and few statuses, so its words (libretranslate/app.py) decide.
    """
    if status == 400 and "api key" in words:
        return ErrorClass.AUTHENTICATION, False, None
    if status == 400 and "exceeds text limit" in words:
        return ErrorClass.CONTEXT_TOO_LONG, False, None
    if status == 400 and ("not supported" in words or "not available" in words):
        return ErrorClass.INVALID_REQUEST, True, None
    if status == 403:
        banned = "violations" in words
        return (ErrorClass.RATE_LIMITED, False, BAN_S) if banned else (ErrorClass.AUTHENTICATION, False, None)
    if status == 429:
        # flask-limiter writes the limit that was hit: "Slowdown: 100 per 1 day".
        return (ErrorClass.QUOTA if " day" in words else ErrorClass.RATE_LIMITED), False, None
    return None, False, None
