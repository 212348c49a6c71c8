"""The default fleet stands together, and its configuration fits it."""

import asyncio
import socket
import tomllib

import httpx
import pytest

from provider_console.sandbox import CREDENTIALS, NAMES, PortInUseError, Sandbox, run, toml_text

CATALOGUE = "/api/dynamic-ai/providers"


def free_base() -> int:
    """Return a port after which four more are free, as far as one can know."""
    for base in range(20_000, 30_000, 10):
        held = []
        try:
            for offset in range(len(NAMES)):
                held.append(socket.create_server(("127.0.0.1", base + offset)))  # noqa: PERF401 - the first ones must be closed
        except OSError:
            continue
        else:
            return base
        finally:
            for one in held:
                one.close()
    raise AssertionError("no five free ports in a row")


async def test_the_fleet_has_a_server_of_each_protocol() -> None:
    async with Sandbox() as sandbox:
        assert tuple(sandbox.servers) == NAMES
        assert len({server.port for server in sandbox.servers.values()}) == len(NAMES)


async def test_the_catalogue_lists_providers_to_those_with_the_token(client: httpx.AsyncClient) -> None:
    async with Sandbox() as sandbox:
        url = sandbox["catalogue"].base_url + CATALOGUE
        token = CREDENTIALS["SANDBOX_CATALOGUE_TOKEN"]

        without = await client.get(url)
        listed = await client.get(url, headers={"authorization": f"Bearer {token}"})

        assert without.status_code == 401
        assert without.headers["www-authenticate"] == "Bearer"
        assert [provider["id"] for provider in listed.json()["providers"]] == ["openai", "ollama", "mistral"]
        assert listed.json()["providers"][1] == {
            "id": "ollama",
            "name": "Ollama",
            "driver": "ollama",
            "baseUrl": sandbox["ollama"].base_url,
            "models": ["llama3.2:3b"],
            "capabilities": ["text_generation"],
            "network": "loopback",
        }


async def test_the_configuration_says_the_same_as_text_and_as_tables() -> None:
    async with Sandbox() as sandbox:
        tables = sandbox.tables

        assert tomllib.loads(toml_text(tables)) == tables
        assert tables["dynamic_ai"]["providers"]["openai"]["base_url"] == sandbox["openai"].base_url


async def test_every_credential_of_the_configuration_is_known() -> None:
    async with Sandbox() as sandbox:
        text = toml_text(sandbox.tables)

    assert set(CREDENTIALS) == {word.strip('",') for word in text.split() if "SANDBOX_" in word}


async def test_a_sibling_that_refuses_is_brought_back_through_another(client: httpx.AsyncClient) -> None:
    async with Sandbox(check_keys=False) as sandbox:
        order = f"{sandbox['deepl'].origin}/_sandbox/openai/fault"

        await client.put(order, json={"kind": "refuse"})
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{sandbox['openai'].base_url}/models")
        await client.delete(order)

        assert (await client.get(f"{sandbox['openai'].base_url}/models")).status_code == 200


async def test_a_taken_port_in_the_row_ends_the_start_and_leaves_no_server() -> None:
    base = free_base()
    with socket.create_server(("127.0.0.1", base + 2)):
        with pytest.raises(PortInUseError, match=f"cannot start deepl: port {base + 2}"):
            async with Sandbox(port_base=base):
                pass
        with socket.create_server(("127.0.0.1", base)):
            pass


async def test_running_tells_the_addresses_and_ends_when_cancelled() -> None:
    base = free_base()
    told: list[str] = []
    ready = asyncio.Event()

    def announce(line: str) -> None:
        told.append(line)
        if "curl" in line:
            ready.set()

    task = asyncio.create_task(run(base, announce=announce))
    async with asyncio.timeout(5):
        await ready.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert told[0] == f"openai          http://127.0.0.1:{base}/v1"
    assert told[4] == f"catalogue       http://127.0.0.1:{base + 4}{CATALOGUE}"
