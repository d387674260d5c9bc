"""Rows to reduce, with names for what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from beambook.data._reduce.groups import Groups
from beambook.data._reduce.machine import Shape
from beambook.data._reduce.work import Work
from beambook.data._reduce.work_out import Machines, Make, reduce_cluster, reduce_here

__all__ = ["Rows"]


@dataclass(frozen=True, eq=False)
class Rows:
    """What a reduction needs to know of a thing that has rows.

    Attributes
    ----------
    work : Work
        What to read.
    groups : Groups
    entry : tuple of int
        Shape of a row, after the region of interest was cut out.
    dims : tuple of str
        Names of its axes.
    units : str
    attrs : mapping of str to object
        Where it is from, and counts of what is missing.
    coords : mapping of str to DataArray
        Of the axes of a row.
    """

    work: Work
    groups: Groups
    entry: tuple[int, ...]
    dims: tuple[str, ...]
    units: str
    attrs: Mapping[str, Any]
    coords: Mapping[str, xr.DataArray] = field(default_factory=dict)

    @property
    def shape(self) -> Shape:
        """What machines are made for."""
        return Shape(self.entry, self.work.dtype, len(self.groups))

    @property
    def lead(self) -> tuple[str, ...]:
        """Axes before those of a row."""
        return (self.groups.name,) if self.groups.name else ()

    @property
    def notes(self) -> dict[str, Any]:
        """The attributes, and how many rows there are and were left out."""
        left = self.groups.left_out
        notes = {**self.attrs, "frames": self.work.rows}
        return notes | ({"frames_left_out": left} if left else {})

    def run(self, make: Make, client: Any, threads: int | None) -> Machines:
        """Push the rows through machines, here or on a cluster."""
        if client is not None:
            return reduce_cluster(self.work, make, client)
        return reduce_here(self.work, make(), threads=threads)

    def dataset(self, variables: Mapping[str, tuple[tuple[str, ...], Any]]) -> xr.Dataset:
        """Label results: name, axes (after that of the groups) and values by group."""
        named = {
            name: (self.lead + dims, values if self.lead else values[0])
            for name, (dims, values) in variables.items()
        }
        dims = {dim for axes, _ in named.values() for dim in axes} - set(self.lead)
        coords: dict[str, Any] = {n: c for n, c in self.coords.items() if dims.issuperset(c.dims)}
        if self.lead:
            units = {"units": self.groups.units} if self.groups.units else {}
            coords[self.groups.name] = (self.lead, self.groups.labels, units)
        return xr.Dataset(named, coords, self.notes)
