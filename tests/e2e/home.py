"""One console as a person has it: a folder, an environment, and the installed command line.

home = Home(tmp_path)
home.configure({"translation": {"providers": {...}}})
finished = home.run("execute", "translate", "--from", "en", "--to", "es", "--text", "Hello.", "--json")
assert finished.code == 0, finished
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from provider_console import Situation
from provider_console.sandbox import toml_text

PROGRAM: Final = Path(sys.executable).with_name("provider-console")
GUARD: Final = Path(__file__).with_name("loopback_guard")
KEY: Final = "e2e-0000/1111+2222:fx"
"""What `PRIMARY_KEY` holds in the environment of every command here."""

TIMEOUT_S: Final = 60.0
LOOK_S: Final = 0.02


class Finished(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What is on stdout: one JSON value, and nothing beside it."""
        return json.loads(self.out)


class Home:
    """One folder with everything of one console; commands see no other variable than `environ`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "console"
        self.environ = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "PROVIDER_CONSOLE_HOME": str(self.path),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "PYTHONPATH": str(GUARD),
            "PYTHONWARNINGS": "error",
            "PRIMARY_KEY": KEY,
        }

    @property
    def situation(self) -> Situation:
        """The same console for `open_console`."""
        return Situation(home=self.path, environ=self.environ)

    def configure(self, tables: Mapping[str, Any]) -> Path:
        """Write `config.toml` from tables."""
        return self.configure_text(toml_text(dict(tables)))

    def configure_text(self, text: str | bytes) -> Path:
        """Write `config.toml` as it is."""
        self.path.mkdir(parents=True, exist_ok=True)
        file = self.path / "config.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def run(
        self,
        *arguments: str,
        stdin: str | bytes = b"",
        environ: Mapping[str, str] | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> Finished:
        """Run one command to its end. `prepare` runs in the new process before the program."""
        ended = subprocess.run(
            [str(PROGRAM), *arguments],
            env={**self.environ, **(environ or {})},
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
            preexec_fn=prepare,
        )
        return Finished(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    def run_unread(self, *arguments: str) -> Finished:
        """Run one command whose reader has left already."""
        reading, writing = os.pipe()
        os.close(reading)
        try:
            ended = subprocess.run(
                [str(PROGRAM), *arguments],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=subprocess.PIPE,
                timeout=TIMEOUT_S,
                check=False,
            )
        finally:
            os.close(writing)
        return Finished(ended.returncode, "", ended.stderr.decode())

    def interrupt(self, *arguments: str, once: Callable[[Running], bool]) -> Finished:
        """Run one command and press Ctrl-C as soon as `once` is true of it."""
        with self.started(*arguments) as running:
            running.wait_until(once)
            running.process.send_signal(signal.SIGINT)
            return running.finish()

    @contextmanager
    def started(self, *arguments: str) -> Iterator[Running]:
        """A command under way; killed at the end of the block if it still runs."""
        process = subprocess.Popen(
            [str(PROGRAM), *arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        running = Running(process)
        try:
            yield running
        finally:
            if process.poll() is None:
                process.kill()
            running.finish()

    def rows(self, query: str, *values: object, file: str = "console.db") -> list[dict[str, Any]]:
        """Rows of one of the databases; none where there is no such file yet."""
        if not (self.path / file).exists():
            return []
        with closing(sqlite3.connect(f"file:{self.path / file}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query, values)]

    def attempts(self) -> list[dict[str, Any]]:
        """Every attempt on record, in order."""
        return self.rows("SELECT * FROM provider_usage_analytics ORDER BY id")

    def checks(self) -> list[dict[str, Any]]:
        """Every health check on record, in order."""
        return self.rows("SELECT * FROM system_health_checks ORDER BY id")

    def executions(self) -> list[dict[str, Any]]:
        """Every execution on record, in order."""
        return self.rows("SELECT * FROM executions ORDER BY at")

    def audited(self) -> list[tuple[str, str, str]]:
        """Action, phase and result of every row of the audit trail."""
        rows = self.rows("SELECT * FROM audit_log ORDER BY seq", file="audit.db")
        return [(row["action"], row["phase"], row["result"]) for row in rows]


class Running:
    """A command under way, and what it has written so far."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._written: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._readers = [threading.Thread(target=self._read, args=(name,), daemon=True) for name in self._written]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str) -> None:
        stream = getattr(self.process, name)
        while piece := stream.read1(65_536):
            self._written[name] += piece

    @property
    def out(self) -> str:
        """What is on stdout by now."""
        return self._written["stdout"].decode(errors="replace")

    @property
    def err(self) -> str:
        """What is on stderr by now."""
        return self._written["stderr"].decode(errors="replace")

    def wait_until(self, true: Callable[[Running], bool]) -> None:
        """Return once `true` is; an error where the command ends before."""
        while not true(self):
            if self.process.poll() is not None:
                ended = self.finish()
                raise AssertionError(f"the command ended with {ended.code} before its moment: {ended.err}{ended.out}")
            time.sleep(LOOK_S)

    def finish(self) -> Finished:
        """Wait for its end."""
        code = self.process.wait(TIMEOUT_S)
        for reader in self._readers:
            reader.join(TIMEOUT_S)
        for name in self._written:
            getattr(self.process, name).close()
        return Finished(code, self.out, self.err)


def deepl(base_url: str, **more: object) -> dict[str, object]:
    """The table of a DeepL at a sandbox's address; its key is in the environment."""
    return {"driver": "deepl", "credential": "PRIMARY_KEY", "base_url": base_url, "network": "loopback", **more}


def apertium(base_url: str, **more: object) -> dict[str, object]:
    """The table of an Apertium on this machine."""
    return {"driver": "apertium", "base_url": base_url, "network": "loopback", "tier": "fallback", **more}


def translation(providers: Mapping[str, object], **tables: object) -> dict[str, object]:
    """A configuration with translation providers, nobody else, and more tables."""
    return {
        **tables,
        "translation": {"default_pair": "en>es", "providers": dict(providers)},
        "dynamic_ai": {"discover_local": False},
    }


def clean_stderr(finished: Finished) -> Sequence[str]:
    """The lines on stderr, after a look that none of them is a defect."""
    for word in ("Traceback", "Exception ignored", "never awaited", "Task was destroyed", "a defect", "Warning:"):
        assert word not in finished.err, finished.err
    return finished.err.splitlines()
