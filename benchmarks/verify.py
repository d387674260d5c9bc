"""Time to verify a sealed publication without a network, and to execute it by other means.

    python benchmarks/verify.py [--json]

Three notebooks (a table is made, fitted, drawn) are executed and sealed with all wheels (numpy,
pandas, matplotlib, ipykernel). Then, each in a process without network and with an empty home
folder: ``beambook verify`` the first time, the second time, and with ``--environment here``;
beside them what a person would do with the same wheels: venv, pip, nbclient (which compares
nothing). Times in s; "beyond" is what is left when the notebooks' own time is taken off.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import uv
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from beambook.publication import seal
from beambook.recipe import PythonKernel, execute

PACKAGES = ("ipykernel", "nbclient", "numpy", "pandas", "matplotlib")
NOTEBOOKS = {
    "1-make": (
        "# Make",
        "import numpy as np, pandas as pd",
        "energy = np.linspace(8300, 8420, 200)\nrng = np.random.default_rng(1)\n"
        "spectrum = 1 / (1 + np.exp(-(energy - 8333) / 3)) + rng.normal(0, 0.01, 200)",
        "table = pd.DataFrame({'energy': energy, 'spectrum': spectrum})\n"
        "table.to_csv('spectrum.csv', index=False)\ntable.describe()",
    ),
    "2-fit": (
        "# Fit",
        "import numpy as np, pandas as pd",
        "table = pd.read_csv('spectrum.csv')\n"
        "edge = table.energy[np.gradient(np.convolve(table.spectrum, np.ones(9) / 9, 'same'))"
        "[10:-10].argmax() + 10]\nprint(f'edge {edge:.3f} eV')",
        "pd.Series({'edge': edge}).to_csv('edge.csv')",
    ),
    "3-draw": (
        "# Draw",
        "import pandas as pd\nimport matplotlib.pyplot as plt",
        "table = pd.read_csv('spectrum.csv')\nedge = pd.read_csv('edge.csv')\n"
        "fig, ax = plt.subplots()\nax.plot(table.energy, table.spectrum)\n"
        "ax.set_xlabel('energy (eV)');",
    ),
}
CLIENT = (
    "import sys, nbformat, nbclient\n"
    "for path in sys.argv[1:]:\n"
    "    book = nbformat.read(path, 4)\n"
    "    nbclient.NotebookClient(book, resources={'metadata': {'path': '.'}}).execute()\n"
)


def make_publication(root: Path) -> Path:
    """Execute and seal; not measured."""
    tool, venv, work = uv.find_uv_bin(), root / "venv", root / "analysis"
    work.mkdir()
    subprocess.run([tool, "venv", "-q", "--python", sys.executable, venv], check=True)
    subprocess.run([tool, "pip", "install", "-q", "--python", venv, *PACKAGES], check=True)
    for name, (title, *cells) in NOTEBOOKS.items():
        book = new_notebook(cells=[new_markdown_cell(title), *map(new_code_cell, cells)])
        nbformat.write(book, work / f"{name}.ipynb")
        done = execute(
            work / f"{name}.ipynb", kernel=PythonKernel(venv / "bin" / "python"), in_place=True,
            into=root / "executions",
        )  # fmt: skip
        assert done.status == "done", done.error_line
        shutil.copy(done.notebook_path, work / f"{name}.ipynb")
    for made in work.glob("*.csv"):
        made.unlink()
    seal(
        work, root / "publication", title="Benchmark", authors=["A. Person"], environment=venv,
        wheels=True, date="2026-01-01",
    )  # fmt: skip
    return root / "publication"


def apart(command: list[str], home: Path, *, network: bool = False) -> tuple[float, str]:
    """Run without network and with another home; s, and what it printed."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "UV_", "PIP_"))}
    env |= {"HOME": str(home), "PIP_CONFIG_FILE": os.devnull}
    alone = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    began = time.perf_counter()
    done = subprocess.run(
        [*([] if network else alone), *command],
        env=env,
        cwd=home,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return time.perf_counter() - began, done.stdout


def verified(publication: Path, home: Path, *options: str) -> tuple[float, float]:
    """Total, and the notebooks' own time."""
    command = [sys.executable, "-m", "beambook", "verify", str(publication), "--json", *options]
    seconds, said = apart(command, home)
    document = json.loads(said)
    assert document["status"] in ("same", "within tolerance"), document["cause"]
    own = sum(n["seconds"] for leg in document["legs"] for n in leg["notebooks"])
    return seconds, own


def by_hand(publication: Path, home: Path) -> float:
    """Venv, pip with the same wheels and hashes, nbclient; compares nothing."""
    lock, wheels = publication / "environment" / "requirements.txt", publication / "environment"
    python = str(home / "venv" / "bin" / "python")
    shutil.copytree(publication / "work", home / "work")
    steps = (
        [sys.executable, "-m", "venv", str(home / "venv")],
        [python, "-m", "pip", "install", "-q", "--no-index", "--find-links",
         str(wheels / "wheels"), "--require-hashes", "-r", str(lock)],
        ["sh", "-c", f'cd {home}/work && {python} -c "$0" *.ipynb', CLIENT],
    )  # fmt: skip
    # nbclient talks to its kernel through TCP, which is off where the network is
    return sum(apart(step, home, network=step[0] == "sh")[0] for step in steps)


def measure(root: Path) -> list[dict[str, object]]:
    publication = make_publication(root)
    home, other = root / "home", root / "other"
    home.mkdir()
    other.mkdir()
    rows: list[dict[str, object]] = []

    def row(way: str, seconds: float, own: float | None) -> None:
        beyond = None if own is None else round(seconds - own, 1)
        own = None if own is None else round(own, 1)
        rows.append({"way": way, "total": round(seconds, 1), "notebooks": own, "beyond": beyond})

    row("verify, first time", *verified(publication, home, "--offline"))
    row("verify, second time", *verified(publication, home, "--offline"))
    row(
        "verify, second time, no sandbox", *verified(publication, home, "--offline", "--no-sandbox")
    )
    row("venv + pip + nbclient (no comparison)", by_hand(publication, other), None)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="beambook-verify-") as folder:
        rows = measure(Path(folder))
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    first = float(str(rows[0]["total"]))
    print(f"{'':40}{'total':>8}{'notebooks':>11}{'beyond':>8}{'ratio':>8}")
    for each in rows:
        own, beyond = each["notebooks"], each["beyond"]
        shown = [f"{'' if value is None else value:>{width}}" for value, width in
                 ((each["total"], 8), (own, 11), (beyond, 8))]  # fmt: skip
        print(f"{each['way']:40}{''.join(shown)}{float(str(each['total'])) / first:8.2f}")


if __name__ == "__main__":
    main()
