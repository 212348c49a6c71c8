"""Text that would steer a terminal, or the console, if it were more than text.

Every payload carries `NAME-e` before and `NAME-z` behind what is hostile, to see that it was shown. The numbers 4711
and the words `pwn` occur in no sequence that the console writes itself.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Payload(NamedTuple):
    """What is hostile, and the bytes that must not reach the terminal; None where it has to stand there as it is."""

    name: str
    text: str
    forbidden: bytes | None

    @property
    def whole(self) -> str:
        """The text as it comes from outside."""
        return f"{self.name}-e {self.text} {self.name}-z"


_STEERING: Final = {
    "csi-goto": "\x1b[4711;1H",
    "csi-colour": "\x1b[4711m",
    "csi-mode": "\x1b[?4711h",
    "csi-report": "\x1b[4711n",
    "csi-window": "\x1b[4711t",
    "csi-region": "\x1b[4711;4712r",
    "csi-up": "\x1b[4711A",
    "csi-device": "\x1b[>4711c",
    "csi-cursor": "\x1b[4711 q",
    "csi-keyboard": "\x1b[=4711u",
    "csi-erase": "\x1b[3J",
    "osc-title": "\x1b]0;pwn\x07",
    "osc-title-st": "\x1b]2;pwn\x1b\\",
    "osc-open": "\x1b]0;pwn",
    "osc-link": "\x1b]8;;http://pwn/\x1b\\x\x1b]8;;\x1b\\",
    "osc-link-id": "\x1b]8;id=4711;http://pwn/\x07x\x1b]8;;\x07",
    "osc-copy": "\x1b]52;c;cHdu\x07",
    "osc-paste": "\x1b]52;p;?\x07",
    "osc-palette": "\x1b]4;1;?\x07",
    "osc-folder": "\x1b]7;file://pwn/\x07",
    "osc-notice": "\x1b]777;notify;pwn\x07",
    "osc-file": "\x1b]1337;File=:cHdu\x07",
    "dcs-sixel": "\x1bPq4711\x1b\\",
    "dcs-terminfo": "\x1bP+q4711\x1b\\",
    "apc": "\x1b_G4711\x1b\\",
    "pm": "\x1b^4711\x1b\\",
    "sos": "\x1bX4711\x1b\\",
    "reset": "\x1bc",
    "charset": "\x1b(0",
    "c1-csi": "\x9b4711m",
    "c1-osc": "\x9d0;pwn\x9c",
    "c1-dcs": "\x90q4711\x9c",
    "c1-next-line": "\x85",
    "c1-index": "\x84",
    "bell": "\x07",
    "backspace": "\x08\x08\x08\x08",
    "nul": "\x00",
    "shift-out": "\x0e",
    "vertical-tab": "\x0b",
    "delete": "\x7f",
    "carriage-return": "\rpwn",
    "line-feed": "\npwn",
    "bidi-override": "\u202egnp.exe",
    "bidi-isolate": "\u2067pwn\u2069",
    "bidi-mark": "\u200fpwn",
}
_MARKUP: Final = {
    "markup-close": "[/]",
    "markup-click": "[@click=app.quit]x[/]",
    "markup-link": "[link=http://pwn/]x[/link]",
    "markup-colour": "[bold red on blue]x",
    "markup-open": "[",
}
PAYLOADS: Final = (
    *(Payload(name, text, text.encode()) for name, text in _STEERING.items()),
    *(Payload(name, text, None) for name, text in _MARKUP.items()),
)
