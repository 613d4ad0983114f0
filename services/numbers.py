"""Numbers that all worker processes add up, in a file that each maps into its memory.

Each process has a block of its own there, so none waits for another, and whoever reads sums all blocks as they are at
this moment. A block belongs to the process that holds the lock on its byte. The lock ends with the process, however that
ends; the next one goes on with what the block has counted: no number falls, and no file is left of each process that was.

    block: bytes in use (8), then records: value (8), length of the name (8), name as JSON, filled up to eight
"""

import fcntl
import json
import mmap
import os
from collections.abc import Iterator
from threading import Lock

BLOCK = 262144
Series = tuple[str, ...]
"""A name, then the values of its labels."""


def make_room(path: str, blocks: int) -> None:
    """Takes the room for so many processes. Raises OSError where there is none: later, whoever writes would be killed."""
    with open(path, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, blocks * BLOCK)


class Numbers:
    """This process's block, and the sight of all. Without a path, or where every block is taken, it counts by itself."""

    def __init__(self, path: str | None) -> None:
        self.pid = os.getpid()
        self.lock = Lock()
        self.file = os.open(path, os.O_RDWR | os.O_CLOEXEC) if path else -1
        blocks = os.fstat(self.file).st_size // BLOCK if path else 0
        own = next((block for block in range(blocks) if self._take(block)), None)
        shared = own is not None
        memory = mmap.mmap(self.file, blocks * BLOCK) if shared else mmap.mmap(-1, BLOCK)
        self.blocks, self.own = (blocks, own or 0) if shared else (1, 0)
        self.memory = memory
        self.values = memoryview(memory).cast("d")
        self.lengths = memoryview(memory).cast("Q")
        self.at = {series: index for series, index, _ in self._records(self.own)}

    def add(self, series: Series, amount: float) -> None:
        """Adds to a series of this process."""
        with self.lock:
            index = self.at.get(series) or self._begin(series)
            if index:
                self.values[index] += amount

    def put(self, series: Series, value: float) -> None:
        """Replaces a series of this process."""
        with self.lock:
            index = self.at.get(series) or self._begin(series)
            if index:
                self.values[index] = value

    def every(self) -> Iterator[tuple[Series, float, bool]]:
        """Each series of each process, its value, and whether that process lives."""
        for block in range(self.blocks):
            lives = self._lives(block)
            yield from ((series, value, lives) for series, _, value in self._records(block))

    def living(self) -> int:
        """How many processes there are."""
        return sum(self._lives(block) for block in range(self.blocks))

    def _lives(self, block: int) -> bool:
        if block == self.own or not self._take(block):
            return True
        fcntl.lockf(self.file, fcntl.LOCK_UN, 1, block)
        return False

    def _take(self, block: int) -> bool:
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, block)
        except OSError:
            return False
        return True

    def _begin(self, series: Series) -> int:
        """A new record; 0 where the block is full. Its room is claimed last, so that nobody reads half of it."""
        name = json.dumps(series).encode()
        name += b" " * (-len(name) % 8)
        start = self.own * BLOCK // 8
        used = self.lengths[start]
        if 8 + used + 16 + len(name) > BLOCK:
            return 0
        index = start + 1 + used // 8
        self.values[index], self.lengths[index + 1] = 0.0, len(name)
        self.memory[(index + 2) * 8 : (index + 2) * 8 + len(name)] = name
        self.lengths[start] = used + 16 + len(name)
        self.at[series] = index
        return index

    def _records(self, block: int) -> Iterator[tuple[Series, int, float]]:
        start = block * BLOCK // 8
        index, end = start + 1, start + 1 + self.lengths[start] // 8
        while index < end:
            length = self.lengths[index + 1]
            name = self.memory[(index + 2) * 8 : (index + 2) * 8 + length]
            yield tuple(json.loads(name)), index, self.values[index]
            index += 2 + length // 8
