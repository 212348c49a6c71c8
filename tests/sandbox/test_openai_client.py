"""The sandbox is OpenAI enough for OpenAI's own client, with its retries off."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import openai
import pytest

from provider_console.sandbox import Fault, OpenAISandbox, Server, serve

KEY = "sk-sandbox-test"
ASK = [{"role": "user", "content": "Which colour is the house?"}]


@asynccontextmanager
async def real_client(server: Server, *, key: str = KEY) -> AsyncIterator[openai.AsyncOpenAI]:
    http = httpx.AsyncClient(trust_env=False, verify=False)
    async with openai.AsyncOpenAI(api_key=key, base_url=server.base_url, max_retries=0, http_client=http) as client:
        yield client


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serve(OpenAISandbox(key=KEY)) as server:
        yield server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[openai.AsyncOpenAI]:
    async with real_client(server) as client:
        yield client


async def test_models_are_listed_and_shown_one_by_one(client: openai.AsyncOpenAI) -> None:
    listed = [model.id async for model in client.models.list()]

    assert listed == ["gpt-5", "gpt-5-mini", "text-embedding-3-small"]
    assert (await client.models.retrieve("gpt-5")).id == "gpt-5"


async def test_chat_answers_the_same_every_time_and_counts_tokens(client: openai.AsyncOpenAI) -> None:
    first = await client.chat.completions.create(model="gpt-5-mini", messages=ASK)
    second = await client.chat.completions.create(model="gpt-5-mini", messages=ASK)

    assert first.choices[0].message.content == second.choices[0].message.content
    assert first.choices[0].finish_reason == "stop"
    assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens


async def test_a_translation_instruction_gets_the_translation_and_nothing_else(client: openai.AsyncOpenAI) -> None:
    messages = [
        {"role": "system", "content": "Translate the user's text from English to Spanish. Answer with nothing else."},
        {"role": "user", "content": "The house is red."},
    ]

    answer = await client.chat.completions.create(model="gpt-5", messages=messages)

    assert answer.choices[0].message.content == "La casa es roja."


async def test_a_limit_on_tokens_ends_the_answer_with_length(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="gpt-5", messages=ASK, max_completion_tokens=3)

    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 3


async def test_a_stream_has_the_same_text_and_the_usage_at_its_end(client: openai.AsyncOpenAI) -> None:
    whole = await client.chat.completions.create(model="gpt-5", messages=ASK)

    stream = await client.chat.completions.create(
        model="gpt-5", messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]

    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said == whole.choices[0].message.content
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


async def test_without_the_option_a_stream_has_no_usage(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="gpt-5", messages=ASK, stream=True)

    assert [chunk.usage async for chunk in stream if chunk.usage] == []


async def test_openrouter_comments_are_skipped_by_the_client() -> None:
    async with serve(OpenAISandbox(flavour="openrouter")) as server, real_client(server) as client:
        stream = await client.chat.completions.create(model="gpt-5", messages=ASK, stream=True)

        assert [chunk async for chunk in stream][-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("encoding", [{}, {"encoding_format": "float"}])  # by itself the client asks for base64
async def test_embeddings_are_unit_vectors_that_depend_on_the_text(
    client: openai.AsyncOpenAI, encoding: dict[str, str]
) -> None:
    answer = await client.embeddings.create(model="text-embedding-3-small", input=["a", "b", "a"], **encoding)

    first, second, third = (item.embedding for item in answer.data)
    assert first == third != second
    assert sum(value * value for value in first) == pytest.approx(1.0, abs=1e-6)


async def test_embeddings_take_the_size_that_is_asked_for(client: openai.AsyncOpenAI) -> None:
    answer = await client.embeddings.create(model="text-embedding-3-small", input="a", dimensions=64)

    assert len(answer.data[0].embedding) == 64


async def test_a_wrong_key_is_an_authentication_error(server: Server) -> None:
    async with real_client(server, key="sk-wrong") as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.models.list()

    assert caught.value.code == "invalid_api_key"


async def test_a_missing_key_is_refused_without_a_code(server: Server) -> None:
    async with httpx.AsyncClient(trust_env=False, verify=False) as raw:
        answer = await raw.get(f"{server.base_url}/models")

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] is None


async def test_an_unknown_model_is_not_found(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await client.chat.completions.create(model="gpt-unknown", messages=ASK)

    assert caught.value.code == "model_not_found"


async def test_a_conversation_over_the_limit_is_a_bad_request() -> None:
    async with serve(OpenAISandbox(context_tokens=8)) as server, real_client(server) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(model="gpt-5", messages=ASK)

    assert caught.value.code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        (Fault("status", status=400, code="content_filter"), openai.BadRequestError, "content_filter"),
        (Fault("status", status=401), openai.AuthenticationError, "invalid_api_key"),
        (Fault("status", status=402), openai.APIStatusError, "insufficient_quota"),
        (Fault("status", status=403), openai.PermissionDeniedError, "unsupported_country_region_territory"),
        (Fault("status", status=429), openai.RateLimitError, "rate_limit_exceeded"),
        (Fault("status", status=429, code="insufficient_quota"), openai.RateLimitError, "insufficient_quota"),
        (Fault("status", status=500), openai.InternalServerError, None),
        (Fault("status", status=502), openai.InternalServerError, None),
        (Fault("status", status=503), openai.InternalServerError, None),
        (Fault("status", status=529), openai.InternalServerError, None),
        (Fault("bad_json"), ValueError, None),
        (Fault("reset"), openai.APIConnectionError, None),
        (Fault("half"), openai.APIConnectionError, None),
    ],
)
async def test_a_fault_raises_the_clients_own_error(
    server: Server, client: openai.AsyncOpenAI, fault: Fault, error: type[Exception], code: str | None
) -> None:
    server.faults.script([fault])

    with pytest.raises(error) as caught:
        await client.chat.completions.create(model="gpt-5", messages=ASK)

    assert getattr(caught.value, "code", None) == code
    assert server.count("/v1/chat/completions") == 1


async def test_an_error_in_a_stream_is_raised_after_the_first_words(server: Server, client: openai.AsyncOpenAI) -> None:
    server.faults.script([Fault("error_in_stream", chunks=3)])
    heard: list[str] = []

    stream = await client.chat.completions.create(model="gpt-5", messages=ASK, stream=True)

    async def listen() -> None:
        async for chunk in stream:
            heard.append(chunk.choices[0].delta.content or "")  # noqa: PERF401 - what came before the error counts

    with pytest.raises(openai.APIError, match="The server had an error"):
        await listen()

    assert heard == ["", "The", " sandbox"]


async def test_a_stream_that_is_cut_ends_in_a_connection_error(server: Server, client: openai.AsyncOpenAI) -> None:
    server.faults.script([Fault("cut_stream", chunks=2)])

    stream = await client.chat.completions.create(model="gpt-5", messages=ASK, stream=True)

    with pytest.raises((openai.APIConnectionError, httpx.RemoteProtocolError)):
        [chunk async for chunk in stream]


async def test_every_answer_has_a_request_id_and_rate_limits(client: openai.AsyncOpenAI) -> None:
    answer = await client.models.with_raw_response.list()

    assert answer.headers["x-request-id"].startswith("req_")
    assert {name for name in answer.headers if name.startswith("x-ratelimit-")} == {
        f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining", "reset") for of in ("requests", "tokens")
    }
