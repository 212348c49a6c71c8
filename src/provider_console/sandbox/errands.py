"""What people ask of the living sandbox: a bounded, seeded stream of translations, chats and embeddings."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from provider_console.console.console import Console
from provider_console.console.errors import ConsoleError
from provider_console.sandbox.script import Clock

GAP_S: Final = 0.55
"""Between two errands, on average."""
MOST_AT_ONCE: Final = 12
"""Errands under way; while so many wait for answers, no other begins."""


class Errand(NamedTuple):
    """One sort of request and how often it comes, compared with the others. `providers` None is whoever can."""

    weight: float
    kind: str
    payload: Mapping[str, Any]
    providers: tuple[str, ...] | None = None


TEXTS: Final = (
    "The house is red.",
    "Good morning. How are you?",
    "Where is the station? The train leaves at eight.",
    "The book is here. Thank you.",
    "The cat sleeps. Good night.",
)
QUESTIONS: Final = (
    "Why is the sky blue?",
    "Write a subject line for our autumn newsletter.",
    "Summarise the minutes of Tuesday's meeting in three sentences.",
    "What does HTTP status 429 mean?",
    "Is this review friendly? It came late, but it works.",
)


def _chat(weight: float, *providers: str) -> Errand:
    return Errand(weight, "chat", {}, providers or None)


def _translate(weight: float, target: str, *providers: str) -> Errand:
    return Errand(weight, "translate", {"from": "en", "to": target}, providers or None)


ERRANDS: Final = (
    _translate(6, "es"),
    _translate(3, "fr"),
    _translate(2, "de"),
    _translate(0.5, "sr"),
    _translate(2, "es", "google_translate", "apertium"),
    _translate(2, "es", "azure_translator", "apertium"),
    _translate(2, "es", "libretranslate", "apertium"),
    _translate(1.5, "es", "apertium"),
    # The model on this machine is everybody's way out.
    _chat(3, "openai", "ollama"),
    _chat(2, "anthropic", "ollama"),
    _chat(2, "gemini", "ollama"),
    _chat(2.5, "groq", "ollama"),
    _chat(2, "mistral", "ollama"),
    _chat(1.5, "openrouter", "ollama"),
    _chat(1.5, "acme", "ollama"),
    _chat(0.5, "ollama"),
    _chat(1),
    Errand(1, "embed", {}),
)


def payload_of(errand: Errand, rng: random.Random) -> dict[str, Any]:
    """The payload of one such request."""
    if errand.kind == "embed":
        return {**errand.payload, "texts": [rng.choice(TEXTS)]}
    return {**errand.payload, "text": rng.choice(QUESTIONS if errand.kind == "chat" else TEXTS)}


async def run_errands(
    console: Console, clock: Clock, rng: random.Random, *, errands: Sequence[Errand] = ERRANDS
) -> None:
    """Ask until cancelled. What fails is on record like everything else."""
    weights = [errand.weight for errand in errands]
    room = asyncio.Semaphore(MOST_AT_ONCE)

    async def one(errand: Errand, payload: Mapping[str, Any]) -> None:
        options = {} if errand.providers is None else {"providers": list(errand.providers)}
        try:
            await console.execute(await console.operation(errand.kind, payload, options=options))
        except ConsoleError:
            # Nobody could serve it, and the trace says why: this is what the sandbox is for.
            return
        finally:
            room.release()

    async with asyncio.TaskGroup() as group:
        while True:
            await clock.sleep(rng.expovariate(1 / GAP_S))
            await room.acquire()
            (errand,) = rng.choices(errands, weights)
            group.create_task(one(errand, payload_of(errand, rng)))
