"""What an alert watches: the language of its rules, and when it fires and clears. No alert fires twice for one trouble.

    failure_rate > 20 for 60s and requests >= 10
    state of deepl = down for 5m
    coverage of translate:en>es < 2

A rule compares quantities, joined by `and`; all of them must be true. `for` says how long, without a break. `of` names
the one provider, category or capability that is meant; without it the rule watches each of them by itself.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from provider_console.core.moments import span_s
from provider_console.core.nearest import did_you_mean
from provider_console.core.settings import AlertRule, AlertsSettings

Scope = Literal["provider", "category", "capability"]
"""What a quantity is a figure of."""

Value = float | str | None
"""What was measured; None where nothing was, and then no comparison is true."""

STATES: Final = ("healthy", "degraded", "down", "held", "unknown", "off")
MAX_FOR_S: Final = 30 * 86_400.0
BREAK_S: Final = 60.0
"""Without a look for so long (a laptop slept, another console watched) nobody knows whether a condition held."""


class Quantity(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a rule can compare. `words` are what it may be where it is no number."""

    scope: Scope
    meaning: str
    words: tuple[str, ...] = ()
    units: Mapping[str, float] = {}


QUANTITIES: Final[Mapping[str, Quantity]] = {
    "failure_rate": Quantity(
        scope="provider", meaning="failed attempts of the live window, in percent", units={"%": 1.0}
    ),
    "p95": Quantity(
        scope="provider",
        meaning="the latency that 95 % of the live window's answers stay under, in ms",
        units={"ms": 1.0, "s": 1_000.0},
    ),
    "requests": Quantity(scope="provider", meaning="attempts in the live window: the least that a rule needs to go by"),
    "score": Quantity(scope="provider", meaning="the health score, 0 to 100"),
    "state": Quantity(scope="provider", meaning="the state of a provider", words=STATES),
    "credential": Quantity(
        scope="provider", meaning="whether the credential that a provider needs is there", words=("present", "missing")
    ),
    "cost": Quantity(scope="provider", meaning="what the last 24 hours cost, in the currency of your prices"),
    "healthy_providers": Quantity(scope="category", meaning="how many providers of a category are healthy"),
    "coverage": Quantity(scope="capability", meaning="how many providers could serve a capability now"),
}
"""Every quantity by its name: what messages, evaluation and documentation are made from."""

_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}

SHIPPED: Final = (
    AlertRule(name="provider down", when="state = down"),
    AlertRule(name="not served", when="coverage = 0"),
    AlertRule(name="credential missing", when="credential = missing"),
)
"""Watched without being asked for; a rule of the configuration with the same name takes its place."""


class RuleInvalid(Exception):
    """A rule cannot be understood; the message says where (columns count from 1) and what was expected."""

    def __init__(self, column: int, message: str) -> None:
        self.column = column
        super().__init__(f"column {column}: {message}")


class Comparison(msgspec.Struct, frozen=True):
    """A quantity beside a bound."""

    quantity: str
    operator: str
    bound: float | str

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether it is true of what was measured."""
        value = values.get(self.quantity)
        return value is not None and _OPERATORS[self.operator](value, self.bound)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that can be watched. `target` None: each provider, category or capability by itself."""

    name: str
    when: str
    comparisons: tuple[Comparison, ...]
    scope: Scope
    target: str | None = None
    for_s: float = 0.0

    @property
    def subject_of(self) -> str:
        """The first quantity: what the alert is about."""
        return self.comparisons[0].quantity

    def watches(self, subject: str) -> bool:
        """Whether it is about a subject; a capability may stand without its category."""
        return self.target is None or self.target in (subject, subject.partition(" ")[2])

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether all of it is true of what was measured."""
        return all(one.holds(values) for one in self.comparisons)


# --- the language -------------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(r"\s*(?:(?P<operator>>=|<=|!=|==|[><=])|(?P<word>[^\s><=!]+)|(?P<wrong>\S))")
_TARGET: Final = re.compile(r"\s*(\S+)")
_NUMBER: Final = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)(%|[a-z]*)")


class _Reader:
    """The words of a rule from left to right, and where each stands."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def next(self) -> tuple[str, int]:
        """The next word and its column; an empty word at the end."""
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            return "", len(self._text.rstrip()) + 1
        self._at = match.end()
        return match[0].strip(), match.end() - len(match[0].strip()) + 1

    def target(self) -> tuple[str, int]:
        """What stands behind `of`: a name may have signs in it, such as translate:en>es."""
        match = _TARGET.match(self._text, self._at)
        if match is None:
            return "", len(self._text.rstrip()) + 1
        self._at = match.end()
        return match[1], match.start(1) + 1


def parse(rule: AlertRule) -> Rule:
    """A rule from its text.

    >>> parse(AlertRule(name="slow", when="p95 > 2s for 5m and requests >= 10")).for_s
    300.0

    Raises:
        RuleInvalid
    """
    reader = _Reader(rule.when)
    comparisons: list[Comparison] = []
    target: str | None = None
    for_s: float | None = None
    while True:
        comparison, named, column = _comparison(reader, comparisons)
        if named is not None and target not in (None, named):
            raise RuleInvalid(column, f"a rule is about one thing, and this one names {target} already")
        target = named or target
        comparisons.append(comparison)
        word, column = reader.next()
        if word == "for":
            if for_s is not None:
                raise RuleInvalid(column, "for is given twice")
            for_s = _span(*reader.next())
            word, column = reader.next()
        if not word:
            break
        if word != "and":
            raise RuleInvalid(column, f"expected and, {'for, ' if for_s is None else ''}or the end, not {word!r}")
    scope = QUANTITIES[comparisons[0].quantity].scope
    return Rule(
        name=rule.name, when=rule.when, comparisons=tuple(comparisons), scope=scope, target=target, for_s=for_s or 0.0
    )


def _comparison(reader: _Reader, before: Sequence[Comparison]) -> tuple[Comparison, str | None, int]:
    name, column = reader.next()
    quantity = QUANTITIES.get(name)
    if quantity is None:
        said = repr(name) if name else "the end"
        raise RuleInvalid(column, f"expected a quantity, not {said}{did_you_mean(name, QUANTITIES) or _KNOWN}")
    if before and QUANTITIES[before[0].quantity].scope != quantity.scope:
        raise RuleInvalid(
            column,
            f"{name} is a figure of a {quantity.scope}, {before[0].quantity} one of a "
            f"{QUANTITIES[before[0].quantity].scope}; write two rules",
        )
    sign, at = reader.next()
    target = None
    if sign == "of":
        target, at = reader.target()
        if not target:
            raise RuleInvalid(at, f"expected the name of a {quantity.scope} after of, not the end")
        column = at
        sign, at = reader.next()
    known = ("=", "==", "!=") if quantity.words else tuple(_OPERATORS)
    if sign not in known:
        said = repr(sign) if sign else "the end"
        raise RuleInvalid(at, f"expected {'= or !=' if quantity.words else 'one of > >= < <= = !='}, not {said}")
    return Comparison(name, sign, _bound(name, quantity, *reader.next())), target, column


_KNOWN: Final = f"; known: {', '.join(QUANTITIES)}"


def _bound(name: str, quantity: Quantity, word: str, column: int) -> float | str:
    said = repr(word) if word else "the end"
    if quantity.words:
        # `unhealthy` is what the API calls a provider that people call down.
        value = "down" if word == "unhealthy" else word
        if value not in quantity.words:
            raise RuleInvalid(column, f"expected {', '.join(quantity.words[:-1])} or {quantity.words[-1]}, not {said}")
        return value
    match = _NUMBER.fullmatch(word)
    unit = match[2] if match is not None else ""
    if match is None or (unit and unit not in quantity.units):
        units = f" (units: {', '.join(quantity.units)})" if quantity.units else ""
        raise RuleInvalid(column, f"expected a number{units} for {name}, not {said}")
    return float(match[1]) * (quantity.units[unit] if unit else 1.0)


def _span(word: str, column: int) -> float:
    seconds = span_s(word)
    if seconds is None or seconds > MAX_FOR_S:
        said = repr(word) if word else "the end"
        raise RuleInvalid(column, f"expected a span after for, such as 60s or 5m, at most 30d, not {said}")
    return seconds


def rules_of(settings: AlertsSettings) -> tuple[tuple[Rule, ...], Mapping[int, str]]:
    """Every rule to watch, the shipped ones first; and what is wrong with those of the configuration, by their place.

    A rule with the name of a shipped one takes its place; without `when` it only switches it on or off.
    """
    chosen = {rule.name: rule for rule in SHIPPED}
    parsed = {rule.name: parse(rule) for rule in SHIPPED}
    problems: dict[int, str] = {}
    seen: set[str] = set()
    for place, rule in enumerate(settings.rules):
        if rule.name in seen:
            problems[place] = f"there is another rule named {rule.name!r} before it; only that one is watched"
            continue
        seen.add(rule.name)
        known = chosen.get(rule.name)
        try:
            if not rule.when and known is None:
                raise RuleInvalid(1, f"expected a quantity, not the end{_KNOWN}")  # noqa: TRY301 - said like the others
            if rule.when:
                parsed[rule.name] = parse(rule)
        except RuleInvalid as error:
            problems[place] = f"{error}; the rule is not watched"
        if not rule.enabled:
            parsed.pop(rule.name, None)
    return tuple(parsed.values()), problems


# --- firing and clearing ------------------------------------------------------------------------------------


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """How a rule stands with one subject. Times are monotonic; `since` and `quiet_since` are unbroken stretches."""

    firing: bool = False
    since: float | None = None
    quiet_since: float | None = None
    looked_at: float | None = None


def advance(watch: Watch, *, holds: bool, now: float, for_s: float, window_s: float) -> Watch:
    """One look further. It fires once the condition held for `for_s`, and clears once it was false for two windows.

    A window is the rule's own `for`, and at least `window_s`: what comes and goes is one alert, not many.
    """
    broken = watch.looked_at is not None and now - watch.looked_at > BREAK_S
    since = None if not holds else now if watch.since is None or broken else watch.since
    quiet_since = None if holds else now if watch.quiet_since is None or broken else watch.quiet_since
    firing = watch.firing
    if since is not None and now - since >= for_s:
        firing = True
    elif quiet_since is not None and now - quiet_since >= 2 * max(for_s, window_s):
        firing = False
    return Watch(firing=firing, since=since, quiet_since=quiet_since, looked_at=now)


def needed(rules: Iterable[Rule]) -> frozenset[str]:
    """The quantities that some rules compare: nothing else has to be measured."""
    return frozenset(one.quantity for rule in rules for one in rule.comparisons)
