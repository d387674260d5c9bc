"""Slurm's own programs, called."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

from beambook.errors import JobError
from beambook.jobs._environment import clean_environment

__all__ = ["CommandFailed", "call", "clean_command"]

SECONDS = 60.0
# Where the cluster is, and who asks.
_KEPT = ("SLURM_CONF", "KRB5CCNAME")
PLACES = ("/usr/local/bin", "/usr/bin", "/opt/slurm/bin", "/usr/local/slurm/bin")


class CommandFailed(JobError):
    """One of Slurm's programs said no.

    Attributes
    ----------
    text : str
        What it printed.
    """

    def __init__(self, program: str, text: str, *, hint: str = "") -> None:
        super().__init__(f"{program}: {text}", hint=hint)
        self.text = text


def call(program: str, *words: str, conf: str = "") -> str:
    """Run a program of Slurm.

    Parameters
    ----------
    program : str
        Its name, e.g. ``squeue``.
    *words : str
        Its arguments.
    conf : str
        Slurm's configuration file, where it is not the system's.

    Returns
    -------
    str
        What it printed.

    Raises
    ------
    CommandFailed
        If it is not there, does not answer or says no.
    """
    path = _find(program)
    if path is None:
        raise CommandFailed(
            program, "no such program on this machine", hint="Submit from a node of the cluster"
        )
    try:
        done = subprocess.run(  # noqa: S603 the program of this name, with our own words
            [path, *words],
            env=_environment(conf),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise CommandFailed(program, f"no answer in {SECONDS:g} s") from None
    except OSError as error:
        raise CommandFailed(program, str(error)) from error
    if done.returncode != 0:
        raise CommandFailed(program, _essence(program, done.stderr or done.stdout))
    return done.stdout


def _find(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path=os.pathsep.join(PLACES))


def clean_command(program: str) -> list[str]:
    """The beginning of a command line that runs a program of Slurm as `call` does."""
    variables = [f"{name}={value}" for name, value in _environment("").items()]
    return ["/usr/bin/env", "-i", *variables, _find(program) or program]


def _environment(conf: str) -> dict[str, str]:
    """What Slurm's programs need and no more: sbatch gives what it has to the job.

    Its ``--export=NIL`` would keep that out, too, but has Slurm (22.05) run the user's login
    scripts for each job: 1 s here, and where they hang the job is not started at all.
    """
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return clean_environment() | kept | {"LC_ALL": "C"} | ({"SLURM_CONF": conf} if conf else {})


def _essence(program: str, text: str) -> str:
    """Its own words without the prefixes that it puts before each line."""
    lines: Sequence[str] = [
        line.removeprefix(f"{program}: ").removeprefix("error: ").strip()
        for line in text.splitlines()
    ]
    return "; ".join(dict.fromkeys(line for line in lines if line)) or "it failed without a word"
