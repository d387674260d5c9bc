"""Text as a terminal would show it: carriage returns and backspaces applied."""

from __future__ import annotations

import re

__all__ = ["TerminalText"]

_BACKSPACE = re.compile(r"[^\n\r\b]\x08")
ESCAPE = "\x1b"


class TerminalText:
    r"""Text that comes in pieces, of which a progress bar leaves only its last state.

    Examples
    --------
    >>> bar = TerminalText()
    >>> for percent in (10, 50, 100):
    ...     bar.push(f"\r{percent:3d} %")
    >>> bar.push("\ndone\n")
    >>> bar.text()
    '100 %\ndone\n'
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line = ""
        self._size = 0

    @property
    def size(self) -> int:
        """Characters there are."""
        return self._size + len(self._line)

    def push(self, text: str) -> None:
        """Add a piece."""
        *lines, last = (self._line + text).split("\n")
        for line in lines:
            done = _shown(line.removesuffix("\r")) + "\n"
            self._size += len(done)
            self._lines.append(done)
        self._line = _collapsed(last)

    def text(self) -> str:
        """All of it."""
        return "".join(self._lines) + _shown(self._line)


def _collapsed(line: str) -> str:
    """A line that is not complete, and where its next character will fall."""
    if "\r" not in line and "\b" not in line:
        return line
    shown, last = _shown(line), _without_backspaces(line.rpartition("\r")[2])
    return last if last == shown else f"{shown}\r{last}"


def _shown(line: str) -> str:
    """What is left on the screen of a line with carriage returns and backspaces."""
    shown = ""
    for part in map(_without_backspaces, line.split("\r")):
        if part:
            escapes = ESCAPE in part or ESCAPE in shown  # colours: what they cover is not counted
            shown = part if escapes else part + shown[len(part) :]
    return shown


def _without_backspaces(text: str) -> str:
    while "\b" in text:
        shorter = _BACKSPACE.sub("", text)
        if shorter == text:
            return text.replace("\b", "")
        text = shorter
    return text
