"""The order of tasks of which some need others."""

import pytest

from litho_dl.core.order import TaskOrder


def taken(order: TaskOrder[str]) -> str:
    """All that is ready now."""
    return "".join(iter(order.take, None))


def test_tasks_come_in_order_as_soon_as_those_they_need_are_finished():
    order = TaskOrder("abcde", {"a": "cd", "b": "d", "d": "e"})
    assert taken(order) == "ce"
    order.finish("c")
    assert taken(order) == ""
    order.finish("e")
    assert taken(order) == "d"
    order.finish("d")
    assert taken(order) == "ab"
    assert order.unfinished == 2


def test_a_task_that_is_given_back_comes_again_in_its_place():
    order = TaskOrder("abc", {})
    assert (order.take(), order.take()) == ("a", "b")
    order.give_back("a")
    assert taken(order) == "ac"
    assert (order.place("c"), order.unfinished) == (2, 3)


def test_a_task_that_needs_another_one_needs_it_among_the_tasks():
    with pytest.raises(AssertionError):
        TaskOrder("ab", {"a": "c"})


def test_tasks_that_need_each_other_are_not_dropped():
    """What does not need them comes first."""
    order = TaskOrder("abc", {"a": "b", "b": "a"})
    assert taken(order) == "c"
    order.finish("c")
    with pytest.raises(AssertionError, match="in a circle"):
        order.take()
