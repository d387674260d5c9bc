"""Area detectors made of modules, under EXtra-data's names."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Literal, overload

import xarray as xr
from numpy.typing import NDArray

from beambook.data._interop.native import native
from beambook.errors import DataError
from beambook.extra_data._collection import DataCollection
from beambook.extra_data._multimod_detector import MultimodDetectorBase, XtdfDetectorBase
from beambook.extra_data._multimod_keydata import MultimodKeyData, XtdfImageMultimodKeyData

__all__ = [
    "AGIPD1M",
    "AGIPD500K",
    "DSSC1M",
    "JUNGFRAU",
    "LPD1M",
    "LPDMini",
    "LPDSolo",
    "MultimodDetectorBase",
    "MultimodKeyData",
    "XtdfDetectorBase",
    "XtdfImageMultimodKeyData",
    "identify_multimod_detectors",
]


class AGIPD1M(XtdfDetectorBase, kind="AGIPD1M"):
    """AGIPD with 16 modules; see `MultimodDetectorBase`."""


class AGIPD500K(XtdfDetectorBase, kind="AGIPD500K"):
    """AGIPD with 8 modules; see `MultimodDetectorBase`."""


class DSSC1M(XtdfDetectorBase, kind="DSSC1M"):
    """DSSC with 16 modules; see `MultimodDetectorBase`."""


class LPDBase(XtdfDetectorBase):
    """LPD of any size; see `MultimodDetectorBase`.

    Parameters
    ----------
    data, detector_name, modules, min_modules, raw
        See `MultimodDetectorBase`.
    parallel_gain : bool
        Whether trains hold high, medium and low gain one after another. Pulse and cell ids of
        the first third of a train count for all three, and there is an axis ``gain``.
    """

    def __init__(
        self,
        data: DataCollection,
        detector_name: str | None = None,
        modules: Collection[int] | None = None,
        *,
        min_modules: int = 1,
        parallel_gain: bool = False,
        raw: bool | None = None,
    ) -> None:
        self.parallel_gain = parallel_gain
        self._open(
            data,
            detector_name,
            modules,
            min_modules=min_modules,
            parallel_gain=parallel_gain,
            raw=raw,
        )


class LPD1M(LPDBase, kind="LPD1M"):
    """LPD with 16 modules; see `LPDBase`."""


class LPDSolo(LPDBase, kind="LPDSolo"):
    """One module of an LPD; see `LPDBase`."""


class LPDMini(LPDBase, kind="LPDMini"):
    """LPD of small modules, as many as are found; see `LPDBase`."""


class JUNGFRAU(MultimodDetectorBase, kind="JUNGFRAU"):
    """JUNGFRAU, whose entries have an axis of memory cells.

    Parameters
    ----------
    data, detector_name, modules, min_modules, raw
        See `MultimodDetectorBase`.
    n_modules : int, optional
        Of the complete detector; as many as the largest number says by default.
    first_modno : int
        The number in the name of the source of the first module: 3 if it is ``JNGFR03``. It is
        module 1 then.
    """

    def __init__(
        self,
        data: DataCollection,
        detector_name: str | None = None,
        modules: Collection[int] | None = None,
        *,
        min_modules: int = 1,
        n_modules: int | None = None,
        first_modno: int = 1,
        raw: bool | None = None,
    ) -> None:
        self._open(
            data,
            detector_name,
            modules,
            min_modules=min_modules,
            n_modules=n_modules,
            first_modno=first_modno,
            raw=raw,
        )

    def get_array(
        self, key: str, *, fill_value: Any = None, roi: Any = (), astype: Any = None
    ) -> xr.DataArray:
        """Read a key with labels: ``("module", "train", "cell", "slow_scan", "fast_scan")``."""
        found = self._detector.get_array(key, fill_value=fill_value, roi=roi, astype=astype)
        return found.drop_vars("filled", errors="ignore")

    def get_dask_array(self, key: str, fill_value: Any = None, astype: Any = None) -> xr.DataArray:
        """A key as a dask array with the labels of `get_array`."""
        found: Any = self._detector.get_dask_array(key, fill_value=fill_value, astype=astype)
        labelled: xr.DataArray = found.drop_vars("filled", errors="ignore")
        return labelled

    def cell_ids(self) -> NDArray[Any]:
        """Memory cells, from the first train.

        Raises
        ------
        ValueError
            Modules disagree.
        """
        return self._detector.cell_ids()


KINDS = (AGIPD1M, AGIPD500K, DSSC1M, LPD1M, LPDSolo, LPDMini, JUNGFRAU)
Named = tuple[str, type[MultimodDetectorBase]]


@overload
def identify_multimod_detectors(
    data: DataCollection,
    detector_name: str | None = ...,
    *,
    single: Literal[True],
    clses: Iterable[type[MultimodDetectorBase]] | None = ...,
) -> Named: ...
@overload
def identify_multimod_detectors(
    data: DataCollection,
    detector_name: str | None = ...,
    *,
    single: Literal[False] = ...,
    clses: Iterable[type[MultimodDetectorBase]] | None = ...,
) -> set[Named]: ...
def identify_multimod_detectors(
    data: DataCollection,
    detector_name: str | None = None,
    *,
    single: bool = False,
    clses: Iterable[type[MultimodDetectorBase]] | None = None,
) -> Named | set[Named]:
    """Which area detectors are in the data.

    Parameters
    ----------
    data : DataCollection
    detector_name : str, optional
        Only the one of this name.
    single : bool
        Give one, or an error, instead of a set.
    clses : iterable of type, optional
        Only these kinds.

    Returns
    -------
    (str, type) or set of (str, type)
        Name of a detector, and the class to open it with.

    Raises
    ------
    ValueError
        With `single`: there is none, or there are several.
    """
    run = native(data)
    found = {
        (name, each)
        for each in (KINDS if clses is None else clses)
        for name in each.kind.names(run)
        if detector_name in (None, name)
    }
    if not single:
        return found
    if len(found) != 1:
        names = ", ".join(sorted(name for name, _ in found)) or "none"
        raise DataError(f"One area detector is wanted; there are: {names}")
    return found.pop()
