"""Reductions of area detectors, module by module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from beambook.data._detector.read import Reading
from beambook.data._reduce.groups import Groups
from beambook.data._reduce.reducible import Reducible
from beambook.data._reduce.rows import Rows
from beambook.data._reduce.work import Work
from beambook.errors import DataError, ParameterError

if TYPE_CHECKING:
    from beambook.data._detector.channel import DetectorChannel
    from beambook.data._reading.read import Plan

__all__ = ["ReducibleStack"]

HISTOGRAM = ("nan", "below", "above")  # counts of values in no bin


class ReducibleStack(Reducible):
    """Gives a stack of modules its reductions, each module over the frames that it has.

    As of `Reducible`, with an axis ``module``; its coordinates ``frames`` and ``missing`` say how
    many frames of each module were used and how many it lacks. ``by`` may also be ``"cell"`` or
    ``"gain"`` (the stage, with parallel gain). Masked pixels are what the mask makes of
    them: NaN by default, and so left out.
    """

    def statistics(self, *names: str, where: ArrayLike | None = None, **options: Any) -> xr.Dataset:
        """Several reductions over the trains; see `Reducible.statistics`.

        Parameters
        ----------
        *names, **options
            See `Reducible.statistics`.
        where : array-like of bool, optional
            Which pixels are good, of the shape of a frame, or (module, *frame).
        """
        return _side_by_side([
            (module, module.statistics(*names, where=module.only(where), **options))
            for module in self._modules()
        ])  # fmt: skip

    def histogram(
        self,
        bins: int | ArrayLike,
        range: tuple[float, float] | None = None,
        *,
        where: ArrayLike | None = None,
        **options: Any,
    ) -> xr.DataArray:
        """How often values are in bins, by module; see `Reducible.histogram`."""
        if not np.ndim(bins) and range is None:
            span = {name: value for name, value in options.items() if name != "by"}
            range = self._span(where=where, **span)
        found = [
            (module, module.histogram(bins, range, where=module.only(where), **options))
            for module in self._modules()
        ]
        whole = _side_by_side([(module, counts.to_dataset()) for module, counts in found])
        return whole["counts"].assign_attrs(whole.attrs)

    def each_module(self) -> Iterator[tuple[int, Reducible]]:
        """Numbers of the modules, each with the reductions of this module alone."""
        for module in self._modules():
            yield module.number, module

    def _modules(self) -> Iterator[_Module]:
        stack: Any = self
        for position, number in enumerate(stack.modules):
            yield _Module(stack, position, number)


@dataclass(frozen=True, eq=False)
class _Module(Reducible):
    """One module of a stack."""

    channel: DetectorChannel
    position: int
    number: int

    def only(self, where: ArrayLike | None) -> NDArray[Any] | None:
        """What is said about this module."""
        if where is None:
            return None
        mask = np.asarray(where)
        modules = len(self.channel.modules)
        entry = len(self.channel.entry_shape)
        if mask.ndim <= entry:
            return mask
        if len(mask) != modules:
            raise ParameterError(f"where is for {len(mask)} modules; there are {modules}")
        return np.asarray(mask[self.position])

    def reduced_rows(self, by: Any, roi: Any) -> Rows:
        """See `Reducible`."""
        channel = self.channel
        ids = by if isinstance(by, str) and by in ("pulse", "cell") else ""
        reading = Reading(channel, roi, ids=ids)
        block = reading.block(range(self.position, self.position + 1), 0, reading.laid_out.size)
        places = _places(block.plans)
        work = Work.of_plans(block.plans, block.roi, block.stored)
        if block.mask is not None:
            other, mask = block.mask
            if not np.array_equal(_places(other.plans), places):
                raise DataError(f"Some frames of {channel.detector.name} have no {mask.key}")
            work = replace(work, mask=(Work.of_plans(other.plans, other.roi, other.stored), mask))
        groups = Groups.of(by, channel.train_id_coordinates(), self._named)
        dims = tuple(channel.entry_dims[axis] for axis in reading.cut.kept)
        return Rows(
            work.grouped(groups.rows(places)), groups, reading.cut.shape, dims,
            channel.units, self._attrs(reading.laid_out.size - len(places)),
        )  # fmt: skip

    def _named(self, name: str) -> NDArray[Any] | None:
        known: dict[str, Callable[[], NDArray[Any]]] = {
            "pulse": self.channel.pulse_id_coordinates,
            "cell": self.channel.cell_id_coordinates,
            "cellId": self.channel.cell_id_coordinates,
            "gain": self.channel.gain_stage_coordinates,
        }
        return known[name]() if name in known else None

    def _attrs(self, missing: int) -> dict[str, Any]:
        return {**self.channel.labels, "missing": missing}


def _places(plans: tuple[Plan, ...]) -> NDArray[np.intp]:
    """Where the rows of all plans go, ascending."""
    found = [
        np.repeat(p.target - (np.cumsum(p.count) - p.count), p.count) + np.arange(p.count.sum())
        for p in plans
    ]
    return np.sort(np.concatenate([np.zeros(0, np.intp), *found]))


def _side_by_side(found: list[tuple[_Module, xr.Dataset]]) -> xr.Dataset:
    """Results of all modules along one axis."""
    numbers = xr.DataArray([module.number for module, _ in found], dims="module", name="module")
    datasets = [data for _, data in found]
    notes = [dict(data.attrs) or dict(next(iter(data.values())).attrs) for data in datasets]
    whole: xr.Dataset = xr.concat(
        datasets, numbers, coords="minimal", compat="override", join="exact",
        combine_attrs="drop_conflicts",
    )  # fmt: skip
    counts = {
        name: ("module", np.array([note.get(name, 0) for note in notes], np.int64))
        for name in ("frames", "missing", "frames_left_out", "elements_left_out", *HISTOGRAM)
        if any(name in note for note in notes)
    }
    whole.attrs = {n: v for n, v in notes[0].items() if n not in counts}
    for variable in whole.data_vars.values():
        variable.attrs = {n: v for n, v in variable.attrs.items() if n not in counts}
    return whole.assign_coords(counts)
