"""Which real third-party programs are here, and what a run without them has to say."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

PREFIX: Final = "counterpart missing: "
"""How the reason of every test begins that could not run for want of a program."""


class Counterpart(NamedTuple):
    """A real program that tests talk to: what has to be on the machine, and how it gets there."""

    needs: tuple[str, ...]
    install: str

    def missing(self) -> list[str]:
        """Programs and files that are not here."""
        return [one for one in self.needs if not (Path(one).exists() if "/" in one else shutil.which(one))]


COUNTERPARTS: Final[Mapping[str, Counterpart]] = {
    "apertium": Counterpart(
        ("apertium-apy", "/usr/share/apertium/modes/eng-spa.mode"),
        "apt-get install --no-install-recommends apertium-apy apertium-eng-spa",
    ),
    "prometheus": Counterpart(
        ("prometheus", "promtool"),
        "apt-get install --no-install-recommends prometheus",
    ),
    "secret-service": Counterpart(
        ("dbus-run-session", "gnome-keyring-daemon"),
        "apt-get install --no-install-recommends gnome-keyring dbus",
    ),
    "systemd": Counterpart(
        ("systemd-analyze",),
        "apt-get install --no-install-recommends systemd",
    ),
}


def why_not(names: Sequence[str]) -> str | None:
    """The reason why a test that needs these counterparts cannot run, or None.

    Raises:
        ValueError: a name is none of `COUNTERPARTS`.
    """
    for name in names:
        if name not in COUNTERPARTS:
            raise ValueError(f"unknown counterpart {name!r}; tests/counterparts/presence.py knows {[*COUNTERPARTS]}")
        missing = COUNTERPARTS[name].missing()
        if missing:
            return f"{PREFIX}{name}, without {', '.join(missing)} ({COUNTERPARTS[name].install})"
    return None


def required(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a missing counterpart is a failure: on a machine that calls itself CI."""
    return environ.get("CI", "").lower() in ("1", "true", "yes")
