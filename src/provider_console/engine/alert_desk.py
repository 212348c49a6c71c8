"""Watches the rules, keeps one alert for one trouble, and tells whoever has to know.

The console that probes watches as well, so that two of them on one data directory ring once; the other one reads what
the first has found. What is open is in the database, so a restart neither forgets an alert nor rings it again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any, Final, Literal, Protocol

import msgspec

from provider_console.console.events import AlertChanged, AlertCleared, AlertFired, Event
from provider_console.console.views import AlertRuleView, AlertView, iso
from provider_console.core.alerts import SHIPPED, Rule, Watch, advance, needed, rules_of
from provider_console.core.ports.alerts import AlertRow, AlertStore, Bell
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.time import Clock, Ids
from provider_console.core.settings import AlertsSettings, Settings
from provider_console.engine.alert_words import FirstAction, evidence, title
from provider_console.engine.bus import Bus
from provider_console.engine.observations import Observation

log = logging.getLogger(__name__)

LOOK_S: Final = 5.0
"""How often the rules are looked at: an alert is due within 60 s after its `for` has passed."""

LOOK_SHARE: Final = 0.0005
LOOK_MOST_S: Final = 30.0
"""Of the time, at most so much goes into looking, as long as that is often enough: 50 providers take 5 ms."""

RINGS: Final = 20
"""Commands of the user's that may wait for the one that runs; beyond it they are left out, and that is said."""

_BRACES: Final = re.compile(r"\{([a-z_]+)\}")

_Key = tuple[str, str]

_NEWS: Final[Mapping[type[Event], str]] = {
    AlertFired: "an alert rings",
    AlertChanged: "an alert was looked after",
    AlertCleared: "an alert is over",
}


class Observing(Protocol):
    """Whoever measures."""

    def look(self, quantities: Collection[str]) -> AsyncIterator[Observation]:
        """Every subject that the quantities speak of."""
        ...


class AlertDesk:
    """Fires and clears. `leads` says whether this console is the one that watches."""

    def __init__(
        self,
        *,
        store: AlertStore,
        settings: Callable[[], Settings],
        observer: Observing,
        first_action: Callable[[Rule, Observation], FirstAction],
        leads: Callable[[], bool],
        clock: Clock,
        ids: Ids,
        bus: Bus,
        bell: Bell,
        start: Callable[[Coroutine[Any, Any, Any], str], object],
    ) -> None:
        self._store = store
        self._settings = settings
        self._observer = observer
        self._first_action = first_action
        self._leads = leads
        self._clock = clock
        self._ids = ids
        self._bus = bus
        self._bell = bell
        self._start = start
        self._watches: dict[_Key, Watch] = {}
        self._open: dict[_Key, AlertRow] = {}
        """What is open, as last read or as this console has just decided."""
        self._unsaved: set[str] = set()
        self._rings: list[tuple[str, Sequence[str]]] = []
        self._ringing = False
        self._left_out = 0
        self._ring_problem: str | None = None

    @property
    def ring_problems(self) -> tuple[str, ...]:
        """Why the last command of the user's failed, and how many were left out; empty while all is well."""
        left = f"{self._left_out} commands of [alerts] were left out: {RINGS} were waiting already"
        return tuple(filter(None, (self._ring_problem, left if self._left_out else None)))

    async def run(self) -> None:
        """Watch until cancelled."""
        await self._read()
        took_s = 0.0
        while True:
            await self._clock.sleep(min(LOOK_MOST_S, max(LOOK_S, took_s / LOOK_SHARE)))
            began = self._clock.monotonic()
            await self.look()
            took_s = self._clock.monotonic() - began

    async def look(self) -> None:
        """One look at everything."""
        await self._read(tell=True)
        if not self._leads():
            self._watches.clear()
            return
        rules, _ = rules_of(self._settings().alerts)
        now, seen = self._clock.monotonic(), set[_Key]()
        async for observation in self._observer.look(needed(rules)):
            for rule in rules:
                if rule.scope == observation.scope and rule.watches(observation.subject):
                    seen.add((rule.name, observation.subject))
                    await self._judge(rule, observation, now)
        watched = {rule.name: rule for rule in rules}
        for key in [key for key in self._open if key not in seen]:
            await self._gone(key, watched.get(key[0]), now)
        for key in self._watches.keys() - seen - self._open.keys():
            del self._watches[key]
        await self._remind()

    async def _judge(self, rule: Rule, seen: Observation, now: float) -> None:
        key = rule.name, seen.subject
        firing = self._step(key, rule, holds=rule.holds(seen.values), now=now)
        if firing and key not in self._open:
            await self._fire(key, rule, seen)
        elif not firing and key in self._open:
            await self._clear(key)

    async def _gone(self, key: _Key, rule: Rule | None, now: float) -> None:
        """An open alert whose subject is not there: at once where its rule was taken away, else after its windows."""
        if rule is None or not self._step(key, rule, holds=False, now=now):
            await self._clear(key)
            self._watches.pop(key, None)

    def _step(self, key: _Key, rule: Rule, *, holds: bool, now: float) -> bool:
        window_s = self._settings().alerts.window / 1000
        before = self._watches.get(key) or Watch(firing=key in self._open)
        after = advance(before, holds=holds, now=now, for_s=rule.for_s, window_s=window_s)
        self._watches[key] = after
        return after.firing

    async def _fire(self, key: _Key, rule: Rule, seen: Observation) -> None:
        action = self._first_action(rule, seen)
        row = AlertRow(
            id=self._ids.new(),
            rule=rule.name,
            subject=seen.subject,
            at=self._clock.wall(),
            title=title(rule, seen, self._settings().appearance.language),
            evidence=evidence(rule, seen)[:300],
            first_try=action.words,
            command=action.command,
        )
        self._open[key] = row
        if await self._kept(row):
            self._tell(AlertFired, row)
            self._ring(self._settings().alerts.on_alert, row, "fired")

    async def _kept(self, row: AlertRow) -> bool:
        """Write a new alert; False where another console was first. It rings even where it cannot be written."""
        try:
            new = await self._store.open_alert(row)
        except StoreUnavailable as error:
            log.warning("the alert %s could not be written, and is tried again: %s", row.title, error)
            new = row.id not in self._unsaved
            self._unsaved.add(row.id)
            return new
        known = row.id in self._unsaved
        self._unsaved.discard(row.id)
        return new and not known

    async def _clear(self, key: _Key) -> None:
        row = self._open[key]
        try:
            mine = await self._store.clear_alert(row.id, self._clock.wall()) or row.id in self._unsaved
        except StoreUnavailable as error:
            log.warning("the end of the alert %s could not be written, and is tried again: %s", row.title, error)
            return
        del self._open[key]
        self._unsaved.discard(row.id)
        if mine:
            row = msgspec.structs.replace(row, cleared_at=self._clock.wall(), snoozed_until=None)
            self._tell(AlertCleared, row)
            self._ring(self._settings().alerts.on_clear, row, "cleared")

    async def _remind(self) -> None:
        """Whoever snoozed an alert asked to hear of it again."""
        for key, row in list(self._open.items()):
            if row.snoozed_until is None or row.snoozed_until > self._clock.wall():
                continue
            try:
                await self._store.snooze_alert(row.id, None)
            except StoreUnavailable as error:
                log.warning("the snooze of %s could not be ended, and is tried again: %s", row.title, error)
                continue
            self._open[key] = row = msgspec.structs.replace(row, snoozed_until=None)
            self._tell(AlertChanged, row)
            self._ring(self._settings().alerts.on_alert, row, "fired")

    async def _read(self, *, tell: bool = False) -> None:
        """See what is open by now: another console, or a command, may have changed it."""
        try:
            for row in [row for row in self._open.values() if row.id in self._unsaved]:
                await self._kept(row)
            rows = await self._store.alerts(only_open=True)
        except StoreUnavailable as error:
            log.warning("alerts cannot be read: %s", error)
            return
        stored = {(row.rule, row.subject): row for row in rows}
        before = self._open
        self._open = {**{k: r for k, r in before.items() if r.id in self._unsaved}, **stored}
        if not tell:
            return
        for key, row in stored.items():
            if key not in before or before[key].id != row.id:
                self._tell(AlertFired, row)
            elif before[key] != row:
                self._tell(AlertChanged, row)
        for key, row in before.items():
            if key not in self._open:
                self._watches.pop(key, None)
                self._tell(AlertCleared, msgspec.structs.replace(row, cleared_at=self._clock.wall()))

    def _tell(self, kind: type[AlertFired | AlertChanged | AlertCleared], row: AlertRow) -> None:
        log.info("%s: %s", _NEWS[kind], row.title)
        event: Event = kind(at=self._clock.wall(), alert=alert_view(row, wall=self._clock.wall()))
        self._bus.publish(event)

    def know(self, row: AlertRow) -> None:
        """An alert was changed here: whoever listens hears of it now, not at the next look."""
        key = row.rule, row.subject
        if key in self._open:
            self._open[key] = row
        self._tell(AlertChanged, row)

    # --- the user's own command

    def _ring(self, arguments: Sequence[str], row: AlertRow, event: Literal["fired", "cleared"]) -> None:
        if not arguments:
            return
        if len(self._rings) >= RINGS:
            self._left_out += 1
            return
        if not self._rings:
            self._left_out = 0
        self._rings.append((row.title, filled(arguments, row, event)))
        if not self._ringing:
            self._ringing = True
            self._start(self._ring_all(), "alert command")

    async def _ring_all(self) -> None:
        """One after the other: a hundred alerts must not be a hundred processes."""
        try:
            while self._rings:
                about, arguments = self._rings.pop(0)
                problem = await self._bell.ring(arguments)
                self._ring_problem = (
                    None if problem is None else f"the command for the alert {about!r} failed: {problem}"
                )
                if problem is not None:
                    log.warning("%s", self._ring_problem)
        finally:
            self._ringing = False


def filled(arguments: Sequence[str], row: AlertRow, event: Literal["fired", "cleared"]) -> tuple[str, ...]:
    """The user's arguments with what they ask for in braces; what an alert says is never read as more arguments."""
    values: Mapping[str, str] = {
        "title": row.title,
        "rule": row.rule,
        "subject": row.subject,
        "evidence": row.evidence,
        "first_try": row.first_try,
        "command": row.command or "",
        "id": row.id,
        "at": iso(row.at),
        "event": event,
    }

    def one(argument: str) -> str:
        # One pass from left to right, so that a brace in a value stays what it is.
        text = _BRACES.sub(lambda m: values.get(m[1], m[0]), argument)
        # A provider may be called `--help` or `@/etc/passwd`, which programs read as options and as files.
        return f" {text}" if text[:1] in ("-", "@") and argument[0] != text[0] else text

    # The program itself is the user's alone.
    return (arguments[0], *map(one, arguments[1:]))


def alert_view(row: AlertRow, *, wall: float) -> AlertView:
    """An alert as a front end sees it."""
    snoozed = row.snoozed_until is not None and row.snoozed_until > wall
    return AlertView(
        id=row.id,
        rule=row.rule,
        subject=row.subject,
        title=row.title,
        evidence=row.evidence,
        first_try=row.first_try,
        command=row.command,
        state="cleared"
        if row.cleared_at is not None
        else "acknowledged"
        if row.acknowledged_at is not None
        else "snoozed"
        if snoozed
        else "firing",
        fired_at=iso(row.at),
        cleared_at=None if row.cleared_at is None else iso(row.cleared_at),
        acknowledged_at=None if row.acknowledged_at is None else iso(row.acknowledged_at),
        acknowledged_by=row.acknowledged_by,
        snoozed_until=iso(row.snoozed_until) if row.snoozed_until is not None and snoozed else None,
    )


def rule_views(settings: AlertsSettings) -> Sequence[AlertRuleView]:
    """Every rule, the shipped ones first, and what is wrong with those that are not watched."""
    rules, problems = rules_of(settings)
    watched = {rule.name: rule for rule in rules}
    own = {rule.name for rule in settings.rules}
    views = [
        AlertRuleView(name=rule.name, when=rule.when, shipped=True, watched=True)
        for rule in SHIPPED
        if rule.name not in own
    ]
    shipped = {rule.name: rule.when for rule in SHIPPED}
    for place, rule in enumerate(settings.rules):
        known = watched.get(rule.name)
        views.append(
            AlertRuleView(
                name=rule.name,
                when=rule.when or shipped.get(rule.name, ""),
                shipped=False,
                watched=known is not None and place not in problems,
                problem=problems.get(place),
            )
        )
    return views
