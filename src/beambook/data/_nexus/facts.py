"""What an entry says of itself: title, instrument, sample, times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import h5py

from beambook.data._nexus.read import read_text
from beambook.data._nexus.text import text_of
from beambook.data._nexus.tree import Field, Group, Tree, name_of

__all__ = ["Facts", "facts_of"]

EXPECTED = ("title", "instrument", "sample", "start_time")
PLAIN_NAMES = {"instrument", "sample", "sasinstrument", "sassample", "user", "source"}


@dataclass(frozen=True)
class Facts:
    """Texts as stored; empty where the file does not say.

    Attributes
    ----------
    title, instrument, sample, start_time, end_time : str
    definition : str
        The application definition, e.g. ``"NXmx"``.
    user, facility, identifier : str
    """

    title: str = ""
    instrument: str = ""
    sample: str = ""
    start_time: str = ""
    end_time: str = ""
    definition: str = ""
    user: str = ""
    facility: str = ""
    identifier: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """Which of title, instrument, sample and start time the file does not say."""
        return tuple(name for name in EXPECTED if not getattr(self, name))


def facts_of(file: h5py.File, tree: Tree) -> Facts:
    """Look in the entry, then in what it holds, nearest first."""
    look = _Look(file, tree)
    return Facts(
        look.field("title"),
        look.name("NXinstrument", "name", "short_name", "beamline") or look.field("instrument"),
        look.name("NXsample", "name", "sample_name", "sample_id", "ID", "short_title",
                  "description", "chemical_formula") or look.field("sample"),
        look.field("start_time", "time", "start", "date") or look.attribute("file_time"),
        look.field("end_time", "end"),
        look.field("definition"),
        look.name("NXuser", "name"),
        look.name("NXsource", "name"),
        look.field("entry_identifier", "experiment_identifier", "run_number", "run",
                   "scan_number"),
    )  # fmt: skip


class _Look:
    def __init__(self, file: h5py.File, tree: Tree) -> None:
        self.file, self.top = file, tree.top
        self.groups = list(tree.top.walk())

    def field(self, *names: str) -> str:
        """The first text under one of these names in the entry itself, or in a subentry."""
        tops = [self.top, *(g for g in self.groups if g.nx_class == "NXsubentry")]
        fields = (_called(group, name) for group in tops for name in names)
        return next(filter(None, (self._short(each) for each in fields)), "")

    def name(self, nx_class: str, *names: str) -> str:
        """What a group of a class is called: by a field, an attribute, or its own name."""
        groups = list(self._of_class(nx_class))
        for group in groups:
            for name in names:
                field = _called(group, name)
                found = self._short(field) or text_of(group.attrs.get(name))
                if not found and field is not None:
                    found = text_of(field.attrs.get("short_name"))
                if found and not found.startswith("{"):
                    return found
        own = (name_of(group.path) for group in groups)
        return next((name for name in own if name.lower().rstrip("_0123456789") not in
                     PLAIN_NAMES and nx_class == "NXinstrument"), "")  # fmt: skip

    def attribute(self, name: str) -> str:
        """An attribute of the entry."""
        found = text_of(self.top.attrs.get(name))
        return "" if found.startswith("{") else found

    def _of_class(self, nx_class: str) -> Iterator[Group]:
        plain = nx_class.removeprefix("NX")
        for group in self.groups:
            unsaid = not group.nx_class and name_of(group.path).lower() == plain
            if group.nx_class == nx_class or unsaid:
                yield group

    def _short(self, field: Field | None) -> str:
        return read_text(self.file, field)


def _called(group: Group, name: str) -> Field | None:
    if name in group.fields:
        return group.fields[name]
    return next((f for n, f in group.fields.items() if n.lower() == name.lower()), None)
