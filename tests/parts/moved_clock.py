"""A wall clock that is moved under a real service; its monotonic time goes on, as where somebody sets a machine's clock."""

import time
from pathlib import Path

FOLLOWS = """
import datetime, pathlib, threading, time
import time_machine

folder = pathlib.Path(__file__).parent
clock = time_machine.travel(datetime.datetime.now(datetime.timezone.utc), tick=True).start()

def follow():
    moved = 0.0
    while True:
        wanted = (folder / "wanted").read_text()
        if wanted and float(wanted) != moved:
            clock.shift(float(wanted) - moved)
            moved = float(wanted)
            (folder / "moved").write_text(wanted)
        time.sleep(0.01)

threading.Thread(target=follow, daemon=True).start()
"""
"""Python runs a `sitecustomize` before anything else."""


class MovedClock:
    """`env`: what a service is started with so that its clock is this one."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sitecustomize.py").write_text(FOLLOWS)
        (folder / "wanted").write_text("0")
        self._folder = folder
        self.env = {"PYTHONPATH": str(folder)}

    def move(self, seconds: float) -> None:
        """So many seconds from the true time, before or after it; returns once the service's clock is there."""
        wanted = str(float(seconds))
        (self._folder / "wanted").write_text(wanted)
        deadline = time.monotonic() + 60
        while not (self._folder / "moved").exists() or (self._folder / "moved").read_text() != wanted:
            if time.monotonic() > deadline:
                raise TimeoutError("the service's clock does not follow")
            time.sleep(0.01)
