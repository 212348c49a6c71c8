"""What a vendor says under a fault, before the network has its turn."""

from __future__ import annotations

import email.utils
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from provider_console.sandbox.fault import Fault
from provider_console.sandbox.message import Answer, Request, Say, phrase, plainly
from provider_console.sandbox.vendor import Vendor, find_route

ELSEWHERE = "/_elsewhere"
"""Where redirects point: a path that exists only in the count of requests, so that following one is seen."""

ESCAPES = (
    "\x1b]0;owned\x07",  # window title
    "\x1b[2J\x1b[H",  # clear the screen, cursor home
    "\x1b[31m",  # colour
    "\x1b]8;;http://127.0.0.1/\x1b\\link\x1b]8;;\x1b\\",  # hyperlink
    "\x1b]52;c;b3duZWQ=\x07",  # write the clipboard
    "\x1bP+q544e\x1b\\",  # ask the terminal for its name
    "\x9b5n",  # C1 control: report the status
    "\x00\x08\x7f\r",
    "‮",  # right-to-left override
    "[bold red]markup[/]",
)


def hostile(text: str) -> str:
    """Return the text among terminal control sequences and markup."""
    middle = len(text) // 2
    return "".join(ESCAPES[:5]) + text[:middle] + "".join(ESCAPES[5:8]) + text[middle:] + "".join(ESCAPES[8:])


def answer_under(
    fault: Fault, vendor: Vendor, request: Request, *, origin: str, wall: Callable[[], datetime]
) -> Answer:
    """Return the answer to `request` with all that `fault` changes in it; `origin` is `http://host:port`."""
    answer = _answer(fault, vendor, request, origin)
    stamped = vendor.stamp(request, answer)
    retry = _retry_after(fault.retry_after, wall) if fault.retry_after else ()
    extra = (*retry, *fault.headers.items())
    return stamped.with_headers(*extra) if extra else stamped


def _answer(fault: Fault, vendor: Vendor, request: Request, origin: str) -> Answer:
    match fault.kind:
        case "status":
            return vendor.error(fault.status or 503, code=fault.code)
        case "error_in_200":
            failed = vendor.error(500, code=fault.code, message=phrase(500))
            return msgspec.structs.replace(failed, status=200)
        case "redirect":
            headers = (("location", fault.location or origin + ELSEWHERE), ("content-type", "text/plain"))
            return Answer(fault.status or 307, headers, (b"",))
        case "escape" if fault.status >= 400:
            return vendor.error(fault.status, code=fault.code, message=hostile(phrase(fault.status)))
    answer = _plain(vendor, request, hostile if fault.kind == "escape" else plainly)
    if answer.status != 200:
        return answer
    if fault.kind == "error_in_stream":
        if not answer.streamed:
            return msgspec.structs.replace(vendor.error(500, code=fault.code, message=phrase(500)), status=200)
        return msgspec.structs.replace(
            answer, parts=(*answer.parts[: fault.chunks], vendor.stream_error(code=fault.code))
        )
    if fault.kind == "bad_json":
        return msgspec.structs.replace(answer, parts=_broken(answer))
    return answer


def _plain(vendor: Vendor, request: Request, say: Say) -> Answer:
    route = find_route(vendor, request)
    if route is not None:
        return route.answer(request, say)
    return vendor.missing(request)


def _broken(answer: Answer) -> tuple[bytes, ...]:
    """Cut the JSON of the answer, or of a stream's second part, in its middle; the framing stays whole."""
    if not answer.streamed:
        return (answer.body[: len(answer.body) // 2],)
    at = min(1, len(answer.parts) - 1)
    part = answer.parts[at].rstrip(b"\n")
    ending = answer.parts[at][len(part) :]
    return (*answer.parts[:at], part[: len(part) // 2] + ending, *answer.parts[at + 1 :])


def _retry_after(value: str, wall: Callable[[], datetime]) -> tuple[tuple[str, str], ...]:
    if value.endswith("ms"):
        # Who sends milliseconds sends the seconds too, rounded up.
        milliseconds = value.removesuffix("ms")
        return ("retry-after-ms", milliseconds), ("retry-after", str(math.ceil(float(milliseconds) / 1000)))
    if value.startswith("date+"):
        at = wall() + timedelta(seconds=float(value.removeprefix("date+")))
        return (("retry-after", email.utils.format_datetime(at.astimezone(UTC), usegmt=True)),)
    return (("retry-after", value),)
