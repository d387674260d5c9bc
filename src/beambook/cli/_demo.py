"""``beambook demo``: from nothing to a report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from beambook.cli._report import write_reports
from beambook.cli._terminal import ProgressLine, say, say_files, shown
from beambook.events import Progress
from beambook.recipe import Execution, execute

if TYPE_CHECKING:
    from beambook.recipe import Performance

__all__ = ["demo"]

RUN = 487
TRAINS = 1200  # two minutes of beam: enough to tell nickel's two inflection points apart
DETECTOR: dict[str, Any] = {
    "modules": 4,
    "frames": 4,
    "trains": 20,
    "dark_trains": 30,
    "sequences": 2,
}
DARKS = {"run_high": 6, "run_med": 7, "run_low": 8}
LIT = 9
OFFSETS = {"i0_offset": 12.0, "i1_offset": -8.0}  # of a made run; a real one has a dark run for it


@click.command()
@click.argument("folder", metavar="[DIR]", default="demo", type=click.Path(path_type=Path))
@click.option("--detector", is_flag=True, help="Calibrate a detector instead of a spectrum.")
def demo(folder: Path, detector: bool) -> int:
    """Write a facility-format proposal into DIR (demo), measure a spectrum on it, report.

    The beam and the detectors are simulated; the absorption is that of a nickel foil as measured
    at a synchrotron, so that what comes out can be held against the truth. With --detector: dark
    runs and a run with light of a quarter of an AGIPD1M, which are characterised and corrected.
    """
    return _calibration(folder) if detector else _spectrum(folder)


def _spectrum(folder: Path) -> int:
    started = time.monotonic()
    proposal = _proposal(folder)
    say(f"Proposal   {shown(proposal)}")
    progress = ProgressLine()
    values = {"proposal": str(proposal.resolve()), "run": RUN, **OFFSETS}
    execution = execute("xas", values, into=folder / "executions", reporter=progress)
    progress.close()
    say(f"Execution  {shown(execution.path)}  {execution.status}")
    _say_results(execution)
    progress(Progress("report", 0, 0, "HTML and PDF"))
    files = write_reports(execution.path, execution.path, pdf=True)
    progress.close()
    say(f"\nAll in {time.monotonic() - started:.0f} s. Open the report, then try:")
    say(f"  → export BEAMBOOK_DATA={(folder / 'data').absolute()}")
    say("  → beambook show 900074 487")
    say("  → beambook run run-overview proposal=900074 run=487 --pdf")
    say("  → beambook run xgm-statistics proposal=900074 run=487 off_pulses=584,588,592,596")
    say_files(files)
    return 0 if execution.status == "done" else 1


def _calibration(folder: Path) -> int:
    started = time.monotonic()
    proposal = _proposal(folder, "p900075")
    say(f"Proposal       {shown(proposal)}")
    where = {"proposal": str(proposal.resolve())}
    files: list[Path] = []
    for recipe, runs in (("agipd-dark", DARKS), ("agipd-correct", {"run": LIT})):
        performance = _perform(recipe, {**where, **runs}, folder)
        say(f"{recipe:13s}  {shown(performance.path)}  {performance.sentence()}")
        if performance.after is not None:
            _say_results(performance.after)
        files += [performance.path / f"report.{kind}" for kind in ("html", "pdf")]
        if performance.status != "done":
            break
    say(f"\nAll in {time.monotonic() - started:.0f} s. Open the reports, then try:")
    say(f"  → export BEAMBOOK_DATA={(folder / 'data').absolute()}")
    say(f"  → beambook show 900075 {LIT}")
    say(f"  → beambook show {shown(performance.path)}")
    say(f"  → beambook run agipd-correct proposal=900075 run={LIT}      (on a cluster: --on slurm)")
    say_files(file for file in files if file.is_file())
    return 0 if performance.status == "done" else 1


def _perform(recipe: str, values: dict[str, Any], folder: Path) -> Performance:
    from beambook.recipe import perform

    progress = ProgressLine()
    performance = perform(recipe, values, into=folder / "executions", reporter=progress)
    progress.close()
    return performance


def _proposal(folder: Path, name: str = "p900074") -> Path:
    """The demo proposal: there from an earlier demo, or written now."""
    # A demo is the one command that makes data.
    from beambook.testing import make_detector_proposal, make_proposal

    data = folder / "data"
    found = sorted(data.glob(f"*/*/{name}"))
    if found:
        return found[0]
    progress = ProgressLine()
    progress(Progress("demo", 0, 0, f"writing a proposal into {data}"))
    data.mkdir(parents=True, exist_ok=True)
    if name == "p900074":
        proposal = make_proposal(data, trains=TRAINS)
    else:
        proposal = make_detector_proposal(data, **DETECTOR, reporter=progress)
    progress.close()
    return Path(proposal)


def _say_results(execution: Execution) -> None:
    for name, result in execution.results.items():
        say(f"  {name}: {execution.result(name)} {result.get('unit', '')}".rstrip())
