"""What is written so that it is there after a power failure."""

import os
from pathlib import Path


def make_durable(path: Path) -> None:
    """A file's content, or a folder's names: a new name, too, can be lost."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
