"""The console's own stack with nothing in it: Starlette on uvicorn passes a request on by httpx over aiohttp.

No token, no decision, no retry, no record, no audit trail. What it takes is what the stack costs on this machine.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from httpx_aiohttp import AiohttpTransport
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

CHAT = f"{os.environ['PROVIDER']}/v1/chat/completions"


@asynccontextmanager
async def _client(app: Starlette) -> AsyncIterator[None]:
    async with httpx.AsyncClient(transport=AiohttpTransport(), timeout=None) as client:
        app.state.client = client
        yield


async def _chat(request: Request) -> Response:
    answer = await request.app.state.client.post(
        CHAT, content=await request.body(), headers={"Content-Type": "application/json"}
    )
    return Response(answer.content, answer.status_code, media_type="application/json")


async def _up(_request: Request) -> Response:
    return PlainTextResponse("up")


app = Starlette(routes=[Route("/", _up), Route("/v1/chat/completions", _chat, methods=["POST"])], lifespan=_client)
