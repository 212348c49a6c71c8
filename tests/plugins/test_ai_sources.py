"""Where AI providers come from: catalogues that are not trusted, servers on this machine, and keys."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from provider_console.core import unify
from provider_console.sandbox import OllamaSandbox, OpenAISandbox, serve
from provider_console.sdk import Incomplete, ProviderDescriptor, SdkError, TransportError
from provider_console.testing.fakes import FakeContext, FakeCredentials, Reply, WireDouble, reply
from provider_console.testing.observation import GROUP, Plugin
from provider_console_dynamic_ai import catalogue
from provider_console_dynamic_ai.catalogue import MAX_ENTRIES, Catalogues
from provider_console_dynamic_ai.local import SERVICES, LocalServers
from provider_console_dynamic_ai.settings import Catalogue, DynamicAISettings
from provider_console_system_secrets.source import UnlockedProviders
from provider_console_system_secrets.vendors import VENDORS
from provider_console_translation.settings import TranslationSettings
from provider_console_translation.source import ConfiguredTranslators

URL = "https://platform.example/api/dynamic-ai/providers"
ACME = {"id": "acme", "name": "Acme", "driver": "openai", "baseUrl": "https://acme.example/v1"}


def _settings(**tables: Any) -> DynamicAISettings:
    return msgspec.convert({"catalogues": [{"url": URL, "credential": "TOKEN"}], **tables}, DynamicAISettings)


def _context(*script: Any, settings: DynamicAISettings | None = None, always: Any = None) -> FakeContext:
    wire = WireDouble(*script, always=always)
    return FakeContext(plugin="dynamic_ai", settings={"dynamic_ai": settings or _settings()}, http=wire)


async def _listed(*entries: Any, settings: DynamicAISettings | None = None) -> dict[str, ProviderDescriptor]:
    found = await Catalogues(_context(reply({"providers": entries}), settings=settings)).discover()
    return {descriptor.id: descriptor for descriptor in found}


# --- catalogues -------------------------------------------------------------------------------------------------


async def test_an_entry_becomes_a_provider_that_is_not_used_before_it_is_adopted() -> None:
    entry = {
        **ACME,
        "models": ["a", "b"],
        "capabilities": ["text_generation"],
        "credential": "ACME_KEY",
        "region": "eu",
        "colour": "unknown fields are ignored",
        "configured": True,
        "enabled": True,
        "tier": "primary",
    }
    assert (await _listed(entry))["acme"] == ProviderDescriptor(
        id="acme",
        driver="openai",
        names={"en": "Acme"},
        base_url="https://acme.example/v1",
        credential="ACME_KEY",
        network="global",
        models=("a", "b"),
        capabilities=("text_generation",),
        region="eu",
    )


async def test_the_catalogues_token_is_named_and_its_network_kept() -> None:
    context = _context(reply({"providers": []}))
    await Catalogues(context).discover()
    assert context.asked == [("global", "TOKEN")]


@pytest.mark.parametrize(
    "entry",
    [
        None,
        7,
        {},
        {"id": "../../etc"},
        {"id": "A"},
        {"id": "x" * 65},
        {"id": "x", "baseUrl": "file:///etc/passwd"},
        {"id": "x", "baseUrl": "https://user:pass@acme.example"},
        {"id": "x", "baseUrl": "https://acme.example/?key=1"},
        {"id": "x", "baseUrl": "https://acme.example/\nX: y"},
        {"id": "x", "models": ["ok", 7]},
        {"id": "x", "models": ["m"] * 1001},
        {"id": "x", "models": ["\x1b[2J"]},
        {"id": "x", "region": "r" * 201},
        {"id": "x", "credential": "sk-live value with spaces"},
        {"id": "x", "network": "moon"},
        {"id": "x", "network": "loopback"},
        {"id": "x", "network": "private"},
    ],
)
async def test_a_bad_entry_is_left_out_and_logged_and_the_others_stay(entry: Any) -> None:
    context = _context(reply({"providers": [entry, ACME]}))
    found = await Catalogues(context).discover()
    assert [descriptor.id for descriptor in found] == ["acme"]
    assert len(context.logged.messages) == 1
    assert "entry 1 is left out" in context.logged.messages[0]


async def test_a_catalogue_on_the_internet_never_leaves_the_network_open() -> None:
    found = await _listed({"id": "x", "driver": "ollama", "baseUrl": "http://127.0.0.1:11434"})
    # A driver for local servers would otherwise put it on this machine; `global` is refused at the address.
    assert found["x"].network == "global"


@pytest.mark.parametrize(
    ("url", "network", "kept"),
    [
        ("http://127.0.0.1:8750/x", "loopback", True),
        ("http://localhost:8750/x", "loopback", True),
        ("http://[::1]:8750/x", "loopback", True),
        ("http://127.0.0.1:8750/x", "private", False),
        ("https://localhost.evil.example/x", "loopback", False),
        ("https://10.0.0.1/x", "private", False),
    ],
)
async def test_a_catalogue_may_name_its_own_network_only(url: str, network: str, kept: bool) -> None:
    settings = _settings(catalogues=[{"url": url}])
    assert ("x" in await _listed({"id": "x", "network": network}, settings=settings)) is kept


def test_a_catalogue_on_the_companys_network_is_said_to_be_there() -> None:
    assert Catalogue(url="https://10.0.0.1/x", network="private").reach == "private"


async def test_a_catalogue_does_not_say_where_a_configured_providers_key_goes() -> None:
    settings = _settings(providers={"acme": {"driver": "openai", "credential": "OPENAI_API_KEY"}})
    evil = {**ACME, "baseUrl": "https://evil.example", "credential": "OTHER", "models": ["m"]}
    assert (await _listed(evil, settings=settings))["acme"] == ProviderDescriptor(
        id="acme", names={"en": "Acme"}, models=("m",)
    )


async def test_nor_under_another_name_of_its_vendor() -> None:
    settings = _settings(providers={"openai": {"driver": "openai", "credential": "OPENAI_API_KEY"}})
    found = await _listed({**ACME, "id": "gpt", "baseUrl": "https://evil.example"}, settings=settings)
    assert (found["gpt"].base_url, found["gpt"].network, found["gpt"].driver) == (None, None, None)


def test_every_other_name_that_the_console_knows_is_known_to_the_catalogue() -> None:
    assert catalogue.ALIASES == unify.ALIASES


async def test_only_so_many_entries_are_read() -> None:
    entries = [{"id": f"p{number}"} for number in range(MAX_ENTRIES + 5)]
    context = _context(reply({"providers": entries}))
    assert len(await Catalogues(context).discover()) == MAX_ENTRIES
    assert "first 1000 are read" in context.logged.messages[0]


async def test_a_second_entry_of_the_same_id_does_not_replace_the_first() -> None:
    assert (await _listed(ACME, {**ACME, "name": "Impostor"}))["acme"].names == {"en": "Acme"}


@pytest.mark.parametrize(
    "broken", [Reply(status=500), Reply(body=b"<html>"), reply([]), reply({}), reply({"providers": {}})]
)
async def test_a_broken_catalogue_is_an_error(broken: Reply) -> None:
    with pytest.raises(SdkError):
        await Catalogues(_context(broken)).discover()


async def test_a_catalogue_that_fails_keeps_its_last_good_answer_and_says_so() -> None:
    source = Catalogues(_context(reply({"providers": [ACME]}), Reply(status=500)))
    first = await source.discover()
    with pytest.raises(Incomplete, match=r"HTTP 500; what it said before is used$") as caught:
        await source.discover()
    assert list(caught.value.found) == first


async def test_a_catalogue_that_never_answered_does_not_hide_what_another_one_lists() -> None:
    settings = _settings(catalogues=[{"url": URL}, {"url": f"{URL}2"}])
    source = Catalogues(_context(Reply(status=500), reply({"providers": [ACME]}), settings=settings))
    with pytest.raises(Incomplete, match=r"answered HTTP 500$") as caught:
        await source.discover()
    assert [one.id for one in caught.value.found] == ["acme"]


async def test_a_catalogue_that_was_taken_out_of_the_settings_is_forgotten() -> None:
    context = _context(reply({"providers": [ACME]}))
    source = Catalogues(context)
    await source.discover()
    context.change("dynamic_ai", DynamicAISettings())
    assert await source.discover() == []


async def test_the_query_of_an_address_is_in_no_message() -> None:
    settings = _settings(catalogues=[{"url": f"{URL}?token=hidden"}])
    with pytest.raises(SdkError) as caught:
        await Catalogues(_context(Reply(status=401), settings=settings)).discover()
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("credential", "way_out"),
    [
        ({"credential": "LIST_TOKEN"}, "provider-console secrets set LIST_TOKEN"),
        ({}, "name it in dynamic_ai.catalogues"),
    ],
)
async def test_a_catalogue_that_lets_nobody_in_says_what_to_do(credential: dict[str, str], way_out: str) -> None:
    settings = _settings(catalogues=[{"url": URL, **credential}])
    with pytest.raises(SdkError) as caught:
        await Catalogues(_context(Reply(status=401), settings=settings)).discover()

    assert "answered HTTP 401" in str(caught.value)
    assert way_out in str(caught.value)


# --- servers on this machine ------------------------------------------------------------------------------------


async def test_local_servers_are_found_on_their_ports() -> None:
    from provider_console.adapters.clock import SystemClock
    from provider_console.adapters.http import HttpClients

    clients = HttpClients(clock=SystemClock())
    async with serve(OllamaSandbox()) as ollama, serve(OpenAISandbox(models=("qwen",))) as studio:
        services = [
            msgspec.structs.replace(SERVICES[0], port=ollama.port),
            msgspec.structs.replace(SERVICES[1], port=studio.port),
            msgspec.structs.replace(SERVICES[2], port=1),
        ]
        http = clients.client(network="loopback")
        context = FakeContext(settings={"dynamic_ai": _settings()}, http=http)
        try:
            await http.request("GET", f"{ollama.origin}/api/version")  # loads the library, however long it takes
            found = await LocalServers(context, services=services).discover()
        finally:
            await clients.aclose()
    assert [(item.id, item.driver, item.base_url, item.models, item.network, item.configured) for item in found] == [
        ("lm_studio", "openai_compatible", f"http://127.0.0.1:{studio.port}/v1", ("qwen",), "loopback", False),
        (
            "ollama",
            "ollama",
            f"http://127.0.0.1:{ollama.port}",
            ("llama3.2:3b", "nomic-embed-text:latest"),
            "loopback",
            False,
        ),
    ]


async def test_nobody_is_asked_where_looking_is_off() -> None:
    context = _context(settings=_settings(discover_local=False))
    assert await LocalServers(context).discover() == []
    assert context.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        Reply(error=TransportError("refused", kind="refused")),
        Reply(body=b"<html>hello</html>"),
        reply({"data": "no list"}),
        reply({"models": [{"name": 7}], "data": [{"id": None}]}),
        reply([], status=404),
    ],
)
async def test_something_else_on_a_port_is_no_provider(answer: Reply) -> None:
    assert await LocalServers(_context(always=answer)).discover() == []


async def test_a_configured_server_is_left_to_its_table() -> None:
    settings = _settings(providers={"ollama": {"driver": "ollama", "base_url": "http://127.0.0.1:9"}})
    found = await LocalServers(_context(settings=settings, always=reply({"models": [], "data": []}))).discover()
    assert "ollama" not in {descriptor.id for descriptor in found}


# --- keys -------------------------------------------------------------------------------------------------------


async def _unlocked(stored: tuple[str, ...] = (), environment: tuple[str, ...] = ()) -> dict[str, ProviderDescriptor]:
    credentials = FakeCredentials(stored=stored, environment=environment)
    found = await UnlockedProviders(FakeContext(credentials=credentials)).discover()
    return {descriptor.id: descriptor for descriptor in found}


async def test_a_key_unlocks_its_vendor_and_no_more() -> None:
    found = await _unlocked(stored=("UNRELATED",), environment=("GROQ_API_KEY",))
    assert found == {
        "groq": ProviderDescriptor(
            id="groq",
            driver="openai",
            names={"en": "Groq"},
            base_url="https://api.groq.com/openai/v1",
            credential="GROQ_API_KEY",
            network="global",
        )
    }


async def test_the_usual_name_wins_where_a_vendor_has_two() -> None:
    found = await _unlocked(environment=("DEEPL_API_KEY", "DEEPL_AUTH_KEY"))
    assert found["deepl"].credential == "DEEPL_AUTH_KEY"


async def test_a_second_account_is_a_second_provider() -> None:
    found = await _unlocked(stored=("OPENAI_API_KEY", "OPENAI_API_KEY_TEAM", "OPENAI_API_KEY_../x"))
    assert {key: item.credential for key, item in found.items()} == {
        "openai": "OPENAI_API_KEY",
        "openai_team": "OPENAI_API_KEY_TEAM",
    }


def test_every_vendor_has_a_driver_that_is_installed() -> None:
    names = {
        driver.name
        for plugin in ("translation", "dynamic_ai")
        for driver in Plugin(plugin).drivers(FakeContext(plugin=plugin))
    }
    assert {vendor.driver for vendor in VENDORS} <= names
    assert len({vendor.id for vendor in VENDORS}) == len(VENDORS)


# --- settings ---------------------------------------------------------------------------------------------------


async def test_the_documented_tables_are_valid() -> None:
    translation = msgspec.convert(
        {
            "default_pair": "en>es",
            "prefer": {"en-gb>es": ["deepl", "apertium"]},
            "providers": {
                "deepl": {"driver": "deepl", "credential": "DEEPL_AUTH_KEY", "base_url": "https://api-free.deepl.com"},
                "apertium": {
                    "driver": "apertium",
                    "base_url": "http://127.0.0.1:2737",
                    "network": "loopback",
                    "tier": "fallback",
                    "name": {"en": "Apertium", "es": "Apertium"},
                },
            },
        },
        TranslationSettings,
    )
    assert translation.prefer == {"en-GB>es": ("deepl", "apertium")}
    context = FakeContext(settings={"translation": translation})
    found = await ConfiguredTranslators(context).discover()
    assert [(item.id, item.configured, item.tier) for item in found] == [
        ("apertium", True, "fallback"),
        ("deepl", True, None),
    ]


@pytest.mark.parametrize(
    "table",
    [
        {"default_pair": "english to spanish"},
        {"prefer": {"en-es": ["deepl"]}},
        {"prefer": {"en>es": ["DeepL"]}},
        {"providers": {"Deep L": {"driver": "deepl"}}},
        {"providers": {"deepl": {}}},
        {"providers": {"deepl": {"driver": "deepl", "base_url": "ftp://x"}}},
        {"providers": {"deepl": {"driver": "deepl", "base_url": "https://user:pw@x"}}},
        {"providers": {"deepl": {"driver": "deepl", "credential": "not a name"}}},
        {"providers": {"deepl": {"driver": "deepl", "network": "intranet"}}},
        {"providers": {"deepl": {"driver": "deepl", "key": "sk-1"}}},
        {"providers": {"deepl": {"driver": "deepl", "max_characters": 1}}},
    ],
)
def test_settings_outside_their_bounds_are_refused(table: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(table, TranslationSettings)


def test_the_three_plugins_are_found_by_their_entry_points() -> None:
    assert GROUP == "provider_console.plugins"
    assert [Plugin(name).name for name in ("dynamic_ai", "system_secrets", "translation")]
