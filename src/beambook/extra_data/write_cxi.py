"""Writing CXI files of detectors, under EXtra-data's names; `beambook.data` does the work."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from beambook.extra_data.components import MultimodDetectorBase

__all__ = ["JUNGFRAUCXIWriter", "VirtualCXIWriterBase", "XtdfCXIWriter"]


class VirtualCXIWriterBase:
    """Writes a CXI file of a detector; see `MultimodDetectorBase.write_virtual_cxi`.

    Parameters
    ----------
    detdata : MultimodDetectorBase
    """

    def __init__(self, detdata: MultimodDetectorBase) -> None:
        self.detdata = detdata

    def write(
        self, filename: str | os.PathLike[str], fillvalues: Mapping[str, float] | None = None
    ) -> None:
        """Write the file."""
        self.detdata.write_virtual_cxi(filename, fillvalues)


class XtdfCXIWriter(VirtualCXIWriterBase):
    """For AGIPD, LPD and DSSC."""


class JUNGFRAUCXIWriter(VirtualCXIWriterBase):
    """For JUNGFRAU."""
