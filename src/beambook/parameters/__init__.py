"""Typed, documented, declared inputs of a notebook, and the forms they take.

One declaration in the notebook's parameters cell becomes values from a command
line (`Parameters.parse`), flags, a JSON schema, a validated set of values, and the
cell written again with everything else in it untouched. The grammar of
declarations and values is in ``docs/reference/parameters.md``.
"""

from beambook.parameters._parameter import Parameter
from beambook.parameters._parameters import Parameters
from beambook.parameters._type import Type

__all__ = ["Parameter", "Parameters", "Type"]
