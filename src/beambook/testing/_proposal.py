"""The folder of an experiment, with runs of which the answer is known."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from beambook.events import Reporter, Silent
from beambook.testing._beam import random
from beambook.testing._checks import within
from beambook.testing._daq import appearing
from beambook.testing._faults import Fault, LostTrains, MissingEntries
from beambook.testing._proposal_folder import FOLDERS, proposal_path
from beambook.testing._run import make_run

__all__ = ["make_proposal"]

PULSES, MCP_PULSES, FIRST, STEP = 100, 96, 200, 4
OFF = f"{FIRST + STEP * MCP_PULSES}-{FIRST + STEP * (PULSES - 1)}"

ALIASES = f"""\
# Short names of the sources of this proposal, for beambook.open_run.
energy: [MID_OPT_MONO/MDL/PHOTON_ENERGY, actualEnergy]
xgm:
  source: SA2_XTD1_XGM/XGM/DOOCS:output
  key: data.intensityTD
  pulses: sase2
  fill: 1
  units: µJ
mcp3:
  source: MID_EXP_FASTADC/ADC/MCP:channel_3.output
  key: data.peaks
  pulses: "{FIRST}:{FIRST + STEP * MCP_PULSES}:{STEP}"
mcp3_raw:
  source: MID_EXP_FASTADC/ADC/MCP:channel_3.output
  key: data.rawData
  dim: sample
sample_x: [MID_EXP_SAM/MOTOR/X, actualPosition]
sample_y: [MID_EXP_SAM/MOTOR/Y, actualPosition]
sample_z: [MID_EXP_SAM/MOTOR/Z, actualPosition]
magnet: [MID_EXP_MAGNET/PSU/SUPPLY, actualCurrent]
camera: ["MID_XTD6_IMGFEL/CAM/BEAMVIEW:daqOutput", data.image.pixels]
"""

README = """\
Proposal {proposal:06d}, made by beambook.testing.make_proposal (seed {seed}): no beam was used.

raw/r0487   X-ray absorption of a Ni foil, K edge: the monochromator crosses it twice
raw/r0488   the same of a Cu foil, with two sequences per aggregator
raw/r0489   dark frames of two AGIPD1M modules
usr/beambook-aliases.yml   short names: energy, xgm, mcp3 …
usr/truth/r0487.csv        the exact absorbance that the run contains, and the offsets

The spectra were measured at the APS (XAS Data Library, public domain). As in a real run some
things are amiss: each aggregator lost a few trains, sequences break at different trains, one
AGIPD module sent nothing in some trains, the digitizer covers {mcp} of {pulses} pulses, and both
detectors have an offset. The pulses that it leaves out (ids {off}) are kept from lasing.
What is in the files, and why: docs/explanation/made-runs.md of beambook.
"""


def make_proposal(
    root: str | Path,
    *,
    proposal: int = 900074,
    instrument: str = "MID",
    cycle: str = "202631",
    format_version: str = "1.2",
    trains: int = 600,
    seed: int = 0,
    imperfect: bool = True,
    reporter: Reporter | None = None,
) -> Path:
    """Write a proposal folder in the facility's layout: three runs, aliases, the truth.

    Parameters
    ----------
    root : str or Path
        What ``$BEAMBOOK_DATA`` would name.
    proposal : int
    instrument, cycle : str
        Folders above the proposal.
    format_version : {"1.2", "1.1", "1.0", "0.5"}
    trains : int
        Trains of the first run; the second has a third of them, at least 20.
    seed : int
    imperfect : bool
        Mild faults as in any real run: lost trains, a module that misses some.
    reporter : Reporter, optional

    Returns
    -------
    Path
        ``root/MID/202631/p900074`` with ``raw/r0487`` (Ni), ``r0488`` (Cu), ``r0489``
        (dark AGIPD frames), ``usr/beambook-aliases.yml``, ``usr/truth/r0487.csv`` …

    Raises
    ------
    ParameterError
        An option out of range, or a proposal folder that exists and is not empty.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as root:
    ...     folder = make_proposal(root, trains=20)
    ...     sorted(run.name for run in (folder / "raw").iterdir())
    ['r0487', 'r0488', 'r0489']
    """
    path = proposal_path(root, instrument, cycle, proposal)
    within("trains", trains, 1, 1_000_000)
    with appearing(path) as folder:
        _write_texts(folder, proposal, seed)
        make = partial(
            _make,
            folder,
            proposal=proposal,
            format_version=format_version,
            seed=seed,
            imperfect=imperfect,
            reporter=reporter or Silent(),
        )
        make(487, trains=trains, spectrum="Ni")
        make(488, trains=max(20, trains // 3), spectrum="Cu", sequences=2)
        make(489, trains=10, spectrum=None, pulses=0, agipd=2)
    return path


def _make(
    folder: Path,
    run: int,
    *,
    proposal: int,
    format_version: str,
    seed: int,
    imperfect: bool,
    reporter: Reporter,
    trains: int,
    spectrum: str | None,
    pulses: int = PULSES,
    agipd: int = 0,
    sequences: int = 1,
) -> None:
    make_run(
        folder / "raw" / f"r{run:04d}",
        run=run,
        proposal=proposal,
        format_version=format_version,
        trains=trains,
        pulses=pulses,
        mcp_pulses=MCP_PULSES if pulses else None,
        suppressed=PULSES - MCP_PULSES if pulses else 0,
        first_pulse=FIRST,
        pulse_step=STEP,
        spectrum=spectrum,
        agipd=agipd,
        sequences=sequences,
        faults=_mild_faults(run, trains, seed, agipd) if imperfect else (),
        seed=seed,
        truth=folder / "usr" / "truth" / f"r{run:04d}.csv" if spectrum else None,
        reporter=reporter,
    )


def _write_texts(folder: Path, proposal: int, seed: int) -> None:
    for name in (*FOLDERS, "usr/truth"):
        (folder / name).mkdir(parents=True)
    (folder / "usr" / "beambook-aliases.yml").write_text(ALIASES, encoding="utf-8")
    text = README.format(proposal=proposal, seed=seed, mcp=MCP_PULSES, pulses=PULSES, off=OFF)
    (folder / "README.txt").write_text(text, encoding="utf-8")


def _mild_faults(run: int, trains: int, seed: int, agipd: int) -> list[Fault]:
    rng = random(seed, run, "faults")
    few = max(1, trains // 150)
    names = ["DA01", "DA02", "DA03", *(f"AGIPD{n:02d}" for n in range(agipd))]
    faults: list[Fault] = [
        LostTrains(name, tuple(np.sort(rng.choice(trains, few, replace=False)).tolist()))
        for name in names
    ]
    if agipd > 1:
        missing = np.sort(rng.choice(trains, max(1, trains // 5), replace=False))
        faults.append(MissingEntries("MID_DET_AGIPD1M-1/DET/1CH0:xtdf", tuple(missing.tolist())))
    return faults
