"""The parts of a text that a translation has to keep: placeholders and markup."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

# Each alternative begins with a literal character, which lets the search skip plain text twenty times faster.
# Only what is a placeholder beyond doubt: a false alarm would throw away a good translation. Left out for that
# reason: `:name` ("at :noon", French typography) and a space as a printf flag ("100 % safe").
PLACEHOLDER: Final = re.compile(
    r"""
      \{\{[^{}\n]{0,200}\}\}                                            # {{ name }}
    | \$\{[^{}\n]{1,200}\}                                              # ${name}
    | %\{[\w.]{1,100}\}                                                # %{name}
    | \#\{[\w.]{1,100}\}                                               # #{name}
    | \{(?:[A-Za-z_0-9][\w.\[\]-]{0,100})?(?:![rsa])?(?::[^{}\s]{0,50})?\}  # {}  {0}  {name!r}  {price:.2f}
    | \$t\([^()\n]{1,200}\)                                             # $t(key)
    | %\([\w.]{1,100}\)[-+\#0]*\d*(?:\.\d+)?[sdifuxXeEgGcr]             # %(name)s
    | %(?<![\d%]%)(?:\d+\$)?[-+\#0]*\d*(?:\.\d+)?(?:hh?|ll?|[zjtL])?[sdifuxXeEgGc@](?![A-Za-z])   # %s  %1$d  %.2f
    """,
    re.VERBOSE,
)
# Each alternative ends where the next one of its kind begins, so that unclosed ones are not read again and again.
# Comments, elements, and the numbered ones of i18next (<0>...</0>); "a < b" and "<3" are text.
TAG: Final = re.compile(
    r"<!--(?:[^<-]|<(?!!--)|-(?!->)){0,5000}-->|<(?P<end>/?)(?P<name>[A-Za-z][\w:.-]{0,60})(?:\s[^<>]{0,5000})?/?>|<(?P<close>/?)(?P<number>\d{1,3})/?>",
    re.DOTALL,
)
_ICU: Final = re.compile(r"\{\s*[\w.]{1,100}\s*,\s*(?:plural|select|selectordinal)\s*,")
_LINK: Final = re.compile(r"\]\(([^()\s]{1,2000})\)")
_FENCE: Final = re.compile(r"^(?:```|~~~)", re.MULTILINE)


def marks(text: str, *, markdown: bool = False) -> Counter[str]:
    """What has to be in a translation as often as it is in `text`; in Markdown link targets and fences too.

    >>> marks("Hi {name}, <b>%d</b> of 100% sure")["<b>"], sorted(marks("{{ x }} at :noon"))
    (1, ['{{x}}'])
    """
    messages = list(_icu_spans(text))
    found: Counter[str] = Counter()
    for match in PLACEHOLDER.finditer(text):
        # Inside an ICU message `{one item}` is text to translate, not a name.
        if not any(start <= match.start() < end for start, end in messages):
            found[re.sub(r"\s+", "", match[0])] += 1
    found.update(_tags(text))
    if markdown:
        found.update(f"]({match[1]})" for match in _LINK.finditer(text))
        found["```"] = len(_FENCE.findall(text))
    return +found


def lost(source: str, translation: str, *, markdown: bool = False) -> tuple[str, ...]:
    """The marks that a translation does not have as often as its source: missing ones, then additional ones."""
    before, after = marks(source, markdown=markdown), marks(translation, markdown=markdown)
    for mark in [mark for mark in before.keys() | after.keys() if mark.startswith("</")]:
        # HTML lets an end tag be left out, and a service that parses it writes it: ends count where all are written.
        opened = before[f"<{mark[2:]}"]
        if opened and before[mark] != opened:
            del before[mark], after[mark]
    return (*sorted(before - after), *sorted(after - before))


def protected(text: str) -> list[tuple[int, int]]:
    """Where a text must not be cut: spans of placeholders, tags and ICU messages, in order and without overlap."""
    spans = [match.span() for match in PLACEHOLDER.finditer(text)]
    spans += [match.span() for match in TAG.finditer(text)]
    spans += _icu_spans(text)
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _tags(text: str) -> Counter[str]:
    opened: Counter[str] = Counter()
    closed: Counter[str] = Counter()
    for match in TAG.finditer(text):
        name = (match["name"] or match["number"] or "!--").lower()
        (closed if match["end"] or match["close"] else opened)[name] += 1
    found = Counter({f"<{name}>": count for name, count in opened.items()})
    found.update({f"</{name}>": count for name, count in closed.items()})
    return found


def _icu_spans(text: str) -> Iterator[tuple[int, int]]:
    position = 0
    while match := _ICU.search(text, position):
        depth, end = 0, match.start()
        for end in range(match.start(), len(text)):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            if depth == 0:
                break
        yield match.start(), end + 1
        position = end + 1
