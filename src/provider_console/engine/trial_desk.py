"""A configuration with a way back: in force for a while, taken back by itself unless somebody confirms it.

What comes back is in the database before anything changes, so a console that is killed leaves a way back too: the next
one takes it. It comes back at once where the change does harm.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, Protocol

from provider_console.console.errors import BadRequest, Conflict, ConsoleError, StorageUnavailable
from provider_console.console.events import SettingsTakenBack
from provider_console.console.views import TrialView, iso
from provider_console.core.ports.audit import AuditStore
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.time import Clock
from provider_console.core.ports.trials import Trial, TrialStore
from provider_console.engine.bus import Bus
from provider_console.engine.standing import span

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
CALM_S: Final = 3.0
"""How often somebody else's trial is looked for while there is none; the shortest lasts 10 s."""
HARM_POINTS: Final = 10.0
"""The overall health may drop by less than this: more is harm, and one provider of many is not."""

SHORTEST_S: Final = 10.0
LONGEST_S: Final = 86_400.0


class Condition(NamedTuple):
    """How everything is: the overall health (None: nothing is known), and what is served."""

    health: float | None
    covered: tuple[str, ...]


class File(Protocol):
    """The configuration file, as a trial changes it back."""

    async def text(self) -> tuple[str, str]:
        """The text and its revision."""
        ...

    async def write_back(self, text: str, *, revision: str, reason: str) -> None:
        """Make an earlier text the one in force."""
        ...


class TrialDesk:
    """Begins, confirms and ends the one trial there may be."""

    def __init__(
        self,
        store: TrialStore,
        audit: AuditStore,
        *,
        clock: Clock,
        bus: Bus,
        condition: Callable[[], Awaitable[Condition]],
        leads: Callable[[], bool],
    ) -> None:
        self._store = store
        self._audit = audit
        self._clock = clock
        self._bus = bus
        self._condition = condition
        self._leads = leads
        self._deadline: tuple[str, float] | None = None
        self.file: File | None = None
        self.watched = False
        """Whether this process keeps running, and so takes back what it has begun."""
        self.view: TrialView | None = None
        self.notices: list[str] = []

    async def refuse_another(self) -> None:
        """Say that a change waits for a confirm, where one does.

        Raises:
            Conflict, StorageUnavailable
        """
        trial = await self._stored()
        if trial is not None:
            raise Conflict(
                f"{trial.reason}, by {trial.author}, is on trial until {iso(trial.until)}; keep it first "
                "(provider-console config confirm), or take it back (provider-console config restore REVISION)"
            )

    async def begin(self, *, text_hash: str, before: str, author: str, reason: str, within_s: float) -> None:
        """Remember what comes back. Call it before the change is made.

        Raises:
            BadRequest, Conflict, StorageUnavailable
        """
        if not SHORTEST_S <= within_s <= LONGEST_S:
            raise BadRequest(
                f"a change is on trial for {SHORTEST_S:.0f} s to {span(LONGEST_S)}, not {within_s:.0f} s",
                field="confirm_within_s",
            )
        condition = await self._condition()
        wall = self._clock.wall()
        trial = Trial(
            hash=text_hash,
            before=before,
            author=author,
            reason=reason,
            at=wall,
            until=wall + within_s,
            health=condition.health,
            covered=condition.covered,
        )
        try:
            begun = await self._store.begin_trial(trial, watched=self.watched)
        except StoreUnavailable as error:
            raise StorageUnavailable(f"nothing was changed: {error}") from error
        if not begun:
            await self.refuse_another()
        self._see(trial)

    async def confirm(self) -> None:
        """Keep what is on trial.

        Raises:
            BadRequest: nothing is. StorageUnavailable
        """
        trial = await self._stored()
        if trial is None:
            raise BadRequest("no change is on trial: it was confirmed or taken back already; see config history")
        await self.end(trial.hash)

    async def end(self, trial_hash: str) -> None:
        """Forget a trial; what is in force stays.

        Raises:
            StorageUnavailable
        """
        try:
            await self._store.end_trial(trial_hash)
        except StoreUnavailable as error:
            raise StorageUnavailable(str(error)) from error
        self._see(None)

    async def settle(self) -> None:
        """At a start: take back what nobody watches any more, and what was not confirmed in time."""
        trial = await self._stored_or_none()
        if trial is not None and trial.orphaned:
            await self._take_back(trial, "the console that watched it was ended before anybody confirmed it")
        elif trial is not None and (why := self._too_late(trial)) is not None:
            # Whether it does harm is for the console that checks to say: a command may lack a credential that one has.
            await self._take_back(trial, why)

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            await self._clock.sleep(CALM_S if self.view is None else LOOK_S)
            if self._leads():
                trial = await self._stored_or_none()
                if trial is not None:
                    await self._judge(trial)

    async def read(self) -> None:
        """See what is on trial by now: a command may have begun or confirmed it."""
        await self._stored_or_none()

    async def look(self) -> str | None:
        """Look now; why it was taken back, None where it was not."""
        trial = await self._stored_or_none()
        return None if trial is None else await self._judge(trial)

    async def _judge(self, trial: Trial) -> str | None:
        """Take a trial back where its time is over or it does harm; why, None where it goes on."""
        why = self._too_late(trial) or await self._harm(trial)
        if why is not None:
            await self._take_back(trial, why)
        return why

    def _too_late(self, trial: Trial) -> str | None:
        now = self._clock.monotonic()
        if self._deadline is None or self._deadline[0] != trial.hash:
            # From here on the clock that does not jump counts as well: a wall clock put back must not prolong it.
            self._deadline = trial.hash, now + max(0.0, trial.until - self._clock.wall())
        if now < self._deadline[1] and self._clock.wall() < trial.until:
            return None
        return f"nobody confirmed it within {span(trial.until - trial.at)}"

    async def _harm(self, trial: Trial) -> str | None:
        condition = await self._condition()
        lost = sorted(set(trial.covered) - set(condition.covered))
        if lost:
            return f"{', '.join(lost[:3])} was no longer served"
        if trial.health is None or condition.health is None or trial.health - condition.health < HARM_POINTS:
            return None
        return f"the overall health dropped from {trial.health:.1f} % to {condition.health:.1f} %"

    async def _take_back(self, trial: Trial, why: str) -> None:
        if self.file is None:
            return
        intent, result = None, "failed"
        try:
            _, revision = await self.file.text()
            if revision != trial.hash:
                await self.end(trial.hash)
                self.notices.append(f"{trial.reason} was on trial; the file was changed meanwhile, and that stays")
                return
            intent = await self._intend(trial, why)
            await self.file.write_back(trial.before, revision=revision, reason=f"taken back: {why}")
            result = "done"
            await self.end(trial.hash)
        except Conflict:
            return  # somebody was quicker: the next look sees what there is now
        except ConsoleError as error:
            self.notices.append(f"{trial.reason} could not be taken back ({why}): {error}")
            log.warning("%s", self.notices[-1])
            if not isinstance(error, StorageUnavailable):
                await self.end(trial.hash)  # what came before can no longer be used: trying again does not help
            return
        finally:
            if intent is not None:
                self._audit.conclude(intent, result=result)
        self.notices.append(f"{trial.reason} was taken back: {why}")
        self._bus.publish(SettingsTakenBack(at=self._clock.wall(), reason=trial.reason, why=why))

    async def _intend(self, trial: Trial, why: str) -> int | None:
        """The trail holds it like what a person does. Nobody may be left with an unconfirmed change for want of it."""
        try:
            return await self._audit.intend(
                actor="provider-console",
                role="engine",
                front_end="engine",
                action="take_back_config",
                subject=trial.reason,
                before=None,
                after=why,
            )
        except StoreUnavailable as error:
            log.warning("taking back %s is not in the audit trail: %s", trial.reason, error)
            return None

    async def _stored(self) -> Trial | None:
        try:
            trial = await self._store.trial()
        except StoreUnavailable as error:
            raise StorageUnavailable(str(error)) from error
        self._see(trial)
        return trial

    async def _stored_or_none(self) -> Trial | None:
        try:
            return await self._stored()
        except StorageUnavailable as error:
            log.warning("whether a configuration is on trial cannot be read: %s", error)
            return None

    def _see(self, trial: Trial | None) -> None:
        self.view = (
            None if trial is None else TrialView(reason=trial.reason, author=trial.author, until=iso(trial.until))
        )
