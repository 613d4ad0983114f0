"""The cheaper house on SQLite, for what does not depend on the engine."""

from tests.resources.conftest import door, standing_door

__all__ = ["door", "standing_door"]
