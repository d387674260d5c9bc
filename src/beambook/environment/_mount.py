"""An image of software, made usable: mounted where FUSE works, else unpacked into the cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from beambook.checksum import sha256_of
from beambook.environment._environment import Environment
from beambook.environment._image import LABEL
from beambook.environment._interpreter import folders_of
from beambook.environment._recreate import Recreated
from beambook.environment._recreate.slot import Slot, cache_folder
from beambook.environment._sandbox import sandbox
from beambook.errors import EnvironmentProblem
from beambook.events import Progress, Reporter, Silent

__all__ = ["mounted"]

PATIENCE_S = 10.0
MOST_BYTES, MOST_FILES = 100 * 10**9, 2_000_000
MOST_LABEL = 1 << 20


@contextmanager
def mounted(
    environment: Environment,
    *,
    cache: str | PathLike[str] | None = None,
    fuse: bool | None = None,
    reporter: Reporter | None = None,
) -> Iterator[Recreated]:
    """Software of an image, for as long as the block lasts.

    Parameters
    ----------
    environment : Environment
        One with an image.
    cache : path, optional
        Where the image is unpacked if it cannot be mounted; shared, complete or absent, and
        checked each time, as all that `recreate` keeps.
    fuse : bool, optional
        Insist on a mount, or on unpacking.
    reporter : Reporter, optional
        Takes progress while it is unpacked.

    Yields
    ------
    Recreated
        Its first note says whether it is mounted or unpacked, and why.

    Raises
    ------
    EnvironmentProblem
        When there is no image, it is of other software, or neither way works here.

    Examples
    --------
    >>> with mounted(Environment.load("environment")) as here:   # doctest: +SKIP
    ...     print(here.notes[0])
    mounted by squashfuse
    """
    begin = time.perf_counter()
    if environment.image is None:
        raise EnvironmentProblem(
            f"{environment.path} has no image", hint="Make one: beambook freeze --image"
        )
    why = _why_not_fuse() if fuse is not False else "as was asked for"
    process, root = None, Path()
    if not why:
        process, root, why = _mount(environment.image)
    if why and fuse:
        raise EnvironmentProblem(f"The image cannot be mounted: {why}")
    try:
        if process is None:
            (reporter or Silent())(Progress("image", 0, 1, "unpack and check"))
            root = _unpacked(environment.image, cache_folder(cache))
            (reporter or Silent())(Progress("image", 1, 1, "", time.perf_counter() - begin))
        how = f"unpacked by unsquashfs: {why}" if why else "mounted by squashfuse"
        _check(root, environment)
        python = root / "bin" / "python"
        yield Recreated(python, environment, "image", time.perf_counter() - begin, (how,))
    finally:
        if process is not None:
            _unmount(process, root)


def _why_not_fuse() -> str:
    """Empty when an image can be mounted here."""
    if shutil.which("squashfuse") is None:
        return "squashfuse is not installed"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse is not open to this user"
    if os.geteuid() and not (shutil.which("fusermount3") or shutil.which("fusermount")):
        return "fusermount is not installed"
    return ""


def _mount(image: Path) -> tuple[subprocess.Popen[str] | None, Path, str]:
    """A mount of its own process, which ends with this one; else why there is none."""
    root = Path(tempfile.mkdtemp(prefix="beambook-image-"))
    # a killed caller leaves no mount
    ending = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
    command = ["squashfuse", "-f", "-o", "ro,nosuid,nodev", str(image.absolute()), str(root)]
    process = subprocess.Popen(  # noqa: S603 the mounter, arguments as a list
        [*ending, *command], stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        if os.path.ismount(root):
            return process, root, ""
        time.sleep(0.005)
    said = "it does not answer"
    if process.poll() is not None and process.stderr:
        said = " ".join(process.stderr.read().split())[-200:] or "squashfuse ended"
    _unmount(process, root)
    return None, Path(), said


def _unmount(process: subprocess.Popen[str], root: Path) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stderr:
        process.stderr.close()
    if os.path.ismount(root):  # somebody still works in it: it goes when he does
        tools = (("fusermount3", "-uz"), ("fusermount", "-uz"), ("umount", "-l"))
        found = next((tool for tool in tools if shutil.which(tool[0])), tools[-1])
        subprocess.run([*found, str(root)], capture_output=True, check=False)  # noqa: S603
    if root.exists() and not os.path.ismount(root):
        root.rmdir()


def _unpacked(image: Path, cache: Path) -> Path:
    """The image as a folder in the cache, under the checksum of its content."""
    tool = shutil.which("unsquashfs")
    if tool is None:
        raise EnvironmentProblem(
            "The image can neither be mounted nor unpacked here",
            hint="apt-get install squashfs-tools squashfuse",
        )
    slot = Slot(cache / f"image-{sha256_of(image)}")
    with slot.locked():
        changes = slot.check()
        if changes is None or changes:
            slot.make(lambda tree: _unpack(tool, image, tree))
    return slot.folder / "tree"


def _unpack(tool: str, image: Path, tree: Path) -> dict[str, Any]:
    _refuse_hostile(_run([tool, "-lln", str(image)]))
    _run([tool, "-no-xattrs", "-no-progress", "-quiet", "-dest", str(tree), str(image)])
    return {"how": "image", "notes": []}


def _refuse_hostile(listing: str) -> None:
    """An image from outside could hold devices, programs that run as root, or a bomb."""
    sizes = []
    for line in listing.splitlines():
        mode, *rest = line.split(maxsplit=3)
        if mode[:1] not in "dl-" or set(mode[1:]) & set("sStT"):
            raise EnvironmentProblem(f"The image is refused: it holds {line[:100]!r}")
        sizes.append(int(rest[1]) if mode[0] == "-" else 0)
    if len(sizes) > MOST_FILES or sum(sizes) > MOST_BYTES:
        raise EnvironmentProblem(
            f"The image is refused: {len(sizes):,} files, {sum(sizes) / 1e9:,.0f} GB unpacked"
        )


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise EnvironmentProblem(f"{command[0]} failed: {done.stderr.strip()[-300:]}")
    return done.stdout


def _check(root: Path, environment: Environment) -> None:
    """That it is this environment's, keeps to itself, and runs here."""
    label = _label(root / LABEL)
    if label is None:
        raise EnvironmentProblem(f"{environment.image} is no image of software")
    if label.get("digest") != environment.digest:
        raise EnvironmentProblem(f"{environment.image} is an image of other software")
    python = root / "bin" / "python"
    home = root.resolve()
    # a sandbox lets its Python read every folder that it is spread over
    if not all(each.resolve().is_relative_to(home) for each in folders_of(python)):
        raise EnvironmentProblem(f"{environment.image} is refused: its Python lies outside of it")
    with tempfile.TemporaryDirectory(prefix="beambook-image-") as folder:
        work, private = Path(folder) / "work", Path(folder) / "private"
        work.mkdir()
        box = sandbox(work)  # it is a program that others have made
        command = box.argv([str(python), "-I", "-S", "-c", ""], cwd=work, private=private)
        done = subprocess.run(  # noqa: S603 in the sandbox
            command, env=box.env(private), capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise EnvironmentProblem(
            f"The image's Python does not run here: {done.stderr.strip()[-200:]}",
            hint="Was it made for another processor, or a newer C library?",
        )


def _label(path: Path) -> Mapping[str, Any] | None:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MOST_LABEL:
            return None
        label = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return label if isinstance(label, Mapping) else None
