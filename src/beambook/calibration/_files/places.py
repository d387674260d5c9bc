"""Where a run's raw data, corrected data, metadata and constants are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from beambook.card import Card, Described
from beambook.data import find_proposal
from beambook.data._layout import proposal_above
from beambook.errors import ParameterError, RunNotFound

__all__ = ["RunPlaces", "run_places"]

SHOWN = 8


@dataclass(frozen=True, repr=False)
class RunPlaces(Described):
    """Folders that correcting a run has to do with.

    Attributes
    ----------
    raw : Path
        Of the raw run: ``…/raw/r0009``.
    out : Path
        Of the corrected run: ``…/proc/r0009``.
    metadata : Path
        Where ``calibration_metadata.yml`` is.
    constants : Path or None
        The store of constants, if it is known.
    """

    raw: Path
    out: Path
    metadata: Path
    constants: Path | None

    def card(self) -> Card:
        """The four folders."""
        facts = {"raw": self.raw, "corrected": self.out, "metadata": self.metadata}
        said = {name: str(path) for name, path in facts.items()}
        return Card(
            "Places", self.raw.name, {**said, "constants": str(self.constants or "unknown")}
        )


def run_places(
    run: int,
    *,
    proposal: int | str | Path | None = None,
    in_folder: str | Path | None = None,
    out_folder: str | Path | None = None,
    metadata_folder: str | Path | None = None,
    constants_folder: str | Path | None = None,
) -> RunPlaces:
    """Find the folders of a run: what is not given is where a proposal has it.

    Parameters
    ----------
    run : int
    proposal : int, str or Path, optional
        Number or folder; by default the one that the current folder is in.
    in_folder : str or Path, optional
        With the raw runs, ``…/raw``, or that of the run itself.
    out_folder : str or Path, optional
        By default ``proc/r0009`` of the proposal.
    metadata_folder : str or Path, optional
        By default `out_folder`.
    constants_folder : str or Path, optional
        By default ``usr/constants`` of the proposal.

    Raises
    ------
    RunNotFound
        There is no such proposal or run.
    ParameterError
        It cannot be known where something is.
    """
    name = f"r{run:04d}"
    home = _home(proposal, name)
    given = {"in_folder": in_folder, "out_folder": out_folder}
    if home is None and (lacking := [key for key, value in given.items() if not value]):
        raise ParameterError(
            f"{' and '.join(lacking)} must be given where there is no proposal",
            hint="Give proposal=NUMBER, or work in the folder of a proposal.",
        )
    raw = _raw(Path(in_folder or f"{home}/raw").expanduser().absolute(), name)
    out = Path(out_folder or f"{home}/proc/{name}").expanduser().absolute()
    store = constants_folder or (home / "usr/constants" if home else None)
    return RunPlaces(
        raw,
        out,
        Path(metadata_folder or out).expanduser().absolute(),
        Path(store).expanduser().absolute() if store else None,
    )


def _home(proposal: int | str | Path | None, run: str) -> Path | None:
    """The folder of the proposal that has the run; of several, the first."""
    if not proposal:
        return proposal_above(Path.cwd() / "here")
    found = find_proposal(proposal)
    return next((home for home in found if (home / "raw" / run).is_dir()), found[0])


def _raw(folder: Path, name: str) -> Path:
    if (folder / name).is_dir():
        return folder / name
    if folder.name == name or any(folder.glob("*.h5")):
        return folder
    raise RunNotFound(f"There is no run {name} in {folder}", hint=_others(folder))


def _others(folder: Path) -> str:
    """Which runs there are, the last ones of many."""
    if not folder.is_dir():
        return "There is no such folder."
    names = sorted(path.name for path in folder.glob("r[0-9]*") if path.is_dir())
    more = f"{len(names)} runs, the last ones " if len(names) > SHOWN else ""
    return f"There are {more}{', '.join(names[-SHOWN:])}." if names else "There is none at all."
