"""A single file that holds installed software: one inode instead of fifteen thousand.

The file is a SquashFS with a Python of its own, so that it runs where this version of Python
is not installed; what it takes from the machine is the C library and what Python's own
modules link to (OpenSSL, SQLite). The same software gives the same bytes anywhere.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from os import PathLike
from pathlib import Path
from typing import Any

from beambook.environment._environment import Environment
from beambook.environment._recreate import Recreated, recreate
from beambook.environment._recreate.install import compile_bytecode
from beambook.environment._recreate.slot import remove_tree
from beambook.errors import EnvironmentProblem
from beambook.events import Progress, Reporter, Silent

__all__ = ["LABEL", "image"]

LABEL = "beambook-image.json"
LEVEL = 6  # zstd: 89 MB in 3.5 s of a core; 3 gives 96 in 1.5 s, 9 gives 88 in 5.2 s
# the standard library without what needs a screen, and without its own tests
LEFT_OUT = ("test", "tests", "idlelib", "turtledemo", "site-packages", "dist-packages")
LEFT_OUT_FILES = ("sitecustomize.py", "usercustomize.py", "EXTERNALLY-MANAGED")
WHERE = (
    "import json, sys, sysconfig;"
    "print(json.dumps([sys.base_prefix, sysconfig.get_path('stdlib'), sysconfig.get_path("
    "'platstdlib'), sysconfig.get_config_var('LIBDIR'), sysconfig.get_config_var('LDLIBRARY')]))"
)


def image(
    what: Environment | Recreated,
    path: str | PathLike[str] | None = None,
    *,
    offline: bool = False,
    cache: str | PathLike[str] | None = None,
    reporter: Reporter | None = None,
) -> Path:
    """Write an environment and its Python into one file, deterministically.

    Parameters
    ----------
    what : Environment or Recreated
        An environment is recreated first.
    path : path, optional
        The file; ``image.sqfs`` in the environment's folder if not given.
    offline, cache
        As for `recreate`.
    reporter : Reporter, optional

    Returns
    -------
    Path

    Raises
    ------
    EnvironmentProblem
        When mksquashfs is not installed or fails, or the environment cannot be recreated.

    Examples
    --------
    >>> from beambook.environment import Environment
    >>> image(Environment.load("environment"))   # doctest: +SKIP
    PosixPath('environment/image.sqfs')
    """
    tool = shutil.which("mksquashfs")
    if tool is None:
        raise EnvironmentProblem(
            "An image is made by mksquashfs, which is not installed",
            hint="apt-get install squashfs-tools",
        )
    if isinstance(what, Environment):
        what = recreate(what, offline=offline, cache=cache, reporter=reporter)
    target = Path(path or what.environment.path / "image.sqfs").absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    (reporter or Silent())(Progress("image", 0, 1, "pack"))
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _stage(what, staging / "root")
        _pack(tool, staging / "root", staging / "packed")
        (staging / "packed").replace(target)
    finally:
        remove_tree(staging)
    (reporter or Silent())(Progress("image", 1, 1, f"{target.stat().st_size / 1e6:,.0f} MB"))
    return target


def _stage(here: Recreated, root: Path) -> None:
    """Python and packages in one tree, as a Python that was installed there."""
    tree = here.python.parent.parent
    shutil.copytree(tree, root, symlinks=True, ignore=_of_venv)
    for folder, _, _ in os.walk(root):
        os.chmod(folder, 0o755)  # noqa: S103 the cache's are read-only
    version = _copy_python(here.python.resolve(), root)
    compile_bytecode(here.python.resolve(), root, without="[/\\\\]site-packages[/\\\\]")
    # for the site module: these packages, and none of the user's own folder
    (root / "pyvenv.cfg").write_text("include-system-site-packages = false\n", encoding="utf-8")
    label = {"format": 1, "digest": here.environment.digest, "python": version}
    (root / LABEL).write_text(json.dumps(label, indent=1) + "\n", encoding="utf-8")


def _of_venv(folder: str, names: list[str]) -> set[str]:
    """What only a virtual environment has: its interpreter, links, and scripts to enter it."""
    left = {".lock", ".gitignore", "CACHEDIR.TAG", "pyvenv.cfg", "lib64"} & set(names)
    if Path(folder).name == "bin":
        left |= {n for n in names if n.startswith(("python", "activate", "deactivate", "pydoc"))}
    return left


def _copy_python(python: Path, root: Path) -> str:
    """Interpreter and standard library into `root`; the minor version."""
    prefix, stdlib, platstdlib, libdir, library = _asked(python)
    name = Path(stdlib).name  # python3.11
    (root / "bin").mkdir(exist_ok=True)
    shutil.copy2(python, root / "bin" / name)
    for alias in ("python", "python3"):
        (root / "bin" / alias).symlink_to(name)
    for source in {stdlib, platstdlib}:
        shutil.copytree(
            source, root / "lib" / name, ignore=_of_stdlib, symlinks=False, dirs_exist_ok=True
        )
    shared = Path(libdir or prefix) / str(library or "")
    if ".so" in shared.name and shared.is_file():
        for each in shared.parent.glob(f"{shared.name}*"):
            shutil.copy2(each, root / "lib" / each.name)
    # Debian's Python looks for packages under a name of its own
    (root / "lib" / name / "dist-packages").symlink_to("site-packages")
    return name.removeprefix("python")


def _of_stdlib(folder: str, names: list[str]) -> set[str]:
    inside = {name for name in names if name in (*LEFT_OUT, *LEFT_OUT_FILES)}
    # headers and a static library for those who compile
    inside |= {n for n in names if n.startswith("config-") and Path(folder).name[:6] == "python"}
    return inside | {name for name in names if name.endswith((".pyc", ".a"))}


def _asked(python: Path) -> list[Any]:
    done = subprocess.run(  # noqa: S603 the interpreter that was found
        [python, "-I", "-S", "-c", WHERE], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise EnvironmentProblem(f"{python} does not say where it is: {done.stderr.strip()[-200:]}")
    said: list[Any] = json.loads(done.stdout)
    return said


def _pack(tool: str, root: Path, target: Path) -> None:
    """Pack; no time, no owner, no order by chance."""
    options = ["-comp", "zstd", "-Xcompression-level", str(LEVEL), "-all-root", "-no-xattrs"]
    options += ["-mkfs-time", "0", "-all-time", "0", "-noappend", "-no-progress", "-quiet"]
    env = {k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"}  # they exclude it
    done = subprocess.run(  # noqa: S603 the packer, arguments as a list
        [tool, root, target, *options], capture_output=True, text=True, env=env, check=False
    )
    if done.returncode:
        raise EnvironmentProblem(f"mksquashfs failed: {done.stderr.strip()[-300:]}")
