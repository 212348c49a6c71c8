"""The sandbox is DeepL enough for DeepL's own client, with its retries off."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import deepl
import httpx
import pytest

from provider_console.sandbox import DeepLSandbox, Fault, Server, serve

KEY = "00000000-0000-0000-0000-000000000000:fx"
AUTHORIZED = {"Authorization": f"DeepL-Auth-Key {KEY}"}


@pytest.fixture(autouse=True)
def _no_retries() -> Iterator[None]:
    # The client has no argument for it; this is the documented way.
    before = deepl.http_client.max_network_retries
    deepl.http_client.max_network_retries = 0
    yield
    deepl.http_client.max_network_retries = before


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serve(DeepLSandbox(key=KEY, character_limit=100)) as server:
        yield server


@pytest.fixture
def translator(server: Server) -> Iterator[deepl.DeepLClient]:
    translator = deepl.DeepLClient(KEY, server_url=server.base_url, send_platform_info=False)
    yield translator
    translator.close()


async def test_a_known_phrase_is_translated_and_its_language_detected(translator: deepl.DeepLClient) -> None:
    result = await asyncio.to_thread(translator.translate_text, "The house is red.", target_lang="ES")

    assert result.text == "La casa es roja."
    assert result.detected_source_lang == "EN"
    assert result.billed_characters == 17


async def test_several_texts_come_back_in_order(translator: deepl.DeepLClient) -> None:
    results = await asyncio.to_thread(
        translator.translate_text, ["Good night.", "Yes"], source_lang="EN", target_lang="DE"
    )

    assert [result.text for result in results] == ["Gute Nacht.", "Ja"]


async def test_usage_counts_what_was_translated(translator: deepl.DeepLClient) -> None:
    await asyncio.to_thread(translator.translate_text, "Thank you.", target_lang="FR")

    usage = await asyncio.to_thread(translator.get_usage)

    assert (usage.character.count, usage.character.limit) == (10, 100)


async def test_languages_are_listed_with_regions_only_as_targets(translator: deepl.DeepLClient) -> None:
    sources = await asyncio.to_thread(translator.get_source_languages)
    targets = await asyncio.to_thread(translator.get_target_languages)

    assert [language.code for language in sources] == ["DE", "EN", "ES", "FR"]
    assert [language.code for language in targets] == ["DE", "EN-GB", "EN-US", "ES", "FR"]
    assert [language.supports_formality for language in targets] == [True, False, False, True, True]


async def test_a_wrong_key_is_an_authorization_failure(server: Server) -> None:
    translator = deepl.DeepLClient("wrong:fx", server_url=server.base_url, send_platform_info=False)

    with contextlib.closing(translator), pytest.raises(deepl.AuthorizationException):
        await asyncio.to_thread(translator.get_usage)


async def test_a_translation_over_the_limit_exceeds_the_quota_and_costs_nothing(translator: deepl.DeepLClient) -> None:
    with pytest.raises(deepl.QuotaExceededException):
        await asyncio.to_thread(translator.translate_text, "x" * 101, target_lang="ES")

    usage = await asyncio.to_thread(translator.get_usage)
    assert usage.character.count == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("status", status=403), deepl.AuthorizationException),
        (Fault("status", status=456), deepl.QuotaExceededException),
        (Fault("status", status=429), deepl.TooManyRequestsException),
        (Fault("status", status=413), deepl.DeepLException),
        (Fault("status", status=500), deepl.DeepLException),
        (Fault("status", status=503), deepl.DeepLException),
        (Fault("reset"), deepl.ConnectionException),
    ],
)
async def test_a_fault_raises_the_clients_own_error(
    server: Server, translator: deepl.DeepLClient, fault: Fault, error: type[Exception]
) -> None:
    server.faults.script([fault], on="work")

    with pytest.raises(error):
        await asyncio.to_thread(translator.translate_text, "Yes", target_lang="ES")

    assert server.count("/v2/translate") == 1


@pytest.mark.parametrize("encoding", ["json", "data"])
async def test_json_and_form_bodies_are_read_alike(server: Server, client: httpx.AsyncClient, encoding: str) -> None:
    body = {encoding: {"text": ["Yes", "Good night."], "target_lang": "ES", "show_billed_characters": "1"}}

    answer = await client.post(f"{server.base_url}/v2/translate", headers=AUTHORIZED, **body)

    assert answer.json() == {
        "translations": [
            {"detected_source_language": "EN", "text": "Sí", "billed_characters": 3},
            {"detected_source_language": "EN", "text": "Buenas noches.", "billed_characters": 11},
        ]
    }


@pytest.mark.parametrize("target", ["EN", "PT", "XX", ""])
async def test_a_target_without_its_region_or_unknown_is_refused(
    server: Server, client: httpx.AsyncClient, target: str
) -> None:
    body = {"text": ["Ja"], "target_lang": target}

    answer = await client.post(f"{server.base_url}/v2/translate", headers=AUTHORIZED, json=body)

    assert answer.status_code == 400
    assert answer.json() == {"message": "Value for 'target_lang' not supported."}


async def test_a_key_there_must_be_even_where_any_will_do(client: httpx.AsyncClient) -> None:
    async with serve(DeepLSandbox()) as server:
        without = await client.get(f"{server.base_url}/v2/usage")
        with_any = await client.get(f"{server.base_url}/v2/usage", headers=AUTHORIZED)

    assert (without.status_code, with_any.status_code) == (403, 200)
    assert without.headers["x-trace-id"] != with_any.headers["x-trace-id"]
