"""The folder of an experiment with an area detector: dark runs, and one with light."""

from __future__ import annotations

from pathlib import Path

from beambook.events import Reporter, Silent
from beambook.testing._daq import appearing
from beambook.testing._detector.control import MODES
from beambook.testing._detector.detectors import OPTIONS, Modules
from beambook.testing._detector.kind import MadeKind, kind_of
from beambook.testing._detector.physics import DetectorPhysics
from beambook.testing._proposal_folder import FOLDERS, proposal_path
from beambook.testing._run import make_run

__all__ = ["make_detector_proposal"]

FIRST_DARK, LIT = 6, 9
README = """\
Proposal {proposal:06d}, made by beambook.testing.make_detector_proposal (seed {seed}): no beam
was used. The detector is {detector}, of kind {kind}.

{runs}
What is in the pixels, and what came to be there by design: beambook.testing.truth_of and photons;
docs/explanation/made-runs.md of beambook.
{next}"""
NEXT = """
What to do next:
  export BEAMBOOK_DATA={root}
  beambook run {kind}-dark proposal={proposal} run_high=6 run_med=7 run_low=8
  beambook run {kind}-correct proposal={proposal} run=9
"""


def make_detector_proposal(
    root: str | Path,
    *,
    kind: str = "AGIPD1M",
    modules: Modules = 2,
    frames: int | None = None,
    trains: int = 20,
    dark_trains: int = 50,
    pulses: int | None = None,
    sequences: int = 1,
    proposal: int = 900075,
    cycle: str = "202631",
    format_version: str = "1.2",
    detector: DetectorPhysics | None = None,
    seed: int = 0,
    reporter: Reporter | None = None,
) -> Path:
    """Write a proposal folder with the runs that a calibration needs.

    Runs 6, 7 and 8 are dark, in high, medium and low gain (JUNGFRAU: dynamic, forceswitchg1,
    forceswitchg2; a DSSC1M has run 6 only); run 9 has light.

    Parameters
    ----------
    root : str or Path
        What ``$BEAMBOOK_DATA`` would name.
    kind : {"AGIPD1M", "LPD1M", "JUNGFRAU", "DSSC1M"}
    modules : int or sequence of int
        How many, or their numbers.
    frames : int, optional
        Per train; by default 4, and 1 of a JUNGFRAU.
    trains, dark_trains : int
        Of run 9, and of each dark run.
    pulses : int, optional
        Per train of run 9; by default as many as frames.
    sequences : int
        Files per module and run.
    proposal : int
    cycle : str
        Folder above the proposal.
    format_version : {"1.2", "1.1", "1.0", "0.5"}
    detector : DetectorPhysics, optional
        What the pixels do; by default what suits the kind.
    seed : int
    reporter : Reporter, optional

    Returns
    -------
    Path
        ``root/MID/202631/p900075``, with ``raw/r0006`` …, ``usr`` and a README.txt of what to do
        next.

    Raises
    ------
    ParameterError, NameNotFound
        An option out of range, a kind that is not known, or a proposal folder that exists and is
        not empty.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as root:
    ...     folder = make_detector_proposal(root, modules=1, frames=1, trains=2, dark_trains=2)
    ...     sorted(run.name for run in (folder / "raw").iterdir())
    ['r0006', 'r0007', 'r0008', 'r0009']
    """
    made = kind_of(kind)
    each = frames or (1 if made.name == "JUNGFRAU" else 4)
    lit_pulses = each if pulses is None else pulses
    path = proposal_path(root, made.detector.partition("_")[0], cycle, proposal)
    stages = list(MODES)[: len(made.physics.offset)]
    darks = {FIRST_DARK + n: stage for n, stage in enumerate(stages)}
    with appearing(path) as folder:
        for name in FOLDERS:
            (folder / name).mkdir(parents=True)
        text = _readme(made, Path(root), proposal, seed, darks)
        (folder / "README.txt").write_text(text, encoding="utf-8")
        for run, dark in {**darks, LIT: None}.items():
            make_run(
                folder / "raw" / f"r{run:04d}",
                run=run,
                proposal=proposal,
                format_version=format_version,
                trains=trains if dark is None else dark_trains,
                pulses=lit_pulses if dark is None else 0,
                camera=None,
                frames=each,
                dark=dark,
                detector=detector,
                sequences=sequences,
                seed=seed,
                reporter=reporter or Silent(),
                **{OPTIONS[made.name]: modules},  # type: ignore[arg-type]
            )
    return path


def _readme(kind: MadeKind, root: Path, proposal: int, seed: int, darks: dict[int, str]) -> str:
    lines = [f"raw/r{run:04d}   dark frames, {stage} gain" for run, stage in darks.items()]
    lines.append(f"raw/r{LIT:04d}   frames with light\n")
    # There are recipes for detectors of three gain stages.
    short = kind.name.removesuffix("1M").lower()
    told = NEXT.format(kind=short, proposal=proposal, root=root.absolute())
    return README.format(
        proposal=proposal,
        seed=seed,
        detector=kind.detector,
        kind=kind.name,
        runs="\n".join(lines),
        next=told if len(darks) == len(MODES) else "",
    )
