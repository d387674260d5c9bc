"""Draw the picture of the README from what ``make demo`` wrote."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pypdfium2

import beambook as bb

HERE = Path(__file__).parent
DEMO = HERE.parents[1] / "demo"


def main() -> None:
    """Windows and spectrum on the left, two pages of the report on the right."""
    run = bb.open_run(DEMO / "data/MID/202631/p900074", 487)
    data = run.aligned("energy", i0="xgm", i1="mcp3")
    spectrum = bb.xas(data, bins=0.5, i0_offset=12, i1_offset=-8)
    edge = spectrum.edge()
    report = sorted((DEMO / "executions").glob("xas-*/report.pdf"))[-1]
    pages = [
        page.render(scale=1.6, rev_byteorder=True).to_numpy()
        for page in pypdfium2.PdfDocument(report)
    ]

    figure = plt.figure(figsize=(13, 5.4), layout="constrained")
    left, *sheets = figure.subfigures(1, 3, width_ratios=(1.6, 1, 1))
    top, bottom = left.subplots(2, 1, height_ratios=(1, 1.9))
    trace = run["mcp3_raw"][:200].ndarray().mean(axis=0)
    samples = np.arange(60, 60 + 4 * 96)
    top.plot(samples, trace[samples], lw=1, color="C0")
    for pulse in range(4):
        top.axvspan(99 + 96 * pulse, 117 + 96 * pulse, color="C1", alpha=0.3, lw=0)
        top.axvspan(77 + 96 * pulse, 97 + 96 * pulse, color="C0", alpha=0.15, lw=0)
    top.set(xlabel="sample", ylabel="mean trace", xlim=(60, samples[-1]))
    spectrum.plot(ax=bottom)
    bottom.axvspan(edge.low, edge.high, color="C1", alpha=0.3, lw=0)
    bottom.annotate(
        f"edge {edge.energy:.1f} ± {edge.uncertainty:.1f} eV",
        (edge.energy, 0.8),
        (edge.energy + 25, 0.8),
        arrowprops={"arrowstyle": "->"},
        va="center",
    )
    for sheet, page in zip(sheets, (pages[0], pages[3]), strict=True):
        axes = sheet.subplots()
        axes.imshow(page, interpolation="lanczos")
        axes.set(xticks=[], yticks=[])
        for side in axes.spines.values():
            side.set_color("0.8")
    figure.savefig(HERE / "first-screen.png", dpi=110)


if __name__ == "__main__":
    main()
