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

_HEX: Final = re.compile(r"[A-F0-9]{24,}")

_USER: Final = re.compile(r"(?<=://)[^\s/?#@\"]+@")


def is_credential_name(text: str) -> bool:
    """Whether a text can name a credential: capital letters, digits and _, and not what is rather a key itself.

    >>> is_credential_name("OPENAI_API_KEY"), is_credential_name("A1B2C3D4E5F60718293A4B5C6D7E8F90")
    (True, False)
    """
    return bool(CREDENTIAL_NAME.fullmatch(text) and not KEY_SHAPES.search(text) and not _HEX.fullmatch(text))


def mask_keys(text: str) -> str:
    """A text without what looks like a key, and without the user and password of an address.

    >>> mask_keys("sk-0123456789abcdef0123 at http://me:pass@proxy:3128")
    '*** at http://***@proxy:3128'
    """
    return _USER.sub(f"{MASK}@", KEY_SHAPES.sub(MASK, text))
