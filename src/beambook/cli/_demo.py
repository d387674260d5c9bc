"""``beambook demo``: from nothing to a report."""

from __future__ import annotations

import time
from pathlib import Path

import click

from beambook.cli._report import write_reports
from beambook.cli._terminal import ProgressLine, say, say_files, shown
from beambook.events import Progress
from beambook.recipe import Execution, execute

__all__ = ["demo"]

RUN = 487
TRAINS = 1200  # two minutes of beam: enough to tell nickel's two inflection points apart
OFFSETS = {"i0_offset": 12.0, "i1_offset": -8.0}  # of a made run; a real one has a dark run for it


@click.command()
@click.argument("folder", metavar="[DIR]", default="demo", type=click.Path(path_type=Path))
def demo(folder: Path) -> int:
    """Write a facility-format proposal into DIR (demo), measure a spectrum on it, report.

    The beam and the detectors are simulated; the absorption is that of a nickel foil as measured
    at a synchrotron, so that what comes out can be held against the truth.
    """
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


def _proposal(folder: Path) -> Path:
    """The demo proposal: there from an earlier demo, or written now."""
    from beambook.testing import make_proposal  # a demo is the one command that makes data

    data = folder / "data"
    found = sorted(data.glob("*/*/p900074"))
    if found:
        return found[0]
    progress = ProgressLine()
    progress(Progress("demo", 0, 0, f"writing a proposal into {data}"))
    data.mkdir(parents=True, exist_ok=True)
    proposal = Path(make_proposal(data, trains=TRAINS))
    progress.close()
    return proposal


def _say_results(execution: Execution) -> None:
    for name, result in execution.results.items():
        say(f"  {name}: {execution.result(name)} {result.get('unit', '')}".rstrip())
