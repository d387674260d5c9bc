"""Notebooks with parameters: find, execute, compare, report.

Names are imported when they are first used: ``import beambook.recipe`` costs
nothing, and listing recipes needs neither nbformat nor IPython.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beambook.first_use import at_first_use

if TYPE_CHECKING:
    from beambook.recipe._compare import compare as compare
    from beambook.recipe._execute import execute as execute
    from beambook.recipe._execute import execute_many as execute_many
    from beambook.recipe._execution import Execution as Execution
    from beambook.recipe._foreign import PythonKernel as PythonKernel
    from beambook.recipe._pipeline.perform import perform as perform
    from beambook.recipe._pipeline.perform import resume as resume
    from beambook.recipe._pipeline.performance import Performance as Performance
    from beambook.recipe._pipeline.pipeline import Pipeline as Pipeline
    from beambook.recipe._recipe import Recipe as Recipe
    from beambook.recipe._record import record as record
    from beambook.recipe._report import Report as Report
    from beambook.recipe._verdict import Verdict as Verdict

_HOME = {
    "Execution": "_execution",
    "Performance": "_pipeline.performance",
    "Pipeline": "_pipeline.pipeline",
    "PythonKernel": "_foreign",
    "Recipe": "_recipe",
    "Report": "_report",
    "Verdict": "_verdict",
    "compare": "_compare",
    "execute": "_execute",
    "execute_many": "_execute",
    "perform": "_pipeline.perform",
    "record": "_record",
    "resume": "_pipeline.perform",
}

__all__ = sorted(_HOME)
__getattr__, __dir__ = at_first_use(__name__, _HOME)
