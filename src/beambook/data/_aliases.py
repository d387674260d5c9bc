"""Short names for sources and channels, and what the files do not say about them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from beambook.card import Card, Described, Table
from beambook.errors import AliasNotFound, DataError, RunNotFound, close_names

__all__ = ["Alias", "Aliases", "Names"]

FIELDS = ("source", "key", "pulses", "fill", "units", "dim")
Pulses = str | tuple[int, ...] | tuple[str, str]


@dataclass(frozen=True)
class Alias:
    """A short name.

    Attributes
    ----------
    name, source : str
    key : str or None
        None for a name of a whole source.
    pulses : str, tuple or None
        Which pulses the entries are: ``"sase2"`` (the bunch pattern, train by train),
        ``"0:400:4"``, a tuple of ids, or (source, key) of a channel with ids.
    fill : float or None
        Value that stands for "no pulse".
    units : str
        Overrides what the file says.
    dim : str
        Name of the first axis of an entry.
    """

    name: str
    source: str
    key: str | None = None
    pulses: Pulses | None = None
    fill: float | None = None
    units: str = ""
    dim: str = ""


@dataclass(frozen=True, repr=False)
class Aliases(Described, Mapping[str, Alias]):
    """Short names; case and ``-`` or ``_`` make no difference.

    Attributes
    ----------
    files : tuple of Path
        Where they come from.
    weak : frozenset of str
        Names that give way to others, see `as_defaults`.
    """

    _by_name: Mapping[str, Alias] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    weak: frozenset[str] = frozenset()

    @classmethod
    def of(cls, definition: Mapping[str, Any] | str | Path) -> Aliases:
        """From a YAML, JSON or TOML file, or a mapping of the same form.

        Forms: ``alias: source``; ``alias: [source, key]``; ``source: {alias: key}``, where a
        name with ``/`` is a source; and ``alias: {source: S, key: K, pulses: …, fill: …,
        units: …, dim: …}``.

        Raises
        ------
        RunNotFound
            No such file.
        DataError
            It cannot be read as aliases; says which entry.
        """
        if isinstance(definition, Aliases):
            return definition
        if isinstance(definition, Mapping):
            return cls({}).and_(_parse(definition, "the aliases"))
        path = Path(definition)
        return replace(cls({}).and_(_parse(_load(path), str(path))), files=(path,))

    def and_(self, others: Mapping[str, Alias]) -> Aliases:
        """These and others.

        Raises
        ------
        DataError
            Two say different things of the same name. Where one says nothing but the source and
            key that the other names, too, the other stays.
        """
        merged = dict(self._by_name)
        weak = others.weak if isinstance(others, Aliases) else frozenset()
        for alias in others.values():
            name = _plain(alias.name)
            known = merged.setdefault(name, alias)
            if _only_names(alias, known):
                continue
            if _only_names(known, alias) or name in self.weak:
                merged[name] = alias
            elif name not in weak:
                _refuse_conflict(known, alias)
        files = (*self.files, *(others.files if isinstance(others, Aliases) else ()))
        firm = (self._by_name.keys() - self.weak) | ({_plain(n) for n in others} - weak)
        return Aliases(merged, tuple(dict.fromkeys(files)), frozenset(merged.keys() - firm))

    def as_defaults(self) -> Aliases:
        """The same, which give way to others of the same name instead of being in conflict."""
        return replace(self, weak=frozenset(self._by_name))

    def firm(self) -> Aliases:
        """Those that are not defaults."""
        kept = {name: a for name, a in self._by_name.items() if name not in self.weak}
        return Aliases(kept, self.files)

    def __getitem__(self, name: str) -> Alias:
        try:
            return self._by_name[_plain(name)]
        except KeyError:
            raise AliasNotFound(name, list(self)) from None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _plain(name) in self._by_name

    def __iter__(self) -> Iterator[str]:
        return (alias.name for alias in self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def card(self) -> Card:
        """Describe the names."""
        rows = tuple((a.name, a.source, a.key or "", _shown(a)) for a in self.values())
        facts = {"names": str(len(self))}
        facts |= {"files": ", ".join(map(str, self.files))} if self.files else {}
        return Card("Aliases", "", facts, (Table(("name", "source", "key", "says"), rows),))


@dataclass(frozen=True, eq=False)
class Names:
    """Names to offer for one that is not there: aliases only if one is close to it.

    What does not look like any of them is told how many sources there are; looked up only when
    the message is shown.
    """

    sources: Iterable[str]
    aliases: Iterable[str]
    asked: str

    def __iter__(self) -> Iterator[str]:
        yield from self.sources
        yield from close_names(self.asked, self.aliases)


def _refuse_conflict(known: Alias, alias: Alias) -> None:
    if replace(known, name="") != replace(alias, name=""):
        raise DataError(
            f"{alias.name!r} is a conflicting alias with two meanings: {known} and {alias}"
        )


def _only_names(alias: Alias, other: Alias) -> bool:
    """Whether it says of the same source and key nothing more than that."""
    return replace(alias, name="") == Alias("", other.source, other.key)


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _shown(alias: Alias) -> str:
    said = {"pulses": alias.pulses, "fill": alias.fill, "units": alias.units, "dim": alias.dim}
    return ", ".join(f"{name} {value}" for name, value in said.items() if value not in (None, ""))


def _load(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RunNotFound(f"No alias file {path} ({error.strerror})") from error
    try:
        if path.suffix == ".toml":
            return tomllib.loads(text)
        found = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise DataError(f"The alias file {path} cannot be read: {error}") from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise DataError(f"The alias file {path} is not a list of names: {type(found).__name__}")
    return found


def _parse(definitions: Mapping[str, Any], where: str) -> dict[str, Alias]:
    aliases: dict[str, Alias] = {}
    for name, value in definitions.items():
        for alias in _entries(str(name), value, where):
            if _plain(alias.name) in aliases and aliases[_plain(alias.name)] != alias:
                raise DataError(
                    f"{alias.name!r} is a conflicting alias with two meanings in {where}"
                )
            aliases[_plain(alias.name)] = alias
    return aliases


def _entries(name: str, value: Any, where: str) -> Iterator[Alias]:
    if isinstance(value, Alias):
        yield replace(value, name=name)
    elif isinstance(value, Mapping) and "/" in name:
        for alias, key in value.items():
            long = dict(key) if isinstance(key, Mapping) else {"key": key}
            yield _long(str(alias), {"source": name} | long, where)
    elif isinstance(value, Mapping):
        yield _long(name, value, where)
    elif isinstance(value, str):
        yield Alias(name, value)
    elif isinstance(value, list | tuple) and len(value) == 2 and _all_text(value):
        yield Alias(name, value[0], value[1])
    else:
        raise DataError(
            f"The alias {name!r} in {where} is {value!r}",
            hint="Write `name: source`, `name: [source, key]` or "
            "`name: {source: …, key: …, pulses: sase2, fill: 1, units: µJ}`.",
        )


def _long(name: str, value: Mapping[str, Any], where: str) -> Alias:
    for unknown in set(value) - set(FIELDS):
        close = close_names(str(unknown), FIELDS)
        hint = f"Did you mean {close[0]!r}?" if close else f"There is {', '.join(FIELDS)}."
        raise DataError(f"The alias {name!r} in {where} has no {unknown!r}", hint=hint)
    if not isinstance(value.get("source"), str):
        raise DataError(f"The alias {name!r} in {where} names no source")
    for text in ("key", "units", "dim"):
        if not isinstance(value.get(text, ""), str | None):
            raise DataError(f"The alias {name!r} in {where}: {text} is {value[text]!r}, not text")
    fill = value.get("fill")
    if fill is not None and (isinstance(fill, bool) or not isinstance(fill, int | float)):
        raise DataError(f"The alias {name!r} in {where}: fill is {fill!r}, not a number")
    pulses = _pulses(name, value.get("pulses"), where)
    return Alias(
        name,
        value["source"],
        value.get("key"),
        pulses,
        None if fill is None else float(fill),
        value.get("units") or "",
        value.get("dim") or "",
    )


def _pulses(name: str, value: Any, where: str) -> Pulses | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,)
    if isinstance(value, list | tuple):
        if len(value) == 2 and _all_text(value):
            return (value[0], value[1])
        if value and all(isinstance(v, int) and not isinstance(v, bool) for v in value):
            return tuple(value)
    raise DataError(
        f"The alias {name!r} in {where}: pulses is {value!r}",
        hint='Write sase2, "0:400:4", a list of pulse ids, or [source, key].',
    )


def _all_text(values: Any) -> bool:
    return all(isinstance(value, str) for value in values)
