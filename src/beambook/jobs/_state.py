"""How a task goes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from beambook.jobs._status import FINAL

__all__ = ["TaskState", "state_of", "summary"]

ORDER = ("running", "queued", "done", "failed", "lost", "stopped")


@dataclass(frozen=True)
class TaskState:
    """How one task goes, or went.

    Attributes
    ----------
    name : str
    state : str
        ``queued``, ``running``, ``done``, ``failed``, ``lost`` (it ended and nobody could say
        so: a power cut, a node that failed) or ``stopped`` (somebody asked for its end).
    reason : str
        Why it failed, was stopped, was lost; why it waits.
    exit, signal : int, optional
        Exit status of the command, or the signal that ended it.
    attempts : int
        How often it was begun.
    earlier : tuple of str
        How the attempts before the last one ended.
    node : str
        Where it runs.
    started, ended : float, optional
        Seconds since 1970.
    seconds : float
        From the first start to the end, to now if it runs, or to its last sign of life, in s.
    peak_memory : int
        Bytes of the command and all that it started, looked at each second.
    slurm_id : str
        What Slurm calls it, e.g. ``1234_7``.
    is_finish : bool
        Whether it is the task that waits for all others.
    """

    name: str
    state: str
    reason: str = ""
    exit: int | None = None
    signal: int | None = None
    attempts: int = 0
    earlier: tuple[str, ...] = ()
    node: str = ""
    started: float | None = None
    ended: float | None = None
    seconds: float = 0.0
    peak_memory: int = 0
    slurm_id: str = ""
    is_finish: bool = False

    @classmethod
    def of(cls, name: str, status: Mapping[str, Any], *, is_finish: bool = False) -> TaskState:
        """What a status file says; ``queued`` if there is none."""
        if not status:
            return cls(name, "queued", is_finish=is_finish)
        started, ended = status.get("started"), status.get("ended")
        last = ended or status.get("heartbeat")
        return cls(
            name,
            str(status.get("state", "lost")),
            str(status.get("reason", "")),
            exit=status.get("exit"),
            signal=status.get("signal"),
            attempts=int(status.get("attempts", 0)),
            earlier=tuple(str(each.get("reason", "")) for each in status.get("earlier", ())),
            node=str(status.get("node", "")),
            started=started,
            ended=ended,
            seconds=max(0.0, last - started) if started and last else 0.0,
            peak_memory=int(status.get("peak_memory", 0)),
            slurm_id=str(status.get("slurm_id", "")),
            is_finish=is_finish,
        )

    @property
    def is_final(self) -> bool:
        """Whether nothing more becomes of it by itself."""
        return self.state in FINAL

    @property
    def ended_well(self) -> bool:
        """Whether it is done."""
        return self.state == "done"

    def ticking(self) -> TaskState:
        """The same, which is known to run: its seconds until now, not until it last said so."""
        if self.started is None:
            return self
        return replace(self, seconds=max(self.seconds, time.time() - self.started))

    def but(self, state: str, reason: str = "", **changes: Any) -> TaskState:
        """The same task in another state."""
        return replace(self, state=state, reason=reason, **changes)


def state_of(states: Iterable[TaskState]) -> str:
    """One word for many tasks: what is going on, else the worst that has happened.

    Examples
    --------
    >>> state_of([TaskState("a", "done"), TaskState("b", "queued")])
    'running'
    """
    kinds = {each.state for each in states}
    if "running" in kinds or ("queued" in kinds and kinds != {"queued"}):
        return "running"
    for kind in ("queued", "failed", "lost", "stopped"):
        if kind in kinds:
            return kind
    return "done"


def summary(states: Iterable[TaskState]) -> str:
    """Counts by state, with the reason why most of the waiting ones wait.

    Examples
    --------
    >>> summary([TaskState("a", "done"), TaskState("b", "queued", "Resources")])
    '1 queued (Resources), 1 done'
    """
    states = list(states)
    counts = Counter(each.state for each in states)
    reasons = Counter(each.reason for each in states if each.state == "queued" and each.reason)
    why = f" ({reasons.most_common(1)[0][0]})" if reasons else ""
    return ", ".join(
        f"{counts[kind]} {kind}{why if kind == 'queued' else ''}" for kind in ORDER if counts[kind]
    )
