"""The order of the notebooks of a source: as declared, as executed, as their code says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath

from beambook.publication._order.order import Order, order_of
from beambook.publication._order.traffic import Traffic, traffic_of
from beambook.publication._seal.source import Source
from beambook.recipe import Execution

__all__ = ["ordered"]


def ordered(source: Source) -> Order:
    """The notebooks in their order, each with those that it requires.

    Raises
    ------
    PublicationError
        If the declaration names a notebook that is not there, or goes round in a circle.
    """
    traffic = {}
    for name in source.notebooks:
        seen = traffic_of(source.path(name), PurePath(name).parent)
        if execution := source.executions.get(name):
            seen = _with_execution(seen, execution)
        traffic[name] = seen
    return order_of(traffic, source.declaration)


def _with_execution(traffic: Traffic, execution: Execution) -> Traffic:
    """What an execution has read and written, by full paths."""
    wrote = {str(execution.path / str(each["name"])) for each in execution.outputs}
    read = {str(each["path"]) for each in execution.inputs if "path" in each}
    return replace(traffic, writes=traffic.writes | wrote, reads=traffic.reads | read)
