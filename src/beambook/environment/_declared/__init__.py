"""Requirements that authors wrote in whatever file was usual at the time."""

from beambook.environment._declared.declared import Declared
from beambook.environment._declared.imports import guess_requirements
from beambook.environment._declared.read import read_declared

__all__ = ["Declared", "guess_requirements", "read_declared"]
