"""How any store says that it cannot be used."""

from __future__ import annotations


class StoreUnavailable(Exception):
    """A database could not be read or written; the message says which file, why, and what to do."""
