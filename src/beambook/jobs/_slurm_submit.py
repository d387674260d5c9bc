"""Hand a job to Slurm; where it says no, say what to change."""

from __future__ import annotations

from pathlib import Path

from beambook.jobs._site import Site
from beambook.jobs._slurm_command import CommandFailed, call

__all__ = ["ask_controller", "sbatch"]

# What sbatch complains of → keys of the site file that say it.
COMPLAINTS = {
    "partition": ("partition",),
    "account": ("account",),
    "qos": ("qos",),
    "memory": ("memory",),
    "time limit": ("time",),
    "cpu count": ("cores",),
    "processors": ("cores",),
    "node configuration": ("memory", "cores"),
    "option": ("sbatch",),
}
# What it says where there is no cluster, or none that answers.
UNREACHABLE = ("configuration source", "contact slurm controller", "fetch_config")
ELSEWHERE = (
    "Is this a node of the cluster? If so, sinfo answers; "
    "a Slurm of your own to try: python -m beambook.testing slurm"
)


def ask_controller(*, conf: str = "") -> None:
    """See that there is a Slurm that answers.

    Raises
    ------
    CommandFailed
        If there is none.
    """
    if conf and not Path(conf).is_file():  # for which Slurm's own programs would wait a minute
        raise CommandFailed("scontrol", f"SLURM_CONF is {conf}, which is not there")
    try:
        call("scontrol", "ping", conf=conf)
    except CommandFailed as error:
        if "is UP" not in error.text:  # one of several controllers will do
            raise CommandFailed("scontrol", error.text, hint=error.hint or ELSEWHERE) from None


def sbatch(*words: str, site: Site, conf: str = "") -> str:
    """Submit a job.

    Parameters
    ----------
    *words : str
        Options, the script, its arguments.
    site : Site
        Its line is named that is to be changed if Slurm says no.
    conf : str
        As for `call`.

    Returns
    -------
    str
        Number of the job.

    Raises
    ------
    CommandFailed
        If Slurm takes no such job; with its own words.
    """
    try:
        answer = call("sbatch", *words, conf=conf)
    except CommandFailed as error:
        hint = error.hint or _cure(error.text, site)
        raise CommandFailed("sbatch", error.text, hint=hint) from None
    return (answer.strip().splitlines() or [""])[-1].partition(";")[0]


def _cure(text: str, site: Site) -> str:
    if any(words in text.lower() for words in UNREACHABLE):
        return ELSEWHERE
    for complaint, keys in COMPLAINTS.items():
        if complaint in text.lower():
            return ", or: ".join(map(site.line_of, keys))
    return f"The site file is {site.path or 'not there'}: beambook jobs --site"
