"""One provider from many sources: field by field the first source that has a value wins, and nothing is hidden.

The order is: what the administrator configured, then translation, dynamic_ai, system_secrets, then other sources by
name. Lists are unions, except that a configured list replaces them. What was found and not configured is not used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from provider_console.core.nearest import did_you_mean
from provider_console.core.text import clean_text
from provider_console.sdk.driver import Driver
from provider_console.sdk.provider import ID_PATTERN, Provider, ProviderDescriptor

SOURCE_ORDER: Final = ("translation", "dynamic_ai", "system_secrets")
CONFIGURATION: Final = "configuration"
DRIVER: Final = "driver"
DEFAULT: Final = "default"

ALIASES: Final[Mapping[str, str]] = {
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
"""Other names of the vendors, lower case, to the one this console uses."""

_LISTS: Final = ("capabilities", "models")
_SCALARS: Final = ("names", "base_url", "credential", "network", "tier", "cost", "region", "max_characters")
_TRUSTED: Final[Mapping[str, tuple[str, ...]]] = {"base_url": (), "network": (), "credential": ("system_secrets",)}
"""Which sources may complete these fields of a configured provider: a catalogue must not send its key elsewhere."""
_CONTRADICTING: Final = ("driver", "base_url", "credential", "network")
"""Fields on which two sources cannot both be right."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something a source named that cannot be a provider."""

    provider: str
    source: str
    message: str


_Word = tuple[str, ProviderDescriptor]


def canonical(name: str, aliases: Mapping[str, str] = ALIASES) -> str:
    """The id of a provider: the vendor's one name where it is a known alias, else the name itself, lower case.

    >>> canonical("OpenAI"), canonical("gpt"), canonical("deepl-work")
    ('openai', 'openai', 'deepl-work')
    """
    lower = name.strip().lower()
    return aliases.get(lower, lower)


def unify(
    found: Sequence[_Word], *, drivers: Mapping[str, Driver], aliases: Mapping[str, str] = ALIASES
) -> tuple[list[Provider], list[Problem]]:
    """Providers by id, and what could not become one. The same input in any order gives the same answer."""
    problems: list[Problem] = []
    groups: dict[str, list[_Word]] = {}
    keys = frozenset(descriptor.id for _, descriptor in found if descriptor.configured)
    for source, descriptor in found:
        # A configured key is the administrator's own word and stays as it is written, whoever repeats it.
        name = descriptor.id if descriptor.id in keys else canonical(descriptor.id, aliases)
        if not ID_PATTERN.fullmatch(name):
            problems.append(
                Problem(
                    provider=clean_text(descriptor.id, 64),
                    source=source,
                    message=f"source {source} names a provider {clean_text(descriptor.id, 64)!r}; "
                    "an id has 1 to 64 of a-z, 0-9, _ and -",
                )
            )
            continue
        groups.setdefault(name, []).append((source, descriptor))
    providers = []
    for name, words in sorted(groups.items()):
        words.sort(key=_rank)
        provider = _provider(name, words, drivers, problems)
        if provider is not None:
            providers.append(provider)
            problems.extend(_unreachable(provider))
    return providers, sorted(problems, key=lambda problem: (problem.provider, problem.source, problem.message))


def _rank(word: _Word) -> tuple[Any, ...]:
    source, descriptor = word
    place = SOURCE_ORDER.index(source) if source in SOURCE_ORDER else len(SOURCE_ORDER)
    # The last part only makes the order total, so that it does not depend on the input's.
    return (not descriptor.configured, place, source, msgspec.json.encode(descriptor, order="sorted"))


def _provider(
    name: str, words: Sequence[_Word], drivers: Mapping[str, Driver], problems: list[Problem]
) -> Provider | None:
    configured = words[0][1].configured
    said = [(source, word) for source, word in words if word.driver is not None and word.configured >= configured]
    if not said:
        if configured:
            problems.append(
                Problem(
                    provider=name,
                    source=words[0][0],
                    message=f"provider {name}: no driver is named; add driver = one of {', '.join(sorted(drivers))}",
                )
            )
        return None
    source, first = said[0]
    driver_name = first.driver or ""
    driver = drivers.get(driver_name)
    if driver is None:
        problems.append(
            Problem(
                provider=name,
                source=source,
                message=f"provider {name}: unknown driver {clean_text(driver_name, 64)!r}"
                f"{did_you_mean(driver_name, drivers)}",
            )
        )
        return None
    provenance = {"driver": _origin(source, first)}
    values: dict[str, Any] = {}
    for field in _SCALARS:
        values[field] = _first(field, words, provenance)
    for field in _LISTS:
        values[field] = _union(field, words, provenance)
    return Provider(
        id=name,
        driver=driver_name,
        configured=configured,
        enabled=_enabled(words, provenance) if configured else False,
        names=values["names"] or {"en": driver.title if name == driver_name else name},
        base_url=values["base_url"] or _default("base_url", driver.default_base_url, provenance),
        credential=values["credential"],
        network=values["network"] or _default("network", driver.default_network, provenance),
        tier=values["tier"] or _default("tier", "primary" if configured else "fallback", provenance, origin=DEFAULT),
        categories=driver.categories,
        capabilities=_capabilities(values["capabilities"], driver, provenance),
        models=values["models"] or (),
        cost=values["cost"],
        region=values["region"],
        max_characters=values["max_characters"] or _default("max_characters", driver.max_characters, provenance),
        sources=tuple(dict.fromkeys(source for source, _ in words)),
        provenance=provenance,
        contradictions=_contradictions(words, provenance),
    )


def _unreachable(provider: Provider) -> list[Problem]:
    if provider.network == "global" and (provider.base_url or "").startswith("http://"):
        return [
            Problem(
                provider=provider.id,
                source=provider.provenance.get("base_url", CONFIGURATION),
                message=f'provider {provider.id}: plain http is for network = "loopback" or "private"; '
                "use https, or say where its address is",
            )
        ]
    return []


def _origin(source: str, descriptor: ProviderDescriptor) -> str:
    return CONFIGURATION if descriptor.configured else source


def _first(field: str, words: Sequence[_Word], provenance: dict[str, str]) -> Any:
    configured = words[0][1].configured
    for source, word in words:
        if configured and not word.configured and source not in _TRUSTED.get(field, (source,)):
            continue
        value = getattr(word, field)
        if value is not None:
            provenance[field] = _origin(source, word)
            return value
    return None


def _union(field: str, words: Sequence[_Word], provenance: dict[str, str]) -> tuple[str, ...] | None:
    gathered: dict[str, None] = {}
    origins: dict[str, None] = {}
    for source, word in words:
        value = getattr(word, field)
        if not value:
            # An empty configured list means "ask the provider".
            continue
        if word.configured:
            provenance[field] = CONFIGURATION
            return tuple(dict.fromkeys(value))
        gathered |= dict.fromkeys(value)
        origins[_origin(source, word)] = None
    if not gathered:
        return None
    provenance[field] = ", ".join(origins)
    return tuple(gathered)


def _capabilities(said: tuple[str, ...] | None, driver: Driver, provenance: dict[str, str]) -> tuple[str, ...]:
    if said is not None and provenance.get("capabilities") == CONFIGURATION:
        # What the administrator lists replaces what others say, but a chat model still translates.
        pairs = tuple(c for c in driver.capabilities if ":" in c and not any(":" in own for own in said))
        return tuple(dict.fromkeys((*said, *pairs)))
    own = tuple(driver.capabilities)
    if own:
        provenance["capabilities"] = ", ".join(filter(None, (DRIVER, provenance.get("capabilities"))))
    return tuple(dict.fromkeys((*own, *(said or ()))))


def _default(field: str, value: Any, provenance: dict[str, str], *, origin: str = DRIVER) -> Any:
    if value is not None:
        provenance[field] = origin
    return value


def _enabled(words: Sequence[_Word], provenance: dict[str, str]) -> bool:
    for source, word in words:
        if word.configured and word.enabled is not None:
            provenance["enabled"] = _origin(source, word)
            return word.enabled
    provenance["enabled"] = DEFAULT
    return True


def _contradictions(words: Sequence[_Word], provenance: Mapping[str, str]) -> tuple[str, ...]:
    sentences: dict[str, None] = {}
    for field in _CONTRADICTING:
        said = [(_origin(source, word), getattr(word, field)) for source, word in words]
        known = [(origin, _shown(field, value)) for origin, value in said if value is not None]
        for origin, value in known[1:]:
            if value != known[0][1]:
                used = provenance.get(field)
                sentences[
                    f"{field}: {known[0][0]} says {known[0][1]}, {origin} says {value}; "
                    + (f"that of {used} is used" if used else "neither is used")
                ] = None
    return tuple(sentences)


def _shown(field: str, value: str) -> str:
    """A value as a sentence may hold it: an address without user, query and closing slash, where keys may stand."""
    if field == "base_url":
        try:
            parts = urlsplit(value)
            value = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")
        except ValueError:
            return "an address that cannot be read"
    return clean_text(value, 80)
