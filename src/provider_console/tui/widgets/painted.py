"""The base of widgets that paint lines of ink."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip
from textual.widget import Widget

from provider_console.tui.ink import Line, Span, cut, width_of


class Painted(Widget):
    """A widget whose rows are lines of ink. The colours of the inks are the theme's variables `$pc-`.

    They are read from the theme and not through rules of tcss: fourteen rules a widget were a third of the first frame.
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._inks: dict[tuple[str, bool, bool, str, bool], Style] = {}

    def notify_style_update(self) -> None:
        """Forget the styles of the theme before."""
        self._inks.clear()
        super().notify_style_update()

    def strip(self, content: Line, width: int, *, selected: bool = False) -> Strip:
        """A line as wide as asked, on the page or on the background of what is selected."""
        content = cut(content, width)
        segments = [Segment(span.text, self._style(span, selected=selected)) for span in content]
        rest = width - width_of(content)
        if rest > 0:
            segments.append(Segment(" " * rest, self._style(Span(""), selected=selected)))
        return Strip(segments, width)

    def _style(self, span: Span, *, selected: bool) -> Style:
        wanted = (span.ink, span.bold, span.underline, span.paper, selected)
        style = self._inks.get(wanted)
        if style is None:
            colours = self.app.theme_variables
            token = "sel" if selected else span.paper
            paper = Color.parse(colours[f"pc-{token}"]) if token else self.background_colors[1]
            ink = Color.parse(colours[f"pc-{span.ink}"])
            style = Style(
                color=ink.rich_color, bgcolor=paper.rich_color, bold=span.bold or None, underline=span.underline or None
            )
            self._inks[wanted] = style
        return style
