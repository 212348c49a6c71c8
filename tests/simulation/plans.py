"""What happens in a history: drawn from a seed before anything runs, so that a plan can be read and replayed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from provider_console.core.settings import CategorySettings, EngineSettings, HealthSettings, Settings
from provider_console.sdk import ErrorClass, Operation, ProviderDescriptor, RetryPolicy
from provider_console.testing.scripted import Act, Phase, act_of

FLAVOURS = {
    "mixed": 16,
    "outage": 14,
    "limits": 10,
    "lonely": 6,
    "streams": 12,
    "writes": 8,
    "crowd": 19,
    "hangs": 8,
    "stampede": 4,
    "keys": 9,
    "context": 4,
    "long": 1,
}

TRANSIENT = [
    "gateway_timeout",
    "timeout_of_its_own",
    "timeout_on_the_wire",
    "dns",
    "refused",
    "reset",
    "protocol",
    "connection_reset",
    "name_unknown",
    "server_error",
    "unavailable",
]
ODD = [
    "authentication",
    "authentication_typed",
    "permission",
    "no_model",
    "quota",
    "quota_in_429",
    "rate_limited",
    "overloaded",
    "tls",
    "address",
    "too_large",
    "bad_result",
    "invalid",
    "invalid_payload",
    "invalid_here",
    "content_refused",
    "too_long",
    "value_error",
    "key_error",
    "grouped",
    "system_exit",
]


@dataclass(frozen=True)
class Work:
    """One operation somebody asks for. `how` is console, stream, work or call; `cancel` by whom, and after how long."""

    at_s: float
    operation: Operation
    how: str = "console"
    cancel: tuple[str, float] | None = None
    reads: str = "all"
    pause_s: float = 0.0


@dataclass(frozen=True)
class Happening:
    """Something that is done to the engine."""

    at_s: float
    what: str
    subject: Any = None


@dataclass
class Plan:
    """One history before it is played."""

    seed: int
    flavour: str
    settings: Settings
    providers: list[ProviderDescriptor] = field(default_factory=list)
    phases: dict[str, list[Phase]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    lookup_s: float = 0.0
    uncached: bool = False
    work: list[Work] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    calm_s: float = 30.0
    window_s: float = 10.0
    ending: str = "calm"
    background: bool = True
    listening: bool = False
    describes: bool = False


def plan(seed: int) -> Plan:
    """The plan of a seed."""
    rng = random.Random(f"history {seed}")
    flavour = rng.choices(list(FLAVOURS), list(FLAVOURS.values()))[0]
    made = Plan(seed=seed, flavour=flavour, settings=_settings(rng, flavour))
    made.calm_s = {"long": rng.uniform(1200, 4000), "lonely": 25.0, "stampede": 12.0}.get(flavour, rng.uniform(8, 45))
    made.background = rng.random() < 0.8
    made.listening = rng.random() < 0.3
    made.describes = rng.random() < 0.15
    if flavour not in ("long", "stampede"):
        made.ending = rng.choices(["calm", "stop", "crash"], [65, 22, 13])[0]
    _providers(made, rng)
    _work(made, rng)
    _happenings(made, rng)
    return made


def _settings(rng: random.Random, flavour: str) -> Settings:
    timeout = rng.choice([300, 500, 1_000, 2_000, 5_000, 15_000])
    retries = 5 if flavour == "lonely" else rng.choice([1, 2, 3, 4, 5, 5, 8])
    engine = EngineSettings(
        max_retries=retries,
        base_delay=rng.choice([0, 20, 100, 300, 1_000]),
        max_delay=rng.choice([200, 1_000, 5_000, 10_000]),
        response_time_threshold=timeout,
        deadline=rng.choice([900, 2_000, 5_000, 12_000, 30_000, 120_000]),
        max_providers=rng.choice([1, 2, 3, 3, 4]),
        order=rng.choice(["priority", "priority", "score"]),
        retry="swift" if rng.random() < 0.2 or flavour == "stampede" else "thorough",
        on_refusal=rng.choice(["stop", "next"]),
        categories={"ai": CategorySettings(max_retries=2)} if rng.random() < 0.15 else {},
    )
    if flavour == "stampede":
        engine = EngineSettings(
            max_retries=3, base_delay=20, max_delay=200, response_time_threshold=1_000, max_providers=4, retry="swift"
        )
    if flavour == "hangs":
        engine = EngineSettings(
            max_retries=rng.choice([2, 5]),
            base_delay=rng.choice([20, 300]),
            response_time_threshold=rng.choice([2_000, 5_000]),
            deadline=rng.choice([5_000, 12_000]),
            max_providers=rng.choice([2, 3]),
        )
    health = HealthSettings(
        health_check_interval=rng.choice([2_000, 5_000, 10_000, 30_000]),
        failure_threshold=rng.choice([0.5, 0.7, 0.7, 0.9]),
        cache_expiry=rng.choice([10_000, 60_000, 300_000]),
    )
    return Settings(engine=engine, health=health)


# --- providers -----------------------------------------------------------------------------------------------------


def _providers(made: Plan, rng: random.Random) -> None:
    count = rng.randint(3, 6) if made.flavour == "stampede" else rng.randint(2, 6)
    if made.flavour == "lonely":
        count = rng.randint(1, 2)
    made.uncached = made.flavour == "keys" and rng.random() < 0.7
    made.lookup_s = rng.choice([0.0, 0.0, 0.05, 0.4]) if made.flavour != "keys" else rng.choice([0.1, 0.5, 2.0])
    for number in range(count):
        name = f"p{number}"
        driver = rng.choice(["chat", "chat", "local", "mt"]) if made.flavour != "keys" else rng.choice(["chat", "mt"])
        secret = f"KEY_{rng.randint(0, count)}" if driver != "local" and rng.random() < 0.9 else None
        if secret is not None and rng.random() < 0.93:
            made.secrets[secret] = f"s3cr3t-{secret}"
        made.providers.append(
            ProviderDescriptor(
                id=name,
                driver=driver,
                configured=rng.random() < 0.97,
                enabled=None if rng.random() < 0.95 else False,
                credential=secret,
                tier=rng.choice(["primary", "primary", "secondary", "fallback"]),
                capabilities=("translate:en>es", "translate:en>de")[: rng.randint(1, 2)] if driver == "mt" else None,
                models=("m1", "m2")[: rng.randint(1, 2)] if driver == "chat" and rng.random() < 0.6 else None,
                max_characters=rng.choice([None, None, 20, 60] if made.flavour != "context" else [100, 200, 300, 400]),
            )
        )
        made.phases[name] = _phases(made, number, rng)


def _phases(made: Plan, number: int, rng: random.Random) -> list[Phase]:
    calm = Phase(acts=(Act(after_s=rng.uniform(0.01, 0.1)),), probe=Act(after_s=0.02))
    if made.flavour == "hangs":
        answers = made.settings.engine.response_time_threshold / 1000
        fallback = Act(after_s=rng.uniform(0.3, 0.9) * min(answers, made.settings.engine.deadline / 4000))
        first = Act(hangs=True) if number < 2 else fallback
        return [Phase(until_s=made.calm_s, acts=(first,), probe=Act(hangs=number == 0)), calm]
    if made.flavour == "stampede":
        name = rng.choice(
            ["rate_limited", "overloaded", "content_refused", "invalid_here", "bad_result", "rate_limited"]
        )
        return [Phase(until_s=made.calm_s, acts=(act_of(name, after_s=rng.uniform(0.0, 0.05)),)), calm]
    if made.flavour == "context":
        acts = (act_of("too_long", after_s=0.05), Act(after_s=0.05))
        return [Phase(until_s=made.calm_s, acts=acts, weights=(3.0, 1.0)), calm]
    if made.flavour == "crowd" and rng.random() < 0.55:
        name = rng.choice(["authentication", "authentication", "quota", "quota", "value_error", "value_error"])
        slow = act_of(name, after_s=rng.uniform(0.1, 0.8) * made.settings.engine.response_time_threshold / 1000)
        return [Phase(until_s=made.calm_s, acts=(slow,)), calm]
    if made.flavour == "lonely":
        probe = Act() if rng.random() < 0.7 else act_of("refused", after_s=0.02)
        return [Phase(until_s=made.calm_s, acts=(act_of(rng.choice(TRANSIENT), after_s=0.02),), probe=probe), calm]
    cuts = sorted(rng.uniform(0, made.calm_s) for _ in range(rng.randint(0, 2)))
    return [*(_phase(made, until, rng) for until in (*cuts, made.calm_s)), calm]


def _phase(made: Plan, until_s: float, rng: random.Random) -> Phase:
    weights = {"healthy": 3, "flaky": 3, "down": 2, "limited": 1, "odd": 2, "slow": 1, "silent": 1}
    special = {
        "outage": {"down": 6},
        "limits": {"limited": 7},
        "crowd": {"slow": 6},
        "keys": {"odd": 4},
        "writes": {"flaky": 5, "limited": 2},
    }
    weights |= special.get(made.flavour, {})
    mood = rng.choices(list(weights), list(weights.values()))[0]
    quick = rng.choice([0.0, 0.01, 0.05, 0.2])
    good = Act(after_s=rng.choice([0.0, 0.05, 0.2, 0.6]), chunks=rng.randint(0, 5), gap_s=rng.choice([0.01, 0.1, 0.4]))
    probe = Act(after_s=0.02)
    match mood:
        case "healthy":
            acts: tuple[Act, ...] = (good,)
        case "flaky":
            acts = (good, *(_bad(rng, quick) for _ in range(rng.randint(1, 4))))
            if rng.random() < 0.3:
                probe = _probe(rng)
        case "down":
            acts = (act_of(rng.choice(TRANSIENT), after_s=quick, retry_after_s=_asked(rng, 0.15)),)
            probe = rng.choice([act_of("refused", after_s=0.01), Act(hangs=True), Act(after_s=0.02), _probe(rng)])
        case "limited":
            name = rng.choice(["rate_limited", "overloaded", "unavailable", "server_error"])
            limited = act_of(name, after_s=quick, retry_after_s=_asked(rng, 0.8))
            other = act_of(name, after_s=quick, retry_after_s=_asked(rng, 0.6))
            acts = rng.choice([(limited,), (good, limited), (limited, other), (good, limited, other)])
            if rng.random() < 0.15:
                probe = act_of("rate_limited", after_s=0.01, retry_after_s=_asked(rng, 0.9))
        case "odd":
            acts = tuple(_odd(rng, quick) for _ in range(rng.randint(1, 2)))
            acts = (*acts, good) if rng.random() < 0.5 else acts
            if rng.random() < 0.3:
                probe = _probe(rng)
        case "slow":
            threshold = made.settings.engine.response_time_threshold / 1000
            acts = (Act(after_s=threshold * rng.uniform(0.5, 0.95)), Act(after_s=threshold * rng.uniform(0.3, 1.6)))
        case _:
            acts = (Act(hangs=True, rude=rng.random() < 0.15),)
            probe = rng.choice([Act(hangs=True), Act(after_s=0.02)])
    if made.flavour == "streams":
        acts = (*(_stream(rng, act) for act in acts), _stream(rng, good))
    return Phase(until_s=until_s, acts=acts, probe=probe)


def _bad(rng: random.Random, after_s: float) -> Act:
    kind = rng.random()
    if kind < 0.6:
        return act_of(rng.choice(TRANSIENT), after_s=after_s, retry_after_s=_asked(rng, 0.2))
    if kind < 0.75:
        return Act(hangs=True, rude=rng.random() < 0.2)
    return _odd(rng, after_s)


def _odd(rng: random.Random, after_s: float) -> Act:
    kind = rng.random()
    if kind < 0.07:
        return Act(after_s=after_s, bad_type=True)
    if kind < 0.17:
        return Act(after_s=after_s, unusable=True)
    name = rng.choice(ODD)
    reset = rng.choice([None, 3.0, 20.0]) if name.startswith("quota") else None
    return act_of(name, after_s=after_s, resets_after_s=reset, retry_after_s=_asked(rng, 0.3))


def _probe(rng: random.Random) -> Act:
    return act_of(
        rng.choice([*TRANSIENT, "authentication", "quota", "bad_result", "permission", "value_error"]), after_s=0.02
    )


def _stream(rng: random.Random, act: Act) -> Act:
    end = rng.random()
    return Act(
        after_s=act.after_s,
        failing=act.failing,
        retry_after_s=act.retry_after_s,
        hangs=act.hangs and rng.random() < 0.4,
        rude=act.rude,
        chunks=rng.choice([0, 0, 1, 3, 8]),
        silent=rng.choice([0, 0, 0, 1, 4, 30]),
        gap_s=rng.choice([0.01, 0.1, 0.5]),
        idles=end < 0.15,
        ends_early=end > 0.85,
    )


def _asked(rng: random.Random, share: float) -> float | None:
    return rng.choice([0.0, 0.3, 1.0, 2.5, 2.5, 6.0, 6.0, 12.0, 29.0, 31.0, 70.0]) if rng.random() < share else None


# --- load ----------------------------------------------------------------------------------------------------------


def _work(made: Plan, rng: random.Random) -> None:
    count = {"lonely": 1, "stampede": 60, "crowd": rng.randint(20, 45)}.get(made.flavour, rng.randint(5, 28))
    window = 1.5 if made.flavour in ("stampede",) else rng.choice([0.3, 0.9]) * made.calm_s
    if made.flavour == "crowd":
        window = rng.uniform(0.5, 4.0)
    made.window_s = window
    for _ in range(count):
        at_s = 0.0 if made.flavour == "lonely" else rng.uniform(0, window)
        made.work.append(_one(made, rng, at_s))
    made.work.sort(key=lambda work: work.at_s)


def _one(made: Plan, rng: random.Random, at_s: float) -> Work:
    translates = rng.random() < 0.4
    payload: dict[str, Any] = {"text": "PAYL0AD" + "x" * rng.choice([3, 3, 3, 10, 90])}
    if not translates and rng.random() < 0.15:
        payload["model"] = "m1"
    streams = made.flavour == "streams" or rng.random() < 0.08
    how = "stream" if streams else rng.choices(["console", "work", "call"], [8, 1, 1])[0]
    if made.flavour in ("lonely", "stampede", "hangs"):
        how = "console"
    policy = None
    if rng.random() < 0.12 and made.flavour != "lonely":
        policy = RetryPolicy(
            attempts=rng.choice([None, 1, 3]),
            base_delay_s=rng.choice([None, 0.05]),
            swift=rng.choice([None, True]),
            classes=rng.choice([None, frozenset({ErrorClass.NETWORK, ErrorClass.RATE_LIMITED})]),
        )
    operation = Operation(
        kind="translate" if translates else "say",
        category="translation" if translates else "ai",
        capabilities=("translate:en>es",) if translates else ("text_generation",),
        payload=payload,
        providers=tuple(f"p{n}" for n in sorted(rng.sample(range(6), 4))) if rng.random() < 0.1 else None,
        idempotent=rng.random() < (0.25 if made.flavour == "writes" else 0.93),
        stream=streams or (how == "console" and rng.random() < 0.02),
        deadline_s=rng.choice([0.5, 3.0, 20.0]) if rng.random() < 0.15 and made.flavour != "hangs" else None,
        max_providers=rng.choice([1, 2, 5]) if rng.random() < 0.1 else None,
        policy=policy,
        wait=rng.random() < (0.5 if made.flavour == "outage" else 0.2),
    )
    cancel = None
    if made.flavour not in ("lonely", "stampede") and rng.random() < 0.3:
        after_s = rng.choice([0.0, rng.uniform(0, 0.1), rng.uniform(0, 1.0), rng.uniform(0, 8.0)])
        cancel = (rng.choice(["caller", "console"]), after_s)
    reads = rng.choices(["all", "slow", "leaves", "drops"], [6, 2, 1, 1])[0]
    return Work(
        at_s=at_s, operation=operation, how=how, cancel=cancel, reads=reads, pause_s=rng.choice([0.02, 0.3, 3.0])
    )


def _happenings(made: Plan, rng: random.Random) -> None:
    if made.flavour in ("lonely", "stampede"):
        return
    happen = made.happenings
    names = [provider.id for provider in made.providers]
    end = made.calm_s

    def between() -> float:
        return rng.uniform(0, min(end * 0.9, made.window_s + 2.0))

    if rng.random() < 0.25:
        for _ in range(rng.randint(1, 3)):
            happen.append(Happening(between(), "settings", _settings(rng, made.flavour)))
    if rng.random() < (0.7 if made.flavour == "crowd" else 0.3):
        name = rng.choice(names)
        happen.append(Happening(between(), "disable", name))
        happen.append(Happening(end * 0.95, "enable", name))
    if made.secrets and (rng.random() < 0.25 or made.flavour == "keys"):
        for _ in range(rng.randint(1, 4)):
            what = rng.choice(["set secret", "forget secret", "delete secret", "set secret"])
            happen.append(Happening(between(), what, rng.choice(sorted(made.secrets))))
        happen.extend(Happening(end * 0.97, "set secret", name) for name in sorted(made.secrets))
    if rng.random() < 0.2:
        start = between()
        happen.append(Happening(start, "store fails"))
        if rng.random() < 0.8:
            happen.append(Happening(start + rng.uniform(0.5, 6.0), "store back"))
        else:
            happen.append(Happening(end, "store back"))
    if rng.random() < 0.1:
        happen.append(Happening(between(), "address", rng.choice(names)))
    if rng.random() < 0.05:
        happen.append(Happening(between(), "source fails"))
        happen.append(Happening(end, "source back"))
    if rng.random() < 0.1:
        happen.append(Happening(between(), "wall jumps", rng.choice([-7200.0, 3600.0, 90_000.0])))
    happen.sort(key=lambda one: one.at_s)
