"""Methods of a collection about short names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from beambook.data import Run
from beambook.data._aliases import Aliases
from beambook.data._cached_property import cached_property
from beambook.extra_data.aliases import AliasIndexer, Literal, plain
from beambook.extra_data.exceptions import matched

if TYPE_CHECKING:
    from beambook.extra_data._collection import DataCollection

__all__ = ["ShortNames"]


class ShortNames:
    """What `DataCollection` has by short names."""

    if TYPE_CHECKING:
        _run: Run

        def _with(self, run: Run) -> Self: ...

    # --- short names ------------------------------------------------------

    @cached_property
    def _aliases(self) -> dict[str, Literal]:
        return {
            plain(a.name): a.source if a.key is None else (a.source, a.key)
            for a in self._run.aliases.values()
        }

    @cached_property
    def _alias_files(self) -> list[Path]:
        return list(self._run.aliases.files)

    @property
    def alias(self) -> AliasIndexer:
        """Sources and keys by their short names."""
        return AliasIndexer(cast("DataCollection", self))

    def with_aliases(self, *alias_defs: Mapping[str, Any] | str | os.PathLike[str]) -> Self:
        """The same with more short names.

        Parameters
        ----------
        *alias_defs : dict or path
            ``{"xgm": source, "i0": (source, key)}``, or a YAML, JSON or TOML file.

        Raises
        ------
        ValueError
            A short name has two meanings.
        """
        return self._with(self._run.with_aliases(*map(_definition, alias_defs)))

    def only_aliases(
        self,
        *alias_defs: Mapping[str, Any] | str | os.PathLike[str],
        strict: bool = False,
        require_all: bool = False,
    ) -> Self:
        """Only what has a short name.

        Parameters
        ----------
        *alias_defs : dict or path
            More short names.
        strict : bool
            Whether a short name of something that is not there is an error.
        require_all : bool
            Only the trains in which all of it has data.

        Raises
        ------
        ValueError
            With `strict`, or if nothing is left.
        """
        whole = self._run.with_aliases(*map(_definition, alias_defs))
        # EXtra-data knows nothing of the defaults: they count where there is nothing else.
        named = replace(whole, aliases=whole.aliases.firm() or whole.aliases)
        with matched(()):
            run = named.only_aliases(strict=strict, require_all=require_all)
        return self._with(replace(run, aliases=whole.aliases))

    def drop_aliases(self) -> Self:
        """The same without short names."""
        return self._with(self._run.drop_aliases())


def _definition(definition: Any) -> Mapping[str, Any] | Path:
    return definition if isinstance(definition, Mapping | Aliases) else Path(definition)
