"""``import extra_data`` gives ``beambook.extra_data``, but ``extra_data.tests`` EXtra-data's own.

A pytest plugin (``-p alias``, with this folder on the path), so that the tests that
EXtra-data ships run against our code as they are.
"""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_loader
from types import ModuleType

THEIRS, OURS = "extra_data", "beambook.extra_data"


class Alias(MetaPathFinder, Loader):
    """Finds modules of EXtra-data's names in beambook."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name == f"{THEIRS}.tests":
            return _shipped()
        if name != THEIRS and not name.startswith(f"{THEIRS}."):
            return None
        if name.startswith(f"{THEIRS}.tests."):
            return None  # found below their package
        return spec_from_loader(name, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(OURS + spec.name.removeprefix(THEIRS))
        self._specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has written the alias into a module that was imported already.
        module.__spec__ = self._specs[THEIRS + module.__name__.removeprefix(OURS)]

    def __init__(self) -> None:
        self._specs: dict[str, ModuleSpec | None] = {}


def _shipped() -> ModuleSpec | None:
    """The tests in the installed package, which is not imported for that."""
    package = PathFinder.find_spec(THEIRS)
    assert package is not None
    return PathFinder.find_spec(f"{THEIRS}.tests", package.submodule_search_locations)


def shipped_tests() -> str:
    """Folder of the tests that EXtra-data ships."""
    spec = _shipped()
    assert spec is not None
    assert spec.submodule_search_locations
    return spec.submodule_search_locations[0]


if not any(isinstance(finder, Alias) for finder in sys.meta_path):
    sys.meta_path.insert(0, Alias())
