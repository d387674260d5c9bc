"""The groups and fields of a NeXus entry, read in one bounded walk that never fails.

Links may lead anywhere: nowhere, in circles, into files that are not there or that are no files.
What cannot be followed is remembered under its name, so that it can be said.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from beambook.data._nexus.links import FAULTS, lost_sources, target_of
from beambook.data._nexus.text import class_of, plain

__all__ = ["Field", "Group", "Tree", "attributes", "child_names", "name_of", "read_tree"]

MOST_NODES = 50_000
MOST_DEPTH = 24
MOST_ATTRIBUTES = 64
LARGEST_ATTRIBUTE = 4096  # elements
NOT_READ = {"DIMENSION_LIST", "REFERENCE_LIST"}

Identity = tuple[int, int]  # file number, address: the same object, whatever it is called


@dataclass(frozen=True, eq=False, slots=True)
class Field:
    """A data set.

    Attributes
    ----------
    path : str
        Where it was found first.
    shape : tuple of int
    dtype : numpy.dtype
    attrs : mapping
        Plain values: str, numbers, tuples of them.
    identity : tuple of int
    lost : tuple of str
        Files that hold values of it and are not there.
    """

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attrs: Mapping[str, Any]
    identity: Identity
    lost: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of elements."""
        size = 1
        for length in self.shape:
            size *= length
        return size

    @property
    def nbytes(self) -> int:
        """Size of the values in bytes; of texts without a fixed length, of their pointers."""
        return self.size * self.dtype.itemsize

    @property
    def is_numeric(self) -> bool:
        """Whether it holds plain numbers."""
        return self.dtype.kind in "iufcb"

    @property
    def units(self) -> str:
        """As the file says; empty when it says nothing."""
        units = self.attrs.get("units", self.attrs.get("unit", ""))
        return units if isinstance(units, str) else " ".join(map(str, np.ravel(units)))


@dataclass(frozen=True, eq=False, slots=True)
class Group:
    """A group.

    Attributes
    ----------
    path : str
    nx_class : str
        ``"NXdata"``; empty where the file does not say.
    attrs : mapping
    fields, groups : mapping of str to Field or Group
        What is in it. A group with two names is one object under both.
    broken : mapping of str to str
        Names that lead nowhere, and where they should lead.
    """

    path: str
    nx_class: str
    attrs: Mapping[str, Any]
    identity: Identity
    fields: dict[str, Field] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    def find(self, path: str) -> Group | Field | None:
        """What a path relative to this group names, or None."""
        here: Group = self
        names = [name for name in path.split("/") if name not in ("", ".")]
        for position, name in enumerate(names):
            if name in here.groups:
                here = here.groups[name]
            else:
                return here.fields.get(name) if position == len(names) - 1 else None
        return here

    def name_for(self, field: Field) -> str:
        """What a field is called here; its own name where it is only linked from elsewhere."""
        return next((n for n, f in self.fields.items() if f is field), name_of(field.path))

    def walk(self) -> Iterator[Group]:
        """The group itself and all below it, nearest first, each once."""
        seen, queue = {self.identity}, deque([self])
        while queue:
            group = queue.popleft()
            yield group
            for child in group.groups.values():
                if child.identity not in seen:
                    seen.add(child.identity)
                    queue.append(child)


@dataclass(frozen=True, eq=False)
class Tree:
    """An entry as it is stored.

    Attributes
    ----------
    file : Path
    top : Group
        The entry.
    cut : int
        Groups and fields that were not looked at, because there were too many.
    circles : tuple of str
        Links to a group that they are in, or to another entry; not followed.
    """

    file: Path
    top: Group
    cut: int = 0
    circles: tuple[str, ...] = ()

    @property
    def broken(self) -> dict[str, str]:
        """Paths that lead nowhere, and where they should lead."""
        return {
            f"{group.path.rstrip('/')}/{name}": target
            for group in self.top.walk()
            for name, target in group.broken.items()
        }

    @property
    def lost(self) -> dict[str, tuple[str, ...]]:
        """Fields whose values are in files that are not there."""
        return {
            found.path: found.lost
            for group in self.top.walk()
            for found in group.fields.values()
            if found.lost
        }


def name_of(path: str) -> str:
    """The last name of a path."""
    return path.rstrip("/").rpartition("/")[2]


def read_tree(file: h5py.File, path: str = "/", *, most: int | None = None) -> Tree:
    """Look at every group and field below a path, in order of depth.

    Parameters
    ----------
    file : h5py.File
    path : str
        Of the entry.
    most : int, optional
        So many groups and fields at most (50,000); the rest is counted.
    """
    return _Walk(file, path, MOST_NODES if most is None else most).tree()


class _Walk:
    def __init__(self, file: h5py.File, path: str, most: int) -> None:
        self.path, self.left, self.cut = Path(file.filename), most, 0
        self.folder = self.path.parent
        self.circles: list[str] = []
        self.fields: dict[Identity, Field] = {}
        self.groups: dict[Identity, Group] = {}
        opened = h5py.h5o.open(file.id, path.encode(errors="surrogateescape"))
        self.top = self._group(opened, path)
        self.queue: deque[tuple[Any, Group, tuple[Identity, ...]]] = deque()
        self.queue.append((opened, self.top, (self.top.identity,)))

    def tree(self) -> Tree:
        while self.queue:
            opened, group, above = self.queue.popleft()
            for name in child_names(opened):
                if self.left <= 0:
                    self.cut += 1
                    continue
                self.left -= 1
                self._child(opened, group, name, above)
        return Tree(self.path, self.top, self.cut, tuple(self.circles))

    def _child(self, opened: Any, group: Group, name: bytes, above: tuple[Identity, ...]) -> None:
        text = name.decode(errors="surrogateescape")
        path = f"{group.path.rstrip('/')}/{text}"
        target = target_of(opened, name, self.folder)
        if target.gone:
            group.broken[text] = target.text
            return
        try:
            child = h5py.h5o.open(opened, name)
            if isinstance(child, h5py.h5g.GroupID):
                self._descend(child, group, path, above)
            elif isinstance(child, h5py.h5d.DatasetID):
                group.fields[text] = self._field(child, path)
        except FAULTS as error:
            group.broken[text] = target.text or str(error)

    def _descend(self, child: Any, group: Group, path: str, above: tuple[Identity, ...]) -> None:
        identity = _identity(child)
        if identity in above or len(above) > MOST_DEPTH:
            self.circles.append(path)
            return
        known = self.groups.get(identity)
        if known is None:
            known = self._group(child, path)
            if known.nx_class == "NXroot" or (
                known.nx_class == self.top.nx_class == "NXentry"
            ):  # entries are not walked from one to the other
                self.circles.append(path)
                return
            self.queue.append((child, known, (*above, identity)))
        group.groups[name_of(path)] = known

    def _group(self, opened: Any, path: str) -> Group:
        attrs = attributes(opened)
        made = Group(path, class_of(attrs), attrs, _identity(opened))
        self.groups[made.identity] = made
        return made

    def _field(self, opened: h5py.h5d.DatasetID, path: str) -> Field:
        identity = _identity(opened)
        if identity not in self.fields:
            lost = lost_sources(opened, self.folder)  # before HDF5 is asked for what is elsewhere
            null = opened.get_space().get_simple_extent_type() == h5py.h5s.NULL
            shape = (0,) if null else tuple(map(int, opened.shape))
            attrs = attributes(opened)
            self.fields[identity] = Field(path, shape, _dtype(opened), attrs, identity, lost)
        return self.fields[identity]


def child_names(opened: Any, most: int = MOST_NODES * 2) -> Iterator[bytes]:
    """Names in a group, as many as can be read."""
    try:
        yield from islice(opened, most)
    except FAULTS:
        return


def _identity(opened: Any) -> Identity:
    info = h5py.h5o.get_info(opened)
    return info.fileno, info.addr


def _dtype(opened: h5py.h5d.DatasetID) -> np.dtype[Any]:
    try:
        found: np.dtype[Any] = opened.dtype
    except FAULTS:
        return np.dtype("V1")  # a type that numpy does not have
    return found


def attributes(opened: Any, wanted: Container[str] | None = None) -> dict[str, Any]:
    """Attributes of a group or field as plain values; those that cannot be read are left out.

    Parameters
    ----------
    opened : h5py.h5g.GroupID or h5py.h5d.DatasetID
    wanted : container of str, optional
        Only these.
    """
    found: dict[str, Any] = {}
    try:
        number = min(h5py.h5a.get_num_attrs(opened), MOST_ATTRIBUTES)
    except FAULTS:
        return found
    stored = h5py.AttributeManager(_Owner(opened))
    for index in range(number):
        try:
            attribute = h5py.h5a.open(opened, index=index)
            name = attribute.name.decode(errors="surrogateescape")
            large = prod(attribute.shape) > LARGEST_ATTRIBUTE
            if large or name in NOT_READ or (wanted is not None and name not in wanted):
                continue
            found[name] = plain(stored[name])
        except FAULTS:
            continue
    return found


@dataclass(frozen=True)
class _Owner:
    id: Any
