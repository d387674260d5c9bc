"""The scripts that Slurm runs, and the options that they are submitted with."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable
from pathlib import Path

from beambook.jobs._batch import Batch, Resources
from beambook.jobs._environment import clean_environment
from beambook.jobs._site import Site

__all__ = ["as_ranges", "from_ranges", "options", "output_of", "prologue", "write_scripts"]

SCRIPT = """\
#!/bin/bash
# Written by beambook. {title}
{prologue}
exec {python} -P -m {module} {folder} {argument}
"""
CLEAN = """\
# Nothing of the submitter's environment, nor of a login: Slurm's own variables, and these.
for name in $(compgen -e); do
    case $name in SLURM*) ;; *) unset "$name" ;; esac
done
unset -f $(compgen -A function)"""
TASK, FINISH = "task.sh", "finish.sh"


def write_scripts(batch: Batch, site: Site) -> None:
    """Write both scripts into the folder of the batch."""
    folder = batch.folder / "slurm"
    folder.mkdir(exist_ok=True)
    number = '"$(($1 + SLURM_ARRAY_TASK_ID))"'
    for name, module, argument in (
        (TASK, "beambook.jobs._task", number),
        (FINISH, "beambook.jobs._slurm_finish", ""),
    ):
        text = SCRIPT.format(
            title=" ".join(batch.title.split()),
            prologue="\n".join(prologue(site)),
            python=shlex.quote(site.python),
            module=module,
            folder=shlex.quote(str(batch.folder)),
            argument=argument,
        )
        (folder / name).write_text(text, encoding="utf-8")


def prologue(site: Site) -> list[str]:
    """Lines of shell that make the environment of a job: clean, then as the site says."""
    environment = clean_environment(site.python)
    exports = [f"export {key}={shlex.quote(value)}" for key, value in environment.items()]
    return [CLEAN, *exports, *site.preamble.rstrip().splitlines()]


def options(batch: Batch, site: Site, resources: Resources, *, name: str) -> list[str]:
    """Options of ``sbatch`` that the tasks and the finish share."""
    wanted = {
        "--job-name": name,
        "--comment": f"beambook {batch.id}",
        "--chdir": str(batch.directory),
        "--partition": site.partition,
        "--account": site.account,
        "--qos": site.qos,
        "--cpus-per-task": resources.cores,
        "--mem": f"{math.ceil(resources.memory / (1 << 20))}M" if resources.memory else "",
        "--time": math.ceil(resources.seconds / 60) if resources.seconds else "",
    }
    return [
        "--parsable",
        "--export=ALL",  # of what `call` gives it
        "--requeue",
        "--open-mode=append",
        *(f"{option}={value}" for option, value in wanted.items() if value),
        *site.sbatch,
    ]


def output_of(folder: Path, pattern: str) -> str:
    """Where Slurm writes what is said outside of a task; its own ``%`` is doubled."""
    return f"{str(folder / 'slurm').replace('%', '%%')}/{pattern}.out"


def as_ranges(numbers: Iterable[int]) -> str:
    """Numbers as Slurm writes them.

    Examples
    --------
    >>> as_ranges([0, 1, 2, 5, 7, 8])
    '0-2,5,7-8'
    """
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def from_ranges(text: str) -> list[int]:
    """The inverse of `as_ranges`.

    Examples
    --------
    >>> from_ranges("0-2,5")
    [0, 1, 2, 5]
    """
    numbers: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers
