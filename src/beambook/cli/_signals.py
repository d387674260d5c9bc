"""SIGTERM and SIGHUP end a command as Ctrl-C does: kernels ended, temporary folders removed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Ending", "unwinding"]

ENDS = (signal.SIGTERM, signal.SIGHUP)
OF_SIGNAL = 128  # plus its number: what shells say of a command that a signal ended


class Ending:
    """Which signal has ended the command; Ctrl-C until another has."""

    def __init__(self) -> None:
        self.number: int = signal.SIGINT

    @property
    def code(self) -> int:
        """Exit status: 130 after Ctrl-C, 143 after SIGTERM."""
        return OF_SIGNAL + self.number

    def __call__(self, number: int, _: FrameType | None) -> None:
        """Take the signal; those that follow do not disturb the clearing up."""
        self.number = number
        for each in ENDS:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt


@contextmanager
def unwinding() -> Iterator[Ending]:
    """Hear the signals for as long as a command lasts; what nohup ignores stays ignored."""
    ending = Ending()
    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    heard = [each for each in ENDS if signal.getsignal(each) == signal.SIG_DFL]
    for each in heard:
        signal.signal(each, ending)
    try:
        yield ending
    finally:
        for each in heard:
            signal.signal(each, signal.SIG_DFL)
