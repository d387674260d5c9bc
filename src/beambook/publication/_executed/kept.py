"""What remains of an execution when the folder that it worked in is gone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from beambook.checksum import sha256_of
from beambook.publication._seal.notebook import BOOKS
from beambook.recipe import Execution
from beambook.recipe._execution import RECORD
from beambook.recipe._notebook import dumps, write_atomically
from beambook.recipe._provenance import git_state

__all__ = ["kept"]

BESIDE = "files"


def kept(
    execution: Execution, name: str, *, wrote: Iterable[str], work: Path, home: Path, origin: Path
) -> Execution:
    """The execution with the files that it wrote, and without a word of where it worked.

    Parameters
    ----------
    execution : Execution
    name : str
        The notebook, relative to the folder.
    wrote : iterable of str
        Files in `work`, relative to it.
    work, home, origin : Path
        Where it was executed; the copy that stays; the folder that both are copies of.
    """
    folder = Path(name).parent
    outputs = {str(each["name"]): each for each in execution.outputs}
    for file in wrote:
        place = _place(file, folder, execution.path)
        target = execution.path / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(work / file, target)
        size, sha256 = target.stat().st_size, sha256_of(target)
        outputs.pop(os.path.relpath(file, folder), None)
        outputs[place] = {"name": place, "size": size, "sha256": sha256}
    recipe = execution.record["recipe"]
    record = {
        **execution.record,
        "recipe": {**recipe, "path": str(home / name), "git": git_state(origin / name)},
        "values": _near(execution.values, work / folder, work),
        "inputs": _near(execution.inputs, work / folder, work),
        "outputs": list(outputs.values()),
    }
    write_atomically(execution.path / RECORD, dumps(record))
    return replace(execution, record=record)


def _place(file: str, folder: Path, execution: Path) -> str:
    """As the notebook called it, where that is not above it, nor the name of one of our own."""
    path = Path(*(part for part in Path(file).parts if part != ".."))
    path = path.relative_to(folder) if path.is_relative_to(folder) else path
    ours = path.parts[0] in BOOKS or (execution / path).exists()
    return (Path(BESIDE, path) if ours else path).as_posix()


def _near(value: Any, folder: Path, work: Path) -> Any:
    """A document whose paths in the work folder are relative to the notebook's, as it has them."""
    if isinstance(value, Mapping):
        return {key: _near(each, folder, work) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_near(each, folder, work) for each in value]
    inside = isinstance(value, str) and Path(value).is_relative_to(work.parent)
    return os.path.relpath(value, folder) if inside else value
