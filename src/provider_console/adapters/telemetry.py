"""Sends executions to a collector of OpenTelemetry (OTLP over HTTP), beside the work and never in its way.

What waits is bounded, and a collector that does not answer is asked again after longer and longer waits. Nothing of
OpenTelemetry is loaded before there is something to send.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from importlib import import_module
from itertools import islice
from types import ModuleType
from typing import Final

from provider_console.core.ports.http import HttpFactory
from provider_console.core.ports.secrets import SecretStore
from provider_console.core.ports.telemetry import Mend, TracedExecution
from provider_console.core.ports.time import Clock
from provider_console.core.settings import Settings
from provider_console.sdk.errors import TransportError

log = logging.getLogger(__name__)

QUEUE: Final = 2_048
"""Executions that wait; beyond it the oldest go, and are counted."""
BATCH: Final = 256
ANSWER_S: Final = 10.0
PARTING_S: Final = 2.0
"""How long the end of the console waits for a collector."""
AGAIN_S: Final = 1.0
LONGEST_AGAIN_S: Final = 60.0
MEDIA_TYPE: Final = "application/x-protobuf"
COME_BACK: Final = frozenset({408, 429, 502, 503, 504})
"""Statuses after which the same may be sent again; after any other it would be refused again."""

_MISSING: Final = "opentelemetry-proto is not installed"
_INSTALL: Final = "pip install 'provider-console[otel]'"


class _Unsent(Exception):
    """A batch that was not taken; `lost`: it will not be, so it is not kept."""

    def __init__(self, problem: str, *, lost: bool, after_s: float | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.lost = lost
        self.after_s = after_s


class TraceExport:
    """Implements `Telemetry`: what `[telemetry]` says of this moment is what is done."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        *,
        http: HttpFactory,
        secrets: SecretStore,
        clock: Clock,
        rng: random.Random,
        traces: ModuleType | None = None,
    ) -> None:
        """`traces` makes the messages, where it is loaded already."""
        self._settings = settings
        self._http = http
        self._secrets = secrets
        self._clock = clock
        self._rng = rng
        self._waiting: deque[TracedExecution] = deque()
        self._due = asyncio.Event()
        self._sending = asyncio.Lock()
        self._traces = traces
        self._failures = 0
        self.lost = 0
        """Executions that were not sent since the last that were."""

    @property
    def wanted(self) -> bool:
        """See `Telemetry.wanted`."""
        return bool(self._settings().telemetry.endpoint)

    def note(self, execution: TracedExecution) -> None:
        """See `Telemetry.note`."""
        self._waiting.append(execution)
        self._trim()
        self._due.set()

    async def run(self) -> None:
        """See `Telemetry.run`."""
        while True:
            await self._due.wait()
            self._due.clear()
            while self._waiting:
                after_s = await self._send_batch()
                if after_s is not None:
                    await self._clock.sleep(after_s)

    async def finish(self) -> None:
        """See `Telemetry.finish`."""
        try:
            async with asyncio.timeout(PARTING_S):
                # At least once: one that is under way is waited for.
                while await self._send_batch() is None and self._waiting:
                    pass
        except TimeoutError:
            self._failed(f"no answer within {PARTING_S:g} s")

    async def check(self) -> Mend | None:
        """See `Telemetry.check`."""
        try:
            await self._post([])
        except _Unsent as error:
            if error.problem == _MISSING:
                return Mend(_MISSING, _INSTALL)
            return Mend(error.problem, "provider-console config set telemetry.endpoint ADDRESS")
        return None

    async def _send_batch(self) -> float | None:
        """Send the oldest; how long to wait before the next try, None where they are sent."""
        async with self._sending:
            if not self.wanted:
                # It was switched off meanwhile.
                self._waiting.clear()
            batch = list(islice(self._waiting, BATCH))
            if not batch:
                return None
            for _ in batch:
                self._waiting.popleft()
            try:
                refused = await self._post(batch)
            except _Unsent as error:
                if error.lost:
                    self.lost += len(batch)
                else:
                    self._waiting.extendleft(reversed(batch))
                    self._trim()
                self._failed(error.problem)
                backoff_s = min(LONGEST_AGAIN_S, AGAIN_S * 2 ** min(self._failures - 1, 10))
                wait_s: float = max(error.after_s or 0.0, backoff_s * self._rng.uniform(0.5, 1.0))
                return wait_s
            if refused:
                log.warning("the collector of traces refused %d spans", refused)
            self._succeeded()
            return None

    async def _post(self, batch: list[TracedExecution]) -> int:
        """Send these; how many spans were refused. Raises: _Unsent."""
        settings = self._settings()
        to = settings.telemetry
        traces = await self._loaded()
        content = traces.request(batch, service=to.service_name, environment=settings.appearance.environment)
        headers = {"content-type": MEDIA_TYPE}
        if to.credential:
            secret = await self._secrets.get(to.credential)
            if secret is None:
                raise _Unsent(f"the credential {to.credential} of telemetry.credential is missing", lost=False)
            headers[to.header] = secret.reveal()
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await self._http.client(network=to.network).request(
                    "POST", to.endpoint, headers=headers, content=content
                )
        except TimeoutError:
            raise _Unsent(f"no answer within {ANSWER_S:g} s", lost=False) from None
        except TransportError as error:
            raise _Unsent(error.message, lost=False) from None
        if answer.ok:
            return int(traces.refused(answer.body))
        again = answer.status in COME_BACK
        after_s = min(answer.retry_after_s or 0.0, LONGEST_AGAIN_S) if again else None
        raise _Unsent(f"the collector answers HTTP {answer.status}", lost=not again, after_s=after_s)

    async def _loaded(self) -> ModuleType:
        """What makes the messages. Raises: _Unsent."""
        if self._traces is None:
            try:
                # In a thread: it takes a moment, in which executions go on.
                self._traces = await asyncio.to_thread(import_module, "provider_console.adapters.traces")
            except ImportError:
                raise _Unsent(_MISSING, lost=True) from None
        return self._traces

    def _trim(self) -> None:
        while len(self._waiting) > QUEUE:
            self._waiting.popleft()
            self.lost += 1

    def _failed(self, problem: str) -> None:
        self._failures += 1
        if self._failures == 1:
            log.warning(
                "executions are not sent as traces to telemetry.endpoint: %s; they go on, the newest %d wait, and "
                "provider-console doctor says what to do",
                problem,
                QUEUE,
            )

    def _succeeded(self) -> None:
        if self._failures or self.lost:
            log.warning("executions are sent as traces again; %d were lost", self.lost)
        self._failures = self.lost = 0
