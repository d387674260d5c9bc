"""Runs the tests that EXtra-data ships against beambook, and says how it went.

What they need to be green, with EXtra-data itself as with us:

- pytest's own settings; ours make every warning an error;
- the commands of the package on the path (here: stubs that call ours);
- no privileges: one test makes a file that its owner must not read, which root can;
- testpath, cloudpickle, pandas, dask, xarray, karabo-bridge, pyyaml.

With all that EXtra-data 1.25 fails its own ``extra-data-readable`` on fewer than four cores.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.machinery import PathFinder
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

__all__ = ["EXPECTED", "Outcome", "run_their_tests"]

# Which of their tests fail, and why that is meant to be. Patterns as of `fnmatch`, `[` as `[[]`.
EXPECTED: dict[str, str] = {}

THEIRS, OURS = "extra_data", "beambook.extra_data"
HEAVY = ("test_components.py", "test_copy.py", "cli", "test_streamer.py", "test_stacking.py")
STUB = "#!{python}\nimport sys\nfrom {module} import {name}\nsys.exit({name}())\n"
PR_CAPBSET_DROP, READ_ANYTHING = 24, (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


@dataclass(frozen=True)
class Outcome:
    """What became of their tests.

    Attributes
    ----------
    passed, failed, skipped : tuple of str
        ``test_file::test_name[parameters]``
    log : str
        What pytest wrote.
    """

    passed: tuple[str, ...]
    failed: tuple[str, ...]
    skipped: tuple[str, ...]
    log: str

    @property
    def unexpected(self) -> tuple[str, ...]:
        """Tests that fail without a reason known."""
        return tuple(name for name in self.failed if not reason(name))

    @property
    def distinct(self) -> int:
        """Tests that pass, with whatever parameters, and fail with none."""
        bare = {name.partition("[")[0] for name in self.passed}
        return len(bare - {name.partition("[")[0] for name in self.failed})

    def lines(self) -> Iterator[str]:
        """For people."""
        numbers = f"{len(self.passed)} passed, {len(self.failed)} failed"
        yield f"EXtra-data's own tests on beambook: {numbers}, {len(self.skipped)} skipped"
        for name in self.failed:
            yield f"  {name}: {reason(name) or 'NOT EXPECTED'}"


def reason(name: str) -> str:
    """Why a test is meant to fail; empty if it is not."""
    return next((why for pattern, why in EXPECTED.items() if fnmatchcase(name, pattern)), "")


def shipped_tests() -> str:
    """Folder of the tests that EXtra-data ships."""
    package = PathFinder.find_spec(THEIRS)
    assert package is not None
    assert package.origin is not None
    return str(Path(package.origin).parent / "tests")


def run_their_tests() -> Outcome:
    """Run all, in as many processes as there are cores, but two at most."""
    folder = Path(shipped_tests())
    heavy = [folder / name for name in HEAVY]
    others = [f for f in sorted(folder.glob("test_*.py")) if f not in heavy]
    shares = [heavy, others] if len(os.sched_getaffinity(0)) > 1 else [[*heavy, *others]]
    with TemporaryDirectory() as temporary, ThreadPoolExecutor() as pool:
        commands = _commands(Path(temporary))
        places = (Path(temporary, f"share{number}") for number in range(len(shares)))
        found = list(pool.map(_run, shares, places, [commands] * len(shares)))
    return Outcome(
        tuple(name for each in found for name in each.passed),
        tuple(name for each in found for name in each.failed),
        tuple(name for each in found for name in each.skipped),
        "\n".join(each.log for each in found),
    )


def _commands(folder: Path) -> Path:
    """The commands that the package installs, each calling ours."""
    place = folder / "bin"
    place.mkdir()
    for command in entry_points(group="console_scripts"):
        if command.module.partition(".")[0] == THEIRS:
            module = OURS + command.module.removeprefix(THEIRS)
            stub = place / command.name
            stub.write_text(STUB.format(python=sys.executable, module=module, name=command.attr))
            stub.chmod(0o755)
    return place


def _run(tests: list[Path], folder: Path, commands: Path) -> Outcome:
    folder.mkdir()
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-p", "alias", "-p", "no:randomly"]
    command += ["-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", shipped_tests()]
    command += ["--import-mode=prepend", "-q", "--tb=short", f"--junitxml={report}"]
    path = f"{commands}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        [*command, f"--basetemp={folder / 'tmp'}", *map(str, tests)],
        cwd=folder,
        env={
            **os.environ,
            "PATH": path,
            "PYTHONPATH": str(Path(__file__).parent),
            "BEAMBOOK_INDEX": str(folder / "index"),
        },
        preexec_fn=_as_anybody,
        capture_output=True,
        text=True,
        check=False,
    )
    log = done.stdout + done.stderr
    if done.returncode not in (0, 1) or not report.exists():
        raise AssertionError(f"pytest could not run their tests:\n{log[-4000:]}")
    return _outcome(report, log)


def _as_anybody() -> None:
    """Let permissions of files count for root, too."""
    for capability in READ_ANYTHING:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def _outcome(report: Path, log: str) -> Outcome:
    found: dict[str, list[str]] = {"passed": [], "failed": [], "skipped": []}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        kinds = {child.tag for child in case}
        failed = kinds & {"failure", "error"}
        found["failed" if failed else "skipped" if "skipped" in kinds else "passed"].append(name)
    return Outcome(*(tuple(found[what]) for what in ("passed", "failed", "skipped")), log=log)
