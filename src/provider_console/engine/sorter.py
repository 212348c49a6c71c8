"""Sorts what a driver raised: every barrier that calls one uses this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from provider_console.core.classify import Failure, Hook, classify
from provider_console.sdk.errors import ErrorClass, ProviderError

KNOWN: Final = 256
"""Refusals that are remembered with what they mean."""


class Sorter:
    """Classifies with the plugins' hooks, and takes known secrets out of messages."""

    def __init__(self, hooks: Sequence[Hook] = (), redact: Callable[[str], str] = str) -> None:
        self._hooks = hooks
        self._redact = redact
        self._known: dict[object, Failure] = {}

    def sort(self, error: BaseException) -> Failure:
        """The failure that an exception is.

        Raises:
            TypeError: it is a cancellation or an interrupt, which must travel on.
        """
        # Who names a time is left alone until then, and says it too seldom to be remembered.
        if (
            type(error) is not ProviderError
            or error.retry_after_s is not None
            or error.resets_after_s is not None
            or self._hooks
        ):
            if isinstance(error, SystemExit):
                return Failure(error_class=ErrorClass.UNKNOWN, message="the driver tried to end the program")
            return classify(error, hooks=self._hooks, safe=self._redact)
        message, code, status, error_class = error.message, error.code, error.status, error.error_class
        # With their types: 503.0 is no status, and no text a class, though they equal one.
        said = (message, code, status, type(status), error_class, type(error_class), error.provider_specific)
        try:
            known = self._known.get(said)
        except TypeError:
            # A driver gave what is no number and no text.
            return classify(error, safe=self._redact)
        # What was no secret then may be one by now.
        if known is not None and self._redact(message) == message and (code is None or self._redact(code) == code):
            return known
        failure = classify(error, safe=self._redact)
        # Nothing is kept that holds a secret, or is too long to be kept.
        if failure.message == message and failure.code == code:
            if len(self._known) >= KNOWN:
                self._known.clear()
            self._known[said] = failure
        return failure
