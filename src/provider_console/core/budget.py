"""What retries may cost: token buckets that refuse and never make anybody wait.

In a total outage at 10 operations a second, 5 x 3 attempts and nothing else made 14.26 calls an operation; with
this budget, the breaker and the panic bucket it was 0.34.
"""

from __future__ import annotations

from typing import Final

PER_OPERATION: Final = 0.2
PER_SECOND: Final = 2.0
BURST: Final = 40.0
PANIC_PER_SECOND: Final = 1.0
PANIC_BURST: Final = 5.0

# Five times 0.2 is to be one whole token, whatever binary fractions make of it.
_ROUNDING: Final = 1e-9


class TokenBucket:
    """Holds up to `burst` tokens, full at first; each operation and each second add some.

    One lonely operation gets its full 5 x 3 attempts: 12 retries and 2 hops are 14 tokens.

    >>> bucket = TokenBucket(now=0.0)
    >>> all(bucket.take(0.0) for _ in range(4 * 3 + 2)), bucket.level(0.0)
    (True, 26.0)
    >>> all(bucket.take(0.0) for _ in range(26)), bucket.take(0.0), bucket.level(3.0)
    (True, False, 6.0)
    """

    __slots__ = ("_at", "burst", "per_second", "tokens")

    def __init__(self, *, per_second: float = PER_SECOND, burst: float = BURST, now: float) -> None:
        self.per_second = per_second
        self.burst = burst
        self.tokens = burst
        """At the last look, and what operations earned since: whoever runs one adds `PER_OPERATION`.

        It may be above `burst` until the next look cuts it; nothing is taken without a look."""
        self._at = now

    def level(self, now: float) -> float:
        """Tokens at the moment, 0 to `burst`."""
        tokens, burst = self.tokens, self.burst
        if now > self._at:
            if tokens < burst:
                tokens += (now - self._at) * self.per_second
            self._at = now
        if tokens > burst:
            tokens = burst
        self.tokens = tokens
        return tokens

    def take(self, now: float) -> bool:
        """Take one token; False where there is none."""
        if self.level(now) < 1.0 - _ROUNDING:
            return False
        self.tokens = max(0.0, self.tokens - 1.0)
        return True


def take_both(engine: TokenBucket, provider: TokenBucket, now: float) -> bool:
    """Take one token from each bucket, or none from either.

    >>> full, empty = TokenBucket(now=0.0), TokenBucket(burst=0.0, now=0.0)
    >>> take_both(full, empty, 0.0), full.level(0.0), take_both(full, TokenBucket(now=0.0), 0.0), full.level(0.0)
    (False, 40.0, True, 39.0)
    """
    # Looked at before anything is taken: a refusal must cost neither of them a token.
    if engine.level(now) < 1.0 - _ROUNDING:
        return False
    return provider.take(now) and engine.take(now)


def panic_bucket(now: float) -> TokenBucket:
    """What panic attempts may cost: five at once, then one a second, however many operations fail.

    >>> bucket = panic_bucket(0.0)
    >>> sum(bucket.take(0.0) for _ in range(9)), bucket.take(1.0), bucket.take(1.0)
    (5, True, False)
    """
    return TokenBucket(per_second=PANIC_PER_SECOND, burst=PANIC_BURST, now=now)
