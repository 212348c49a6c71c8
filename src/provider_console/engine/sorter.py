"""Sorts what a driver raised: every barrier that calls one uses this."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from provider_console.core.classify import Failure, Hook, classify
from provider_console.sdk.errors import ErrorClass


class Sorter:
    """Classifies with the plugins' hooks, and takes known secrets out of messages."""

    def __init__(self, hooks: Sequence[Hook] = (), redact: Callable[[str], str] = str) -> None:
        self._hooks = hooks
        self._redact = redact

    def sort(self, error: BaseException) -> Failure:
        """The failure that an exception is.

        Raises:
            TypeError: it is a cancellation or an interrupt, which must travel on.
        """
        if isinstance(error, SystemExit):
            return Failure(error_class=ErrorClass.UNKNOWN, message="the driver tried to end the program")
        return classify(error, hooks=self._hooks, safe=self._redact)
