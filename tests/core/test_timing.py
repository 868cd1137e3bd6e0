"""Wall time of consecutive phases."""

import subprocess
import sys
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


def test_a_name_used_again_is_added_to():
    timer = PhaseTimer()
    for phase in ("one", "other", "one"):
        time.sleep(0.02)
        timer.finish(phase)
    assert timer.seconds["one"] >= 0.04
    assert list(timer.seconds) == ["one", "other"]


def test_a_first_phase_that_began_earlier():
    timer = PhaseTimer(5.0)
    timer.finish("start")
    assert 5 <= timer.seconds["start"] < 6


def test_seconds_of_a_process():
    program = (
        "import time; time.sleep(0.3)\n"
        "from litho_dl.core.timing import process_seconds\n"
        "first = process_seconds(); time.sleep(0.2); print(first, process_seconds())"
    )
    begun = time.monotonic()
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    first, second = map(float, run.stdout.split())
    assert 0.3 <= first <= second - 0.19
    assert second <= time.monotonic() - begun + 0.02
