"""Wall time of consecutive phases."""

import time

from litho_dl.core.timing import PhaseTimer


def test_phases_add_up_to_the_whole_in_order():
    started = time.perf_counter()
    timer = PhaseTimer()
    time.sleep(0.02)
    timer.finish("first")
    timer.finish("second")
    assert list(timer.seconds) == ["first", "second"]
    assert timer.seconds["first"] >= 0.02
    assert 0 <= timer.seconds["second"] < timer.seconds["first"]
    assert sum(timer.seconds.values()) <= time.perf_counter() - started
