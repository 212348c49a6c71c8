"""What names a credential, and what is recognised as one where none belongs."""

from __future__ import annotations

import re
from typing import Final

from provider_console.sdk.secret import MASK

CREDENTIAL_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,127}")

KEY_SHAPES: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-[A-Za-z0-9_-]{16,}"  # OpenAI, Anthropic, OpenRouter
    r"|gsk_[A-Za-z0-9]{20,}"  # Groq
    r"|hf_[A-Za-z0-9]{20,}"  # Hugging Face
    r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"
    r"|AIza[A-Za-z0-9_-]{30,}"  # Google
    r"|A[KS]IA[A-Z0-9]{16}"  # AWS
    r"|xox[abprs]-[A-Za-z0-9-]{10,}"  # Slack
    r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."  # JWT
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}:fx"  # DeepL
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r")"
)
"""How well-known keys look. A configuration holding one is refused: its text is kept in the revisions."""

_USER: Final = re.compile(r"(?<=://)[^\s/?#@\"]+@")


def mask_keys(text: str) -> str:
    """A text without what looks like a key, and without the user and password of an address.

    >>> mask_keys("sk-0123456789abcdef0123 at http://me:pass@proxy:3128")
    '*** at http://***@proxy:3128'
    """
    return _USER.sub(f"{MASK}@", KEY_SHAPES.sub(MASK, text))
