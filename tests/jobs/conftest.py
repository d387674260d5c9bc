"""Batches of small shell commands."""

from __future__ import annotations

import time

import pytest

from beambook.jobs import Batch, Task

MOST_SECONDS = 30.0


def sh(name, script):
    """A task that is a line of shell."""
    return Task(name, ("/bin/sh", "-c", script))


def wait_for(condition, what="it", seconds=MOST_SECONDS):
    """Wait until the condition is true; its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.02)
    return value


@pytest.fixture
def make_batch(tmp_path):
    """A batch of lines of shell, in a folder of its own."""

    def make(*scripts, finish=None, name="work", **options):
        tasks = tuple(sh(f"part {k}", script) for k, script in enumerate(scripts))
        end = sh("the end", finish) if finish else None
        return Batch("some work", tasks, tmp_path / name, finish=end, directory=tmp_path, **options)

    return make


def kinds(states):
    return [each.state for each in states]
