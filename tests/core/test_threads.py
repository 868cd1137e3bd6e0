"""Threads of torch."""

import torch
from scenes.worker_tasks import threads_and_square

from litho_dl.core.threads import on_one_thread


def test_threads_are_given_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert on_one_thread(threads_and_square, 3) == (1, 9)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
