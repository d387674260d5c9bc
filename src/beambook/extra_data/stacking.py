"""Modules of one train side by side, from the dictionaries that ``run.trains()`` gives.

For more than one train, `beambook.extra_data.components` reads straight into the stack.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.exceptions import AxisError
from numpy.typing import NDArray

from beambook.errors import DataError, KeyNotFound

__all__ = ["StackView", "stack_data", "stack_detector_data"]

TrainData = Mapping[str, Mapping[str, NDArray[Any]]]


def stack_data(
    train: TrainData, data: str, axis: int = -3, xcept: Collection[str] = ()
) -> NDArray[Any]:
    """Put the same key of all sources side by side, in the order of the numbers in their names.

    Parameters
    ----------
    train : mapping of str to mapping of str to ndarray
        What ``run.trains()`` gives.
    data : str
        The key.
    axis : int
        Where the new axis goes.
    xcept : collection of str
        Sources to leave out.

    Returns
    -------
    ndarray
        With one axis more than the arrays of the sources.

    Raises
    ------
    DataError
        No sources, or their arrays differ in type.
    """
    sources = [source for source in train if source not in xcept]
    if not sources:
        raise DataError(f"All {len(train)} sources of the train are left out")
    arrays = [train[source][data] for source in sorted(sources, key=_numbers)]
    _one_dtype(arrays)
    return np.stack(arrays, axis=axis)


def stack_detector_data(  # the signature is EXtra-data's
    train: TrainData,
    data: str,
    axis: int = -3,
    modules: int = 16,
    fillvalue: float | None = None,
    real_array: bool = True,  # noqa: FBT001, FBT002
    *,
    pattern: str = r"/DET/(\d+)CH",
    starts_at: int = 0,
) -> NDArray[Any] | StackView:
    r"""Put the modules of a detector side by side; missing ones are filled.

    Parameters
    ----------
    train : mapping of str to mapping of str to ndarray
        What ``run.trains()`` gives for the modules.
    data : str
        The key, e.g. ``"image.data"``.
    axis : int
        Where the axis of modules goes.
    modules : int
        How many the detector has.
    fillvalue : float, optional
        For missing modules; NaN for floats and 0 for integers by default.
    real_array : bool
        Copy the modules together; else give a `StackView` of them.
    pattern : str
        Regular expression for the names of the sources, with the module's number in a group,
        e.g. ``r"/DET/JNGFR(\d+)"``.
    starts_at : int
        Number of the first module.

    Returns
    -------
    ndarray or StackView
        With one axis more than the arrays of the modules.

    Raises
    ------
    DataError
        No data, a source that is no module, or modules that differ in type or shape.
    IndexError
        A module number beyond `modules`.
    """
    found = _by_module(train, data, pattern, starts_at)
    if max(found) >= modules or min(found) < 0:
        far = max(found) if max(found) >= modules else min(found)
        raise IndexError(f"There is no module {far} in a detector of {modules} modules")
    dtype = _one_dtype(found.values())
    shape = _one_shape(found.values())
    if fillvalue is None:
        fillvalue = np.nan if dtype.kind == "f" else 0
    arrays = {number: array for number, array in found.items() if array.shape == shape}
    view = StackView(arrays, modules, shape, dtype, dtype.type(fillvalue), stack_axis=axis)
    return view.asarray() if real_array else view


def _numbers(source: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", source)]


def _by_module(train: TrainData, key: str, pattern: str, starts_at: int) -> dict[int, NDArray[Any]]:
    matches = {source: re.search(pattern, source) for source in train}
    if strange := [source for source, match in matches.items() if match is None]:
        raise DataError(f"{strange[0]} is no module: its name does not have {pattern!r}")
    found = {
        int(match[1]) - starts_at: train[source][key]
        for source, match in matches.items()
        if match is not None and key in train[source]
    }
    if not train:
        raise DataError("There is no data of any module")
    if not found:
        raise KeyNotFound(key, next(iter(train.values())), where=f"{len(train)} modules")
    return found


def _one_dtype(arrays: Collection[NDArray[Any]]) -> np.dtype[Any]:
    dtypes = {array.dtype for array in arrays}
    if len(dtypes) > 1:
        raise DataError(f"The sources differ in type: {dtypes}")
    return dtypes.pop()


def _one_shape(arrays: Collection[NDArray[Any]]) -> tuple[int, ...]:
    """The shape of a module; those without frames in this train count as missing."""
    shapes = {array.shape for array in arrays}
    whole = {shape for shape in shapes if shape[:1] != (0,)} or shapes
    if len(whole) > 1 or len({shape[1:] for shape in shapes}) > 1:
        raise DataError(f"The modules differ in shape: {shapes}")
    return whole.pop()


class StackView:
    """Arrays of modules as one array, without copying them.

    Parameters
    ----------
    data : mapping of int to ndarray
        Array of each module that there is.
    nmodules : int
        How many the detector has.
    mod_shape : tuple of int
        Shape of the array of a module.
    dtype : dtype
    fillvalue : scalar
        For modules that are not there.
    stack_axis : int
        Where the axis of modules is.

    Examples
    --------
    >>> view = StackView({1: np.ones((4, 2))}, 3, (4, 2), np.dtype(float), np.nan, stack_axis=0)
    >>> view.shape, view[1, 0].tolist(), view[:, 0, 0].asarray().tolist()
    ((3, 4, 2), [1.0, 1.0], [nan, 1.0, nan])
    """

    def __init__(
        self,
        data: Mapping[int, NDArray[Any]],
        nmodules: int,
        mod_shape: tuple[int, ...],
        dtype: Any,
        fillvalue: Any,
        stack_axis: int = -3,
    ) -> None:
        self.dtype = dtype
        self._arrays = dict(data)
        self._modules = nmodules
        self._module_shape = tuple(mod_shape)
        self._fill = fillvalue
        self._axis = stack_axis % self.ndim

    def __repr__(self) -> str:
        there = f"{len(self._arrays)} of {self._modules} modules"
        return f"<StackView {self.shape}, {there}, {self.dtype}>"

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._module_shape) + 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        before, after = self._module_shape[: self._axis], self._module_shape[self._axis :]
        return (*before, self._modules, *after)

    def __getitem__(self, item: Any) -> NDArray[Any] | StackView:
        """One module's array, or a view of several modules; both cut as asked."""
        index = self._full(item if isinstance(item, tuple) else (item,))
        chosen = range(self._modules)[index[self._axis]]
        cut = index[: self._axis] + index[self._axis + 1 :]
        if isinstance(chosen, int):
            return np.asarray(self._module(chosen)[cut])
        arrays = {
            new: self._arrays[old][cut] for new, old in enumerate(chosen) if old in self._arrays
        }
        shape = np.broadcast_to(0, self._module_shape)[cut].shape
        axis = sum(not isinstance(i, int | np.integer) for i in index[: self._axis])
        return StackView(arrays, len(chosen), shape, self.dtype, self._fill, axis)

    def _full(self, index: tuple[Any, ...]) -> tuple[Any, ...]:
        """The index with one item for each axis."""
        dots = [n for n, item in enumerate(index) if item is Ellipsis]
        at = dots[0] if dots else len(index)
        rest = index[at + 1 :]
        missing = self.ndim - at - len(rest)
        if missing < 0:
            raise IndexError(f"{len(index)} indices for {self.ndim} axes")
        return (*index[:at], *[slice(None)] * missing, *rest)

    def _module(self, number: int) -> NDArray[Any]:
        if number in self._arrays:
            return self._arrays[number]
        return np.full(self._module_shape, self._fill, self.dtype)

    def asarray(self) -> NDArray[Any]:
        """Copy the modules together."""
        stack = np.full((self._modules, *self._module_shape), self._fill, self.dtype)
        for number, array in self._arrays.items():
            stack[number] = array
        return np.moveaxis(stack, 0, self._axis)

    def squeeze(self, axis: int | tuple[int, ...] | None = None) -> NDArray[Any] | StackView:
        """Drop axes of length 1, as `numpy.squeeze` does."""
        if axis is None:
            axis = tuple(n for n, length in enumerate(self.shape) if length == 1)
        index: list[Any] = [slice(None)] * self.ndim
        for each in (axis,) if isinstance(axis, int) else axis:
            if not -self.ndim <= each < self.ndim:
                raise AxisError(each, self.ndim)
            if self.shape[each] != 1:
                raise ValueError(f"Axis {each} has length {self.shape[each]}, not 1")
            index[each] = 0
        return self[tuple(index)]
