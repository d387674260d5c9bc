"""The other files of a run beside the corrected ones."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from beambook.errors import ParameterError

__all__ = ["put_control"]

How = Literal["link", "copy", "none"]


def put_control(files: Iterable[Path], out_folder: str | Path, how: How = "link") -> list[Path]:
    """Put files of a raw run into the folder of corrected data, where they are not yet.

    Parameters
    ----------
    files : iterable of Path
    out_folder : str or Path
    how : {"link", "copy", "none"}
        Symbolic links by default: raw data stays where it is. A copy appears when it is complete.

    Returns
    -------
    list of Path
        What was made.

    Raises
    ------
    ParameterError
        There is no such way.
    """
    if how not in ("link", "copy", "none"):
        raise ParameterError(f"control={how!r} is none of link, copy, none")
    folder = Path(out_folder)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for file in files:
        target = folder / file.name
        if how == "none" or target.exists():
            continue
        temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            if how == "link":
                temporary.symlink_to(file.resolve())
            else:
                shutil.copyfile(file, temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        made.append(target)
    return made
