"""Time to have frozen software again, beside uv and pip by hand in the same run.

Run ``python benchmarks/recreate.py [--json] [PACKAGE ...]``. It locks the packages as of
today (numpy, xarray, matplotlib, h5py, ipykernel if none are named), then measures each way
once, with its own folders: "cold" has an empty cache of packages, "warm" a full one. The
file of the lock and every hash are the same for all. Not here: conda and repo2docker, which
need their own installer and a container daemon.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from uv import find_uv_bin

from beambook.environment import Declared, Environment, fetch_wheels, image, mounted, recreate
from beambook.environment._mount import _why_not_fuse
from beambook.errors import EnvironmentProblem

PACKAGES = ("numpy", "xarray", "matplotlib", "h5py", "ipykernel")
IMPORTS = "import numpy, xarray, h5py, matplotlib.pyplot, ipykernel"


def seconds(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def call(*command: str | Path, **env: str) -> None:
    subprocess.run(
        [str(word) for word in command], check=True, capture_output=True, env=os.environ | env
    )


class Bench:
    """Ways to have one environment, each in folders of its own."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        self.environment, self.folder = environment, folder
        self.rows: list[dict[str, Any]] = []
        self.uv_cache = folder / "uv-cache"
        os.environ["UV_CACHE_DIR"] = str(self.uv_cache)  # beside the venvs: links, no copies

    def add(self, way: str, took: float, python: Path | None = None, **more: Any) -> None:
        row = {"way": way, "seconds": round(took, 2), **more}
        if python is not None:
            code = ["-c", IMPORTS] if self.environment.package("xarray") else ["-c", "import numpy"]
            row["first import"] = round(seconds(lambda: call(python, *code)), 2)
        self.rows.append(row)
        print(row, file=sys.stderr, flush=True)

    def by_hand(self, name: str) -> Path:
        venv = self.folder / name
        call(find_uv_bin(), "venv", "-q", "--python", sys.executable, venv)
        lock = self.environment.requirements
        call(find_uv_bin(), "pip", "sync", "-q", "--require-hashes", "--python", venv, lock)
        return venv / "bin" / "python"

    def with_pip(self, name: str) -> Path:
        venv = self.folder / name
        call(sys.executable, "-m", "venv", venv)
        python = venv / "bin" / "python"
        words = ["install", "-q", "--no-deps", "--require-hashes", "-r"]
        env = {"PIP_CACHE_DIR": str(self.folder / "pip-cache")}
        call(python, "-m", "pip", *words, self.environment.requirements, **env)
        return python

    def ours(self, cache: str, **more: Any) -> Path:
        return recreate(self.environment, cache=self.folder / cache, **more).python

    def measure(self, way: str, work: Callable[[], Path]) -> Path:
        found: list[Path] = []
        took = seconds(lambda: found.append(work()))
        self.add(way, took, found[0])
        return found[0]

    def run(self) -> None:
        self.measure("uv by hand, cold", lambda: self.by_hand("uv-cold"))
        self.measure("uv by hand, warm", lambda: self.by_hand("uv-warm"))
        self.measure("beambook from the index, warm", lambda: self.ours("ours"))
        self.measure("beambook, not compiled, warm", lambda: self.ours("plain", compiled=False))
        self.measure("beambook, second time", lambda: self.ours("ours"))
        self.offline()
        self.as_image()
        self.measure("venv + pip, cold", lambda: self.with_pip("pip-cold"))
        self.measure("venv + pip, warm", lambda: self.with_pip("pip-warm"))

    def offline(self) -> None:
        self.environment = fetch_wheels(self.environment)
        shutil.rmtree(self.uv_cache)
        ways = {"beambook from wheels, offline, cold": "off", "the same, second time": "off"}
        for way, cache in ways.items():
            self.measure(way, lambda cache=cache: self.ours(cache, offline=True))  # type: ignore[misc]

    def as_image(self) -> None:
        here = recreate(self.environment, cache=self.folder / "ours")
        tree = here.python.parents[1]
        files = [p for p in tree.rglob("*") if p.is_file() and not p.is_symlink()]
        size = sum(p.stat().st_size for p in files) / 1e6
        try:
            took = seconds(lambda: image(here))
        except EnvironmentProblem as problem:
            print(problem, file=sys.stderr)
            return
        packed = self.environment.image.stat().st_size / 1e6 if self.environment.image else 0.0
        self.add("make an image", took, files=len(files), MB=round(size), packed_MB=round(packed))
        for fuse in (True, False):
            if fuse and _why_not_fuse():
                continue
            with mounted(self.environment, fuse=fuse, cache=self.folder / "images") as made:
                way = "mount the image" if fuse else "unpack the image"
                self.add(way, made.seconds, made.python)
        with mounted(self.environment, fuse=False, cache=self.folder / "images") as made:
            self.add("unpacked image, second time", made.seconds, made.python)


def show(rows: list[dict[str, Any]]) -> None:
    base = next(row["seconds"] for row in rows if row["way"] == "uv by hand, warm")
    print(f"{'':38}{'s':>8}{'× uv warm':>11}{'import s':>10}")
    for row in rows:
        ratio = row["seconds"] / base
        first = row.get("first import", "")
        rest = (
            f"  {row['files']} files, {row['MB']} MB → {row['packed_MB']} MB"
            if "files" in row
            else ""
        )
        print(f"{row['way']:38}{row['seconds']:8.2f}{ratio:11.1f}{first:>10}{rest}")
    if not shutil.which("conda") and not shutil.which("mamba"):
        print("conda, mamba and repo2docker are not on this machine")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="*", default=PACKAGES)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="beambook-bench-"))
    try:
        declared = Declared(requirements=tuple(given.packages))
        bench = Bench(declared.lock(folder / "environment"), folder)
        bench.run()
        print(json.dumps(bench.rows, indent=1)) if given.json else show(bench.rows)
    finally:
        subprocess.run(["chmod", "-R", "u+w", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
