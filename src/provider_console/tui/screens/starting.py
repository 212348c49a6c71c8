"""What Execution starts: operations from the form or run again, followed until they end, stopped with one key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import uuid4

import msgspec
from textual.timer import Timer

from provider_console.console.errors import ConsoleError, Reported
from provider_console.console.views import ExecutionReport
from provider_console.sdk.operation import Operation
from provider_console.tui.changes import ContentArrived, Read, ReportRead
from provider_console.tui.messages import FormRequested
from provider_console.tui.pages.trace import Trace, trace_of
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.screens.draft import Draft, Own

BEAT_S: Final = 0.1
"""How often a running execution is painted, and what has arrived of its result shown."""


class StartingScreen(ConsoleScreen):
    """Starts operations and knows which executions are its own; what is open is a subclass's to show."""

    def __init__(self) -> None:
        super().__init__()
        self._opened: str | None = None
        self._kinds_read = False
        self._draft = Draft()
        self._own: dict[str, Own] = {}
        """What was started here and has not ended, by its reference."""
        self._awaited: str | None = None
        """The reference of what is shown as soon as it is known."""
        self._asked: set[tuple[str, float | None]] = set()
        """What was read already, by how long it had taken then, so that nothing is read twice."""
        self._beat: Timer | None = None

    def open_execution(self, execution_id: str) -> None:
        """Show an execution."""
        raise NotImplementedError

    def show_awaited(self) -> None:
        """Make room for what is about to begin."""
        raise NotImplementedError

    @property
    def trace(self) -> Trace | None:
        """The execution that is open, as far as it is known."""
        if self._opened is None:
            return None
        return trace_of(self._opened, self.state, max(self.state.now, self.link.clock.wall()))

    def begin(self) -> None:
        """Paint what runs more often than once a second."""
        self._beat = self.set_interval(BEAT_S, self._on_beat, pause=True)

    def _on_beat(self) -> None:
        for own in self._own.values():
            if own.pieces and own.execution_id is not None:
                self.link.change(ContentArrived(own.execution_id, own.take()))
        if self.is_current:
            self.show()

    def _keep_time(self) -> None:
        """Beat while something runs."""
        trace = self.trace
        if self._beat is None:
            return
        if self._own or (trace is not None and trace.running):
            self._beat.resume()
        else:
            self._beat.pause()

    def _recognise(self) -> None:
        """Learn which execution is which of those that were started here."""
        for reference, own in self._own.items():
            if own.execution_id is None:
                own.execution_id = next(
                    (key for key, run in self.state.runs.items() if run.reference == reference), None
                )
            if own.execution_id is not None and reference == self._awaited:
                self.open_execution(own.execution_id)

    def _read_kinds(self) -> None:
        """Know what can be executed before somebody asks for the form, so that it takes keys at once."""
        if not self._kinds_read and self.state.open:
            self._kinds_read = True
            self.ask(self._kinds(), group="kinds")

    async def _kinds(self) -> None:
        link = self.link
        link.change(Read(link.clock.wall(), {"kinds": tuple(await link.console.kinds())}))

    # --- running ------------------------------------------------------------------------------------------------

    def start(self, operation: Operation) -> None:
        """Run an operation, and show it as soon as it has begun."""
        reference = uuid4().hex
        own = self._own[reference] = Own()
        self._awaited, self._opened = reference, None
        operation = msgspec.structs.replace(operation, reference=reference)
        own.worker = self.run_worker(self._run(operation, own), group="run")
        self.show_awaited()

    async def _run(self, operation: Operation, own: Own) -> None:
        console, link = self.link.console, self.link
        report: ExecutionReport | None = None
        try:
            if operation.stream:
                async for item in console.execute_stream(operation):
                    if isinstance(item, ExecutionReport):
                        report = item
                    else:
                        own.pieces.append(item.text)
            else:
                report = await console.execute(operation)
        except Reported as error:
            report = error.report
        except ConsoleError as error:
            self.notify(error.message, severity="error", markup=False)
        finally:
            awaited = self._awaited == operation.reference
            self._own = {key: each for key, each in self._own.items() if each is not own}
            if own.pieces and own.execution_id is not None:
                link.change(ContentArrived(own.execution_id, own.take()))
        if report is not None:
            self._asked.add((report.execution_id, report.elapsed_ms))
            link.change(ReportRead(report))
        if awaited:
            self._awaited = None
            if report is not None:
                self.open_execution(report.execution_id)

    def action_cancel(self) -> None:
        """Stop what is shown."""
        trace = self.trace
        if trace is not None and trace.running:
            execution_id = trace.execution_id

            async def cancel() -> None:
                if not await self.link.console.cancel(execution_id):
                    self.notify("It has ended already.", markup=False)

            self.ask(cancel(), group="cancel")
        elif self._awaited is not None and (worker := self._own[self._awaited].worker) is not None:
            # It waits for a provider to come back, and nobody knows its name yet: who leaves cancels it.
            worker.cancel()

    def action_run_again(self) -> None:
        """The same operation anew."""
        execution_id = self._opened
        if execution_id is None:
            return

        async def again() -> None:
            self.start(await self.link.console.repeat(execution_id))

        self.ask(again(), group="again")

    def action_new(self) -> None:
        """Fill in the form."""
        self._new(())

    def on_form_requested(self, message: FormRequested) -> None:
        """Fill in the form of what providers of a category do."""
        self._new(message.categories)

    def _new(self, categories: Sequence[str]) -> None:
        from provider_console.tui.screens.form import FormScreen

        async def asked() -> None:
            if not self.state.kinds:
                await self._kinds()
            if self.is_current:
                self.app.push_screen(FormScreen(self._draft, self.start, categories=categories))

        self.ask(asked(), group="new")
