"""``import extra_data`` gives ``beambook.extra_data``, but ``extra_data.tests`` EXtra-data's own.

A pytest plugin (``-p alias``, with this folder on the path), so that the tests that EXtra-data
ships run against our code as they are. It refuses to go on where they would test other code.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_loader
from types import ModuleType

THEIRS, OURS = "extra_data", "beambook.extra_data"
TESTS = f"{THEIRS}.tests"


class Alias(MetaPathFinder, Loader):
    """Finds modules of EXtra-data's names in beambook."""

    def __init__(self) -> None:
        self._specs: dict[str, ModuleSpec | None] = {}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name == TESTS:
            return _shipped()
        inside = name == THEIRS or name.startswith(f"{THEIRS}.")
        if not inside or name.startswith(f"{TESTS}."):  # those are found in their package
            return None
        return spec_from_loader(name, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(OURS + spec.name.removeprefix(THEIRS))
        self._specs[module.__name__] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # It has been executed, and the import system has just written the alias into it.
        module.__spec__ = self._specs[module.__name__]


def _shipped() -> ModuleSpec | None:
    """The tests in the installed package, which is not imported for that."""
    package = PathFinder.find_spec(THEIRS)
    assert package is not None
    return PathFinder.find_spec(TESTS, package.submodule_search_locations)


def aliased() -> Iterator[ModuleType]:
    """Modules that are known by EXtra-data's names, less its tests."""
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] == THEIRS and not name.startswith(TESTS):
            yield module


def pytest_sessionstart() -> None:
    import extra_data.reader
    from extra_data import DataCollection, KeyData, SourceData

    for theirs in (DataCollection, KeyData, SourceData, extra_data.reader.open_run):
        assert theirs.__module__.startswith(OURS), f"{theirs} is under test"


def pytest_sessionfinish() -> None:
    for module in aliased():
        assert module.__name__.startswith(OURS), f"{module} was under test"


if __name__ == "alias":  # as a plugin; not where only its doctests are looked for
    sys.meta_path.insert(0, Alias())
    importlib.import_module(THEIRS)  # before pytest can import the package around their tests
