"""Threads of torch."""

import threading

import pytest
import torch
from scenes.worker_tasks import threads_and_square

from litho_dl.core.threads import Team, on_one_thread


def test_threads_are_given_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert on_one_thread(threads_and_square, 3) == (1, 9)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


class TestTeam:
    """Items side by side, each on one thread."""

    @pytest.fixture(autouse=True)
    def three_threads(self):
        before = torch.get_num_threads()
        torch.set_num_threads(3)
        yield
        torch.set_num_threads(before)

    def test_items_are_shared_by_threads_of_one_core_each(self):
        meeting = threading.Barrier(3, timeout=20)

        def meet(item: int) -> tuple[int, int, bool]:
            meeting.wait()  # passes only if three are there at once
            return item, torch.get_num_threads(), threading.current_thread() is threading.main_thread()

        with Team() as team:
            assert team.map(meet, range(6)) == [(item, 1, False) for item in range(6)]
            assert torch.get_num_threads() == 1, "this thread computes on one core too"
        assert torch.get_num_threads() == 3

    @pytest.mark.parametrize(("threads", "items"), [(3, 1), (1, 4)])
    def test_alone(self, threads, items):
        torch.set_num_threads(threads)
        with Team() as team:
            found = team.map(lambda item: (item, threading.current_thread()), range(items))
        assert found == [(item, threading.main_thread()) for item in range(items)]

    def test_an_error_reaches_the_thread_that_asked(self):
        def fail(item: int) -> None:
            raise ValueError(f"item {item}")

        with pytest.raises(ValueError, match="item 0"), Team() as team:
            team.map(fail, range(4))
        assert torch.get_num_threads() == 3
        assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]
