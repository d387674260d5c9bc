"""Short names: ``run.alias["xgm"]``."""

# ruff: noqa: FBT001, FBT002  EXtra-data's parameters are positional
from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beambook.errors import DataError
from beambook.extra_data.exceptions import AliasError

if TYPE_CHECKING:
    from beambook.extra_data.reader import DataCollection

__all__ = ["AliasIndexer", "plain"]

JUPYTER = "https://max-jhub.desy.de/hub/user-redirect/lab/tree/"

Literal = str | tuple[str, str]


def plain(alias: str) -> str:
    """The form in which short names are compared."""
    return alias.lower().replace("_", "-")


class AliasIndexer:
    """Sources and keys of a `DataCollection` by their short names."""

    __slots__ = ("data",)

    def __init__(self, data: DataCollection) -> None:
        self.data = data

    def _literal(self, alias: str) -> Literal:
        try:
            return self.data._aliases[plain(alias)]
        except KeyError:
            raise AliasError(alias, existing=self.data._aliases) from None

    def _source(self, alias: str) -> str:
        literal = self._literal(alias)
        if not isinstance(literal, str):
            raise DataError(f"The alias {alias!r} is not of a source, but of {literal}")
        return literal

    def __getitem__(self, item: str | tuple[str, str]) -> Any:
        """By ``[alias]`` or ``[alias of a source, key]``.

        Raises
        ------
        AliasError, SourceNameError, PropertyNameError
        ValueError
            A key was given with the alias of a key.
        """
        if isinstance(item, str):
            return self.data[self._literal(item)]
        if isinstance(item, tuple) and len(item) == 2:
            return self.data[self._source(item[0]), item[1]]
        raise TypeError(f"An alias, or an alias and a key, not {item!r}")

    def __contains__(self, item: str | tuple[str, str]) -> bool:
        try:
            self[item]
        except KeyError:
            return False
        return True

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.data._aliases)

    def select(
        self,
        seln_or_alias: Any,
        key_glob: str = "*",
        require_all: bool = False,
        require_any: bool = False,
    ) -> DataCollection:
        """Select by short names what `DataCollection.select` does by full ones."""
        chosen = self._resolved(seln_or_alias, key_glob)
        return self.data.select(chosen, require_all=require_all, require_any=require_any)

    def deselect(self, seln_or_alias: Any, key_glob: str = "*") -> DataCollection:
        """Everything but what these short names are of."""
        return self.data.deselect(self._resolved(seln_or_alias, key_glob))

    def _resolved(self, chosen: Any, key_glob: str) -> Any:
        if isinstance(chosen, str):
            chosen = [(chosen, key_glob)]
        if isinstance(chosen, Mapping):
            return {self._source(alias): keys for alias, keys in chosen.items()}
        return [self._pair(item) for item in _iterated(chosen)]

    def _pair(self, item: Any) -> tuple[str, str]:
        if isinstance(item, tuple) and len(item) == 2:
            return self._source(item[0]), item[1]
        literal = self._literal(item)
        return (literal, "*") if isinstance(literal, str) else literal

    # --- showing ----------------------------------------------------------

    def file_paths(self) -> list[Path]:
        """Files that short names were read from."""
        return self.data._alias_files

    def jhub_links(self) -> dict[Path, str]:
        """Links that open these files in the facility's JupyterHub."""
        return {
            path: f"{JUPYTER}GPFS{str(path).removeprefix('/gpfs')}"
            for path in self.file_paths()
            if str(path).startswith("/gpfs")
        }

    def __str__(self) -> str:
        return f"<extra_data.AliasIndexer with {len(self.data._aliases)} aliases>"

    def __repr__(self) -> str:
        if not self.data._aliases:
            return "No aliases have been loaded."
        links = self.jhub_links()
        files = [str(links.get(path, path)) for path in self.file_paths()]
        head = {0: [], 1: [f"Alias file: {''.join(files)}"]}.get(
            len(files), ["Alias files:", *(f"- {file}" for file in files)]
        )
        return "\n".join([*head, "Loaded aliases:", *map(self._line, self.data._aliases)])

    def _line(self, alias: str) -> str:
        literal = self._literal(alias)
        meaning = literal if isinstance(literal, str) else f"{literal[0]}, {literal[1]}"
        return f"{' ' if alias in self else '✗'} {alias}: {meaning}"


def _iterated(chosen: Any) -> Iterable[Any]:
    if not isinstance(chosen, Iterable):
        raise TypeError(f"Short names are chosen by name, list or mapping, not {chosen!r}")
    return chosen
