"""Put a frozen environment into its folder: complete, or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from beambook.environment._containers import write_containers
from beambook.environment._environment import PYLOCK, RECORD, REQUIREMENTS, Environment
from beambook.environment._lock import pylock, requirements
from beambook.errors import EnvironmentProblem

__all__ = ["fresh_folder", "write_lock"]


def write_lock(environment: Environment, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Write ``environment.json``, both locks, and the recipes of containers.

    Parameters
    ----------
    environment : Environment
    files : mapping
        For each name ``sdist`` and ``wheels`` as in a ``pylock.toml``.
    """
    texts = {
        PYLOCK: pylock(environment.python, environment.packages, files),
        REQUIREMENTS: requirements(environment.packages),
        RECORD: json.dumps(environment.to_json(), indent=1, ensure_ascii=False) + "\n",
    }
    for name, text in texts.items():
        path = environment.path / name
        part = path.with_name(f".{name}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    write_containers(environment)


@contextmanager
def fresh_folder(into: Path) -> Iterator[Path]:
    """A folder to write into that takes the place of `into` when all went well.

    Parameters
    ----------
    into : Path
        Empty, not there, or a frozen environment, which is replaced.

    Yields
    ------
    Path
        Beside `into`.

    Raises
    ------
    EnvironmentProblem
        If `into` holds something else.
    """
    into = into.absolute()
    if into.exists() and not _may_be_replaced(into):
        raise EnvironmentProblem(
            f"{into} holds something that is no frozen environment",
            hint="Name another folder, or a new one",
        )
    into.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{into.name}-", dir=into.parent))
    try:
        fresh, old = work / "fresh", work / "old"
        fresh.mkdir()
        yield fresh
        if into.exists():
            into.rename(old)
        try:
            fresh.rename(into)
        except OSError:
            if old.exists():
                old.rename(into)
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _may_be_replaced(folder: Path) -> bool:
    return folder.is_dir() and ((folder / RECORD).is_file() or not os.listdir(folder))
