"""The order of tasks of which some need others."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

Task = TypeVar("Task", bound=Hashable)


class TaskOrder(Generic[Task]):
    """Tasks that are handed out in order, each as soon as the tasks that it needs are finished.

    Args:
        tasks: The tasks, no two of them equal.
        needs: The tasks that a task needs, all of them in `tasks`; no task needs itself through others.
    """

    def __init__(self, tasks: Iterable[Task], needs: Mapping[Task, Collection[Task]]) -> None:
        self._tasks = list(tasks)
        self._places = {task: place for place, task in enumerate(self._tasks)}
        assert len(self._places) == len(self._tasks)
        self._missing = [len(set(needs.get(task, ()))) for task in self._tasks]
        self._followers: dict[Task, list[int]] = defaultdict(list)
        for place, task in enumerate(self._tasks):
            for needed in set(needs.get(task, ())):
                assert needed in self._places
                self._followers[needed].append(place)
        self._ready = [place for place, count in enumerate(self._missing) if not count]
        heapify(self._ready)
        self.unfinished = len(self._tasks)
        self._handed_out = 0

    def place(self, task: Task) -> int:
        """A task's place in the order."""
        return self._places[task]

    def take(self) -> Task | None:
        """The first task that is ready and not yet handed out; None if there is none."""
        if not self._ready:
            assert self._handed_out or not self.unfinished, "tasks need each other in a circle"
            return None
        self._handed_out += 1
        return self._tasks[heappop(self._ready)]

    def give_back(self, task: Task) -> None:
        """Makes a task ready again that was handed out and not finished."""
        self._handed_out -= 1
        heappush(self._ready, self._places[task])

    def finish(self, task: Task) -> None:
        """Marks a task that was handed out as finished."""
        self._handed_out -= 1
        self.unfinished -= 1
        for place in self._followers[task]:
            self._missing[place] -= 1
            if not self._missing[place]:
                heappush(self._ready, place)
