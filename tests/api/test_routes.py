"""Every route of the table: it answers as documented, to whom it may, and to nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from openapi_spec_validator import validate
from tests.api.served import HOUSE, TRANSLATION, served
from tests.documentation.pages import codes, rows

from provider_console.api import docs, openapi
from provider_console.api.app import Api
from provider_console.console.access import ACTIONS, Role
from provider_console.console.console import Console
from provider_console.console.routes import PREFIX, ROUTES, SERVED_WITHIN, Route, faults
from provider_console.console.wire import answer_of, arguments, response_type, role_for, struct_of

RANKS: Final = {Role.METRICS: 0, Role.ADMIN: 1, Role.SUPER_ADMIN: 2}
ULID: Final = "0" * 26

BODIES: Final[dict[str, Any]] = {
    "execute": TRANSLATION,
    "operation": TRANSLATION,
    "set_provider_enabled": {"enabled": True},
    "adopt_provider": {"baseUrl": None, "credential": None},
    "check": {"providerId": "deepl"},
    "snooze_alert": {"forMs": 60_000},
    "replace_config": {"text": ""},
    "set_config": {"key": "engine.max_retries", "value": 4},
    "validate_config": {"text": "[engine]\nmax_retries = 3"},
    "set_plugin_enabled": {"enabled": True},
    "edited_config": {"changes": {"engine.max_retries": 4}},
    "config_impact": {"text": "[engine]\nmax_retries = 3"},
    "restore_config": {"revisionId": 1},
    "set_secret": {"value": "a-value-of-a-test"},
    "issue_token": {"subject": "zoe", "role": "admin"},
}
PLACES: Final = {
    "provider_id": "deepl",
    "execution_id": ULID,
    "alert_id": ULID,
    "token_id": ULID,
    "name": "SOME_KEY",
    "revision_id": "1",
}
STATUSES: Final = {
    "adopt_provider": 400,  # it is configured already
    "confirm_config": 400,  # nothing is on trial
    "replace_config": 428,
    "execution": 404,
    "repeat": 400,
    "acknowledge_alert": 404,
    "snooze_alert": 404,
    "set_secret": 409,  # there is no keyring here
    "delete_secret": 409,
    "test_secret": 400,  # nobody uses it
}
"""What a route answers to the requests of this page, where it is no success."""


def _id(route: Route) -> str:
    return f"{route.method} {route.path.removeprefix(PREFIX)}"


def path_of(route: Route) -> str:
    return route.path.format(**(PLACES | ({"name": "translation"} if "plugin" in route.action else {})))


# --- the table -------------------------------------------------------------------------------------------------


def test_every_action_has_a_route_and_every_route_an_action() -> None:
    assert faults(ROUTES) == []
    assert set(SERVED_WITHIN) <= set(ACTIONS)


def test_a_route_without_a_row_among_the_actions_is_refused() -> None:
    stray = Route("POST", f"{PREFIX}/everything", "delete_everything")

    assert faults([*ROUTES, stray]) == [f"POST {PREFIX}/everything has no row in ACTIONS: delete_everything"]
    with pytest.raises(ValueError, match="delete_everything"):
        Api(None, tasks=None, routes=[*ROUTES, stray], behind_proxy=False)  # type: ignore[arg-type]


def test_an_action_without_a_route_is_found() -> None:
    assert faults([route for route in ROUTES if route.action != "doctor"]) == ["the action doctor has no route"]


@pytest.mark.parametrize("route", ROUTES, ids=_id)
def test_every_argument_of_the_interface_can_be_given(route: Route) -> None:
    if route.special is None:
        names = {one.name for one in arguments(route)} | set(route.without)
        wanted = set(Console.__dict__[route.action].__code__.co_varnames[1:][: len(names)])
        assert names == wanted
        places = [struct_of(route, place) for place in ("path", "query", "body")]
        assert sum(len(place.__struct_fields__) for place in places if place is not None) == len(arguments(route))


@pytest.mark.parametrize("route", [route for route in ROUTES if response_type(route) is not None], ids=_id)
def test_every_answer_can_be_read_back_as_what_the_interface_promises(route: Route) -> None:
    msgspec.json.Decoder(response_type(route))
    if route.special is None:
        msgspec.json.Decoder(answer_of(route))


# --- OpenAPI and its page --------------------------------------------------------------------------------------


def test_the_document_is_valid_openapi() -> None:
    document = msgspec.json.decode(msgspec.json.encode(openapi.document()))

    validate(document)
    assert document["openapi"].startswith("3.1")
    assert {path for path in document["paths"] if path.startswith("/api")} == {route.path for route in ROUTES}


def test_the_page_needs_nothing_from_outside_and_shows_every_route() -> None:
    page = docs.page(msgspec.json.decode(msgspec.json.encode(openapi.document()))).decode()

    assert "src=" not in page
    assert "<script" not in page
    assert "url(" not in page
    assert all(route.path in page for route in ROUTES)


# --- everything, over a socket ---------------------------------------------------------------------------------


@pytest.mark.limit(60)
async def test_every_route_answers_as_documented_to_every_role(tmp_path: Path) -> None:
    document = openapi.document()
    async with served(tmp_path) as it:
        for route in ROUTES:
            if route.special in ("events", "renew"):
                continue
            for role in (None, Role.METRICS, Role.ADMIN, Role.SUPER_ADMIN):
                body = {"json": BODIES[route.action]} if route.action in BODIES else {}
                answer = await it.send(route.method, path_of(route), role=role, **body)
                place = f"{_id(route)} as {role}: {answer.text[:300]}"
                documented = document["paths"][route.path][route.method.lower()]["responses"]
                assert str(answer.status_code) in documented, place
                if role is None:
                    assert answer.status_code == 401, place
                elif RANKS[role] < RANKS[role_for(route)]:
                    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), place
                else:
                    assert answer.status_code == STATUSES.get(route.action, route.status), place
                    if answer.status_code < 300:
                        msgspec.json.decode(answer.content, type=response_type(route))
        refused = [row for row in await it.audited() if row["result"] == "refused"]
        assert {row["action"] for row in refused} >= {
            route.action for route in ROUTES if role_for(route) != "metrics"
        } - {
            "events",
            "renew_token",
        }


async def test_a_translation_is_executed_and_its_report_can_be_read_again(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        answer = await it.execute(category="translation", maxProviders=2, headers={"X-Request-Id": "from-the-test"})
        report = answer.json()

        assert answer.status_code == 200
        assert answer.headers["x-request-id"] == "from-the-test"
        assert report["result"]["text"] == "La casa es roja."
        assert report["requestId"] == "from-the-test"
        stored = (await it.get(f"/executions/{report['executionId']}")).json()
        assert (stored["status"], stored["requestId"]) == ("ok", "from-the-test")
        again = (await it.get(f"/executions/{report['executionId']}/operation")).json()
        assert again["payload"]["text"] == HOUSE["text"]
        assert (await it.post("/execute", again)).json()["result"]["text"] == "La casa es roja."


async def test_a_dry_run_calls_nobody(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        answer = await it.execute(dryRun=True)

        assert [entry["rank"] for entry in answer.json()["plan"]] == [1, 2, 3, 4][: len(answer.json()["plan"])]
        assert it.sandbox["deepl"].count(lane="work") == 0


async def test_pages_of_executions_lead_to_the_next_one(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        ids = [(await it.execute()).json()["executionId"] for _ in range(3)]

        first = await it.get("/executions?limit=2")
        rest = await it.client.get(first.links["next"]["url"], headers=it.headers())

        assert [row["executionId"] for row in first.json() + rest.json()] == ids[::-1]
        assert "next" not in rest.links


async def test_the_audit_trail_goes_on_where_its_page_ended(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        for _ in range(3):
            await it.client.post(f"{PREFIX}/health/check", json={"providerId": "deepl"}, headers=it.headers())
        first = await it.client.get(f"{PREFIX}/audit?limit=4&since=1h", headers=it.headers())
        rest = await it.client.get(first.links["next"]["url"], headers=it.headers())

        assert "since=1h" in first.links["next"]["url"]
        assert rest.status_code == 200, rest.text
        assert rest.json()[0]["seq"] == first.json()[-1]["seq"] - 1


async def test_a_configuration_is_replaced_only_by_who_knows_the_one_in_force(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        read = await it.get("/config/text")
        text, tag = read.json()["text"], read.headers["etag"]
        changed = {"text": text.replace("max_delay = 50", "max_delay = 60"), "reason": "a test"}

        missing = await it.send("PUT", "/config", json=changed)
        saved = await it.send("PUT", "/config", json=changed, headers={"If-Match": tag})
        stale = await it.send("PUT", "/config", json=changed, headers={"If-Match": tag})
        same = await it.get("/config", headers={"If-None-Match": saved.headers["etag"]})
        broken = await it.send(
            "PUT", "/config", json={"text": "[engine]\nmax_retries = 0"}, headers={"If-Match": saved.headers["etag"]}
        )

        assert (missing.status_code, missing.json()["field"]) == (428, "If-Match")
        assert saved.status_code == 200
        assert next(s["value"] for s in saved.json()["settings"] if s["key"] == "engine.max_delay") == 60
        assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
        assert (same.status_code, same.content) == (304, b"")
        assert (broken.status_code, broken.json()["code"]) == (422, "configuration_invalid")
        assert any("max_retries" in problem for problem in broken.json()["problems"])


async def test_this_console_is_a_catalogue_that_another_one_finds_providers_in(tmp_path: Path) -> None:
    from provider_console.bootstrap import Situation, open_console

    async with served(tmp_path) as it:
        other = tmp_path / "other"
        other.mkdir()
        catalogue = f'{{ url = "{it.url}/api/dynamic-ai/providers", credential = "OTHER_TOKEN", network = "loopback" }}'
        (other / "config.toml").write_text(f"[dynamic_ai]\ndiscover_local = false\ncatalogues = [{catalogue}]\n")
        environ = {"OTHER_TOKEN": it.tokens[Role.ADMIN], "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
        async with open_console(Situation(home=other, environ=environ), background=False) as console:
            found = {view.id: view for view in await console.providers(include_inactive=True)}
            seen = found["ollama"]
            await console.adopt_provider("ollama", base_url=seen.base_url, credential=None)
            report = await console.execute(await console.operation("chat", {"text": "Hello"}))

        assert {"openai", "ollama"} <= set(found)
        assert not found["openai"].configured
        assert found["ollama"].sources == ("dynamic_ai_catalogue",)
        assert (report.status, report.provider) == ("ok", "ollama")
        assert it.sandbox["ollama"].count(lane="work") == 1


async def test_the_figures_shown_are_those_that_are_documented(tmp_path: Path) -> None:
    documented = {name for cell, *_ in rows("docs/api.md", "figure") for name in codes(cell)}
    async with served(tmp_path) as it:
        await it.execute()
        page = (await it.get("/metrics")).text
    kinds = dict(line.split(" ")[2:4] for line in page.splitlines() if line.startswith("# TYPE"))

    assert documented == set(kinds)
