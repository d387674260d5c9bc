"""The date of a publication: that of the work, not of the minute in which it was sealed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

from beambook.errors import PublicationError
from beambook.publication._seal.code import commit_date

__all__ = ["date_of"]

EPOCH = "SOURCE_DATE_EPOCH"


def date_of(
    given: str | date | None, ended: Iterable[str | None], root: Path
) -> tuple[str, tuple[str, ...]]:
    """The date as ``2026-11-23``, and a note if it is only today's.

    What is given, ``SOURCE_DATE_EPOCH``, the end of the newest execution, the commit: in this
    order. So the same work has the same date, and with it the same checksum.

    Raises
    ------
    PublicationError
        If what is given is no date.
    """
    if given:
        return _given(given), ()
    if (epoch := os.environ.get(EPOCH, "")).isdigit():
        return datetime.fromtimestamp(int(epoch), UTC).date().isoformat(), ()
    ends = [datetime.fromisoformat(each) for each in ended if each]
    if ends:
        return max(ends, key=lambda end: end.timestamp()).date().isoformat(), ()
    if commit := commit_date(root):
        return commit.date().isoformat(), ()
    today = datetime.now().astimezone().date().isoformat()
    return today, ("dated today: sealed on another day it has another checksum; give a date",)


def _given(given: str | date) -> str:
    if isinstance(given, date):
        return f"{given:%Y-%m-%d}"
    try:
        return date.fromisoformat(given).isoformat()
    except ValueError:
        raise PublicationError(f"{given!r} is no date", hint="It looks like 2026-11-23") from None
