"""All declared inputs of a notebook, and the forms that one declaration takes."""

from __future__ import annotations

import copy
import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beambook.card import Card, Described, Table
from beambook.errors import BeambookError, NotebookError, ParameterError, ParameterNotFound
from beambook.parameters._cells import read_cells
from beambook.parameters._declare import NOTHING
from beambook.parameters._interpret import declare
from beambook.parameters._notebook import load, metadata_of
from beambook.parameters._parameter import Parameter
from beambook.parameters._plain import same
from beambook.parameters._schema import to_json

if TYPE_CHECKING:
    import click

__all__ = ["Parameters"]


@dataclass(frozen=True, repr=False)
class Parameters(Described):
    r"""The declared inputs of a notebook.

    Iterating gives each `Parameter` in the order of the cell; ``parameters["run"]``
    and ``"run" in parameters`` go by name.

    Attributes
    ----------
    parameters : tuple of Parameter
    where : str
        What the notebook is called in messages.
    reason : str
        Why there are none, if the notebook cannot have any (another language …).
    computed : mapping of str to int
        Names in the cell whose value is worked out there, with their line.

    Examples
    --------
    >>> cell = "run = 487  # run number, required\nbins: list[int] = [1, 2]  # 0..99"
    >>> notebook = {"cells": [{"cell_type": "code", "source": cell, "metadata": {}}]}
    >>> parameters = Parameters.of(notebook)
    >>> parameters.parse(["run=9", "bins=0-5,8"])
    {'run': 9, 'bins': [0, 1, 2, 3, 4, 5, 8]}
    >>> print(parameters.write(notebook, {"run": 9})["cells"][0]["source"])
    run = 9  # run number, required
    bins: list[int] = [1, 2]  # 0..99
    >>> parameters.validate({"rnu": 9})
    Traceback (most recent call last):
    ...
    beambook.errors.ParameterError: No parameter 'rnu' in the notebook; did you mean 'run'?
    run: a value is required
    """

    parameters: tuple[Parameter, ...] = ()
    where: str = "the notebook"
    reason: str = ""
    computed: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, notebook: Any) -> Parameters:
        """Read the parameters of a notebook; no kernel starts, nothing is evaluated.

        Parameters
        ----------
        notebook : str, Path, NotebookNode or mapping

        Returns
        -------
        beambook.parameters.Parameters
            Empty, with a `reason`, if the notebook is not Python.

        Raises
        ------
        RunNotFound
            If there is no such file.
        NotebookError
            If it is no notebook, or its metadata contradict their own form.
        """
        loaded, where = load(notebook)
        try:
            declaring, *injected = read_cells(loaded)
        except NotebookError as error:
            return cls(where=where, reason=error.message)
        found = dict(declaring.declarations)
        for cell in injected:  # papermill's values win when the notebook is executed
            for name, each in cell.declarations.items():
                if name in found and each.value is not NOTHING:
                    found[name] = replace(found[name], value=each.value)
        facts = metadata_of(loaded)
        made = (declare(each, facts.get(name, {})) for name, each in found.items())
        return cls(tuple(made), where, computed=declaring.computed)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __len__(self) -> int:
        return len(self.parameters)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> Parameter:
        found = self._find(name)
        if found is None:
            raise self._unknown(name)
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the order of the cell."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def defaults(self) -> dict[str, Any]:
        """The values that the notebook has, also those that are only examples."""
        return {each.name: copy.deepcopy(each.default) for each in self if each.has_default}

    def _find(self, name: str) -> Parameter | None:
        wanted = unicodedata.normalize("NFKC", str(name))  # as Python reads identifiers
        by_name = {parameter.name: parameter for parameter in self.parameters}
        return by_name.get(wanted) or by_name.get(wanted.replace("-", "_"))

    def _unknown(self, name: str) -> ParameterNotFound:
        line = self.computed.get(str(name))
        hint = f"Line {line} of the cell works it out, so it cannot be given." if line else ""
        return ParameterNotFound(name, self.names, where=self.where, hint=hint)

    def parse(self, given: Iterable[str] | Mapping[str, Any]) -> dict[str, Any]:
        """Values from text, as typed on a command line or into a form.

        Parameters
        ----------
        given : iterable of str, or mapping
            ``["run=9", "bins=0-5,8"]`` or ``{"run": "9"}``. In a mapping None means
            "not given", and a value that is no text is validated as it is: so click's
            arguments can be handed over as they come.

        Returns
        -------
        dict
            Only what was given, typed.

        Raises
        ------
        ParameterNotFound
            If a name is unknown; it names the closest.
        ParameterError
            If a value is not allowed; with several problems all of them, a line each.
        NotebookError
            If the notebook cannot have parameters.
        """
        problems: dict[str, BeambookError] = {}
        values: dict[str, Any] = {}
        for name, text in _pairs(given, problems):
            try:
                parameter = self[name]
                if parameter.name in values:
                    raise ParameterError(f"{parameter.name}: is given twice")
                read = parameter.parse if isinstance(text, str) else parameter.validate
                values[parameter.name] = read(text)
            except (ParameterNotFound, ParameterError) as error:
                problems[name] = error
        self._refuse(problems)
        return values

    def validate(self, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """All values, typed: those given, and the defaults of the others.

        Parameters
        ----------
        values : mapping of str to object, optional

        Returns
        -------
        dict
            Plain Python values in the order of the cell.

        Raises
        ------
        ParameterNotFound
            If a name is unknown; it names the closest.
        ParameterError
            If a value is missing or not allowed; with several problems all of them,
            a line each.
        NotebookError
            If the notebook cannot have parameters, and values are given.
        """
        done, problems = self._check(values or {})
        for each in self:
            if each.required and each.name not in done:
                missing = ParameterError(f"{each.name}: a value is required")
                problems.setdefault(each.name, missing)
        self._refuse(problems)
        return {
            each.name: done[each.name] if each.name in done else copy.deepcopy(each.default)
            for each in self
        }

    def _check(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, BeambookError]]:
        done: dict[str, Any] = {}
        problems: dict[str, BeambookError] = {}
        for given, value in values.items():
            name = str(given)
            try:
                parameter = self[name]
                name = parameter.name
                if name in done:
                    raise ParameterError(f"{name}: is given twice")
                done[name] = parameter.validate(value)
            except (ParameterNotFound, ParameterError) as error:
                problems[name] = error
        return done, problems

    def _refuse(self, problems: Mapping[str, BeambookError]) -> None:
        if problems and self.reason:
            raise NotebookError(f"{self.where} has no parameters: {self.reason}")
        if len(problems) == 1:
            raise next(iter(problems.values()))
        if problems:
            raise ParameterError("\n".join(map(str, problems.values())))

    def schema(self) -> dict[str, Any]:
        """JSON schema (draft 2020-12) of the values: an object with a property each.

        The unit is the keyword ``unit``. What the schema lets pass, `validate` lets pass.
        """
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.where,
            "type": "object",
            "properties": {parameter.name: parameter.schema() for parameter in self},
            "required": [parameter.name for parameter in self if parameter.required],
            "additionalProperties": False,
        }

    def options(self) -> list[click.Option]:
        """Command-line flags: ``click.Command("run", params=parameters.options(), …)``.

        They take text; hand what the command gets to `parse`, which names all problems
        at once. Each option's ``help`` is a line for the documentation.
        """
        return [parameter.option() for parameter in self]

    def to_json(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values as JSON has them: paths and dates as texts, nan as ``"nan"``."""
        return {name: to_json(value) for name, value in values.items()}

    def from_json(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Values from JSON, typed; only those that are there.

        Raises
        ------
        ParameterNotFound, ParameterError, NotebookError
            As `validate` does.
        """
        done, problems = self._check(document)
        self._refuse(problems)
        return done

    def write(self, notebook: Any, values: Mapping[str, Any]) -> Any:
        """A new notebook that has the values; all else stays as it is, to the byte.

        Parameters
        ----------
        notebook : str, Path, NotebookNode or mapping
            Is not changed.
        values : mapping of str to object
            Are validated; a value that the notebook has already leaves its text alone.

        Returns
        -------
        NotebookNode or mapping
            Of the same kind as `notebook`; a NotebookNode for a path.

        Raises
        ------
        ParameterNotFound, ParameterError, NotebookError
            As `validate` does.
        """
        complete = self.validate(values)
        made = _fresh(notebook)
        if not self.parameters:
            return made
        here = Parameters.of(made)
        if lost := [name for name in complete if name not in here]:
            raise here._unknown(lost[0])
        before = {each.name: each.default if each.has_default else NOTHING for each in here}
        changed = {name: value for name, value in complete.items() if not same(value, before[name])}
        for cell in read_cells(made) if changed else []:
            cell.write(changed)
        return made

    def card(self) -> Card:
        """A table of all parameters."""
        required = ", ".join(each.name for each in self if each.required)
        facts = {"parameters": str(len(self)) + (f" ({self.reason})" if self.reason else "")}
        if required:
            facts["required"] = required
        columns = ("name", "type", "default", "unit", "range", "help")
        table = Table(columns, tuple(each.row for each in self))
        return Card("Parameters", self.where, facts, (table,) if self.parameters else ())


def _pairs(
    given: Iterable[str] | Mapping[str, Any], problems: dict[str, BeambookError]
) -> Iterator[tuple[str, Any]]:
    if isinstance(given, Mapping):
        yield from ((name, value) for name, value in given.items() if value is not None)
        return
    for word in [given] if isinstance(given, str) else given:
        name, equals, text = word.partition("=")
        if equals and name.strip():
            yield name.strip(), text
        else:
            problems[word] = ParameterError(f"{word!r} is not name=value")


def _fresh(notebook: Any) -> Any:
    """A copy of a notebook that can be changed."""
    if not isinstance(notebook, str | os.PathLike):
        return copy.deepcopy(load(notebook)[0])
    load(notebook)  # says what is wrong with the file in our words
    from nbformat import reader

    made = reader.reads(Path(notebook).read_text(encoding="utf-8-sig"))  # type: ignore[no-untyped-call]
    return load(made)[0]
