"""The first full frame in a pseudo-terminal, memory, and what an idle console costs, beside harlequin.

    make -C benchmarks startup
    python benchmarks/startup.py [--runs 9] [--no-peers]

The contenders take turns. The console's first frame is full when the navigation, the sentence and the rows of Health
are on the screen; it answers keys as soon as their row is. An empty Textual app's frame is full when it shows its
word, harlequin's when its editor is there. All trees are compiled beforehand. The 50 providers are the sandbox's, on
loopback; memory and idle CPU are taken after they have been checked. Exits with 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import compileall
import multiprocessing
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from pty_screen import Program

import provider_console

FRAME_MS: Final = 300.0
OF_HARLEQUIN: Final = 0.4
MEMORY_MIB: Final = 80.0
IDLE_PERCENT: Final = 1.0
PROVIDERS: Final = 50
IDLE_S: Final = 60.0

EMPTY: Final = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("an empty app")
Empty().run()
"""


def many(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Tables with `PROVIDERS` providers that share one sandbox server."""
    one = tables["translation"]["providers"]["libretranslate"]
    names = [f"translator-{number:02}" for number in range(1, PROVIDERS + 1)]
    return {
        "translation": {"default_pair": "en>es", "providers": dict.fromkeys(names, one)},
        "dynamic_ai": {"discover_local": False},
    }


def serve(tell: Connection) -> None:
    """The sandbox until the process is ended; says the tables of a configuration that names it."""

    async def main() -> None:
        from provider_console.sandbox import Sandbox

        async with Sandbox() as sandbox:
            tell.send(many(sandbox.tables))
            await asyncio.Event().wait()

    asyncio.run(main())


@contextmanager
def sandbox_home() -> Iterator[Path]:
    """A home whose configuration names 50 sandbox providers that answer."""
    from provider_console.sandbox import toml_text

    # A process of its own: programs are forked off this one, and a fork beside a thread may keep its locks for ever.
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    server = spawn.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory(prefix="startup-") as home:
        (Path(home) / "config.toml").write_text(toml_text(ours.recv()), "utf-8")
        try:
            yield Path(home)
        finally:
            server.terminate()
            server.join(10)


def frame_ms(command: list[str], words: Sequence[str], environ: Mapping[str, str]) -> float:
    """Milliseconds from exec to the frame with all of the words."""
    with Program(command, environ) as program:
        return program.until(*words) * 1000


def main() -> int:
    """Measure, print, and say whether every bound is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--idle", type=float, default=IDLE_S, help="seconds of doing nothing")
    asked = parser.parse_args()

    for path in (Path(provider_console.__file__).parent, *map(Path, sys.path)):
        if path.is_dir() and (path.name == "site-packages" or path.name == "provider_console"):
            compileall.compile_dir(path, quiet=2, workers=2)
    bin_ = Path(sys.executable).parent
    with sandbox_home() as home:
        environ = {
            **os.environ,
            "PROVIDER_CONSOLE_HOME": str(home),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        contenders = {
            "provider-console": ([str(bin_ / "provider-console")], ("1 Health", "translator-20")),
            "the same, keys answered": ([str(bin_ / "provider-console")], ("1 Health", "translator-20", "commands")),
            "an empty Textual app": ([sys.executable, "-c", EMPTY], ("an empty app",)),
        }
        if not asked.no_peers:
            contenders["harlequin"] = ([str(bin_ / "harlequin"), "--no-download-tzdata"], ("Query Editor",))
        times: dict[str, list[float]] = {name: [] for name in contenders}
        for turn in range(asked.runs + 1):
            for name, (command, words) in contenders.items():
                took = frame_ms(command, words, environ)
                if turn:  # the first of each warms the disk
                    times[name].append(took)
        with Program([str(bin_ / "provider-console")], environ) as program:
            program.until("healthy", "served", limit_s=60)
            program.settle(5.0)
            before = program.cpu_s
            program.settle(asked.idle)
            idle = (program.cpu_s - before) / asked.idle * 100
            memory = program.resident_mib

    median = {name: statistics.median(each) for name, each in times.items()}
    print(f"{'first full frame':<24}{'median ms':>10}{'lowest':>9}{'highest':>9}{'of harlequin':>14}")
    for name, each in times.items():
        ratio = f"{median[name] / median['harlequin']:.2f}" if "harlequin" in median else "–"
        print(f"{name:<24}{median[name]:>10.0f}{min(each):>9.0f}{max(each):>9.0f}{ratio:>14}")
    print(
        f"\nresident with {PROVIDERS} providers  {memory:.1f} MiB\nidle, nothing happening      {idle:.2f} % of a core"
    )
    missed = []
    ours = median["provider-console"]
    answered = median["the same, keys answered"]
    if ours > FRAME_MS:
        missed.append(f"first full frame {ours:.0f} ms, bound {FRAME_MS:.0f}")
    if "harlequin" in median and answered > OF_HARLEQUIN * median["harlequin"]:
        missed.append(f"keys answered after {answered / median['harlequin']:.2f} of harlequin, bound {OF_HARLEQUIN}")
    if memory > MEMORY_MIB:
        missed.append(f"{memory:.1f} MiB, bound {MEMORY_MIB:.0f}")
    if idle > IDLE_PERCENT:
        missed.append(f"{idle:.2f} % of a core when idle, bound {IDLE_PERCENT}")
    for line in missed:
        print(f"missed: {line}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
