"""`POST /execute`: failures with their report, streams, keys, full queues, who leaves, and the end of the server."""

from __future__ import annotations

import asyncio
import gc
import json
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import pytest
from tests.api.served import HOUSE, TRANSLATION, Served, frames, served

from provider_console.api.exchange import Exchange
from provider_console.console.access import Role
from provider_console.console.errors import OperationFailed
from provider_console.console.problems import Problem, error_of
from provider_console.sandbox import Fault

CHAT: Final = {"operation": "chat", "payload": {"text": "Why is the sky blue?"}, "providers": ["openai"]}
ALONE: Final = {"providers": ["deepl"]}


async def _held(it: Served, count: int = 1) -> None:
    """Return once so many translations wait at the provider."""
    await it.sandbox["deepl"].arrived(count, lane="work")


def _hang(it: Served) -> None:
    it.sandbox["deepl"].faults.set(Fault("hang"), on="work")


async def _ended(it: Served, execution_id: str | None = None) -> dict[str, Any]:
    """The newest execution, once it has ended."""
    while True:
        rows = (await it.get("/executions?limit=1")).json()
        if rows and rows[0]["status"] is not None:
            return (await it.get(f"/executions/{rows[0]['executionId']}")).json()  # type: ignore[no-any-return]
        await asyncio.sleep(0.02)


async def test_a_request_that_was_answered_is_freed_without_the_collector_of_garbage(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        gc.collect()
        gc.disable()
        try:
            assert (await it.execute(**ALONE)).status_code == 200
            for _ in range(20):
                # The server's task ends after its answer is out.
                await asyncio.sleep(0)
            left = [one for one in gc.get_objects() if isinstance(one, Exchange)]
        finally:
            gc.enable()

    assert left == []


# --- failures --------------------------------------------------------------------------------------------------


async def test_a_providers_error_is_a_502_with_the_report_and_never_ours(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        it.sandbox["deepl"].faults.set(Fault("status", status=500), on="work")

        answer = await it.execute(**ALONE)

        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.status_code, problem["code"]) == (502, "operation_failed")
        assert [attempt["httpStatus"] for attempt in problem["report"]["attempts"]] == [500] * 5
        assert "Traceback" not in answer.text
        error = error_of(msgspec.json.decode(answer.content, type=Problem))
        assert isinstance(error, OperationFailed)
        assert error.report.execution_id == problem["report"]["executionId"]


async def test_the_next_provider_answers_and_the_report_tells_of_the_hop(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        it.sandbox["deepl"].faults.set(Fault("status", status=503), on="work")

        report = (await it.execute(providers=["deepl", "libretranslate"])).json()

        assert (report["status"], report["provider"]) == ("ok", "libretranslate")
        assert report["left"] == [{"provider": "deepl", "reason": "attempts exhausted"}]


async def test_where_nobody_can_be_asked_it_says_why_for_each(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        await it.send("PATCH", "/providers/deepl", json={"enabled": False})

        answer = await it.execute(**ALONE)

        assert (answer.status_code, answer.json()["code"]) == (503, "no_provider")
        assert {"provider": "deepl", "reason": "disabled"} in answer.json()["report"]["excluded"]


# --- streams ---------------------------------------------------------------------------------------------------


async def test_a_stream_brings_the_text_in_pieces_and_the_report_last(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        body = {**CHAT, "stream": True}
        async with it.client.stream(
            "POST", f"{it.url}/api/provider-integration/execute", json=body, headers=it.headers()
        ) as response:
            assert response.headers["content-type"] == "text/event-stream"
            got = [frame async for frame in frames(response)]

        assert [frame["event"] for frame in got] == ["chunk"] * (len(got) - 1) + ["report"]
        text = "".join(json.loads(frame["data"])["text"] for frame in got[:-1])
        assert json.loads(got[-1]["data"])["result"]["text"] == text


async def test_a_stream_that_fails_before_its_first_piece_has_a_status_of_its_own(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        it.sandbox["openai"].faults.set(Fault("status", status=500), on="work")

        answer = await it.post("/execute", {**CHAT, "stream": True})

        assert (answer.status_code, answer.json()["code"]) == (502, "operation_failed")


async def test_a_stream_that_breaks_ends_with_the_problem_and_what_had_arrived(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        it.sandbox["openai"].faults.set(Fault("cut_stream", chunks=3), on="work")

        answer = await it.post("/execute", {**CHAT, "stream": True})

        *chunks, last = [block.splitlines() for block in answer.text.strip().split("\n\n")]
        assert answer.status_code == 200
        assert last[0] == "event: problem"
        problem = json.loads(last[1].removeprefix("data: "))
        assert problem["code"] == "partial_result"
        assert problem["text"] == "".join(json.loads(chunk[1].removeprefix("data: "))["text"] for chunk in chunks)


# --- keys ------------------------------------------------------------------------------------------------------


async def test_the_same_key_and_body_is_done_once_also_at_the_same_time(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        key = {"Idempotency-Key": "once"}

        first, second = await asyncio.gather(it.execute(headers=key, **ALONE), it.execute(headers=key, **ALONE))
        third = await it.execute(headers=key, **ALONE)
        other = await it.execute(headers=key, maxProviders=1)

        assert first.content == second.content == third.content
        assert sorted("idempotent-replayed" in answer.headers for answer in (first, second, third)) == [
            False,
            True,
            True,
        ]
        assert it.sandbox["deepl"].count(lane="work") == 1
        assert (other.status_code, other.json()["code"]) == (422, "key_reused")


async def test_a_key_belongs_to_who_used_it(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        key = {"Idempotency-Key": "mine"}
        body = {**TRANSLATION, **ALONE}

        first = await it.post("/execute", body, headers=key)
        other = await it.post("/execute", body, headers=key, role=Role.ADMIN)

        assert first.json()["executionId"] != other.json()["executionId"]


async def test_what_failed_without_effect_may_be_tried_again_with_its_key(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        key = {"Idempotency-Key": "again"}
        it.sandbox["deepl"].faults.script([Fault("status", status=500)] * 5, on="work")

        failed = await it.execute(headers=key, **ALONE)
        done = await it.execute(headers=key, providers=["libretranslate"])
        same = await it.execute(headers=key, providers=["libretranslate"])

        assert failed.status_code == 502
        assert (done.status_code, same.content) == (200, done.content)


# --- limits ----------------------------------------------------------------------------------------------------


async def test_a_full_queue_is_told_to_come_back(tmp_path: Path) -> None:
    async with served(tmp_path, api={"max_executions": 1}, grace_s=0.0) as it:
        _hang(it)
        async with asyncio.TaskGroup() as tasks:
            held = tasks.create_task(it.execute(**ALONE))
            await _held(it)

            full = await it.execute(**ALONE)
            execution_id = (await it.get("/executions?limit=1")).json()[0]["executionId"]
            cancelled = await it.send("DELETE", f"/executions/{execution_id}")
            ended = await held

        assert (full.status_code, full.json()["code"], full.headers["retry-after"]) == (429, "busy", "1")
        assert cancelled.json() == {"cancelled": True}
        assert (ended.status_code, ended.json()["report"]["status"]) == (409, "cancelled")


async def test_a_token_has_its_requests_a_minute_and_another_one_its_own(tmp_path: Path) -> None:
    async with served(tmp_path, api={"requests_per_minute": 5}) as it:
        answers = [await it.get("/whoami", role=Role.ADMIN) for _ in range(6)]
        other = await it.get("/whoami", role=Role.SUPER_ADMIN)

        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 12
        assert other.status_code == 200


async def test_who_renews_a_token_has_no_more_requests_for_it(tmp_path: Path) -> None:
    async with served(tmp_path, api={"requests_per_minute": 5}) as it:
        renewed = await it.post("/tokens/renew", role=Role.ADMIN)
        headers = {"Authorization": f"Bearer {renewed.json()['token']}"}
        answers = [await it.get("/whoami", role=None, headers=headers) for _ in range(5)]

        assert [answer.status_code for answer in answers] == [200] * 4 + [429]


# --- who leaves ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
async def test_who_leaves_in_the_middle_cancels_the_execution_and_it_is_on_record(tmp_path: Path, stream: bool) -> None:
    async with served(tmp_path) as it:
        _hang(it)
        body = {**TRANSLATION, **ALONE, "stream": stream}
        async with httpx.AsyncClient(trust_env=False) as leaver, asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(
                leaver.post(f"{it.url}/api/provider-integration/execute", json=body, headers=it.headers())
            )
            await _held(it)
            asking.cancel()

        report = await _ended(it)
        assert report["status"] == "cancelled"
        outcomes = [row for row in await it.audited() if row["phase"] == "outcome" and "execute" in row["action"]]
        assert outcomes[0]["result"] == "cancelled"
        assert (await it.get("/vitals")).json()["running"] == 0


# --- the end ---------------------------------------------------------------------------------------------------


async def test_at_the_end_what_runs_has_its_result_and_nothing_new_is_taken(tmp_path: Path) -> None:
    async with served(tmp_path, grace_s=10.0) as it:
        it.sandbox["deepl"].faults.set(Fault("slow", seconds=0.6), on="work")
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(it.execute(**ALONE)) for _ in range(5)]
            await _held(it, 5)
            it.stop.end()

        assert [task.result().status_code for task in running] == [200] * 5
        assert {task.result().json()["status"] for task in running} == {"ok"}


async def test_when_the_grace_ends_what_runs_is_answered_with_its_report(tmp_path: Path) -> None:
    async with served(tmp_path, grace_s=0.2) as it:
        _hang(it)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(it.execute(**ALONE)) for _ in range(5)]
            await _held(it, 5)
            it.stop.end()

        for task in running:
            answer = task.result()
            assert (answer.status_code, answer.json()["code"]) == (503, "draining")
            assert answer.json()["report"]["status"] == "cancelled"


async def test_a_second_word_does_not_wait_for_the_grace(tmp_path: Path) -> None:
    async with served(tmp_path, grace_s=3_600.0) as it:
        _hang(it)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(it.execute(**ALONE))
            await _held(it)
            it.stop.end()
            await asyncio.sleep(0)
            it.stop.end()

        assert running.result().json()["report"]["status"] == "cancelled"
        assert HOUSE["text"] not in running.result().text
