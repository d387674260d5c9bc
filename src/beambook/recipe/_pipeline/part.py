"""The parts of a pipeline: the same recipe with values of their own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from beambook.errors import NotebookError, ParameterNotFound
from beambook.parameters import Parameters
from beambook.recipe._pipeline.pipeline import Pipeline
from beambook.recipe._pipeline.recorded import decoded

__all__ = ["UNKNOWN_SECONDS", "Part", "part_of", "parts_of"]

UNKNOWN_SECONDS = 60.0
NAME, SECONDS = "_name", "_seconds"
NAME_MOST = 80


@dataclass(frozen=True)
class Part:
    """One of the many.

    Attributes
    ----------
    name : str
        As people call it: ``AGIPD07 S00002``.
    folder : str
        Its folder below ``parts/``, unique.
    values : mapping
        What this part has for itself, as JSON has it.
    seconds : float
        How long it may take, about.
    """

    name: str
    folder: str
    values: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = UNKNOWN_SECONDS

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Part:
        """Read back what `to_json` wrote."""
        return cls(**document)

    def to_json(self) -> dict[str, Any]:
        """As ``pipeline.json`` has it."""
        return {
            "name": self.name,
            "folder": self.folder,
            "values": dict(self.values),
            "seconds": self.seconds,
        }


def parts_of(recorded: Any, pipeline: Pipeline) -> tuple[Part, ...]:
    """The parts that the notebook before has recorded, checked.

    Parameters
    ----------
    recorded : object
        Value of the result ``parts``, as the record has it.
    pipeline : Pipeline

    Returns
    -------
    tuple of Part

    Raises
    ------
    NotebookError
        If it is not a list of mappings.
    ParameterNotFound, ParameterError
        If a part has values that the recipe cannot take.
    """
    stated = decoded(recorded)
    if not isinstance(stated, list) or not all(isinstance(each, dict) for each in stated):
        where = pipeline.before.name if pipeline.before else "the notebook"
        raise NotebookError(
            f"{where} recorded 'parts' that are no list of mappings",
            hint='Record them so: bb.record("parts", [{"modules": [0], "_seconds": 40}, …])',
        )
    return _made([part_of(each, pipeline) for each in stated])


def part_of(stated: Mapping[str, Any], pipeline: Pipeline) -> Part:
    """One part, its values checked; the name is what it was given or what it has."""
    values = {key: value for key, value in stated.items() if not key.startswith("_")}
    if pipeline.over:
        for name in values:
            if name not in pipeline.over:
                raise ParameterNotFound(name, pipeline.over, where=f"'over' of {pipeline.path}")
    parameters = pipeline.recipe.parameters
    typed = parameters.from_json(values)
    return Part(
        name=" ".join(str(stated.get(NAME) or _called(values)).split()),
        folder="",
        values=parameters.to_json(typed),
        seconds=_positive(stated.get(SECONDS)),
    )


def _made(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Parts with names and folders that no two share."""
    made: list[Part] = []
    names: Counter[str] = Counter()
    folders: set[str] = set()
    for part in parts:
        names[part.name] += 1
        again = names[part.name] > 1
        name = f"{part.name} ({names[part.name]})" if again else part.name
        folder = slug = re.sub(r"[^\w.=+-]+", "-", name).strip("-.")[:NAME_MOST] or "part"
        number = 1
        while folder.lower() in folders:
            number += 1
            folder = f"{slug}-{number}"
        folders.add(folder.lower())
        made.append(Part(name, folder, part.values, part.seconds))
    return tuple(made)


def from_values(values: Iterable[Mapping[str, Any]], parameters: Parameters) -> tuple[Part, ...]:
    """Parts of values that a person has given, named by them."""
    typed = (parameters.to_json(dict(each)) for each in values)
    return _made(Part(_called(each) or "the whole", "", each) for each in typed)


def _called(values: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={_short(value)}" for name, value in values.items())


def _short(value: Any) -> str:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    text = str(value).replace(" ", "")
    return text if len(text) <= 24 else f"{text[:23]}…"


def _positive(seconds: Any) -> float:
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return float(seconds) if number and 0 < seconds < float("inf") else UNKNOWN_SECONDS
