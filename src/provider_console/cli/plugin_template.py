"""`plugins new`: a working plugin of one's own, made from the template that comes with the console."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from provider_console.console.errors import BadRequest

NAME: Final = re.compile("[a-z][a-z0-9_]{0,39}")
_WORD: Final = "template"
_LEFT_OUT: Final = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "*.egg-info", "dist")


def make_plugin(name: str, folder: Path) -> Path:
    """Copy the template under another name into a folder that is not there yet.

    Raises:
        BadRequest: the name or the folder will not do.
    """
    if not NAME.fullmatch(name) or name == _WORD:
        raise BadRequest(
            f"{name!r} is no name for a plugin: it has 1 to 40 of a-z, 0-9 and _, begins with a letter, "
            f"and is not {_WORD}",
            field="name",
        )
    if folder.exists():
        raise BadRequest(f"{folder} is there already; name another folder with --into", field="into")
    try:
        shutil.copytree(_template(), folder, ignore=_LEFT_OUT)
        # Folders last: their files have been looked at by then.
        for path in sorted(folder.rglob("*"), key=lambda path: -len(path.parts)):
            if path.is_file():
                path.write_text(_renamed(path.read_text("utf-8"), name), "utf-8")
            if _WORD in path.name:
                path.rename(path.with_name(path.name.replace(_WORD, name)))
    except OSError as error:
        raise BadRequest(f"{folder} cannot be written ({error.strerror})", field="into") from error
    return folder


def _renamed(text: str, name: str) -> str:
    # A package index knows no underscore.
    text = text.replace(f"provider-console-{_WORD}", f"provider-console-{name.replace('_', '-')}")
    return text.replace(_WORD, name)


def _template() -> Path:
    """In the wheel, or in a checkout."""
    packaged = Path(__file__).parents[1] / _WORD
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "plugins" / _WORD
