"""Who else is told of executions."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import msgspec

from provider_console.core.ports.usage import AttemptRow


class TracedExecution(msgspec.Struct, frozen=True, kw_only=True):
    """An execution that has ended, as others may follow it: no payload, no result.

    `parent`: it was a piece of it. `trace_parent`: the caller's own span, see `Operation`.
    """

    id: str
    kind: str
    category: str
    at: float
    elapsed_ms: float
    status: str
    provider: str | None = None
    parent: str | None = None
    request_id: str | None = None
    trace_parent: str | None = None
    attempts: tuple[AttemptRow, ...] = ()


class Mend(NamedTuple):
    """What is wrong, and the command that mends it."""

    problem: str
    command: str


class Telemetry(Protocol):
    """Tells a collector of executions, beside the work and never in its way."""

    @property
    def wanted(self) -> bool:
        """Whether there is a collector to tell."""
        ...

    def note(self, execution: TracedExecution) -> None:
        """An execution ended. Returns at once; where too many wait, the oldest is dropped."""
        ...

    async def run(self) -> None:
        """Send what is noted, until cancelled."""
        ...

    async def finish(self) -> None:
        """Send what still waits, within two seconds."""
        ...

    async def check(self) -> Mend | None:
        """Why nothing could be sent now; None where it could."""
        ...
