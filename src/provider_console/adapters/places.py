"""Where the console keeps its files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from provider_console.core.ports.store import StoreUnavailable

HOME: Final = "PROVIDER_CONSOLE_HOME"
"""One folder for everything: tests, a second console, a portable install."""

_NAME: Final = "provider-console"


@dataclass(frozen=True, slots=True)
class Places:
    """Files and folders of one console. Nothing exists until `made` is asked for it."""

    config: Path
    data: Path
    log: Path

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Places:
        """The places under `PROVIDER_CONSOLE_HOME`, or the platform's own where it is unset or empty.

        A relative home counts from the working folder, `~` is the user's. The platform's own places honour
        what the platform honours (XDG_CONFIG_HOME and its kin).
        """
        home = environ.get(HOME, "")
        if home:
            root = Path(os.path.abspath(Path(home).expanduser()))  # noqa: PTH100  (resolve() would follow links)
            return cls(config=root, data=root, log=root / "log")
        own = platformdirs.PlatformDirs(_NAME, appauthor=False)
        return cls(config=Path(own.user_config_dir), data=Path(own.user_data_dir), log=Path(own.user_log_dir))

    @property
    def config_file(self) -> Path:
        """`config.toml`."""
        return self.config / "config.toml"

    @property
    def themes(self) -> Path:
        """The user's own themes."""
        return self.config / "themes"

    @property
    def console_db(self) -> Path:
        """Usage, health, revisions, the index of secrets."""
        return self.data / "console.db"

    @property
    def audit_db(self) -> Path:
        """The audit trail, in a file of its own."""
        return self.data / "audit.db"

    @property
    def lock(self) -> Path:
        """Held by the one process that probes for this data folder."""
        return self.data / "prober.lock"

    def made(self, folder: Path) -> Path:
        """The folder, created with mode 0700 (as are the parents it lacks); one that exists keeps its mode.

        Raises:
            StoreUnavailable: it cannot be created, or something that is no folder has its name.
        """
        missing = []
        step = folder
        try:
            while not step.exists() and step != step.parent:
                missing.append(step)
                step = step.parent
            for new in reversed(missing):
                new.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(
                f"{folder}: the folder cannot be created ({error.strerror}); "
                f"check who owns {step}, or set {HOME} to a folder of yours"
            ) from error
        if not folder.is_dir():
            raise StoreUnavailable(f"{folder}: a file has the folder's name; move it away, or set {HOME}")
        return folder
