"""What one call costs over the call itself: the engine with everything on, beside its peers, in one run.

    make -C benchmarks overhead
    python benchmarks/overhead.py [--rounds 150] [--no-peers] [--quick]

Every contender calls the same coroutine, which answers at once. They take turns, a few hundred calls each, in one
process on one core, so that what else the machine does hits all alike; ratios hold, microseconds belong to the
machine. `median` is the middle call: what the caller waits, and what the bounds are of. `at pace` explains it where a
virtual machine's neighbours take a third of its pace for seconds: a loop of bare awaits is timed before and after each
turn, and it is the median of those `turns` beside which both took at most a quarter more than the fastest of the run.
`all in` is the time of a whole turn by its calls, with what runs between them: writing rows, publishing events,
collecting garbage.

The recorder, the prober and a SQLite file are the engine's real ones. Calls out of the same process leave no audit
row. Nothing reaches the network: connecting is refused. Exits with 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import compileall
import contextlib
import gc
import math
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from engines import CATEGORY, engine

import provider_console
from provider_console.engine.caller import ProviderHandle
from provider_console.engine.engine import Engine
from provider_console.engine.engine_console import EngineConsole
from provider_console.sdk import ProviderError, RetryPolicy

One = Callable[[], Awaitable[object]]

FEW, MANY = 10, 1_000
CALLS = 200
"""Calls in a turn; a turn is short against what disturbs it from outside."""
SLOW_CALLS = 20

CALL_US = 10.0
BELOW_ROUTER = 150.0
MANY_TO_FEW = 1.2
FALLBACK_US = 20.0

PACE_CALLS = 300
AT_PACE = 1.25
"""How much longer than the fastest the loop of bare awaits may take beside a turn that counts."""
LEAST_TURNS = 10
"""Of fewer nothing is said."""


async def nothing() -> None:
    """There is nothing to do."""


@dataclass
class Turn:
    """What the calls of a turn took (ns), the whole of it by its calls, and the pace of the machine beside it."""

    times: list[int]
    all_in: float
    pace: int


def quantile(turns: Sequence[Turn], share: float) -> int:
    """Of the calls of these turns (ns)."""
    times = sorted(took for turn in turns for took in turn.times)
    return times[int(len(times) * share)]


@dataclass
class Contender:
    """One way to call, and what its turns cost. `between` runs after each call, `after` after each turn."""

    name: str
    one: One
    calls: int = CALLS
    between: One = nothing
    after: One = nothing
    turns: list[Turn] = field(default_factory=list)
    undisturbed: list[Turn] = field(default_factory=list)

    async def turn(self, calls: int) -> None:
        """Take a turn."""
        one, between, clock, yielding = self.one, self.between, time.perf_counter_ns, asyncio.sleep
        times: list[int] = []
        before = await pace()
        begun = clock()
        apart = 0
        for _ in range(calls):
            start = clock()
            await one()
            end = clock()
            times.append(end - start)
            # The answer comes at once and never gives way: without this nothing else would ever run.
            await yielding(0)
            if between is not nothing:
                start = clock()
                await between()
                apart += clock() - start
        await self.after()
        all_in = (clock() - begun - apart) / calls
        self.turns.append(Turn(times, all_in, max(before, await pace())))

    def us(self, share: float) -> float:
        """A quantile of the calls, in us."""
        return quantile(self.turns, share) / 1000

    @property
    def median_us(self) -> float:
        return self.us(0.5)

    @property
    def at_pace_us(self) -> float:
        """The median of the undisturbed turns; not a number where there are hardly any."""
        return quantile(self.undisturbed, 0.5) / 1000 if len(self.undisturbed) >= LEAST_TURNS else math.nan

    @property
    def all_in_us(self) -> float:
        return statistics.median(turn.all_in for turn in self.turns) / 1000


# --- contenders ---------------------------------------------------------------------------------------------


async def answer() -> str:
    """What everybody calls."""
    return "hello"


async def work(_provider: ProviderHandle, _attempt: int) -> str:
    """The same, as the engine calls it."""
    return "hello"


async def fail() -> str:
    """What a provider that fails raises."""
    raise ProviderError("the provider is overloaded", status=503)


async def by_hand() -> str:
    """A fallback of two lines, which decides nothing and remembers nothing: the failure itself, and the other call."""
    try:
        return await fail()
    except ProviderError:
        return await answer()


async def pace() -> int:
    """What the machine takes just now for a loop of bare awaits, in ns."""
    begun = time.perf_counter_ns()
    for _ in range(PACE_CALLS):
        await answer()
    return time.perf_counter_ns() - begun


async def bounded() -> None:
    """The answer under a timeout: the yardstick of this machine, this minute."""
    async with asyncio.timeout(15):
        await answer()


class Stumbling:
    """The first provider fails every call that is measured, and answers one in between, so its breaker stays closed."""

    def __init__(self, running: Engine, console: EngineConsole) -> None:
        self._running = running
        policy = RetryPolicy(attempts=1, base_delay_s=0)
        self.one = partial(console.execute_with_fallback, self._first_fails, category=CATEGORY, policy=policy)
        self.between = partial(console.execute_with_fallback, work, category=CATEGORY)

    async def _first_fails(self, provider: ProviderHandle, _attempt: int) -> str:
        if provider.id == "provider-0":
            await fail()
        return "hello"

    async def check(self) -> None:
        """See that it was what it is meant to be: two attempts, the second one good."""
        execution = await self.one()
        if [attempt.provider == "provider-0" for attempt in execution.attempts] != [True, False]:
            raise RuntimeError(f"this was no fallback: {execution.report()}")
        await self.between()


def call(console: EngineConsole) -> One:
    """One call through an engine."""
    return partial(console.execute_with_fallback, work, category=CATEGORY)


async def contenders(folder: Path, stack: contextlib.AsyncExitStack, *, peers: bool) -> list[Contender]:
    """Everybody who takes part."""
    few, few_console = await stack.enter_async_context(engine(folder, FEW))
    many, many_console = await stack.enter_async_context(engine(folder, MANY))
    heard, heard_console = await stack.enter_async_context(engine(folder, FEW, listened=True))
    third, third_console = await stack.enter_async_context(engine(folder, FEW + 1))
    stumbling = Stumbling(third, third_console)
    taking_part = [
        Contender("bare await", answer),
        Contender("bare await, first fails", by_hand),
        Contender("asyncio.timeout", bounded),
        Contender("engine, 10 providers", call(few_console), after=few.recorder.flush),
        Contender("engine, 1,000 providers", call(many_console), after=many.recorder.flush),
        Contender("engine, somebody listens", call(heard_console), after=heard.recorder.flush),
        Contender("engine, first provider fails", stumbling.one, between=stumbling.between, after=stumbling.check),
    ]
    if peers:
        from peers import contenders as they

        taking_part += [
            Contender("tenacity", they.tenacity_call(answer)),
            Contender("stamina", they.stamina_call(answer)),
            Contender("litellm.acompletion", they.litellm_alone, calls=SLOW_CALLS),
            Contender("LiteLLM Router", they.router_call(), calls=SLOW_CALLS),
            Contender("Router, first group fails", they.router_fallback(cooldown=False), calls=SLOW_CALLS),
            Contender("Router, the same with its cooldown", they.router_fallback(cooldown=True), calls=SLOW_CALLS),
        ]
    return taking_part


# --- measuring and judging ----------------------------------------------------------------------------------


async def measure(rounds: int, *, peers: bool, calls: int | None) -> dict[str, Contender]:
    """Let everybody take turns; by name."""
    with tempfile.TemporaryDirectory() as folder:
        async with contextlib.AsyncExitStack() as stack:
            everybody = await contenders(Path(folder), stack, peers=peers)
            for one in everybody:
                await one.turn(min(one.calls, calls or one.calls))
                one.turns.clear()
            gc.collect()
            # What stands by now would be looked at again in each collection, at everybody's cost.
            gc.freeze()
            for number in range(rounds):
                # Another one begins each round: nobody always follows the same neighbour's leavings.
                first = number % len(everybody)
                for one in everybody[first:] + everybody[:first]:
                    gc.collect()
                    await one.turn(min(one.calls, calls or one.calls))
    fastest = min(turn.pace for one in everybody for turn in one.turns)
    for one in everybody:
        one.undisturbed = [turn for turn in one.turns if turn.pace <= AT_PACE * fastest]
    return {one.name: one for one in everybody}


def table(by_name: dict[str, Contender]) -> None:
    """Print everybody, and how they compare."""
    ours, yardstick = by_name["engine, 10 providers"].median_us, by_name["asyncio.timeout"].median_us
    heads = ("median", "p99", "all in", "/ timeout", "/ engine", "turns", "at pace")
    print(f"{'us a call':34}{''.join(f'{head:>11}' for head in heads)}")
    for one in by_name.values():
        shown = "".join(f"{figure:11,.2f}" for figure in (one.median_us, one.us(0.99), one.all_in_us))
        shown += f"{one.median_us / yardstick:10,.1f}x{one.median_us / ours:10,.2f}x"
        print(f"{one.name:34}{shown}{f'{len(one.undisturbed)}/{len(one.turns)}':>11}{one.at_pace_us:11,.2f}")


def judge(by_name: dict[str, Contender]) -> list[str]:
    """Print each bound beside what was measured; the ones that are missed."""
    ours = by_name["engine, 10 providers"].median_us
    bounds: list[tuple[str, float, str, float]] = [
        ("a successful call, us", ours, "<=", CALL_US),
        ("1,000 providers to 10", by_name["engine, 1,000 providers"].median_us / ours, "<=", MANY_TO_FEW),
        ("first fails, second answers, us", by_name["engine, first provider fails"].median_us, "<=", FALLBACK_US),
    ]
    if "LiteLLM Router" in by_name:
        bounds.append(("times below LiteLLM's Router", by_name["LiteLLM Router"].median_us / ours, ">=", BELOW_ROUTER))
    missed = []
    print(f"\n{'bound':36}{'measured':>12}{'bound':>12}")
    for name, value, sign, bound in bounds:
        met = value <= bound if sign == "<=" else value >= bound
        print(f"{name:36}{value:12,.2f}{f'{sign} {bound:g}':>12}  {'met' if met else 'MISSED'}")
        if not met:
            missed.append(f"{name}: {value:,.2f}, to be {sign} {bound:g}")
    return missed


def seal() -> None:
    """Refuse to connect anywhere or to look up a name: nobody may measure a network."""

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
            raise OSError(f"the benchmark is sealed, but somebody tried {event}{arguments[-1:]}")

    sys.addaudithook(refuse)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, judge; 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=150, help="turns of each contender")
    parser.add_argument("--no-peers", action="store_true", help="the engine and asyncio only; needs no peers")
    parser.add_argument("--quick", action="store_true", help="see that it runs: two short rounds, nothing judged")
    options = parser.parse_args(arguments)
    compileall.compile_dir(Path(provider_console.__file__).parent, quiet=2)
    seal()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rounds, calls = (2, 20) if options.quick else (options.rounds, None)
    by_name = asyncio.run(measure(rounds, peers=not options.no_peers, calls=calls))
    names = [f"Python {platform.python_version()}", f"provider-console {provider_console.__version__}"]
    if not options.no_peers:
        from peers.contenders import VERSIONS

        names += VERSIONS
    print(" · ".join(names), f"· {rounds} rounds · one core of {os.cpu_count()}, load {os.getloadavg()[0]:.1f}\n")
    table(by_name)
    if options.quick:
        return 0
    missed = judge(by_name)
    for bound in missed:
        print(f"missed: {bound}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
