"""DeepL's API v2 (developers.deepl.com/api-reference)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from provider_console.sdk import (
    BadResult,
    Call,
    Capability,
    Chunk,
    CredentialNeed,
    Driver,
    ErrorClass,
    HttpResponse,
    ProbeResult,
    ProviderError,
    Result,
    Rung,
)
from provider_console_translation.language import normalise, primary
from provider_console_translation.request import answer, decoded, quoted, request

PAID_HOST: Final = "https://api.deepl.com"
FREE_HOST: Final = "https://api-free.deepl.com"
FREE_KEY_ENDING: Final = ":fx"

# The languages that every plan has (developers.deepl.com/docs/getting-started/supported-languages).
_LANGUAGES: Final = "ar bg cs da de el en es et fi fr he hu id it ja ko lt lv nb nl pl pt ro ru sk sl sv th tr uk vi zh"
SOURCES: Final = frozenset(_LANGUAGES.split())
# What each target is called on the wire. EN and PT alone are refused, so they become a variety by default.
TARGETS: Final[dict[str, str]] = {
    **{tag: tag.upper() for tag in sorted(SOURCES - {"en", "pt"})},
    "en": "EN-GB",
    "en-GB": "EN-GB",
    "en-US": "EN-US",
    "es-419": "ES-419",
    "no": "NB",
    "pt": "PT-PT",
    "pt-BR": "PT-BR",
    "pt-PT": "PT-PT",
    "zh-CN": "ZH-HANS",
    "zh-Hans": "ZH-HANS",
    "zh-Hant": "ZH-HANT",
    "zh-TW": "ZH-HANT",
}

CLASSES: Final = {
    401: ErrorClass.AUTHENTICATION,
    403: ErrorClass.AUTHENTICATION,
    413: ErrorClass.CONTEXT_TOO_LONG,
    414: ErrorClass.CONTEXT_TOO_LONG,
    429: ErrorClass.RATE_LIMITED,
    456: ErrorClass.QUOTA,
    529: ErrorClass.RATE_LIMITED,
}


class _Translation(msgspec.Struct):
    text: str
    detected_source_language: str | None = None


class _Translations(msgspec.Struct):
    translations: list[_Translation]


class _Usage(msgspec.Struct):
    character_count: int
    character_limit: int


class DeepL(Driver):
    """Translates with DeepL; a key that ends in `:fx` goes to the free host where no other address is set."""

    name = "deepl"
    title = "DeepL"
    categories: tuple[str, ...] = ("translation",)
    credential: CredentialNeed = "required"
    # Any source: DeepL detects it, and the few that it cannot read are refused before a request is spent.
    capabilities: tuple[Capability, ...] = tuple(f"translate:*>{target}" for target in TARGETS)
    rungs: tuple[Rung, ...] = (Rung(name="quota", proves="address, key, and characters left"),)
    default_base_url: str | None = PAID_HOST
    # 128 KiB a request (docs/resources/usage-limits): four bytes a character, and room for the JSON around them.
    max_characters: int | None = 30_000

    async def call(self, call: Call) -> Result | AsyncIterator[Chunk]:
        """Translate one text."""
        wanted = request(call)
        target = TARGETS.get(wanted.target) or _listed(call, wanted.target)
        source = _source(wanted.source) or _listed(call, wanted.source)
        if target is None or (wanted.source and source is None):
            raise ProviderError(
                f"DeepL has no {wanted.source or 'auto'}>{wanted.target}",
                error_class=ErrorClass.INVALID_REQUEST,
                provider_specific=True,
            )
        body: dict[str, Any] = {"text": [wanted.text], "target_lang": target}
        if source:
            body["source_lang"] = source
        if wanted.format == "html":
            body["tag_handling"] = "html"
        response = await call.http.request("POST", _host(call) + "/v2/translate", headers=_headers(call), json=body)
        if not response.ok:
            raise _error(call, response)
        translations = decoded(response, _Translations).translations
        if not translations:
            raise BadResult("DeepL answered without a translation")
        value = {"text": translations[0].text}
        if not wanted.source and translations[0].detected_source_language:
            value["detectedLanguage"] = _tag(translations[0].detected_source_language)
        return answer(call, Result(value=value, units={"characters": len(wanted.text)}))

    async def probe(self, call: Call) -> ProbeResult:
        """Ask for the usage of this billing period: free, and it needs the key."""
        response = await call.http.request("GET", _host(call) + "/v2/usage", headers=_headers(call))
        if not response.ok:
            raise _error(call, response)
        usage = decoded(response, _Usage)
        if usage.character_limit <= 0:
            return ProbeResult(rung="authentication", detail="the key is accepted")
        if usage.character_count >= usage.character_limit:
            raise ProviderError(
                f"{call.provider.id}: all {usage.character_limit:,} characters of this period are used",
                error_class=ErrorClass.QUOTA,
            )
        return ProbeResult(
            rung="quota", detail=f"{usage.character_count:,} of {usage.character_limit:,} characters used"
        )


def _host(call: Call) -> str:
    base_url = (call.provider.base_url or PAID_HOST).rstrip("/")
    free = call.credential is not None and call.credential.reveal().endswith(FREE_KEY_ENDING)
    return FREE_HOST if base_url == PAID_HOST and free else base_url


def _headers(call: Call) -> dict[str, str]:
    if call.credential is None:
        raise ProviderError(
            f"{call.provider.id} needs a key; name it as credential in its table",
            error_class=ErrorClass.AUTHENTICATION,
        )
    return {"Authorization": f"DeepL-Auth-Key {call.credential.reveal()}"}


def _source(tag: str | None) -> str | None:
    language = {"no": "nb"}.get(primary(tag), primary(tag)) if tag else None
    return language.upper() if language in SOURCES else None


def _listed(call: Call, tag: str | None) -> str | None:
    """The wire's name of a language that the configuration lists: one that DeepL learnt after this was written."""
    named = {f"translate:*>{tag}", f"translate:{tag}>*"}
    return tag.upper() if tag and named & set(call.provider.capabilities) else None


def _tag(code: str) -> str:
    try:
        return normalise(code)
    except ValueError as error:
        raise BadResult("DeepL named a source language that is no language tag") from error


def _error(call: Call, response: HttpResponse) -> ProviderError:
    try:
        body = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = None
    parts = [body.get("message"), body.get("detail")] if isinstance(body, dict) else []
    words = "; ".join(part for part in parts if isinstance(part, str) and part.strip())
    error_class = CLASSES.get(response.status)
    # The words for a refused key may hold the key; the class says enough.
    said = "" if error_class is ErrorClass.AUTHENTICATION else quoted(words, call)
    return ProviderError.from_response(
        response,
        f"{call.provider.id}: DeepL answered HTTP {response.status}{said}",
        error_class=error_class,
        # A language that DeepL does not know may well be known elsewhere.
        provider_specific=response.status == 400 and "_lang" in words,
    )
