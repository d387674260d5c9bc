"""Parts grouped into tasks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beambook.recipe._pipeline.group import grouped

SECONDS = st.lists(st.floats(0.1, 1000), max_size=120)


@given(SECONDS, st.floats(0.1, 300), st.integers(1, 50))
def test_every_part_is_in_one_task_and_no_task_is_too_short(seconds, shortest, most):
    groups = grouped(seconds, shortest=shortest, most=most)
    assert sorted(i for group in groups for i in group) == list(range(len(seconds)))
    assert len(groups) <= most
    loads = [sum(seconds[i] for i in group) for group in groups]
    assert all(load >= shortest * (1 - 1e-9) for load in loads) or len(groups) == 1
    assert loads == sorted(loads, reverse=True)


@given(SECONDS.filter(bool), st.floats(0.1, 300))
def test_tasks_are_balanced(seconds, shortest):
    """LPT: the longest task is longer than the mean by less than one part."""
    groups = grouped(seconds, shortest=shortest)
    loads = [sum(seconds[i] for i in group) for group in groups]
    assert max(loads) <= sum(loads) / len(loads) + max(seconds) * (1 + 1e-9)


@given(st.integers(1, 200), st.floats(1, 100), st.integers(1, 64))
def test_all_workers_have_work_as_long_as_it_lasts(parts, seconds, workers):
    shortest = parts * seconds / workers * 0.999  # as much as each worker can get
    if parts % workers == 0:
        assert len(grouped([seconds] * parts, shortest=shortest)) == workers


@pytest.mark.parametrize(("seconds", "tasks"), [([40.0] * 64, 64), ([2.0] * 64, 4), ([1.0], 1)])
def test_the_figures_of_the_manual(seconds, tasks):
    assert len(grouped(seconds, shortest=30)) == tasks
