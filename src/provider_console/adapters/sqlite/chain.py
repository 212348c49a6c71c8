"""The audit trail's chain: what is hashed, what is signed, and how a trail begins. Pure functions.

A row's hash is SHA-256 over its values and the hash before it; the first one stands on the trail's own name, so
that a part of one trail fits into no other. A signature is HMAC-SHA256 over the trail, the position and the hash
there. Without the key nobody can make a signature; whoever can write the file can still put an older copy of the
whole file back, which no file can tell of itself.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Sequence
from typing import Final, Literal

Value = str | bytes | int | float | None

FIELDS: Final = (
    "seq, at, actor, role, front_end, action, subject, phase, refers_to, result, before, after"  # and then the hash
)

KEY_BYTES: Final = 32

CHECKPOINT: Final = 100
"""Rows between two signed heads that stay."""

_GENESIS: Final = b"provider-console audit trail 1\0genesis\0"
_ROW: Final = b"provider-console audit trail 1\0row\0"
# A checkpoint that stays in the file must not be usable as its head: the tail could be cut off down to it.
_SIGNED: Final = {
    "head": b"provider-console audit trail 1\0head\0",
    "checkpoint": b"provider-console audit trail 1\0checkpoint\0",
}


def genesis(trail: str) -> str:
    """What the first row of a trail is chained to."""
    return hashlib.sha256(_GENESIS + _packed(trail)).hexdigest()


def row_hash(previous: str, values: Sequence[Value]) -> str:
    """The hash of a row whose values are in the order of `FIELDS`.

    Each value carries its type and length, so that no two rows have the same bytes.

    >>> row_hash("", ["ab", "c"]) == row_hash("", ["a", "bc"]), row_hash("", [1]) == row_hash("", ["1"])
    (False, False)
    """
    return hashlib.sha256(b"".join((_ROW, _packed(previous), *map(_packed, values)))).hexdigest()


def signature(key: bytes, kind: Literal["head", "checkpoint"], trail: str, seq: int, hash_at_seq: str) -> str:
    """The signature of the chain up to a position."""
    message = b"".join((_SIGNED[kind], _packed(trail), _packed(seq), _packed(hash_at_seq)))
    return hmac.digest(key, message, "sha256").hex()


def signed(
    key: bytes, kind: Literal["head", "checkpoint"], trail: str, seq: int, hash_at_seq: str, found: Value
) -> bool:
    """A signature is the right one; whatever stands in its place may be asked about."""
    wanted = signature(key, kind, trail, seq, hash_at_seq)
    return isinstance(found, str) and hmac.compare_digest(wanted.encode(), found.encode("utf-8", "surrogatepass"))


def _packed(value: Value) -> bytes:
    if value is None:
        return b"n"
    if isinstance(value, str):
        raw = value.encode("utf-8", "surrogatepass")
        return b"s%d:" % len(raw) + raw
    if isinstance(value, bytes):
        return b"b%d:" % len(value) + value
    if isinstance(value, int):
        return b"i%d:" % value
    return b"f" + struct.pack(">d", value)
