"""What files answered when they were asked about a source, kept to be asked no more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["MISSING", "Answers"]

MISSING = object()


@dataclass(eq=False)
class Answers:
    """Answers about one source, as JSON has them.

    Attributes
    ----------
    found : dict
        For each question (kind and subject, e.g. ``("rows", "image")``) the answers by the
        token of the state of a file. A file that has changed has another token.
    changed : bool
        Whether there are answers that are not stored yet.
    """

    found: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    changed: bool = False

    def get(self, kind: str, subject: str, token: str) -> Any:
        """The answer of a file, or `MISSING`."""
        return self.found.get((kind, subject), {}).get(token, MISSING)

    def put(self, kind: str, subject: str, token: str, answer: Any) -> None:
        """Keep an answer."""
        self.found.setdefault((kind, subject), {})[token] = answer
        self.changed = True

    def subjects(self, kind: str) -> list[str]:
        """What was asked about."""
        return [subject for of, subject in self.found if of == kind]

    def fill(self, other: Answers) -> None:
        """Take what only the other has."""
        for question, answers in other.found.items():
            self.found[question] = answers | self.found.get(question, {})

    def document(self, tokens: Iterable[str]) -> dict[str, Any]:
        """For JSON, each answer once; of these states of files only."""
        wanted, values, places = set(tokens), _Pool(), _Pool()
        rows = []
        for (kind, subject), answers in self.found.items():
            kept = {t: a for t, a in answers.items() if t in wanted}
            of = [places.number(token) for token in kept]
            rows.append([kind, subject, of, [values.number(a) for a in kept.values()]])
        return {"states": places.values, "values": values.values, "answers": rows}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Answers:
        """Undo `document`; raises what damaged contents raise."""
        states, values = document["states"], document["values"]
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for kind, subject, of, what in document["answers"]:
            pairs = zip(of, what, strict=True)
            found[kind, subject] = {states[s]: values[v] for s, v in pairs}
        return cls(found)


class _Pool:
    """Values by number, equal ones once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: Any) -> int:
        text = json.dumps(value)
        if text not in self._numbers:
            self._numbers[text] = len(self.values)
            self.values.append(value)
        return self._numbers[text]
