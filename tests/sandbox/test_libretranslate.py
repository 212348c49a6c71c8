"""LibreTranslate's protocol, read with a plain HTTP client."""

import httpx
import pytest

from provider_console.sandbox import Fault, LibreTranslateSandbox, Server, serve

ASK = {"q": "The house is red.", "source": "en", "target": "es"}


@pytest.mark.parametrize("encoding", ["json", "data"])
async def test_json_and_form_bodies_are_translated(
    libretranslate_server: Server, client: httpx.AsyncClient, encoding: str
) -> None:
    answer = await client.post(f"{libretranslate_server.base_url}/translate", **{encoding: ASK})

    assert answer.json() == {"translatedText": "La casa es roja."}


async def test_a_list_and_an_unknown_source_are_answered_in_kind(
    libretranslate_server: Server, client: httpx.AsyncClient
) -> None:
    ask = {"q": ["Bonne nuit.", "Gracias."], "source": "auto", "target": "en"}

    answer = await client.post(f"{libretranslate_server.base_url}/translate", json=ask)

    assert answer.json() == {
        "translatedText": ["Good night.", "Thank you."],
        "detectedLanguage": [{"confidence": 90.0, "language": "fr"}, {"confidence": 90.0, "language": "es"}],
    }


async def test_probes_tell_health_languages_and_limits(
    libretranslate_server: Server, client: httpx.AsyncClient
) -> None:
    base = libretranslate_server.base_url

    health = await client.get(f"{base}/health")
    languages = await client.get(f"{base}/languages")
    settings = await client.get(f"{base}/frontend/settings")

    assert health.json() == {"status": "ok"}
    assert languages.json()[0] == {"code": "en", "name": "English", "targets": ["de", "en", "es", "fr"]}
    assert (settings.json()["charLimit"], settings.json()["keyRequired"]) == (5_000, False)


async def test_a_text_is_detected(libretranslate_server: Server, client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{libretranslate_server.base_url}/detect", json={"q": "Das Haus ist rot."})

    assert answer.json() == [{"confidence": 90.0, "language": "de"}]


@pytest.mark.parametrize(
    ("key", "status", "error"),
    [
        (None, 400, "Please contact the server operator to get an API key"),
        ("wrong", 403, "Invalid API key"),
        ("right", 200, None),
    ],
)
async def test_the_key_in_the_body_is_checked(
    client: httpx.AsyncClient, key: str | None, status: int, error: str | None
) -> None:
    async with serve(LibreTranslateSandbox(key="right")) as server:
        answer = await client.post(f"{server.base_url}/translate", json=ASK | ({"api_key": key} if key else {}))

    assert (answer.status_code, answer.json().get("error")) == (status, error)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"q": ""}, "Invalid request: missing q parameter"),
        ({"target": "it"}, "it is not supported"),
        ({"target": "auto"}, "auto is not supported"),
        ({"format": "pdf"}, "pdf format is not supported"),
        ({"q": "x" * 5_001}, "Invalid request: request (5001) exceeds text limit (5000)"),
    ],
)
async def test_a_bad_request_is_told_in_one_text(
    libretranslate_server: Server, client: httpx.AsyncClient, change: dict[str, str], error: str
) -> None:
    answer = await client.post(f"{libretranslate_server.base_url}/translate", json=ASK | change)

    assert (answer.status_code, answer.json()) == (400, {"error": error})


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("status", status=403, code="banned"), "Too many request limits violations"),
        (Fault("status", status=429), "Slowdown: 20 per 1 minute"),
        (Fault("status", status=500), "Cannot translate text: out of memory"),
    ],
)
async def test_a_fault_has_the_servers_own_words(
    libretranslate_server: Server, client: httpx.AsyncClient, fault: Fault, error: str
) -> None:
    libretranslate_server.faults.script([fault])

    answer = await client.post(f"{libretranslate_server.base_url}/translate", json=ASK)

    assert (answer.status_code, answer.json()) == (fault.status, {"error": error})
