"""Catalogues: addresses that list AI providers as JSON while the console runs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from provider_console.sdk import (
    BadResult,
    CredentialName,
    DisplayName,
    Incomplete,
    Network,
    PluginContext,
    ProviderDescriptor,
    ProviderError,
    ProviderId,
    SdkError,
    Source,
    TransportError,
)
from provider_console_dynamic_ai.settings import Catalogue
from provider_console_dynamic_ai.source import section

MAX_ENTRIES: Final = 1_000
"""Entries of one catalogue that are read; what comes after them is left out, and the log says so."""

TIMEOUT_S: Final = 8.0
"""For one catalogue; all are asked at once, and a source has 10 s."""

ALIASES: Final = {
    "gpt": "openai",
    "chatgpt": "openai",
    "open-ai": "openai",
    "open_ai": "openai",
    "claude": "anthropic",
    "google-gemini": "gemini",
    "google_gemini": "gemini",
    "libre-translate": "libretranslate",
    "libre_translate": "libretranslate",
    "mistralai": "mistral",
}
"""Other names under which the console knows a vendor: an entry `gpt` speaks of the configured `openai` too."""

_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Entry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A provider as a catalogue lists it; fields that are not named here are ignored."""

    id: ProviderId
    driver: str | None = None
    name: DisplayName | None = None
    base_url: str | None = None
    models: tuple[str, ...] | None = None
    capabilities: tuple[str, ...] | None = None
    credential: CredentialName | None = None
    region: str | None = None
    network: Network | None = None

    def __post_init__(self) -> None:
        if self.base_url is not None and not re.fullmatch(r"https?://[^\s?#@]{1,2000}", self.base_url):
            raise ValueError("baseUrl is no plain http or https address")
        for text in (self.driver, self.region, *(self.models or ()), *(self.capabilities or ())):
            if text is not None and (len(text) > 200 or _UNPRINTABLE.search(text)):
                raise ValueError("a text is longer than 200 characters or holds control characters")
        if len(self.models or ()) > 1000 or len(self.capabilities or ()) > 5000:
            raise ValueError("more than 1,000 models or 5,000 capabilities")


class Catalogues(Source):
    """Yields what the configured catalogues list; never `configured`, so nothing is used before it is adopted.

    A catalogue is somebody else's word. It cannot widen the network it was read from (a catalogue on the internet
    names providers on the internet only), and of a provider that the administrator configured it may describe
    models and abilities but not the address, credential or protocol: those decide where a key is sent.
    """

    name: Final = "dynamic_ai_catalogue"

    def __init__(self, context: PluginContext) -> None:
        self._context = context
        self._last_good: dict[Catalogue, list[ProviderDescriptor]] = {}

    async def discover(self) -> Sequence[ProviderDescriptor]:
        """All catalogues together; one that fails keeps its last good answer.

        Raises:
            Incomplete: a catalogue failed; what the others say and what it last said is there.
            SdkError: every catalogue failed, and none has said anything before.
        """
        settings = section(self._context)
        self._last_good = {key: value for key, value in self._last_good.items() if key in settings.catalogues}
        async with asyncio.TaskGroup() as group:
            tasks = {catalogue: group.create_task(self._outcome(catalogue)) for catalogue in settings.catalogues}
        found: dict[str, ProviderDescriptor] = {}
        failures: list[SdkError] = []
        missing: list[str] = []
        for catalogue, task in tasks.items():
            outcome = task.result()
            if isinstance(outcome, SdkError):
                failures.append(outcome)
                old = "; what it said before is used" if catalogue in self._last_good else ""
                missing.append(f"{outcome}{old}")
            else:
                self._last_good[catalogue] = outcome
            for descriptor in self._last_good.get(catalogue, ()):
                # The first catalogue that lists a provider describes it.
                found.setdefault(descriptor.id, descriptor)
        if failures and not self._last_good:
            raise failures[0]
        descriptors = [
            _described(descriptor) if {key, ALIASES.get(key)} & settings.providers.keys() else descriptor
            for key, descriptor in sorted(found.items())
        ]
        if missing:
            raise Incomplete("; ".join(missing), found=descriptors)
        return descriptors

    async def _outcome(self, catalogue: Catalogue) -> list[ProviderDescriptor] | SdkError:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._read(catalogue)
        except TimeoutError:
            return TransportError(f"{_shown(catalogue)} did not answer within {TIMEOUT_S:.0f} s", kind="timeout")
        except SdkError as error:
            return error

    async def _read(self, catalogue: Catalogue) -> list[ProviderDescriptor]:
        http = self._context.http(network=catalogue.reach, bearer=catalogue.credential)
        response = await http.request("GET", catalogue.url, headers={"Accept": "application/json"})
        if not response.ok:
            said = f"{_shown(catalogue)} answered HTTP {response.status}{_mend(catalogue, response.status)}"
            raise ProviderError.from_response(response, said)
        body = response.json()
        entries = body.get("providers") if isinstance(body, dict) else None
        if not isinstance(entries, list):
            raise BadResult(f'{_shown(catalogue)} has no list "providers"')
        if len(entries) > MAX_ENTRIES:
            self._context.logger.warning(
                "%s lists %d providers; the first %d are read", _shown(catalogue), len(entries), MAX_ENTRIES
            )
        found: dict[str, ProviderDescriptor] = {}
        for number, raw in enumerate(entries[:MAX_ENTRIES], 1):
            try:
                descriptor = _descriptor(raw, catalogue.reach)
            except (msgspec.ValidationError, ValueError) as error:
                self._context.logger.warning("%s: entry %d is left out: %s", _shown(catalogue), number, error)
                continue
            found.setdefault(descriptor.id, descriptor)
        return list(found.values())


def _descriptor(raw: Any, reach: Network) -> ProviderDescriptor:
    entry = msgspec.convert(raw, Entry)
    network = entry.network or "global"
    if network not in ("global", reach):
        raise ValueError(f"a {reach} catalogue cannot name a provider on the {network} network")
    return ProviderDescriptor(
        id=entry.id,
        driver=entry.driver,
        names={"en": _UNPRINTABLE.sub("", entry.name)} if entry.name else None,
        base_url=entry.base_url,
        credential=entry.credential,
        # Always said: left open, a driver for local servers would put it on this machine.
        network=network,
        models=entry.models or None,
        capabilities=entry.capabilities or None,
        region=entry.region,
    )


def _described(descriptor: ProviderDescriptor) -> ProviderDescriptor:
    return msgspec.structs.replace(descriptor, driver=None, base_url=None, credential=None, network=None)


def _mend(catalogue: Catalogue, status: int) -> str:
    """What to try where a catalogue lets nobody in."""
    if status not in (401, 403):
        return ""
    if catalogue.credential is None:
        return "; it wants a credential: name it in dynamic_ai.catalogues"
    return f"; is its credential stored? provider-console secrets set {catalogue.credential}"


def _shown(catalogue: Catalogue) -> str:
    # A query may carry a key.
    return f"the catalogue {catalogue.url.partition('?')[0]}"
