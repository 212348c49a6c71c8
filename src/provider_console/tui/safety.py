"""The last filter before the terminal, and what is left on it when the program breaks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text
from textual.color import Color
from textual.filter import LineFilter

from provider_console.tui.glyphs import in_ascii
from provider_console.tui.ink import harmless

if TYPE_CHECKING:
    from rich.traceback import Trace


class ControlFilter(LineFilter):
    """Replaces whatever could steer the terminal, wherever it came from; drops links, whose target is foreign text."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without control characters and links."""
        return [_harmless(segment) for segment in segments]


class AsciiFilter(LineFilter):
    """Our own marks in ASCII, for terminals whose fonts or widths do not go with the symbols."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments with the marks replaced, cell by cell."""
        return [segment if segment.control else Segment(in_ascii(segment.text), segment.style) for segment in segments]


def _harmless(segment: Segment) -> Segment:
    text, style, control = segment
    if control:
        return segment
    if style is not None and style.link:
        style = style.update_link(None)
    return Segment(harmless(text), style)


class Harmless:
    """Something to print without what could steer the terminal."""

    def __init__(self, shown: RenderableType) -> None:
        self._shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._shown, options):
            yield segment if segment.text == "\n" else _harmless(segment)


def crash_report(redact: Callable[[str], str] = str) -> RenderableType:
    """The exception being handled, without the values of its frames.

    Its message may be somebody else's: `redact` takes secrets out of it and of those of its causes.
    """
    kind, error, trace = sys.exc_info()
    if kind is None or error is None:
        return Text("Provider Console ended without saying why; the log file has the rest.")
    # Loaded when it is needed: the first frame must not wait for the colours of source code.
    from rich.traceback import Traceback

    found = Traceback.extract(kind, error, trace, show_locals=False)
    _redact(found, redact)
    return Harmless(Traceback(found, width=None, word_wrap=True))


def _redact(trace: Trace, redact: Callable[[str], str]) -> None:
    for stack in trace.stacks:
        stack.exc_value = redact(stack.exc_value)
        stack.notes = [redact(note) for note in stack.notes]
        if stack.syntax_error is not None:
            stack.syntax_error.line = redact(stack.syntax_error.line)
            stack.syntax_error.msg = redact(stack.syntax_error.msg)
        for each in stack.exceptions:
            _redact(each, redact)
