"""Honest callers who never stop: each reads his profile and refreshes, and every answer but 200 is remembered."""

import http.client
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.attacks.doors import Answer, call
from tests.parts.service import Service


@dataclass
class Load:
    """What came of it. `broken`: connections that died and whose call was made anew, at the next door, as proxies do."""

    doors: Sequence[Service]
    calls: int = 0
    broken: int = 0
    failed: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, tokens: dict[str, Any]) -> None:
        while not self.stop.is_set():
            self._asked("GET", "/profile", tokens["access_token"])
            answer = self._asked("POST", "/refresh", tokens["refresh_token"])
            if answer and answer.status == 200:
                tokens = answer.json

    def _asked(self, method: str, path: str, token: str) -> Answer | None:
        for door in (*self.doors, *self.doors):
            try:
                answer = call(door, method, path, token=token)
            except (OSError, http.client.HTTPException) as error:
                fault = repr(error)
                # One that stands still is passed over, and nothing was lost at it.
                with self.lock:
                    self.broken += not isinstance(error, ConnectionRefusedError)
                continue
            with self.lock:
                self.calls += 1
                self.failed += [f"{path} {answer.status}"] if answer.status != 200 else []
            return answer
        with self.lock:
            self.failed.append(f"{path} {fault}")
        return None


@contextmanager
def honest_load(doors: Sequence[Service], people: Sequence[dict[str, Any]]) -> Iterator[Load]:
    """Runs one caller for each pair of tokens beside the body."""
    load = Load(doors)
    with looping([partial(load.run, tokens) for tokens in people], load.stop):
        yield load


@contextmanager
def looping(loops: Sequence[Callable[[], None]], stop: threading.Event) -> Iterator[None]:
    """Each runs beside the body, until `stop` is set at its end; what one of them raises is raised."""
    with ThreadPoolExecutor(len(loops)) as pool:
        running = [pool.submit(loop) for loop in loops]
        try:
            yield
        finally:
            stop.set()
        for one in running:
            one.result()


def workers(door: Service) -> set[int]:
    """The process ids of a production service's workers."""
    with suppress(FileNotFoundError), open(f"/proc/{door.pid}/task/{door.pid}/children") as children:
        return {int(pid) for pid in children.read().split()}
    return set()
