"""What of the console itself does not work, and since when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from provider_console.console.views import TroubleView, iso
from provider_console.core.ports.time import Clock

SOURCES: Final = "sources"
PLUGINS: Final = "plugins"
TASKS: Final = "tasks"


class Troubles:
    """Remembers when each trouble was first told of; one that is told of no more is over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, dict[str, TroubleView]] = {}

    def note(self, part: str, found: Mapping[str, str]) -> bool:
        """Take what is wrong with a part, sentences by subject, in place of what was; whether it is another thing."""
        before = self._known.get(part, {})
        now = iso(self._clock.wall())
        self._known[part] = {
            subject: TroubleView(subject=subject, what=what, since=before[subject].since if subject in before else now)
            for subject, what in found.items()
        }
        return before.keys() != found.keys()

    def views(self) -> tuple[TroubleView, ...]:
        """All of them, the newest first."""
        known = [trouble for part in self._known.values() for trouble in part.values()]
        return tuple(sorted(known, key=lambda trouble: trouble.since, reverse=True))
