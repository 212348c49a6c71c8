"""A page of text: lines painted for the width that there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.geometry import Region, Size
from textual.strip import Strip

from provider_console.tui.ink import BLANK, Line
from provider_console.tui.widgets.painted import Painted

Page = Callable[[int, int], Sequence[Line]]
"""Makes the lines for a width and a height in cells."""


def _nothing(_width: int, _height: int) -> Sequence[Line]:
    return ()


class Lines(Painted):
    """Shows a page. Only the lines that changed are painted again."""

    DEFAULT_CSS = "Lines { height: auto; }"

    def __init__(self, page: Page = _nothing, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._page = page
        self._shown: Sequence[Line] = ()

    @property
    def lines(self) -> Sequence[Line]:
        """What is shown now."""
        return self._shown

    def show(self, page: Page) -> None:
        """Show another page."""
        self._page = page
        if self.is_mounted:
            self._lay()

    def on_resize(self) -> None:
        """Lay the page out anew for the width that there is now."""
        self._lay()

    def _lay(self) -> None:
        width, height = self.size
        before, self._shown = self._shown, self._page(width, height)
        if len(before) != len(self._shown) and self.styles.auto_dimensions:
            self.refresh(layout=True)
            return
        changed = [
            Region(0, y, width, 1)
            for y in range(max(len(before), len(self._shown)))
            if (before[y] if y < len(before) else None) != (self._shown[y] if y < len(self._shown) else None)
        ]
        if changed:
            self.refresh(*changed)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as the page has lines at that width."""
        return len(self._page(width, container.height))

    def render_line(self, y: int) -> Strip:
        """One line of the page."""
        return self.strip(self._shown[y] if y < len(self._shown) else BLANK, self.size.width)
