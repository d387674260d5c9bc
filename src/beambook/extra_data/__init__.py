"""EXtra-data's names on beambook: change ``import extra_data`` to this package.

``from beambook.extra_data import open_run`` instead of ``from extra_data import open_run`` is all
that a notebook needs. Names, arguments and results are those of EXtra-data 1.25; what reads,
selects and labels is beambook. Every object gives beambook's own with ``__beambook__()``.
"""

from beambook.extra_data.aliases import AliasIndexer
from beambook.extra_data.exceptions import (
    AliasError,
    FileStructureError,
    MultiRunError,
    NoDataError,
    TrainIDError,
)
from beambook.extra_data.keydata import KeyData
from beambook.extra_data.reader import (
    DataCollection,
    FileAccess,
    H5File,
    PropertyNameError,
    RunDirectory,
    SourceNameError,
    by_id,
    by_index,
    open_run,
)
from beambook.extra_data.sourcedata import SourceData
from beambook.extra_data.stacking import stack_data, stack_detector_data

__all__ = [
    "AliasError",
    "AliasIndexer",
    "DataCollection",
    "FileAccess",
    "FileStructureError",
    "H5File",
    "KeyData",
    "MultiRunError",
    "NoDataError",
    "PropertyNameError",
    "RunDirectory",
    "SourceData",
    "SourceNameError",
    "TrainIDError",
    "by_id",
    "by_index",
    "open_run",
    "stack_data",
    "stack_detector_data",
]

__version__ = "1.25.0"  # of EXtra-data, whose names and behaviour these are
