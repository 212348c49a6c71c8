"""Ollama's protocol, read with a plain HTTP client."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from provider_console.sandbox import Fault, OllamaSandbox, Server, serve

ASK = {"model": "llama3.2:3b", "messages": [{"role": "user", "content": "Translate to German: The sky is blue."}]}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serve(OllamaSandbox()) as server:
        yield server


def lines(answer: httpx.Response) -> list[dict[str, object]]:
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_version_and_models_are_told(server: Server, client: httpx.AsyncClient) -> None:
    version = await client.get(f"{server.base_url}/api/version")
    tags = await client.get(f"{server.base_url}/api/tags")

    assert version.json() == {"version": "0.12.6"}
    assert [model["name"] for model in tags.json()["models"]] == ["llama3.2:3b", "nomic-embed-text:latest"]


async def test_chat_streams_json_lines_unless_told_otherwise(server: Server, client: httpx.AsyncClient) -> None:
    streamed = await client.post(f"{server.base_url}/api/chat", json=ASK)
    whole = await client.post(f"{server.base_url}/api/chat", json={**ASK, "stream": False})

    said = lines(streamed)
    assert streamed.headers["content-type"] == "application/x-ndjson"
    assert "".join(line["message"]["content"] for line in said) == "Der Himmel ist blau."
    assert [line["done"] for line in said] == [False] * 4 + [True]
    assert whole.json()["message"]["content"] == "Der Himmel ist blau."
    assert whole.json()["eval_count"] == said[-1]["eval_count"] == 4


async def test_a_model_is_loaded_by_its_first_call(server: Server, client: httpx.AsyncClient) -> None:
    before = await client.get(f"{server.base_url}/api/ps")
    await client.post(f"{server.base_url}/api/chat", json=ASK)
    after = await client.get(f"{server.base_url}/api/ps")

    assert before.json() == {"models": []}
    assert [model["name"] for model in after.json()["models"]] == ["llama3.2:3b"]


async def test_embeddings_come_for_one_text_or_several(server: Server, client: httpx.AsyncClient) -> None:
    one = await client.post(f"{server.base_url}/api/embed", json={"model": "nomic-embed-text", "input": "a"})
    two = await client.post(f"{server.base_url}/api/embed", json={"model": "nomic-embed-text", "input": ["a", "b"]})

    assert one.json()["embeddings"] == two.json()["embeddings"][:1]


async def test_an_unknown_model_is_not_found(server: Server, client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{server.base_url}/api/chat", json={**ASK, "model": "mistral"})

    assert (answer.status_code, answer.json()) == (404, {"error": "model 'mistral' not found"})


async def test_an_error_in_a_stream_is_a_line_with_only_error(server: Server, client: httpx.AsyncClient) -> None:
    server.faults.script([Fault("error_in_stream", chunks=2)])

    answer = await client.post(f"{server.base_url}/api/chat", json=ASK)

    assert answer.status_code == 200
    assert list(lines(answer)[-1]) == ["error"]
    assert not any(line.get("done") for line in lines(answer))


async def test_a_busy_server_says_so(server: Server, client: httpx.AsyncClient) -> None:
    server.faults.script([Fault("status", status=503)])

    answer = await client.post(f"{server.base_url}/api/chat", json=ASK)

    assert answer.json() == {"error": "server busy, please try again.  maximum pending requests exceeded"}
