"""Who is at the terminal, by the system's own word."""

from __future__ import annotations

import getpass
import os
import sys


def os_user() -> str:
    """The name of the user this process runs as.

    Not what LOGNAME or USER say: anybody can set those, and roles and the audit trail go by this name.
    """
    if sys.platform == "win32":
        return getpass.getuser()
    import pwd

    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid-{uid}"
