"""uv, the tool that finds, locks and installs Python packages.

uv reads the user's own ``uv.toml`` and ``UV_*``, but not pip's configuration: where a
facility told pip of its index, uv is told the same. It never works in a folder from
outside, whose ``uv.toml`` could send it to another index.
"""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from uv import find_uv_bin

from beambook.errors import EnvironmentProblem

__all__ = ["run_uv", "told", "uv_environment"]

# the first one misleads uv; the other, which many containers set, starts what was just installed
NOT_PASSED = ("VIRTUAL_ENV", "UV_COMPILE_BYTECODE")
TOLD = 12  # lines of uv's own words that an error repeats


def run_uv(
    *arguments: str | Path,
    what: str,
    stdin: str = "",
    cwd: Path | None = None,
    hint: str = "",
    env: Mapping[str, str] | None = None,
) -> str:
    """What uv prints to stdout.

    Parameters
    ----------
    *arguments : str or path
        ``"pip", "compile", "-"``.
    what : str
        What could not be done if uv fails: ``"lock the requirements of paper.ipynb"``.
    stdin : str
        What uv reads.
    cwd : path, optional
        Where uv works; an empty folder if not given.
    hint : str
        What to do next if uv fails.
    env : mapping, optional
        Variables besides those of this process.

    Raises
    ------
    EnvironmentProblem
        When uv fails, with its own words.
    """
    with tempfile.TemporaryDirectory(prefix="beambook-uv-") as empty:
        done = subprocess.run(  # noqa: S603 uv's own binary, arguments as a list
            [find_uv_bin(), "--no-progress", "--color", "never", *map(str, arguments)],
            cwd=cwd or empty,
            env={**uv_environment(), **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
        )
    if done.returncode:
        raise EnvironmentProblem(f"Cannot {what}: {told(done.stderr)}", hint=hint)
    return done.stdout


def uv_environment() -> dict[str, str]:
    """Environment variables for uv: the index that pip would use, no other Python downloaded."""
    env = {name: value for name, value in os.environ.items() if name not in NOT_PASSED}
    env.setdefault("UV_PYTHON_DOWNLOADS", "never")
    env.setdefault("UV_NO_PROGRESS", "1")
    if not any(env.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL")):
        env.update(_index_of_pip(os.environ))
    return env


def _index_of_pip(env: Mapping[str, str]) -> dict[str, str]:
    if url := env.get("PIP_INDEX_URL"):
        return {"UV_DEFAULT_INDEX": url}
    for path in _pip_files(env):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        if url := parser.get("global", "index-url", fallback=""):
            return {"UV_DEFAULT_INDEX": url.strip()}
    return {}


def _pip_files(env: Mapping[str, str]) -> Iterator[Path]:
    """Where pip looks for its configuration, the one that counts most first."""
    if given := env.get("PIP_CONFIG_FILE"):
        yield Path(given)
    home = Path.home()
    config = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
    yield from (Path(sys.prefix) / "pip.conf", config / "pip" / "pip.conf")
    yield from (home / ".pip" / "pip.conf", Path("/etc/pip.conf"))


def told(stderr: str) -> str:
    """What uv complains of, without the warnings about interpreters that it did not want anyway."""
    text = stderr.strip()
    starts = [at for word in ("error: ", "  × ") if (at := text.find(word)) >= 0]
    lines = text[min(starts, default=0) :].removeprefix("error: ").splitlines()
    kept = [line.strip(" ×╰─▶│├") for line in lines[:TOLD]]
    return " ".join(line for line in kept if line).rstrip(".") or "uv said nothing"
