"""Frames of a detector, however they are labelled, as one array with its modules named."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.errors import DataError

__all__ = ["Frames"]


@dataclass(frozen=True)
class Frames:
    """Pixel values of some modules.

    Attributes
    ----------
    values : ndarray (..., module, slow_scan, fast_scan)
        A view of what was given.
    modules : tuple of int or None
        Which they are, counted from 0; None if they are all, in order.
    labels : xarray.DataArray or None
        What was given, if it has labels.
    """

    values: NDArray[Any]
    modules: tuple[int, ...] | None
    labels: xr.DataArray | None = None

    @classmethod
    def of(
        cls,
        frames: Any,
        shape: tuple[int, int, int],
        *,
        modules: Collection[int] | None = None,
        first_module: int = 0,
    ) -> Frames:
        """From an array of frames.

        Parameters
        ----------
        frames : ndarray or xarray.DataArray
            ``(..., module, slow_scan, fast_scan)``; with labels the axis ``module`` may be any but
            the last two.
        shape : tuple of int
            Of a frame of the whole detector.
        modules : collection of int, optional
            Their numbers, for an array without labels that has not all.
        first_module : int
            The number of the detector's first module.

        Raises
        ------
        DataError
            The shape is not the detector's, or the module numbers are not.
        """
        labels = frames if isinstance(frames, xr.DataArray) else None
        if labels is not None:
            values, named = _unlabelled(labels)
        else:
            values, named = np.asarray(frames), None
        _check_pixels(values, shape)
        wanted = named if modules is None else modules
        numbers = None if wanted is None else tuple(int(m) - first_module for m in wanted)
        _check_modules(numbers, values.shape[-3], shape[0], first_module)
        if numbers == tuple(range(shape[0])):
            numbers = None
        return cls(values, numbers, labels)

    @property
    def lead(self) -> tuple[int, ...]:
        """Lengths of the axes before the modules."""
        return self.values.shape[:-3]

    @property
    def lead_dims(self) -> tuple[str, ...]:
        """Names of the axes before the modules."""
        if self.labels is None:
            return tuple(f"frame_{n}" for n in range(len(self.lead)))[: len(self.lead)] \
                if len(self.lead) != 1 else ("frame",)  # fmt: skip
        return tuple(str(d) for d in self.labels.dims[:-2] if d != "module")

    @property
    def lead_coords(self) -> dict[str, Any]:
        """Labels of the axes before the modules."""
        if self.labels is None:
            return {}
        wanted = set(self.lead_dims)
        return {str(k): v for k, v in self.labels.coords.items() if set(v.dims) <= wanted}


def _unlabelled(frames: xr.DataArray) -> tuple[NDArray[Any], tuple[int, ...] | None]:
    if "module" not in frames.dims:
        if "module" in frames.coords and frames.ndim >= 2:  # one module was selected
            return frames.values[..., None, :, :], (int(frames.coords["module"]),)
        raise DataError(
            f"These frames have the axes {', '.join(map(str, frames.dims))}, none of modules",
            hint="Name the axis of modules 'module'.",
        )
    axis = frames.dims.index("module")
    if axis > frames.ndim - 3:
        raise DataError("The axis 'module' has to come before the two of the pixels")
    values = np.moveaxis(frames.values, axis, -3)
    named = frames.coords.get("module")
    return values, None if named is None else tuple(int(m) for m in named.values)


def _check_pixels(values: NDArray[Any], shape: tuple[int, int, int]) -> None:
    if values.ndim < 3 or values.shape[-2:] != shape[1:]:
        raise DataError(
            f"Frames of this detector end with the shape {shape}; these have {values.shape}",
            hint="Raw AGIPD data has a plane of gain beside the analogue one: choose one."
            if values.ndim > 3 and values.shape[-2:] == shape[1:] else "",
        )  # fmt: skip


def _check_modules(
    numbers: tuple[int, ...] | None, given: int, whole: int, first_module: int
) -> None:
    if numbers is None:
        if given != whole:
            raise DataError(
                f"These frames have {given} modules, the detector has {whole}",
                hint="Say which they are: modules=[...], or an xarray.DataArray with the "
                "coordinate 'module'.",
            )
        return
    if len(numbers) != given:
        raise DataError(f"{len(numbers)} module numbers for frames of {given} modules")
    last = first_module + whole - 1
    wrong = sorted({n + first_module for n in numbers if not 0 <= n < whole})
    if wrong:
        raise DataError(f"Modules are numbered {first_module} to {last}; there is no {wrong}")
    if len(set(numbers)) < len(numbers):
        raise DataError("A module is there twice")
