"""Servers and clients for the tests of the sandbox."""

from collections.abc import AsyncIterator

import httpx
import pytest

from provider_console.sandbox import LibreTranslateSandbox, OpenAISandbox, Server, serve


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    # Loading the certificates that no test needs would take longer than any test.
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=5.0) as client:
        yield client


@pytest.fixture
async def openai_server() -> AsyncIterator[Server]:
    async with serve(OpenAISandbox()) as server:
        yield server


@pytest.fixture
async def libretranslate_server() -> AsyncIterator[Server]:
    async with serve(LibreTranslateSandbox()) as server:
        yield server
