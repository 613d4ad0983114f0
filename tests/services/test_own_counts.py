"""Limits that this process counts by itself."""

import time_machine

from services.own_counts import Memory


def test_a_window_is_over_when_the_clock_has_stepped_back(standing_clock: time_machine.Traveller) -> None:
    memory = Memory()
    standing_clock.shift(3653 * 86400)
    assert [memory.add("ada", 60, 1) for _ in range(3)] == [1, 2, 3]
    standing_clock.shift(59.9)
    assert memory.count("ada") == 3
    standing_clock.shift(-3653 * 86400)
    assert memory.count("ada") == 0
    assert memory.add("ada", 60, 1) == 1
