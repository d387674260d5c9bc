"""What Slurm says of jobs: while they wait and run, and what it remembers afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from beambook.errors import JobError
from beambook.jobs._slurm_command import CommandFailed, call

__all__ = ["Said", "in_words", "queue", "remembered"]

WAITING = ("PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT")
RUNNING = "RUNNING CONFIGURING COMPLETING SUSPENDED RESIZING SIGNALING STAGE_OUT STOPPED".split()
WHY_WAITING = {
    "Resources": "no free node yet",
    "Priority": "others come first",
    "Dependency": "until all tasks have ended",
    "JobArrayTaskLimit": "as many run as at_once allows",
    "BeginTime": "it begins again shortly",
    "PartitionTimeLimit": "it asks for more time than the partition gives",
    "PartitionConfig": "it asks for more than the partition gives",
    "PartitionNodeLimit": "it asks for more nodes than the partition gives",
    "PartitionDown": "the partition is down",
    "PartitionInactive": "the partition takes no jobs now",
    "ReqNodeNotAvail": "the nodes are down, drained or reserved",
    "JobHeldUser": "somebody holds it: scontrol release",
    "JobHeldAdmin": "an administrator holds it",
    "QOSMaxJobsPerUserLimit": "you have as many jobs as the QOS allows",
    "AssocMaxJobsLimit": "the account has as many jobs as it may",
    "BadConstraints": "no node is like that: see the site file",
}
ENDS = {
    "OUT_OF_MEMORY": ("failed", "out of memory"),
    "TIMEOUT": ("failed", "time limit of the cluster"),
    "DEADLINE": ("failed", "deadline of the cluster"),
    "NODE_FAIL": ("lost", "the node failed"),
    "BOOT_FAIL": ("lost", "the node did not boot"),
    "LAUNCH_FAILED": ("lost", "the node could not start it"),
    "PREEMPTED": ("lost", "a job of higher priority took the node"),
    "REVOKED": ("lost", "another cluster took it"),
    "CANCELLED": ("stopped", "cancelled in Slurm"),
}


@dataclass(frozen=True)
class Said:
    """What Slurm says of one job.

    Attributes
    ----------
    state : str
        Slurm's word, e.g. ``NODE_FAIL``.
    reason : str
        Why it waits.
    node : str
    exit, signal : int, optional
        How its script ended.
    """

    state: str
    reason: str = ""
    node: str = ""
    exit: int | None = None
    signal: int | None = None

    @property
    def waits(self) -> bool:
        """Whether it has yet to begin, or to begin again."""
        return self.state in WAITING

    @property
    def runs(self) -> bool:
        """Whether it runs."""
        return self.state in RUNNING


def queue(jobs: Iterable[str], *, conf: str = "") -> dict[str, Said]:
    """What waits and runs, and what has ended not long ago (MinJobAge).

    Parameters
    ----------
    jobs : iterable of str
        Numbers of jobs and arrays.
    conf : str
        As for `call`.

    Returns
    -------
    dict
        By the id of the job, ``12``, or of the task of an array, ``12_3``.

    Raises
    ------
    CommandFailed
        If Slurm does not answer.
    """
    ids = ",".join(jobs)
    if not ids:
        return {}
    try:
        text = call("squeue", "-h", "-r", "-t", "all", "-j", ids, "-o", "%i|%T|%r|%N", conf=conf)
    except CommandFailed as error:
        if "Invalid job id" in error.text:  # forgotten, all of them
            return {}
        raise
    said = {}
    for line in text.splitlines():
        job, state, reason, node, *_ = [*line.split("|"), "", "", ""]
        reason = "" if reason == "None" else reason
        said[job.strip()] = Said(state.strip().rstrip("+"), reason, node.strip())
    return said


def remembered(job: str, raw: str = "", *, conf: str = "") -> Said | None:
    """What Slurm remembers of a job that has ended.

    Asks the controller, the accounting data base, and the file of completed jobs, in this
    order: the first forgets, the second is late, either may not be there.

    Parameters
    ----------
    job : str
        ``12`` or ``12_3``.
    raw : str
        The number that a task of an array has as a job, which is all that the file knows.
    conf : str
        As for `call`.

    Returns
    -------
    Said or None
        None if nobody remembers.
    """
    return (
        _from_controller(job, conf)
        or _from_accounting(job, conf)
        or (_from_accounting(raw, conf, "-c") if raw else None)
    )


def _from_controller(job: str, conf: str) -> Said | None:
    try:
        text = call("scontrol", "-o", "show", "job", job, conf=conf)
    except JobError:
        return None
    facts = dict(re.findall(r"(\w+)=(\S*)", text))
    if "JobState" not in facts:
        return None
    reason = facts.get("Reason", "")
    return _said(facts["JobState"], facts.get("ExitCode", ""), facts.get("NodeList", ""), reason)


def _from_accounting(job: str, conf: str, *options: str) -> Said | None:
    columns = "JobID,State,NodeList" if options else "JobID,State,NodeList,ExitCode"
    words = ["-n", "-P", "-j", job, "-o", columns, *(options or ["-X", "-D"])]
    try:
        text = call("sacct", *words, conf=conf)
    except JobError:
        return None
    rows = [line.split("|") for line in text.splitlines()]
    found = [row for row in rows if row[0] == job and len(row) >= 3]
    if not found:
        return None
    _, state, node, *code = found[-1]
    return _said(state, code[0] if code else "", node)


def _said(state: str, code: str, node: str, reason: str = "") -> Said:
    """One of Slurm's answers: a state like ``CANCELLED by 1001``, a code like ``1:0``."""
    status, _, signum = code.partition(":")
    ends = [int(part) if part.isdecimal() else None for part in (status, signum)]
    word = state.split()[0].rstrip("+") if state.split() else ""
    node = "" if node in ("(null)", "None assigned", "None") else node
    return Said(word, "" if reason == "None" else reason, node, ends[0], ends[1] or None)


def in_words(said: Said) -> tuple[str, str]:
    """A state of ours, and the reason as a person would put it.

    Examples
    --------
    >>> in_words(Said("PENDING", "Priority"))
    ('queued', 'Priority: others come first')
    >>> in_words(Said("NODE_FAIL", node="max-exfl007"))
    ('lost', 'the node failed (max-exfl007)')
    """
    if said.waits:
        word = said.reason.split(",")[0]
        why = WHY_WAITING.get(word, "")
        return "queued", f"{said.reason}: {why}" if why else said.reason
    if said.runs:
        return "running", ""
    state, reason = ENDS.get(said.state, ("lost", ""))
    if not reason and said.signal:
        reason = f"killed by signal {said.signal}, together with what watched it"
    where = f" ({said.node})" if said.node else ""
    return state, f"{reason or 'it ended and did not say how'}{where}"
