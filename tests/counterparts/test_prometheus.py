"""The real Prometheus: it takes the shipped rules, scrapes a console with a token, and rings when a provider dies."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests.api.served import served

from provider_console.console.access import Role
from provider_console.sandbox import Fault

pytestmark = [pytest.mark.counterpart("prometheus"), pytest.mark.limit(60)]

SHIPPED = Path(__file__).parents[2] / "docs" / "monitoring"
RULES = SHIPPED / "provider-console.rules.yml"

CONFIG = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [quick.rules.yml]
scrape_configs:
  - job_name: provider-console
    authorization: {{credentials_file: metrics.token}}
    static_configs: [{{targets: ["{target}"]}}]
"""


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it beside the shipped rules."""
    return subprocess.run(
        ["promtool", *arguments], cwd=SHIPPED, capture_output=True, text=True, timeout=30, check=False
    )


def test_the_shipped_rules_are_valid() -> None:
    checked = promtool("check", "rules", "--lint=all", "--lint-fatal", RULES.name)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_shipped_rule_rings_for_its_trouble_and_for_nothing_else() -> None:
    tested = promtool("test", "rules", "provider-console.rules.test.yml")

    assert tested.returncode == 0, tested.stdout + tested.stderr


@contextmanager
def prometheus(folder: Path, target: str, token: str) -> Iterator[str]:
    """A server of its own that scrapes the target each second; its address. The rules ring without waiting."""
    (folder / "prometheus.yml").write_text(CONFIG.format(target=target))
    (folder / "quick.rules.yml").write_text(re.sub(r"for: \w+", "for: 0s", RULES.read_text("utf-8")))
    file = folder / "metrics.token"
    file.touch(mode=0o600)
    file.write_text(token)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with (folder / "prometheus.log").open("w") as told:
        process = subprocess.Popen(command, cwd=folder, stdout=told, stderr=told)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


async def answer(client: httpx.AsyncClient, path: str) -> Any:
    """What Prometheus says; None while it does not."""
    try:
        response = await client.get(path)
    except httpx.TransportError:
        return None
    return response.json()["data"] if response.status_code == 200 else None


async def eventually(ask: Callable[[], Awaitable[Any]], claim: Callable[[Any], bool], *, limit_s: float = 20.0) -> Any:
    """The first answer of which a claim is true."""
    last = None
    try:
        async with asyncio.timeout(limit_s):
            while (last := await ask()) is None or not claim(last):  # noqa: ASYNC110 - it is another program
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"it never came true; the last answer was {last}") from None
    return last


def firing(alerts: Any) -> set[tuple[str, str | None]]:
    """Alerts that ring, each with its provider."""
    return {
        (alert["labels"]["alertname"], alert["labels"].get("provider"))
        for alert in alerts["alerts"]
        if alert["state"] == "firing"
    }


async def test_it_scrapes_a_console_with_a_token_and_rings_when_a_provider_dies(tmp_path: Path) -> None:
    # Behind a proxy nobody is let in for being on this machine: the token is what counts.
    async with served(tmp_path, behind_proxy=True, health={"health_check_interval": 1_000}) as at:
        assert (await at.get("/metrics", role=None)).status_code == 401
        token, target = at.tokens[Role.METRICS], urlsplit(at.url).netloc
        folder = tmp_path / "prometheus"
        folder.mkdir()
        with prometheus(folder, target, token) as url:
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=5.0) as client:

                async def targets() -> Any:
                    return await answer(client, "/api/v1/targets")

                async def healthy() -> Any:
                    query = 'provider_console_provider_state{state="healthy"} == 1'
                    return await answer(client, f"/api/v1/query?{httpx.QueryParams(query=query)}")

                async def alerts() -> Any:
                    return await answer(client, "/api/v1/alerts")

                await eventually(targets, lambda data: [one["health"] for one in data["activeTargets"]] == ["up"])
                await eventually(healthy, lambda data: len(data["result"]) == 4)
                before = firing(await alerts())

                at.sandbox["deepl"].faults.set(Fault("refuse"))
                rung = firing(await eventually(alerts, lambda data: ("ProviderDown", "deepl") in firing(data)))

                at.sandbox["deepl"].faults.clear()
                after = firing(await eventually(alerts, lambda data: ("ProviderDown", "deepl") not in firing(data)))

    assert before == set()
    assert {provider for name, provider in rung if name == "ProviderDown"} == {"deepl"}
    assert after == set()
