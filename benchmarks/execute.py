"""Time and memory to execute a notebook: beambook, nbclient and papermill side by side.

    python benchmarks/execute.py [--repeat 3] [--json]

Two notebooks of ten cells (trivial ones; the usual scientific imports and a figure), one
and eight at once. Times are medians in s. Memory is the highest sum of Pss
over all child processes in MB, taken in a run of its own, so that looking at
it costs no time. "first" is a process that has not executed anything before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbclient
import nbformat
import psutil
from nbformat.v4 import new_code_cell, new_notebook

from beambook.recipe import execute, execute_many

TRIVIAL = ["a = 1", *(f"print(a + {i})" for i in range(9))]
SCIENCE = [
    "a = 1",
    "import h5py\nimport matplotlib.pyplot as plt\nimport numpy as np\nimport pandas as pd\n"
    "import xarray as xr",
    "x = np.linspace(0, 1, 1000)",
    "plt.plot(x, np.sin(x));",
    *(f"print(x.sum() + {i})" for i in range(6)),
]
NOTEBOOKS = {"trivial": TRIVIAL, "science": SCIENCE}
LOOK_SECONDS = 0.1
Way = Callable[[Path, Path, int], None]


def with_beambook(notebook: Path, into: Path, count: int) -> None:
    done = execute_many(notebook, [{"a": i} for i in range(count)], into=into, at_once=count)
    assert all(execution.status == "done" for execution in done)


def with_beambook_unforked(notebook: Path, into: Path, count: int) -> None:
    values = [{"a": i} for i in range(count)]
    done = execute_many(notebook, values, into=into, at_once=count, fork=False)
    assert all(execution.status == "done" for execution in done)


def with_nbclient(notebook: Path, into: Path, count: int) -> None:
    async def together() -> None:
        books = [nbformat.read(notebook, 4) for _ in range(count)]
        await asyncio.gather(*(nbclient.NotebookClient(book).async_execute() for book in books))
        for number, book in enumerate(books):
            nbformat.write(book, into / f"nbclient-{number}.ipynb")

    asyncio.run(together())


def with_papermill(notebook: Path, into: Path, count: int) -> None:
    import papermill

    def one(number: int) -> None:
        out = into / f"papermill-{number}.ipynb"
        papermill.execute_notebook(notebook, out, {"a": number}, progress_bar=False)

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(one, range(count)))


WAYS: dict[str, Way] = {
    "beambook": with_beambook,
    "beambook, not forked": with_beambook_unforked,
    "nbclient": with_nbclient,
    "papermill": with_papermill,
}


def write(folder: Path) -> dict[str, Path]:
    paths = {}
    spec = {"name": "python3", "language": "python", "display_name": "Python 3"}
    for name, cells in NOTEBOOKS.items():
        notebook = new_notebook(metadata={"kernelspec": spec})
        notebook.cells = [new_code_cell(cell) for cell in cells]
        notebook.cells[0].metadata["tags"] = ["parameters"]
        paths[name] = folder / f"{name}.ipynb"
        nbformat.write(notebook, paths[name])
    return paths


def timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def memory_of(work: Callable[[], None]) -> float:
    """Highest sum of Pss of all children in MB while `work` goes on."""
    done, highest = threading.Event(), 0.0

    def look() -> None:
        nonlocal highest
        while not done.wait(LOOK_SECONDS):
            highest = max(highest, sum(map(pss, psutil.Process().children(recursive=True))))

    thread = threading.Thread(target=look)
    thread.start()
    work()
    done.set()
    thread.join()
    return highest


def pss(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 1e6
    except psutil.Error:
        return 0.0


def measure(paths: dict[str, Path], into: Path, repeat: int) -> list[dict[str, object]]:
    rows = []
    for name, path in paths.items():
        for count in (1, 8):
            for way, work in WAYS.items():
                once = lambda work=work, path=path, count=count: work(path, into, count)  # noqa: E731
                once()
                seconds = statistics.median(timed(once) for _ in range(repeat))
                rows.append(
                    {"notebook": name, "at once": count, "way": way, "s": seconds}
                    | {"MB": memory_of(once)}
                )
    return rows


def first(path: Path, into: Path) -> float:
    """Seconds for a whole process that executes `path` once, as the command line does."""
    code = f"from beambook.recipe import execute; execute({str(path)!r}, into={str(into)!r})"
    return timed(lambda: subprocess.run([sys.executable, "-c", code], check=True) and None)


def show(rows: list[dict[str, object]], starts: dict[str, float]) -> None:
    print(f"{'notebook':9} {'at once':>7} {'way':21} {'s':>7} {'× nbclient':>10} {'MB':>6}")
    for row in rows:
        same = (row["notebook"], row["at once"])
        peers = [r for r in rows if (r["notebook"], r["at once"]) == same]
        (base,) = [r["s"] for r in peers if r["way"] == "nbclient"]
        print(
            f"{row['notebook']:9} {row['at once']:7} {row['way']:21} {row['s']:7.2f} "
            f"{base / row['s']:9.1f}× {row['MB']:6.0f}"
        )
    for name, seconds in starts.items():
        print(f"{name:9}   first beambook, whole process {seconds:7.2f}")
    print(f"{os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        paths = write(Path(folder))
        into = Path(folder) / "out"
        into.mkdir()
        execute(paths["trivial"], into=into)
        starts = {name: first(path, into) for name, path in paths.items()}
        rows = measure(paths, into, options.repeat)
    if options.json:
        print(json.dumps({"rows": rows, "first": starts}, indent=1))
    else:
        show(rows, starts)


if __name__ == "__main__":
    main()
