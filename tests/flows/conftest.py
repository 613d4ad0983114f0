"""The cheaper house on SQLite, for what does not depend on the engine."""

from tests.resources.conftest import build, door, standing_door

__all__ = ["build", "door", "standing_door"]
