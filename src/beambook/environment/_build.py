"""Wheels of packages that have none: built where their code can change nothing.

Old versions are often to be had as source only, and to build a source is to execute code of
its authors, even to learn what it needs. That is done in a sandbox, which has the network (the
tools to build with come from the index) and nothing of this machine but the system and Python.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version
from uv import find_uv_bin

from beambook.checksum import sha256_of
from beambook.environment._interpreter import folders_of
from beambook.environment._package import Package, canonical
from beambook.environment._patience import run_patiently
from beambook.environment._sandbox import sandbox
from beambook.environment._uv import told, uv_environment
from beambook.errors import EnvironmentProblem
from beambook.events import Progress, Reporter, Silent

if TYPE_CHECKING:
    from beambook.environment._recreate.interpreters import Interpreter

__all__ = ["Builder", "only_sources"]

PASSED = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "no_proxy")
PASSED_TOO = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "UV_PYTHON_DOWNLOADS")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
PATIENCE_S = 600.0
FETCH_S = 120.0
HOW = "built from its source"


class Pinned(Protocol):
    """A package at one version."""

    @property
    def name(self) -> str:
        """As indexes compare it."""

    @property
    def version(self) -> str:
        """As it was found."""


P = TypeVar("P", bound=Pinned)


def only_sources(pins: Sequence[P], files: Mapping[str, Mapping[str, Any]]) -> list[P]:
    """Those for which the index has no wheel that fits."""
    return [pin for pin in pins if pin.name in files and not files[pin.name].get("wheels")]


class Builder:
    """A place to build in, for one Python.

    Parameters
    ----------
    python : Interpreter
    anywhere : bool
        Build without a sandbox, too.
    reporter : Reporter, optional
    """

    def __init__(
        self, python: Interpreter, *, anywhere: bool, reporter: Reporter | None = None
    ) -> None:
        self.work = Path(tempfile.mkdtemp(prefix="beambook-build-"))
        self.python = python
        self._box = sandbox(self.work, network=True, plain=anywhere)
        self.possible = anywhere or self._box.confines
        self.kind = self._box.kind
        self._reporter = reporter or Silent()
        self._at = (0, 0)  # of the sources that are to be built

    def close(self) -> None:
        """Remove what was made."""
        shutil.rmtree(self.work, ignore_errors=True)

    def uv(self, *arguments: str | Path, what: str, stdin: str = "") -> str:
        """What uv prints, executed in the sandbox with a cache of its own.

        Raises
        ------
        EnvironmentProblem
            When it fails.
        """
        private = Path(tempfile.mkdtemp(prefix="private-", dir=self.work))
        program = find_uv_bin()
        words = [program, "--no-progress", "--color", "never", *map(str, arguments)]
        seen = [*folders_of(Path(program)), *folders_of(self.python.path)]
        command = self._box.argv(words, cwd=self.work, private=private, readable=seen)
        env = {**self._box.env(private), **_passed(), "UV_CACHE_DIR": str(self.work / "cache")}
        try:
            done = run_patiently(
                command, env=env, stdin=stdin, patience=PATIENCE_S, tell=partial(self._tell, what)
            )
        except subprocess.TimeoutExpired as error:
            raise EnvironmentProblem(f"Cannot {what} within {PATIENCE_S:.0f} s") from error
        if done.returncode:
            why = told(done.stderr).partition(" hint: ")[0]  # to whoever writes the package
            raise EnvironmentProblem(f"Cannot {what}: {why}")
        return done.stdout

    def wheels(
        self,
        pins: Sequence[Pinned],
        hashes: Mapping[str, Sequence[str]],
        files: Mapping[str, Mapping[str, Any]],
        into: Path,
        *options: str,
    ) -> tuple[Package, ...]:
        """Build the wheels of `pins` into a folder.

        Parameters
        ----------
        pins : sequence of Pinned
        hashes, files : mapping
            What the index has, by name; the source is compared with it.
        into : Path
        *options : str
            For uv, on where the tools to build with come from.

        Raises
        ------
        EnvironmentProblem
            When one cannot be fetched or built.
        """
        into.mkdir(exist_ok=True)
        made = []
        for number, pin in enumerate(pins):
            self._at = (number, len(pins))
            package = Package(pin.name, pin.version, tuple(hashes[pin.name]))
            source = _fetched(package, files[pin.name]["sdist"], self.work)
            made.append(self._built(package, source, into, options))
        self._at = (0, 0)
        return tuple(made)

    def _tell(self, what: str, seconds: float) -> None:
        """A build may take minutes, and says nothing itself."""
        limit = f"{what}, for at most {PATIENCE_S:.0f} s"
        self._reporter(Progress("sources", *self._at, limit, seconds))

    def _built(self, package: Package, source: Path, into: Path, options: Sequence[str]) -> Package:
        out = Path(tempfile.mkdtemp(prefix="out-", dir=self.work))
        words = ("build", "-q", "--wheel", "--python", self.python.path, "--out-dir", out)
        self.uv(*words, *options, source, what=f"build {package.pin}")
        made = [path for path in out.iterdir() if _is_wheel_of(package, path)]
        if len(made) != 1:
            raise EnvironmentProblem(f"What was built of {package.pin} is not its wheel")
        target = into / made[0].name
        shutil.copyfile(made[0], target)
        checksum = sha256_of(target)
        said = {"how": HOW, "sandbox": self.kind, "sha256": checksum}
        size = target.stat().st_size
        return Package(
            package.name,
            package.version,
            (f"sha256:{checksum}",),
            origin="wheel",
            wheel=target.name,
            source={**said, "size": size},
        )


def _fetched(package: Package, said: Mapping[str, Any], into: Path) -> Path:
    """The source as the index has it, compared with the lock."""
    url = str(said.get("url") or Path(said["path"]).absolute().as_uri())
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http", "file"):
        raise EnvironmentProblem(f"{package.pin} is at {url}, which is no address of the web")
    path = into / Path(unquote(parts.path)).name
    try:
        with urllib.request.urlopen(url, timeout=FETCH_S) as answer:  # noqa: S310 checked above
            content = answer.read()
    except (OSError, ValueError) as error:
        raise EnvironmentProblem(
            f"The source of {package.pin} cannot be fetched from {parts.netloc}: {error}"
        ) from error
    if f"sha256:{hashlib.sha256(content).hexdigest()}" not in package.hashes:
        raise EnvironmentProblem(f"The source of {package.pin} is not the file that was locked")
    path.write_bytes(content)
    return path


def _is_wheel_of(package: Package, path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    try:
        name, version, *_ = parse_wheel_filename(path.name)
    except InvalidWheelFilename:
        return False
    return canonical(name) == package.name and version == Version(package.version)


def _passed() -> dict[str, str]:
    """The index and the way to it; an address with a password is not told to foreign code."""
    known = {**uv_environment(), "UV_PYTHON_DOWNLOADS": "never"}
    kept = {
        name: known[name]
        for name in (*PASSED, *PASSED_TOO)
        if name in known and "@" not in urlsplit(known[name]).netloc
    }
    # /etc/ssl/certs is there in the sandbox
    seen = {n: os.environ[n] for n in CERTIFICATES if os.environ.get(n, "").startswith("/etc/ssl/")}
    return {**kept, **seen}
