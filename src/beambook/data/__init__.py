"""Stored facility files as arrays labelled by train.

A `Run` has sources, a `Source` has keys, a `Channel` is one key over the trains of the run and
is read when it is asked for. Formats are behind a Protocol; the European XFEL's is the first.
"""

from beambook.data._aliases import Alias, Aliases
from beambook.data._channel import Channel
from beambook.data._check import check
from beambook.data._detector.channel import DetectorChannel
from beambook.data._detector.detector import Detector
from beambook.data._detector.types import (
    AGIPD1M,
    AGIPD500K,
    DSSC1M,
    JUNGFRAU,
    LPD1M,
    LPDMini,
    LPDSolo,
)
from beambook.data._findings import DataWarning, Finding, Findings
from beambook.data._inputs import inputs as __beambook_inputs__
from beambook.data._interop.interop import of_extra_data
from beambook.data._interop.native import accept, native
from beambook.data._layout import find_proposal
from beambook.data._nexus.entry import Entry
from beambook.data._open import open_file, open_run
from beambook.data._run import Run
from beambook.data._source import Source
from beambook.data._train import Train
from beambook.data._trains import by_id, by_index
from beambook.data._write.run_file import write_run, write_virtual

accept("extra_data", of_extra_data)

__all__ = [
    "AGIPD1M",
    "AGIPD500K",
    "DSSC1M",
    "JUNGFRAU",
    "LPD1M",
    "Alias",
    "Aliases",
    "Channel",
    "DataWarning",
    "Detector",
    "DetectorChannel",
    "Entry",
    "Finding",
    "Findings",
    "LPDMini",
    "LPDSolo",
    "Run",
    "Source",
    "Train",
    "__beambook_inputs__",
    "by_id",
    "by_index",
    "check",
    "find_proposal",
    "native",
    "open_file",
    "open_run",
    "write_run",
    "write_virtual",
]
