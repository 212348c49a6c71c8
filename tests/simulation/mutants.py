"""Known mistakes, planted one at a time in a copy of the source: the histories have to find each of them.

`python -m tests.simulation.mutants` plays every mutant until a history fails and says which, and by which invariant.
The working tree is never touched: a mutant lives in a temporary copy that comes first on PYTHONPATH.
"""

# ruff: noqa: BLE001, E501, T201 - a program that prints; planted texts keep their lines

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "provider_console"
LIMIT_S = 240.0


@dataclass(frozen=True)
class Mutant:
    """One mistake: in `file`, `old` becomes `new`, and each pair of `also`. `seeds` usually find it."""

    name: str
    file: str
    old: str
    new: str
    also: tuple[tuple[str, str], ...] = ()
    seeds: tuple[int, ...] = ()
    named: bool = False


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant; `seed` None: it survived."""

    mutant: Mutant
    seed: int | None
    invariant: str
    message: str


MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "no look after the slot",
        "engine/caller.py",
        "                if entered is None:\n                    return breaker.refusal(now) or BREAKER_OPEN\n                permit = entered\n",
        "                permit = entered or 0\n",
        named=True,
        seeds=(0,),
    ),
    Mutant(
        "a retry after an authentication failure",
        "core/classify.py",
        "    ErrorClass.AUTHENTICATION: _SETTLED,",
        '    ErrorClass.AUTHENTICATION: Rule(retries=None, jitter="full"),',
        named=True,
        seeds=(8,),
    ),
    Mutant(
        "one operation counted as five by the breaker",
        "core/breaker.py",
        "        return self._streak_shared or self._probe_failed",
        "        return True",
        named=True,
        seeds=(22,),
    ),
    Mutant(
        "a cooldown shortened by a later error",
        "core/breaker.py",
        "        if self.not_before is None or until > self.not_before:\n",
        "        if True:\n",
        named=True,
        seeds=(149,),
    ),
    Mutant(
        "a half-open permit not given back",
        "engine/caller.py",
        "            if permit:\n                lane.breaker.leave(permit)\n",
        "",
        named=True,
        seeds=(30,),
    ),
    Mutant(
        "no reserve for later providers",
        "engine/course.py",
        "bounds.attempts, later * share_s)",
        "bounds.attempts, later * 0.0 * share_s)",
        named=True,
        seeds=(3,),
    ),
    Mutant(
        "hops are free",
        "engine/fallback.py",
        "            if stop.place and lane.last_failed and not take_both(self.budget, lane.budget, now):\n",
        "            if stop.place < 0:\n",
        seeds=(126,),
    ),
    Mutant(
        "retries are free",
        "engine/fallback.py",
        "        if not take_both(self.budget, lane.budget, now):\n",
        "        if now < 0:\n",
        seeds=(126,),
    ),
    Mutant(
        "Retry-After ignored by other operations",
        "engine/lane.py",
        "            self.breaker.cool(now + min(failure.retry_after_s, COOLDOWN_MAX_S))\n",
        "            pass\n",
        seeds=(1,),
    ),
    Mutant(
        "a stream retried after its first content",
        "engine/fallback.py",
        "        if execution.committed or not self._repeatable(execution, failure):\n",
        "        if not self._repeatable(execution, failure):\n",
        seeds=(4,),
    ),
    Mutant(
        "a stream hops after its first content",
        "engine/fallback.py",
        '        if execution.committed:\n            execution.status = "partial"\n            return True\n',
        "",
        seeds=(4,),
    ),
    Mutant(
        "a cancel swallowed",
        "engine/caller.py",
        "            if isinstance(error, CancelledError):\n                raise error\n",
        "            if isinstance(error, CancelledError):\n"
        '                return Failure(error_class=ErrorClass.NETWORK, message="cancelled"), False\n',
        seeds=(0,),
    ),
    Mutant(
        "a cancel that a driver hides goes unnoticed",
        "engine/caller.py",
        "        if overruled or (isinstance(error, CancelledError) and not late):\n",
        "        if isinstance(error, CancelledError) and not late:\n",
        seeds=(0,),
    ),
    Mutant(
        "a slot leaked when a wait for one is cancelled",
        "engine/slots.py",
        "                self.give()\n            elif",
        "                pass\n            elif",
        seeds=(3,),
    ),
    Mutant(
        "a slot leaked after an attempt that failed",
        "engine/caller.py",
        "        finally:\n            if slots.waiting:\n",
        "        finally:\n            if execution.attempts and execution.attempts[-1].failure is not None:\n"
        "                pass\n            elif slots.waiting:\n",
        seeds=(0,),
    ),
    Mutant(
        "an attempt recorded twice",
        "engine/recorder.py",
        "                execution.attempts_kept += 1\n",
        "                execution.attempts_kept += attempt.number % 2\n",
        seeds=(15,),
    ),
    Mutant(
        "an attempt not recorded",
        "engine/recorder.py",
        "            if attempt.ended is not None:\n",
        "            if attempt.ended is not None and attempt.number != 2:\n",
        seeds=(0,),
    ),
    Mutant(
        "panic on a provider that is held",
        "engine/fallback.py",
        "            if out.waiting and out.candidate.refusal == BREAKER_OPEN and out.candidate.reopens_at is not None\n",
        "            if out.candidate.reopens_at is not None\n",
        also=(
            (
                "lane.breaker.refusal(now) in (None, BREAKER_OPEN) and not _resting(lane, now)",
                "lane.breaker.refusal(now) in (None, BREAKER_OPEN, 'quota')",
            ),
        ),
        seeds=(4,),
    ),
    Mutant(
        "panic without a bucket",
        "engine/fallback.py",
        "        if lane is None or not self._panic.take(now):\n",
        "        if lane is None:\n",
        seeds=(121,),
    ),
    Mutant(
        "panic at a provider that asked for time",
        "engine/fallback.py",
        " and not _resting(lane, now):",
        ":",
        seeds=(13,),
    ),
    Mutant(
        "an attempt cut by the deadline blamed on the provider",
        "engine/caller.py",
        "        attempt.weight = 0.0 if blameless else RULES[failure.error_class].weight\n",
        "        attempt.weight = RULES[failure.error_class].weight\n",
        seeds=(3,),
    ),
    Mutant(
        "a probe closes the breaker",
        "core/breaker.py",
        "        if self._state is _OPEN:\n            self._half_open()\n\n    def probe_failed",
        "        if self._state is not _CLOSED:\n            self._close(now)\n\n    def probe_failed",
        seeds=(5,),
    ),
    Mutant(
        "one success closes the breaker",
        "core/breaker.py",
        "SUCCESSES_TO_CLOSE: Final = 2",
        "SUCCESSES_TO_CLOSE: Final = 1",
        seeds=(0,),
    ),
    Mutant(
        "two trials at once while half-open",
        "core/breaker.py",
        "        if self._permit != NO_PERMIT and now < self._permit_until:\n            return PERMIT_TAKEN\n",
        "",
        seeds=(0,),
    ),
    Mutant(
        "results that arrive while open open it again",
        "core/breaker.py",
        "        elif self._judges(permit):\n            self._open(now, retry_after_s)\n",
        "        else:\n            self._open(now, retry_after_s)\n",
        seeds=(0,),
    ),
    Mutant(
        "what must not be repeated is repeated",
        "engine/fallback.py",
        "            execution.operation.idempotent\n            or failure.never_left\n",
        "            True\n            or failure.never_left\n",
        seeds=(2,),
    ),
    Mutant(
        "timeouts do not count as sent",
        "engine/fallback.py",
        "            or failure.never_left\n",
        "            or failure.never_left\n            or failure.error_class is ErrorClass.TIMEOUT\n",
        seeds=(20,),
    ),
    Mutant(
        "one attempt too many",
        "engine/fallback.py",
        "            lane.budget.tokens += PER_OPERATION\n",
        "            lane.budget.tokens += PER_OPERATION\n"
        "            stop = Stop(stop.provider, stop.place, stop.attempts + 1, stop.reserve_s)\n",
        seeds=(0,),
    ),
    Mutant(
        "a provider that is off is called",
        "engine/caller.py",
        '            if lane.retired or not lane.provider.enabled:\n                return "disabled"\n',
        "",
        seeds=(192,),
    ),
    Mutant(
        "unknown errors never suspend",
        "core/breaker.py",
        "        self.suspended_until = now + SUSPENDED_S\n",
        "        self.suspended_until = now\n",
        seeds=(13,),
    ),
    Mutant(
        "heartbeats keep a stream waiting",
        "engine/caller.py",
        "                if execution.committed:\n                    self.timers.watch",
        "                if execution.sink is not None:\n                    self.timers.watch",
        seeds=(7,),
    ),
    Mutant(
        "an execution ends without a row",
        "engine/executor.py",
        "            self._recorder.note(execution)\n",
        '            if execution.status != "cancelled":\n                self._recorder.note(execution)\n',
        seeds=(0,),
    ),
    Mutant(
        "a breaker that never opens",
        "core/breaker.py",
        "            if too_many or (self._streak >= FAILURES_IN_A_ROW and self._has_witness()):\n",
        "            if too_many:\n",
        seeds=(0,),
    ),
    Mutant(
        "the console's cancel leaves the caller's task cancelled",
        "engine/executor.py",
        "            if not execution.cancel_requested or execution.task.uncancel() > 0:\n",
        "            if not execution.cancel_requested:\n",
        seeds=(0,),
    ),
)


def changed(mutant: Mutant) -> str:
    """The file with the mistake in it.

    Raises:
        ValueError: a text to change is not in the file exactly once.
    """
    text = (SOURCE / mutant.file).read_text()
    for old, new in ((mutant.old, mutant.new), *mutant.also):
        if text.count(old) != 1:
            raise ValueError(f"{mutant.name}: {mutant.file} holds {old!r} {text.count(old)} times, not once")
        text = text.replace(old, new)
    return text


def run(mutant: Mutant, seeds: Sequence[int]) -> Verdict:
    """Play histories on a copy of the source with this mistake, until one fails.

    Raises:
        ValueError: the text to change is not in the file exactly once.
    """
    text = changed(mutant)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "provider_console"
        # With what is compiled already: copies keep their times, and only the changed file is compiled again. Another
        # worker may be writing a compiled file just now, under a name of the moment.
        shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("*.pyc.*"))
        (copy / mutant.file).write_text(text)
        ended = subprocess.run(
            [sys.executable, "-m", "tests.simulation.mutants", "--child", folder, *map(str, seeds)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((folder, str(ROOT))), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    last = ended.stdout.strip().splitlines()[-1:] or [""]
    match last[0].split("\t"):
        case ["caught", seed, invariant, message]:
            return Verdict(mutant, int(seed), invariant, message)
        case ["survived"]:
            return Verdict(mutant, None, "", "")
    raise ValueError(f"{mutant.name}: the histories did not run: {ended.stdout[-500:]}{ended.stderr[-1500:]}")


def _child(folder: str, seeds: Sequence[int]) -> None:
    """Play seeds in this process, which has the mutant first on its path."""
    from tests.simulation.histories import play

    import provider_console

    if not str(provider_console.__file__).startswith(folder):
        raise RuntimeError(f"{provider_console.__file__} was imported instead of the mutant in {folder}")
    for seed in seeds:
        try:
            play(seed)
        except BaseException as error:
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            invariant = getattr(error, "invariant", type(error).__name__)
            message = str(error).replace("\t", " ").replace("\n", " ")[:160]
            print("caught", seed, invariant, message, sep="\t")
            return
    print("survived")


def order(mutant: Mutant, *, seeds: int) -> list[int]:
    """The seeds to play: the ones known to find it, then from 0 on."""
    return [*mutant.seeds, *(seed for seed in range(seeds) if seed not in mutant.seeds)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many histories a mutant may survive")
    parser.add_argument("--only", help="part of a mutant's name")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        _child(asked.child[0], [int(seed) for seed in asked.child[1:]])
        return 0
    chosen = [mutant for mutant in MUTANTS if asked.only is None or asked.only in mutant.name]
    survived = 0
    with ThreadPoolExecutor(2) as pool:
        for verdict in pool.map(lambda mutant: run(mutant, order(mutant, seeds=asked.seeds)), chosen):
            survived += verdict.seed is None
            fate = "SURVIVED" if verdict.seed is None else f"seed {verdict.seed:4}  {verdict.invariant}"
            print(f"{verdict.mutant.name:55} {fate}", flush=True)
    print(f"{len(chosen)} mutants, {survived} survived")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
