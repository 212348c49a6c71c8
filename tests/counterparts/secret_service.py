"""A real Secret Service for tests: a fresh gnome-keyring on a private D-Bus, in a home of its own.

    session = SecretServiceSession(tmp_path)
    finished = session.run(["provider-console", "secrets", "list"])

Each `run` is its own D-Bus session and daemon over the same home, so what one stored the next one reads.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

PASSWORD = "the keyring's own password"

# Unlocks (and the first time creates) the login keyring, then becomes the command. gnome-keyring-daemon ends
# with its D-Bus session.
_START = """
set -e
printf %s "$SECRET_SERVICE_PASSWORD" | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1
unset SECRET_SERVICE_PASSWORD
exec "$@"
"""


class SecretServiceSession:
    """One home with one keyring. `environ` is all that commands get, beside what the session adds."""

    def __init__(self, home: Path, *, environ: Mapping[str, str] | None = None) -> None:
        missing = [name for name in ("dbus-run-session", "gnome-keyring-daemon") if shutil.which(name) is None]
        if missing:
            pytest.skip(f"counterpart missing: {', '.join(missing)} (apt-get install gnome-keyring dbus)")
        self.home = home
        runtime = home / "run"
        runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.environ = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(runtime),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_STATE_HOME": str(home / "state"),
            "PROVIDER_CONSOLE_HOME": str(home / "console"),
            "PYTHONDONTWRITEBYTECODE": "1",
            **(environ or {}),
        }

    def run(
        self, command: Sequence[str], *, stdin: str = "", timeout_s: float = 60.0, unlocked: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command line to its end inside the session; `unlocked` False leaves the keyring without its password.

        A locked keyring asks through a window, and there is none here: it answers "dismissed" or not at all.
        """
        start = _START if unlocked else 'exec "$@"'
        return subprocess.run(
            ["dbus-run-session", "--", "/bin/sh", "-c", start, "sh", *command],
            env={**self.environ, **({"SECRET_SERVICE_PASSWORD": PASSWORD} if unlocked else {})},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def traces(self, value: str) -> list[str]:
        """Files under the home that hold the value in any of its usual forms."""
        forms = written_forms(value)
        return [
            f"{file.relative_to(self.home)}: {name}"
            for file in sorted(self.home.rglob("*"))
            if file.is_file() and not file.is_symlink()
            for name, form in forms.items()
            if form in file.read_bytes()
        ]


def written_forms(value: str) -> dict[str, bytes]:
    """A value as layers write it: plain, base64 at each of its three offsets, hex, URL-quoted, UTF-16."""
    raw = value.encode()
    forms = {
        "plain": raw,
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "quoted": quote(value, safe="").encode(),
        "quoted plus": quote_plus(value).encode(),
        "utf-16": value.encode("utf-16-le"),
    }
    for offset in range(3):
        # Only the characters that do not depend on the neighbours.
        for alphabet, encode in (("base64", base64.b64encode), ("base64 url", base64.urlsafe_b64encode)):
            encoded = encode(b"\0" * offset + raw)
            head = -(-offset * 8 // 6) + (1 if offset else 0)
            tail = len(encoded) - len(encoded.rstrip(b"=")) + 1
            forms[f"{alphabet} at {offset}"] = encoded[head:-tail]
    return forms
