"""The only clock."""

from datetime import UTC, datetime, timedelta

SKEW = timedelta(minutes=1)
"""How far the clocks of two workers may be apart. A moment further ahead was noted before the clock stepped back."""


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)
