"""Pictures of the terminal for people: the snapshots of the workflows as PNG.

    python -m tests.tui.pictures FOLDER [NAME ...]

Needs Chromium and the font Fira Code (Debian: `chromium fonts-firacode`). What a picture shows is made up; what paints
it is the program.
"""

# ruff: noqa: T201  it tells which files it wrote

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Collection, Mapping
from pathlib import Path
from time import tzset
from typing import Final

from tests.tui.workflows import WORKFLOWS

from provider_console.testing.workflow import play

_SVG: Final = "http://www.w3.org/2000/svg"
_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
_MARGIN: Final = 14
_FONT_FACE: Final = re.compile(r"@font-face \{.*?\}", re.DOTALL)


def bare(svg: str) -> tuple[str, int, int]:
    """A terminal's picture without the window around it and without fonts from elsewhere; its width and height."""
    ET.register_namespace("", _SVG)
    root = ET.fromstring(svg)  # our own
    matrix = next(each for each in root if each.tag == f"{{{_SVG}}}g" and "clip-path" in each.attrib)
    clip = root.find(f".//{{{_SVG}}}clipPath[@id='{matrix.attrib['clip-path'][5:-1]}']/{{{_SVG}}}rect")
    assert clip is not None
    width, height = round(float(clip.attrib["width"])) + 1, round(float(clip.attrib["height"])) + 2 * _MARGIN
    matrix.attrib["transform"] = f"translate(0, {_MARGIN - 1})"
    paper = matrix[0].attrib["fill"]
    for each in list(root):
        if each is not matrix and each.tag not in (f"{{{_SVG}}}style", f"{{{_SVG}}}defs"):
            root.remove(each)
    root.insert(0, ET.Element(f"{{{_SVG}}}rect", width=str(width), height=str(height), fill=paper))
    style = root.find(f"{{{_SVG}}}style")
    assert style is not None
    style.text = _FONT_FACE.sub("", style.text or "").replace("monospace", '"DejaVu Sans Mono", monospace')
    root.attrib["viewBox"] = f"0 0 {width} {height}"
    root.attrib.update(width=str(width), height=str(height))
    return ET.tostring(root, encoding="unicode"), width, height


def paint(svg: str, file: Path, *, browser: str) -> None:
    """Write a picture as PNG."""
    drawn, width, height = bare(svg)
    with tempfile.TemporaryDirectory(prefix="provider-console-pictures-") as folder:
        source = Path(folder) / "terminal.svg"
        source.write_text(drawn, "utf-8")
        subprocess.run(
            [
                browser,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                f"--user-data-dir={folder}/profile",
                f"--screenshot={file.resolve()}",
                f"--window-size={width},{height}",
                source.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )


async def _taken(wanted: Collection[str]) -> Mapping[str, str]:
    pictures: dict[str, str] = {}
    for workflow, app in WORKFLOWS:
        if not set(wanted).isdisjoint(workflow.snapshots):
            pictures.update(await play(workflow, app()))
    return pictures


def main() -> int:
    """Take the pictures and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="only these; without any, those that are in the folder already")
    parser.add_argument("--all", action="store_true", help="every snapshot")
    asked = parser.parse_args()
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        print("no Chromium here; on Debian: apt-get install chromium fonts-firacode", file=sys.stderr)
        return 1
    os.environ["TZ"] = "UTC"
    for name in ("NO_COLOR", "TEXTUAL_THEME"):
        os.environ.pop(name, None)
    tzset()
    asked.folder.mkdir(parents=True, exist_ok=True)
    known = {name for workflow, _app in WORKFLOWS for name in workflow.snapshots}
    wanted = sorted(known if asked.all else asked.names or {file.stem for file in asked.folder.glob("*.png")})
    unknown = sorted(set(wanted) - known)
    if unknown:
        print(f"no workflow takes {', '.join(unknown)}; there are {', '.join(sorted(known))}", file=sys.stderr)
        return 1
    pictures = asyncio.run(_taken(wanted))
    for name in wanted:
        paint(pictures[name], asked.folder / f"{name}.png", browser=browser)
        print(asked.folder / f"{name}.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
