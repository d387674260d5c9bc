"""The line of progress, as a terminal gets it."""

import io
import threading
import time

from beambook.cli import _terminal
from beambook.cli._terminal import ERASE, ProgressLine
from beambook.events import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def wait_for(condition, seconds=30.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.01)


def test_the_seconds_go_on_while_a_step_lasts_and_end_with_it(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(_terminal, "TICK_SECONDS", 0.02)
    before, line = threading.active_count(), ProgressLine()
    line(Progress("environment", 2, 4, "compile", 5.0))
    wait_for(lambda: "compile  5.1 s" in terminal.getvalue())
    line.close()
    assert threading.active_count() == before
    assert terminal.getvalue().endswith(ERASE)
    line(Progress("environment", 3, 4, "take inventory", 6.0))  # and again
    line(Progress("environment", 4, 4, "", 6.2))
    assert threading.active_count() == before
    assert terminal.getvalue().endswith(ERASE)


def test_nothing_is_written_where_nobody_looks(monkeypatch):
    file = io.StringIO()
    monkeypatch.setattr("sys.stderr", file)
    line = ProgressLine()
    line(Progress("environment", 2, 4, "compile", 5.0))
    line.close()
    assert file.getvalue() == ""
