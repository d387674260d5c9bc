"""``pipeline.json``: what was asked, what the parts are, what was submitted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from beambook.checksum import sha256_of
from beambook.errors import DamagedFile, RunNotFound
from beambook.recipe._notebook import dumps, write_atomically
from beambook.recipe._pipeline.part import Part
from beambook.recipe._pipeline.pipeline import Pipeline
from beambook.recipe._provenance import stamp, who_and_where
from beambook.recipe._recipe import Recipe

__all__ = ["DOCUMENT", "Asked"]

DOCUMENT = "pipeline.json"
VERSION = 1


@dataclass(frozen=True)
class Asked:
    """All that a power cut must not lose; the rest is seen in the folders.

    Attributes
    ----------
    notebooks : mapping
        ``before``, ``recipe``, ``after``: name, title, author, path and sha256; None if absent.
    values : mapping
        As the person gave them, JSON.
    options : mapping
        ``kernel``, ``time_limit``, ``code``.
    on : str
        ``local`` or ``slurm``, or the class of another Runner.
    shared : mapping
        What the notebook before says to all.
    parts : tuple of Part or None
        None until they are known.
    groups : tuple of tuple of int
        Positions of the parts of each task.
    error : str
        What ended it before there were tasks.
    refused : bool
        Whether that is a mistake in what was asked, not work that failed.
    who : mapping
        When, on what host and by whom it was asked.
    """

    notebooks: Mapping[str, Any]
    values: Mapping[str, Any]
    options: Mapping[str, Any]
    on: str
    shared: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[Part, ...] | None = None
    groups: tuple[tuple[int, ...], ...] = ()
    error: str = ""
    refused: bool = False
    who: Mapping[str, Any] = field(default_factory=lambda: {"created": stamp(), **who_and_where()})

    @classmethod
    def new(
        cls, pipeline: Pipeline, values: Mapping[str, Any], options: Mapping[str, Any], on: str
    ) -> Asked:
        """What is known before anything starts."""
        roles = {"before": pipeline.before, "recipe": pipeline.recipe, "after": pipeline.after}
        notebooks = {role: _about(recipe) for role, recipe in roles.items()}
        return cls(notebooks | {"over": list(pipeline.over)}, values, options, on)

    @classmethod
    def load(cls, folder: Path) -> Asked:
        """Read it back.

        Raises
        ------
        RunNotFound
            If there is none.
        DamagedFile
            If it cannot be understood.
        """
        path = folder / DOCUMENT
        try:
            said = json.loads(path.read_bytes())
            before = Path(said.get("folder", folder))
            parts = _moved(said["parts"], before, folder.absolute())
            return cls(
                notebooks=said["notebooks"],
                values=said["values"],
                options=said["options"],
                on=said["on"],
                shared=_moved(said["shared"], before, folder.absolute()),
                parts=None if parts is None else tuple(map(Part.from_json, parts)),
                groups=tuple(tuple(group) for group in said["groups"]),
                error=said["error"],
                refused=said.get("refused", False),
                who=said["who"],
            )
        except FileNotFoundError:
            raise RunNotFound(f"No pipeline {str(folder)!r}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedFile(f"{str(path)!r} is no record of a pipeline: {error!r}") from error

    def save(self, folder: Path) -> None:
        """Write it in one step."""
        document = {
            "version": VERSION,
            "folder": str(folder.absolute()),
            "notebooks": self.notebooks,
            "values": self.values,
            "options": self.options,
            "on": self.on,
            "shared": self.shared,
            "parts": None if self.parts is None else [part.to_json() for part in self.parts],
            "groups": self.groups,
            "error": self.error,
            "refused": self.refused,
            "who": self.who,
        }
        write_atomically(folder / DOCUMENT, dumps(document))

    def but(self, **changes: Any) -> Asked:
        """The same with some things changed."""
        return replace(self, **changes)

    @property
    def pipeline(self) -> Pipeline:
        """The notebooks themselves, where they were when it was asked."""
        recipe = self._recipe("recipe")
        assert recipe is not None  # noqa: S101
        path = recipe.path.with_suffix(".yml")
        over = tuple(self.notebooks.get("over") or ())
        return Pipeline(
            recipe, self._recipe("before"), self._recipe("after"), over,
            path if path.is_file() else None,
        )  # fmt: skip

    def title(self, role: str = "recipe") -> str:
        """Title of one of the notebooks."""
        about = self.notebooks.get(role) or {}
        return str(about.get("title") or about.get("name") or "")

    def _recipe(self, role: str) -> Recipe | None:
        about = self.notebooks.get(role)
        return Recipe(Path(about["path"]), about["name"]) if about else None


def _moved(value: Any, before: Path, now: Path) -> Any:
    """A value with its paths in the pipeline's own folder as they are since that was moved."""
    if before == now:
        return value
    if isinstance(value, str):
        path = Path(value)
        return str(now / path.relative_to(before)) if path.is_relative_to(before) else value
    if isinstance(value, list):
        return [_moved(each, before, now) for each in value]
    if isinstance(value, dict):
        return {key: _moved(each, before, now) for key, each in value.items()}
    return value


def _about(recipe: Recipe | None) -> dict[str, str] | None:
    if recipe is None:
        return None
    return {
        "name": recipe.name,
        "title": recipe.title,
        "author": recipe.author,
        "path": str(recipe.path),
        "sha256": sha256_of(recipe.path),
    }
