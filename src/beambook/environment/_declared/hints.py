"""What a notebook's own outputs tell of the software that it ran in: Python and date."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from beambook.environment._declared.found import entries, mapping, texts

__all__ = ["dates_of", "notebooks_in", "python_of"]

MOST = 200  # notebooks of a folder that are asked
FIRST_NOTEBOOKS = date(2011, 1, 1)


def notebooks_in(folder: Path) -> list[Path]:
    """Notebooks below a folder, those that a tool keeps for itself left out."""
    found = (p for p in sorted(folder.rglob("*.ipynb")) if not _is_hidden(p.relative_to(folder)))
    return [path for path, _ in zip(found, range(MOST), strict=False)]


def python_of(paths: Iterable[Path]) -> str:
    """The newest Python that one of the notebooks was executed with, as they say it themselves."""
    versions = {version for path in paths if (version := _python(_read(path)))}
    return max(versions, key=lambda v: tuple(map(int, v.split("."))), default="")


def dates_of(paths: Iterable[Path]) -> date | None:
    """The day of the last execution that one of the notebooks tells of."""
    today = datetime.now(UTC).date() + timedelta(days=1)
    days = [day for path in paths for day in _days(_read(path)) if FIRST_NOTEBOOKS < day <= today]
    return max(days, default=None)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _read(path: Path) -> Mapping[str, Any]:
    """A notebook, or nothing: a hint is not worth an error."""
    try:
        return mapping(json.loads(path.read_text(encoding="utf-8-sig", errors="replace")))
    except (OSError, ValueError, RecursionError):
        return {}


def _python(notebook: Mapping[str, Any]) -> str:
    info = mapping(mapping(notebook.get("metadata")).get("language_info"))
    if str(info.get("name", "python")).lower() != "python":
        return ""
    version = next(iter(texts(info.get("version"))), "")
    return version if re.fullmatch(r"3\.\d{1,2}(\.\d{1,2})?", version) else ""


def _days(notebook: Mapping[str, Any]) -> Iterator[date]:
    for cell in entries(notebook.get("cells")):
        known = mapping(cell.get("metadata"))
        said = [
            *mapping(known.get("execution")).values(),
            *mapping(known.get("ExecuteTime")).values(),
        ]
        for each in said:
            try:
                yield datetime.fromisoformat(str(each).replace("Z", "+00:00")).date()
            except ValueError:
                continue
