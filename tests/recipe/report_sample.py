"""A notebook with one of everything, built in code: for the tests, the benchmark and the eye."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

RESULT = "application/vnd.beambook.result+json"

THEORY = r"""
## Theory

A beam of intensity $I_0$ leaves a sample of thickness $d$ with $I_1 = I_0\,e^{-\mu(E)d}$, so

$$
\mu(E)d = -\ln\frac{\sum_i I_{1,i}}{\sum_i I_{0,i}}
$$

where the sums run over all pulses in a bin of photon energy. Weighted sums[^1] are less biased than
the mean of the ratios. With the correlation $\rho$ of the two intensities the error is

\begin{align}
\sigma^2 &= \frac{1}{N}\left(\frac{\sigma_0^2}{\langle I_0\rangle^2}
 + \frac{\sigma_1^2}{\langle I_1\rangle^2}
 - 2\rho\,\frac{\sigma_0\sigma_1}{\langle I_0\rangle\langle I_1\rangle}\right) \label{eq:sigma} \\
R &= \begin{pmatrix} \cos\vartheta & -\sin\vartheta \\ \sin\vartheta & \cos\vartheta \end{pmatrix}
\end{align}

and equation \eqref{eq:sigma} holds for $N \gg 1$. The sample is \ce, that is $\ce{NiO2^{2-}}$; the
step height is $f(E) = \begin{cases} 0 & E < E_0 \\ 1 & E \ge E_0 \end{cases}$.

[^1]: See the note of the **XAS** working group.

- first
  - nested
    1. numbered
- costs between $20 and $30, ask x.user@example.org, not @nobody
- [a link](https://example.org/x?y=1&z=2) and `code $x$`

| motor | position | unit |
|:------|---------:|------|
| X     |     1.25 | mm   |
| Y     |    −0.50 | mm   |
"""


STYLER = """<style type="text/css">
#T_8f2_row0_col0, #T_8f2_row2_col1 {
  background-color: #440154;
  color: #f1f1f1;
}
#T_8f2_row1_col0 {
  background-color: #fde725;
  color: #000000;
}
#T_8f2_row1_col1 {
  background-color: #f7c7c3;
  color: red;
  font-weight: bold;
}
</style>
<table id="T_8f2">
  <thead>
    <tr>
      <th class="blank level0" >&nbsp;</th>
      <th id="T_8f2_level0_col0" class="col_heading level0 col0" >pull</th>
      <th id="T_8f2_level0_col1" class="col_heading level0 col1" >state</th>
    </tr>
  </thead>
  <tbody>
    <tr>
      <th id="T_8f2_level0_row0" class="row_heading level0 row0" >0</th>
      <td id="T_8f2_row0_col0" class="data row0 col0" >0.100000</td>
      <td id="T_8f2_row0_col1" class="data row0 col1" >good</td>
    </tr>
    <tr>
      <th id="T_8f2_level0_row1" class="row_heading level0 row1" >1</th>
      <td id="T_8f2_row1_col0" class="data row1 col0" >-2.700000</td>
      <td id="T_8f2_row1_col1" class="data row1 col1" >bad</td>
    </tr>
    <tr>
      <th id="T_8f2_level0_row2" class="row_heading level0 row2" >2</th>
      <td id="T_8f2_row2_col0" class="data row2 col0" >1.300000</td>
      <td id="T_8f2_row2_col1" class="data row2 col1" >good</td>
    </tr>
  </tbody>
</table>
"""


def figure(kind: str = "svg", *, points: int = 120) -> bytes:
    """A spectrum as SVG or PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    energy = np.linspace(8300, 8420, points)
    edge = 0.5 + np.arctan((energy - 8340) / 3) / np.pi
    mu = edge * (1 + 0.25 * np.exp(-(((energy - 8350) / 4) ** 2))) + 0.1
    rng = np.random.default_rng(1)
    fig = Figure(figsize=(6.4, 3.9), layout="constrained")
    (FigureCanvasSVG if kind == "svg" else FigureCanvasAgg)(fig)
    ax = fig.add_subplot()
    ax.errorbar(
        energy, mu + rng.normal(0, 0.01, points), 0.015, fmt=".", ms=3, lw=0.7, label="run 487"
    )
    ax.plot(energy, mu, lw=1, label="true spectrum")
    ax.set(xlabel="photon energy (eV)", ylabel="µ(E)d")
    ax.legend(frameon=False)
    buffer = io.BytesIO()
    fig.savefig(buffer, format=kind, metadata={"Date": None} if kind == "svg" else {}, dpi=100)
    return buffer.getvalue()


def dot(pixels: bytes) -> bytes:
    """A grey PNG of 8 × 8 pixels, with `pixels` as its compressed data if there are any."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    data = pixels or zlib.compress(b"\0" + b"\x80" * 24 + (b"\0" + b"\x80" * 24) * 7)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png(**options: Any) -> str:
    """A PNG as notebooks hold it."""
    return base64.b64encode(figure("png", **options)).decode()


def code(source: str, *outputs: Any, count: int | None = 1, **metadata: Any) -> Any:
    """A code cell with its outputs."""
    return new_code_cell(source, outputs=list(outputs), execution_count=count, metadata=metadata)


def shown(data: dict[str, Any], **metadata: Any) -> Any:
    """One rich output."""
    return new_output("display_data", data=data, metadata=metadata)


def printed(text: str, name: str = "stdout") -> Any:
    """One printed output."""
    return new_output("stream", name=name, text=text)


def table(rows: int, columns: int = 6) -> dict[str, str]:
    """A data frame as pandas shows it."""
    rng = np.random.default_rng(2)
    names = ["energy", "mu", "sigma", "counts", *(f"I0 pulse {i}" for i in range(100))][:columns]
    frame = pd.DataFrame(rng.normal(5, 2, (rows, columns)).round(5), columns=names)
    frame.index.name = "bin"
    with pd.option_context("display.max_rows", None, "display.max_columns", None):
        return {"text/html": frame._repr_html_(), "text/plain": "frame"}


def styled() -> dict[str, str]:
    """A Styler with coloured cells, as pandas 2.2 writes it."""
    return {"text/html": STYLER, "text/plain": "<Styler>"}


def xarray_output() -> dict[str, str]:
    """An xarray.Dataset."""
    import xarray as xr

    data = xr.Dataset(
        {"i0": (("train", "pulse"), np.ones((4, 3)), {"units": "µJ"})},
        coords={"train": [10, 11, 12, 13], "pulse": [0, 4, 8]},
    )
    return {"text/html": data._repr_html_(), "text/plain": repr(data)}


def result(name: str, value: Any, **more: Any) -> dict[str, Any]:
    """What ``bb.record`` shows."""
    return {RESULT: {"name": name, "value": value, **more}, "text/plain": f"{name} = {value}"}


def traceback() -> Any:
    """An error with colours, as IPython writes it."""
    lines = [
        "\x1b[31m" + "-" * 75 + "\x1b[39m",
        "\x1b[31mZeroDivisionError\x1b[39m                       Traceback (most recent call last)",
        "\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[9]\x1b[39m\x1b[32m, line 1\x1b[39m\n"
        "\x1b[32m----> \x1b[39m\x1b[32m1\x1b[39m \x1b[32m1\x1b[39m/\x1b[32m0\x1b[39m\n",
        "\x1b[31mZeroDivisionError\x1b[39m: division by zero",
    ]
    return new_output(
        "error", ename="ZeroDivisionError", evalue="division by zero", traceback=lines
    )


def rich(*, broken: bool = True) -> Any:
    """The sample: an XAS recipe as it looks after its execution."""
    cells = [
        new_markdown_cell(
            "# X-ray absorption of nickel\n\nThe absorption spectrum of a nickel foil at"
            " its *K* edge, measured pulse by pulse. The spectrum is in @fig-spectrum,"
            " the bins in @tbl-bins."
        ),
        code(
            "run = 487  # run number\nbins = 80  # bins of photon energy\n"
            "edge_range = (8300.0, 8420.0)  # range that is shown [eV]",
            tags=["parameters"],
        ),
        new_markdown_cell(THEORY.replace(r"\ce,", "a salt,")),
        new_markdown_cell(
            "## Check of the integration window\n\nBefore anything else one looks at the"
            " mean trace of the digitizer."
        ),
        code(
            "bb.check_window(traces, window)",
            shown({"image/png": png(), "text/plain": "<Axes>"}),
            caption="Mean trace with the integration window; $t_0 = 12.5$ ns.",
        ),
        new_markdown_cell("## Spectrum\n\n### Result"),
        code(
            "spectrum = bb.xas(data, bins)\nspectrum.plot()",
            printed("integrating 10%\rintegrating 100%\n"),
            printed("a warning\n", "stderr"),
            shown({"image/svg+xml": figure("svg").decode(), "text/plain": "<Axes>"}),
            caption="Absorption of nickel around the *K* edge with standard errors.",
            label="fig-spectrum",
        ),
        code(
            'bb.record("edge", edge.energy, unit="eV")',
            shown(result("edge position", 8340.1234, error=0.0432, unit="eV")),
            shown(result("step height", 1.0123, unit="")),
            shown(result("pulses used", 123456)),
        ),
        new_markdown_cell("### Bins"),
        code("spectrum.frame()", shown(table(60)), caption="The first bins.", label="tbl-bins"),
        code("pulls.style", shown(styled())),
        code("wide", shown(table(8, 15))),
        new_markdown_cell("## Data\n\nThe aligned data:"),
        code("data", shown(xarray_output())),
        code("print(line)", printed("x" * 300 + "\n" + "unicode: µ − Å σ χ² → ✓ ≥\n")),
    ]
    if broken:
        cells += [
            new_markdown_cell("## An error"),
            code("1/0", traceback(), count=9),
            code("print('never')", count=None),
        ]
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python", "version": "3.11.7"},
        "beambook": {"author": "A. Scientist"},
    }
    return new_notebook(cells=cells, metadata=metadata)


def record(status: str = "done", **more: Any) -> dict[str, Any]:
    """An ``execution.json``."""
    return {
        "id": "20260301-101500-xas-a1b2c3",
        "recipe": {"name": "xas", "title": "X-ray absorption spectrum"},
        "status": status,
        "started": "2026-03-01T10:15:00+00:00",
        "ended": "2026-03-01T10:15:07.500000+00:00",
        "seconds": 7.5,
        "values": {"run": 487, "bins": 80, "edge_range": [8300.0, 8420.0]},
        "host": "max-exfl123",
        "user": "scientist",
        "peak_memory": 412_000_000,
        "versions": {"python": "3.11.7", "beambook": "0.1.0", "numpy": "2.2.1", "xarray": "2025.1"},
        "git": {"commit": "4f1d2c3b5a69788796a5b4c3d2e1f00112233445", "dirty": True},
        "inputs": [
            {
                "path": "/gpfs/exfel/exp/MID/202631/p900074/raw/r0487",
                "files": [
                    {"name": f"RAW-R0487-DA0{i}-S00000.h5", "size": 41_000_000} for i in range(4)
                ],
                "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            }
        ],
        **more,
    }


def execution(folder: Path, notebook: Any, **more: Any) -> Path:
    """An execution's folder with `notebook` in it."""
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / "notebook.ipynb")
    (folder / "execution.json").write_text(json.dumps(record(**more)))
    return folder
