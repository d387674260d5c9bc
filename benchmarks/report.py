"""Time of a report, beside the time that typst alone needs for the same pages.

Run ``python benchmarks/report.py [--json] [--rounds N]``. The bound is typst, in a process of
its own, on the folder that the report laid out for it.
"""

from __future__ import annotations

import argparse
import json
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import nbformat
from nbformat.v4 import new_markdown_cell, new_notebook

from beambook.recipe import Report
from beambook.recipe import _report_pandoc as pandoc
from beambook.recipe import _report_pdf as pdf
from beambook.recipe._report_elements import Document
from beambook.recipe._report_images import Images
from beambook.recipe._report_subject import Subject
from beambook.recipe._typst import WORKER

SAMPLE = Path(__file__).parents[1] / "tests" / "recipe" / "report_sample.py"


def notebooks() -> dict[str, Any]:
    """Documents to measure: a usual one, one long table, many figures."""
    sample = runpy.run_path(str(SAMPLE))
    code, shown, table, png = (sample[name] for name in ("code", "shown", "table", "png"))
    figures = [code(f"plot({i})", shown({"image/png": png(points=60 + i)})) for i in range(50)]
    return {
        "typical": sample["rich"](),
        "1000-row table": new_notebook(cells=[code("t", shown(table(1000)))]),
        "50 figures": new_notebook(cells=[new_markdown_cell("# Figures"), *figures]),
    }


def seconds(work: Callable[[], Any], rounds: int) -> float:
    """Median time of `work`, in s."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return median(times)


def laid_out(path: Path, folder: Path) -> Path:
    """A folder with everything that typst needs for the report of `path`."""
    subject = Subject.load(path)
    document = Document(subject.notebook, Images(subject.folders), code=False)
    body = pandoc.make_body(document, target="typst")
    pdf.pdf_bytes(subject, document, body, folder)
    return folder


def typst_alone(folder: Path) -> None:
    """Compile the laid-out report."""
    subprocess.run([sys.executable, "-P", str(WORKER), str(folder / "job.json")], check=True)


def measure(path: Path, work: Path, rounds: int) -> dict[str, float]:
    """Times of one notebook, in s, and the size of its PDF, in kB."""
    report = Report(path)
    folder = work / "typst"
    folder.mkdir()
    laid_out(path, folder)
    found = {
        "html": seconds(lambda: report.html(work / "r.html"), rounds),
        "pdf": seconds(lambda: report.pdf(work / "r.pdf"), rounds),
        "typst alone": seconds(lambda: typst_alone(folder), rounds),
        "kB": (work / "r.pdf").stat().st_size / 1000,
    }
    shutil.rmtree(folder)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        found = {}
        for label, notebook in notebooks().items():
            nbformat.write(notebook, work / "n.ipynb")
            found[label] = measure(work / "n.ipynb", work, options.rounds)
    if options.json:
        print(json.dumps(found, indent=1))
        return
    print(f"{'report':16}{'HTML':>9}{'PDF':>9}{'typst alone':>13}{'size':>10}")
    for label, row in found.items():
        print(
            f"{label:16}{row['html']:7.2f} s{row['pdf']:7.2f} s{row['typst alone']:11.2f} s"
            f"{row['kB']:7.0f} kB"
        )


if __name__ == "__main__":
    main()
