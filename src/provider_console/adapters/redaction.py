"""The one place that takes secrets out of text, whatever wrote it and wherever it goes.

It knows the values that were loaded and looks for them as they are and as other layers rewrite them: base64
(both alphabets, at any offset in a longer text), URL-quoted, JSON-escaped, hexadecimal. Apart from them, the
query and the user of every URL are cut, because that is where secrets nobody told it about travel.

**Limit**: a value shorter than 6 characters is not looked for; it would turn up by chance in half of all lines.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from typing import Final
from urllib.parse import quote, quote_plus

from provider_console.core.text import clean_content
from provider_console.sdk.secret import MASK, Secret

SHORTEST: Final = 6
"""Characters a value needs to be looked for."""

CUT: Final = "?…"

# Without a scheme before it, a query is `?` right after something and a name with `=` right after that.
_QUERY: Final = re.compile(r"""(?<=\S)\?[A-Za-z0-9_.~%\[\]$-]+=[^\s"'<>`]*""")
_URL_QUERY: Final = re.compile(r"""(\bhttps?://[^\s?#"'<>`]+)[?#][^\s"'<>`]*""", re.IGNORECASE)
_URL_USER: Final = re.compile(r"""(\b[a-z][a-z0-9+.-]*://)[^\s/?#"'<>`]*@""", re.IGNORECASE)
# What `logging` itself puts on a record; anything else came in through `extra`.
_OWN_FIELDS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Redactor:
    """Replaces known secrets in text by `***`. Safe to use from several threads at once.

    >>> redactor = Redactor()
    >>> redactor.add(Secret("sk-live-4711"))
    True
    >>> redactor.redact("Authorization: Bearer sk-live-4711")
    'Authorization: Bearer ***'
    >>> redactor.redact("GET https://host/v1?key=unknown failed")
    'GET https://host/v1?… failed'
    """

    def __init__(self) -> None:
        self._values: frozenset[str] = frozenset()
        self._literal: tuple[str, ...] = ()
        self._encoded: tuple[tuple[str, re.Pattern[str]], ...] = ()

    def add(self, secret: Secret) -> bool:
        """Look for this value from now on. False where it is too short to be looked for."""
        value = secret.reveal()
        if len(value) < SHORTEST:
            return False
        if value not in self._values:
            self._values |= {value}
            # The longest first: one secret may begin with another.
            self._literal = tuple(sorted({*self._literal, *_literal_forms(value)}, key=lambda form: (-len(form), form)))
            # Replaced whole, not grown in place: a logging thread may be walking through it.
            self._encoded = tuple(dict.fromkeys((*self._encoded, *_base64_forms(value))))
        return True

    def redact(self, text: str) -> str:
        """The text without secrets, URL queries and URL users."""
        for form in self._literal:
            if form in text:
                text = text.replace(form, MASK)
        for core, pattern in self._encoded:
            if core in text:
                text = pattern.sub(MASK, text)
        if "://" in text:
            text = _URL_QUERY.sub(rf"\1{CUT}", text)
            if "@" in text:
                text = _URL_USER.sub(r"\1", text)
        if "?" in text and "=" in text:
            text = _QUERY.sub(CUT, text)
        return text


class RedactingFilter(logging.Filter):
    """Redacts a record before it is written: message, arguments, traceback, stack and extra fields.

    Control sequences go as well: what is logged of a stranger's words is read in somebody's terminal.

    It belongs on handlers: a filter on a logger does not see what that logger's children pass on. The record
    leaves it as finished text, so that no later formatter can find a secret in its arguments.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor
        self._formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True: a record is changed, never dropped."""

        def redact(text: str) -> str:
            cleaned: str = clean_content(self._redactor.redact(text))
            return cleaned

        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            # logging would print the arguments as they are, beside the complaint.
            message = f"{record.msg} (its arguments do not fit: {record.args!r})"
        record.msg, record.args = redact(message), None
        if record.exc_info:
            # exc_text is what every formatter prefers; exc_info would let one format the traceback again.
            record.exc_text = record.exc_text or self._formatter.formatException(record.exc_info)
            record.exc_info = None
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        for name, value in vars(record).items():
            if name not in _OWN_FIELDS and value is not None and not isinstance(value, (bool, int, float)):
                setattr(record, name, redact(str(value)))
        return True


def _literal_forms(value: str) -> set[str]:
    raw = value.encode()
    quoted = {quote(value, safe=safe) for safe in ("", "/", "/:@!$&'()*+,;=~", "/:@!$&'()*+,;=~?")} | {
        quote_plus(value)
    }
    escaped = {json.dumps(value, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    return {
        value,
        repr(value)[1:-1],
        *quoted,
        *(_lower_hex(form) for form in quoted),
        *escaped,
        *(form.replace("/", "\\/") for form in escaped),
        raw.hex(),
        raw.hex().upper(),
    }


def _lower_hex(quoted: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)


def _base64_forms(value: str) -> list[tuple[str, re.Pattern[str]]]:
    """Each core that a value leaves in base64, and the pattern that takes its unclear ends along.

    Base64 writes 3 bytes as 4 characters, so what a value looks like depends on where it begins. Characters
    that also carry bits of a neighbour are not known; they are matched as any character of the alphabet.
    """
    raw = value.encode()
    forms = []
    for offset in range(3):
        head = (0, 2, 3)[offset]
        tail = (offset + len(raw)) % 3 != 0
        encoded = base64.b64encode(b"\0" * offset + raw).rstrip(b"=").decode()
        core = encoded[head : len(encoded) - tail]
        for spelling in dict.fromkeys((core, core.replace("+", "-").replace("/", "_"))):
            before = "[A-Za-z0-9+/_-]" if head else ""
            after = "[A-Za-z0-9+/_-]?=*" if tail else ""
            forms.append((spelling, re.compile(before + re.escape(spelling) + after)))
    return forms
