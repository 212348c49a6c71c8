"""A real Apertium APY, the translation server of Debian's packages, on a free loopback port.

with apertium_server(tmp_path) as base_url:
    ...  # POST base_url/translate
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LAUNCHER = Path(__file__).with_name("apertium_loopback.py")
_STOP_S = 10.0


@contextmanager
def apertium_server(folder: Path) -> Iterator[str]:
    """Serve English and Spanish until the block ends; the log is `folder/apertium.log`. Gives the base address."""
    log = folder / "apertium.log"
    with log.open("wb") as written:
        # A process group of its own: the translation pipelines are its children and must not outlive it.
        server = subprocess.Popen(
            ["/usr/bin/python3", str(_LAUNCHER)],
            stdout=subprocess.PIPE,
            stderr=written,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(folder)},
            start_new_session=True,
        )
    assert server.stdout is not None
    try:
        with server.stdout:
            port = server.stdout.readline().decode().strip()
        if not port:
            raise RuntimeError(f"apertium-apy did not start: {log.read_text('utf-8', 'replace')[-2000:]}")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(_STOP_S)
