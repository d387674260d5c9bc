"""Who, where, with what: what an execution's record says besides its outcome."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from datetime import date, datetime
from pathlib import Path
from typing import Any

import psutil

import beambook
from beambook.checksum import sha256_of
from beambook.recipe._plan import Plan

__all__ = ["first_record", "git_date", "git_state", "now", "stamp", "who_and_where"]

GIT_SECONDS = 5.0
SLURM = ("SLURM_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_JOB_PARTITION", "SLURMD_NODENAME")


def now() -> datetime:
    """The time, with the zone of this machine."""
    return datetime.now().astimezone()


def stamp() -> str:
    """The time as records have it."""
    return now().isoformat(timespec="milliseconds")


def first_record(plan: Plan, cells: list[dict[str, Any]]) -> dict[str, Any]:
    """What is known of an execution before it begins.

    Parameters
    ----------
    plan : Plan
    cells : list of dict
        State of each code cell, which changes while it is executed.

    Returns
    -------
    dict
        Content of ``execution.json``, as described in ``docs/explanation/execution.md``.
    """
    recipe = plan.recipe
    return {
        "id": "",
        "status": "queued",
        "recipe": {
            "name": recipe.name,
            "title": recipe.title,
            "author": recipe.author,
            "path": str(recipe.path),
            "sha256": sha256_of(recipe.path),
            # A publication's repository may name programs that git would run.
            "git": None if plan.software and plan.software.sandbox else git_state(recipe.path),
        },
        "values": dict(plan.values),
        "kernel": {"name": plan.kernel, "language": plan.spec.language, "origin": ""},
        "sandbox": plan.software.account() if plan.software else None,
        "works_in": "the notebook's folder" if plan.beside else "the execution's folder",
        "created": stamp(),
        "started": None,
        "ended": None,
        "seconds": 0.0,
        "peak_memory": 0,
        "cells": cells,
        "inputs": [],
        "outputs": [],
        "results": {},
        "error": None,
        **who_and_where(),
    }


def who_and_where() -> dict[str, Any]:
    """Host, user, process, Slurm job and the version of beambook."""
    slurm = {
        name.removeprefix("SLURM_").lower(): os.environ[name]
        for name in SLURM
        if name in os.environ
    }
    return {
        "host": socket.gethostname(),
        "user": _user(),
        "pid": os.getpid(),
        "process_started": psutil.Process().create_time(),
        "slurm": slurm or None,
        "beambook": beambook.__version__,
    }


def git_state(path: Path) -> dict[str, Any] | None:
    """Commit of the repository that `path` is in, and whether `path` differs from it.

    Parameters
    ----------
    path : Path
        A file.

    Returns
    -------
    dict or None
        ``commit``, ``dirty``; None outside of a repository, or without git.
    """
    commit = _git(path.parent, "rev-parse", "HEAD")
    if not commit:
        return None
    changes = _git(path.parent, "status", "--porcelain", "--ignored", "--", path.name)
    return {"commit": commit, "dirty": bool(changes) or changes is None}


def git_date(path: Path) -> date | None:
    """Day of the commit that changed `path` last; None outside of a repository."""
    said = _git(path.parent, "log", "-1", "--format=%cs", "--", path.name)
    return date.fromisoformat(said) if said else None


def _git(folder: Path, *words: str) -> str | None:
    # A repository can name a program as its fsmonitor; looking must not run it.
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *words]
    env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False, env=env
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in some containers
        return str(os.getuid())
