"""The HTTP API under load, beside its own stack with nothing in it, LiteLLM's proxy and Portkey's gateway.

    python benchmarks/load.py [section ...] [--seconds 10] [--concurrent 32] [--requests 20000]

Sections: throughput, latency, events, memory, failover, probes, catalogue; all of them where none is named. What is
measured is held to one core, the load and the provider, which answers at once, to another. Tokens, records and the
audit trail are on. On a machine that others use, the quietest tenth of half seconds is what counts. Ends with 1 where a
bound is missed. Memory is to be looked at over `--requests 200000` once in a while: two to five minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import uvloop
from gateways import CORES, LITELLM, MESSAGES, PORTKEY, Gateway, bare, console, executed, litellm, portkey
from traffic import Listening, Load, cpu_s, listen, load, paced, provide, request

REQUESTS_PER_S: Final = 2_000
TIMES: Final = {"LiteLLM's proxy": 14, "Portkey's gateway": 4}
ADDED_MS: Final = 0.6
"""With the audit trail on a disk that takes no time; what a real one adds is shown beside it."""
LISTENERS: Final = 100
PACE: Final = 0.2
"""Of the most requests a second: how busy the console is while it is listened to."""
SLOWED_MS: Final = 2.0
LAG_MS: Final = 100.0
SETTLED_S: Final = 1.0
EVENTS: Final = 4
"""Of an execution: its begin and end, and those of its attempt."""
GROWTH_MIB: Final = 16.0
"""From a tenth of the requests to all of them."""
PROVIDERS: Final = 200
CHECKED_MS: Final = 2_000
FIRST_S: Final = 4.0
"""Until every provider was checked for the first time."""
HIT_RATE: Final = 99.0
API: Final = "/api/provider-integration"


def table(name: str, base_url: str, **more: object) -> str:
    """A provider in the configuration."""
    rows = {"driver": "openai_compatible", "base_url": base_url, "network": "loopback", "models": ["m"], **more}
    return f"[dynamic_ai.providers.{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in rows.items())


class Bench:
    """Runs the sections on one provider; `missed` are the bounds that were not met."""

    def __init__(self, arguments: argparse.Namespace, provider: str, pid: int) -> None:
        self.seconds: float = arguments.seconds
        self.concurrent: int = arguments.concurrent
        self.requests: int = arguments.requests
        self.provider = provider
        self.pid = pid
        self.fast = table("fast", f"{provider}/v1")
        self.body = executed(providers=["fast"])
        self.missed: list[str] = []

    def bound(self, words: str, met: bool) -> None:  # noqa: FBT001 - what is asserted
        """Say whether a bound is met."""
        print(f"  {'met   ' if met else 'MISSED'}  {words}")
        if not met:
            self.missed.append(words)

    @contextlib.contextmanager
    def console(
        self, tables: str | None = None, *, body: bytes | None = None, on: str | None = None
    ) -> Iterator[Gateway]:
        """The console in a home of its own, on a folder such as one in memory; it has to end well."""
        with tempfile.TemporaryDirectory(prefix="provider-console-load-", dir=on) as home:
            with console(Path(home), self.fast if tables is None else tables, body=body or self.body) as gateway:
                yield gateway
            if gateway.ended() != 0:
                self.bound(f"the console ended with {gateway.ended()} after SIGTERM", met=False)

    def load(
        self, gateway: Gateway, *, concurrent: int | None = None, seconds: float | None = None, **more: Any
    ) -> Load:
        """Ask a gateway."""
        many, long = concurrent or self.concurrent, seconds or self.seconds
        asked = load(gateway.url, gateway.asked, pid=gateway.pid, concurrent=many, seconds=long, **more)
        return uvloop.run(asked)

    def seen(self) -> dict[str, int]:
        """How often the provider was asked for each path but the model's answers."""
        return dict(json.loads(self.get("/seen")))

    def get(self, path: str) -> bytes:
        """Ask the provider itself."""
        with urllib.request.urlopen(self.provider + path, timeout=10) as answer:
            return bytes(answer.read())

    # --- sections ----------------------------------------------------------------------------------------------

    def throughput(self) -> None:
        """Requests a second on one core, beside the peers."""
        print(_head(f"{self.concurrent} at once"))
        with self.console() as gateway:
            own = self.load(gateway)
        _row("Provider Console", own)
        with bare(self.provider) as gateway:
            stack = self.load(gateway)
        _row("its stack, empty", stack, times=own.peak / stack.peak)
        with tempfile.TemporaryDirectory() as home:
            peers: list[tuple[str, Path, Callable[[], Any]]] = [
                ("LiteLLM's proxy", LITELLM, lambda: litellm(Path(home), self.provider)),
                ("Portkey's gateway", PORTKEY, lambda: portkey(self.provider)),
            ]
            for name, file, start in peers:
                if not file.exists():
                    self.bound(f"{name} is not installed (make -C benchmarks peers)", met=False)
                    continue
                with start() as gateway:
                    peer = self.load(gateway)
                _row(name, peer, times=own.peak / peer.peak)
                self.bound(
                    f">= {TIMES[name]} times {name} ({own.peak / peer.peak:.1f})", own.peak >= TIMES[name] * peer.peak
                )
        self.bound(f">= {REQUESTS_PER_S:,} requests/s ({own.peak:,.0f})", own.peak >= REQUESTS_PER_S)

    def latency(self) -> None:
        """What the console adds to a call, one at a time: with the audit trail in memory, and on the disk."""
        print(_head("one at a time"))
        chat = f"{self.provider}/v1/chat/completions"
        direct = Gateway(self.pid, chat, request(chat, MESSAGES, {}))
        itself = self.load(direct, concurrent=1, seconds=self.seconds / 2)
        _row("the provider itself", itself)
        with bare(self.provider) as gateway:
            stack = self.load(gateway, concurrent=1, seconds=self.seconds / 2)
        _row("the stack, empty", stack)
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
        with self.console(on=memory) as gateway:
            free = self.load(gateway, concurrent=1, seconds=self.seconds / 2)
        _row("audit in memory", free)
        with self.console() as gateway:
            synced = self.load(gateway, concurrent=1, seconds=self.seconds / 2)
        _row("audit on the disk", synced)
        added = free.ms(50) - itself.ms(50)
        print(f"  the audit trail's fsync costs {synced.ms(50) - free.ms(50):.2f} ms more")
        print(f"  the stack alone, without any of the console, adds {stack.ms(50) - itself.ms(50):.2f} ms")
        self.bound(f"<= {ADDED_MS} ms added ({added:.2f} p50)", added <= ADDED_MS)

    def events(self) -> None:
        """Requests and listeners at once, flat out and at a pace that leaves time."""
        print(_head(f"{LISTENERS} listeners"))
        with self.console() as gateway:
            alone = self.load(gateway, seconds=self.seconds / 2)
            _row("nobody listens", alone)
            _row("everybody listens", uvloop.run(_listened(gateway, self.concurrent, self.seconds / 2)))
            pace, bounds = alone.peak * PACE, (self.seconds / 2, alone.peak * PACE)
            quiet, _ = uvloop.run(_paced(gateway, 0, *bounds))
            busy, listeners = uvloop.run(_paced(gateway, LISTENERS, *bounds))
        came, lag_s = (
            {one.came for one in listeners},
            max(one.at for one in listeners) - min(one.at for one in listeners),
        )
        before, after = statistics.median(quiet) * 1000, statistics.median(busy) * 1000
        print(f"  at {pace:,.0f} requests/s: p50 {before:.2f} ms, listened to {after:.2f} ms")
        whole = len(came) == 1 and min(came) >= EVENTS * len(busy) and not any(one.gaps for one in listeners)
        self.bound(f"each listener has every event ({min(came):,} to {max(came):,})", whole)
        self.bound(
            f"no listener is more than {LAG_MS:.0f} ms behind another ({lag_s * 1000:.0f})", lag_s * 1000 <= LAG_MS
        )
        self.bound(f"requests take at most {SLOWED_MS} ms longer ({after - before:.2f})", after - before <= SLOWED_MS)

    def memory(self) -> None:
        """Resident memory over many requests."""
        print(f"\n{self.requests:,} requests")
        with self.console() as gateway:
            start = _resident_mib(gateway.pid)
            few = self.load(gateway, each=self.requests // 10, warm_s=0.0)
            tenth = _resident_mib(gateway.pid)
            rest = self.load(gateway, each=self.requests - self.requests // 10, warm_s=0.0)
            end = _resident_mib(gateway.pid)
        a_second = self.requests / (few.wall_s + rest.wall_s)
        print(f"  resident MiB: {start:.1f} at the start, {tenth:.1f} after a tenth, {end:.1f} at the end")
        print(f"  {a_second:,.0f} requests/s")
        self.bound(f"<= {GROWTH_MIB:.0f} MiB more from a tenth on ({end - tenth:.1f})", end - tenth <= GROWTH_MIB)

    def failover(self) -> None:
        """The first provider goes down under load, and comes back."""
        faulty = table("faulty", f"{self.provider}/faulty/v1", tier="primary")
        tables = faulty + table("fast", f"{self.provider}/v1", tier="secondary")
        print(_head("failover"))
        with self.console(tables, body=executed(), on=None) as gateway:
            _row("both are well", self.load(gateway, seconds=self.seconds / 2))
            self.get("/down")
            try:
                # A request that fails ends the benchmark: only answers with 200 pass.
                down = self.load(gateway, seconds=self.seconds, warm_s=0.0)
            finally:
                self.get("/up")
            _row("the first goes down", down)
            _row("it is back", self.load(gateway, seconds=self.seconds / 2, warm_s=0.0))
            failed = self.seen()["failed"]
        print(
            f"  {failed} calls failed, and {down.requests:,} of {down.requests:,} requests were answered by the second"
        )
        print(f"  the slowest of them took {max(down.took_s) * 1000:,.0f} ms")
        self.bound("no request fails while a provider goes down and comes back", met=failed > 0)

    def probes(self) -> None:
        """What watching many providers costs the requests."""
        many = self.fast + "".join(table(f"watched-{number}", f"{self.provider}/v1") for number in range(PROVIDERS))
        print(_head(f"{PROVIDERS} providers"))
        found = []
        for name, interval_ms in (("never checked", 86_400_000), ("checked each 2 s", CHECKED_MS)):
            with self.console(f"{many}[health]\nhealth_check_interval = {interval_ms}\n") as gateway:
                time.sleep(FIRST_S)
                before = self.seen().get("/v1/models", 0)
                cpu_of_s = uvloop.run(_idle(gateway.pid, self.seconds / 2))
                found.append(self.load(gateway, seconds=self.seconds))
                probed = self.seen().get("/v1/models", 0) - before
            _row(name, found[-1])
            print(f"  {probed:,} checks; without requests {cpu_of_s * 100:.1f} % of the core")
        share = found[1].peak / found[0].peak
        checks = PROVIDERS * 1000 // CHECKED_MS
        self.bound(f"{checks} checks a second leave 0.8 of the requests a second ({share:.2f})", share >= 0.8)

    def catalogue(self) -> None:
        """How often a request finds what was discovered still believed."""
        listed = f'catalogues = [{{ url = "{self.provider}/catalogue", network = "loopback" }}]\n'
        tables = f"{listed}{self.fast}[health]\ncache_expiry = 2000\n"
        with self.console(tables) as gateway:
            before = self.seen().get("/catalogue", 0)
            asked = self.load(gateway)
            missed = self.seen().get("/catalogue", 0) - before
        rate = 100 * (1 - missed / asked.requests)
        print(
            f"\n{asked.requests:,} requests; a catalogue believed for 2 s (by default 300 s) was asked {missed} times"
        )
        self.bound(f"hit rate >= {HIT_RATE} % ({rate:.3f} %)", rate >= HIT_RATE and missed > 0)


# --- what the sections use ------------------------------------------------------------------------------------------


def _head(what: str) -> str:
    return f"\n{what:22}{'requests/s':>11}{'all in':>9}{'CPU us':>9}{'p50 ms':>9}{'p99 ms':>9}"


def _row(name: str, one: Load, *, times: float | None = None) -> None:
    line = f"{name:22}{one.peak:11,.0f}{one.a_second:9,.0f}{one.each_us:9,.0f}{one.ms(50):9.2f}{one.ms(99):9.2f}"
    print(line if times is None else f"{line}   1/{times:.1f}")


def _resident_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024


async def _idle(pid: int, seconds: float) -> float:
    """The share of a core that a process takes when nobody asks it anything."""
    before = cpu_s(pid)
    await asyncio.sleep(seconds)
    return (cpu_s(pid) - before) / seconds


async def _listeners(gateway: Gateway, count: int) -> list[Listening]:
    events = gateway.url.replace("/execute", "/events")
    return await listen(events, {"Authorization": f"Bearer {gateway.token}"}, count) if count else []


async def _listened(gateway: Gateway, concurrent: int, seconds: float) -> Load:
    """Flat out, with everybody listening."""
    listeners = await _listeners(gateway, LISTENERS)
    found = await load(gateway.url, gateway.asked, pid=gateway.pid, concurrent=concurrent, seconds=seconds)
    for one in listeners:
        one.transport.abort()
    return found


async def _paced(gateway: Gateway, count: int, seconds: float, a_second: float) -> tuple[list[float], list[Listening]]:
    """At a pace, with so many listeners; what these have heard."""
    listeners = await _listeners(gateway, count)
    took = await paced(gateway.url, gateway.asked, a_second=a_second, seconds=seconds)
    if listeners:
        await asyncio.sleep(SETTLED_S)
    for one in listeners:
        one.transport.abort()
    return took, listeners


def main() -> int:
    """Measure, print, and say whether the bounds are met."""
    names = ("throughput", "latency", "events", "memory", "failover", "probes", "catalogue")
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(names))
    parser.add_argument("--seconds", type=float, default=10.0, help="of each stretch of load (10)")
    parser.add_argument("--concurrent", type=int, default=32, help="requests at once (32)")
    parser.add_argument("--requests", type=int, default=20_000, help="of the section memory (20,000)")
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(names):
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    ports: Any = multiprocessing.Queue()
    provider = multiprocessing.Process(target=provide, args=(ports, CORES[1]), daemon=True)
    provider.start()
    bench = Bench(arguments, f"http://127.0.0.1:{ports.get()}", provider.pid or 0)
    os.sched_setaffinity(0, {CORES[1]})
    print(f"Python {sys.version.split()[0]}, load of the machine {os.getloadavg()[0]:.1f}; core {CORES[0]} is measured")
    try:
        for name in arguments.sections or names:
            getattr(bench, name)()
    finally:
        provider.terminate()
    print(f"\n{len(bench.missed)} bounds missed" if bench.missed else "\nevery bound is met")
    return 1 if bench.missed else 0


if __name__ == "__main__":
    sys.exit(main())
