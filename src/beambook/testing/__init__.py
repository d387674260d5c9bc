"""Makers of runs and proposals of which the answer is known.

Nothing in beambook imports this room; tests, tutorials and the demo do.
"""

from beambook.testing._beam import Physics
from beambook.testing._detector.physics import DetectorPhysics
from beambook.testing._detector.proposal import make_detector_proposal
from beambook.testing._detector.truth import DetectorTruth, photons, truth_of
from beambook.testing._faults import (
    BadTrainIds,
    Fault,
    HalfWrittenFile,
    LostTrains,
    MissingEntries,
    MissingSequence,
    TruncatedFile,
)
from beambook.testing._proposal import make_proposal
from beambook.testing._run import make_run
from beambook.testing._scan import Scan
from beambook.testing._slurm import PrivateSlurm, private_slurm
from beambook.testing._xdi import read_xdi, shipped_scans

__all__ = [
    "BadTrainIds",
    "DetectorPhysics",
    "DetectorTruth",
    "Fault",
    "HalfWrittenFile",
    "LostTrains",
    "MissingEntries",
    "MissingSequence",
    "Physics",
    "PrivateSlurm",
    "Scan",
    "TruncatedFile",
    "make_detector_proposal",
    "make_proposal",
    "make_run",
    "photons",
    "private_slurm",
    "read_xdi",
    "shipped_scans",
    "truth_of",
]
