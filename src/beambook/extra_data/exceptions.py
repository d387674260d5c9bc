"""EXtra-data's errors, each also beambook's own, with the closest names in the message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from beambook.errors import (
    AliasNotFound,
    DamagedFile,
    DataError,
    KeyNotFound,
    SourceNotFound,
    TrainNotFound,
)

__all__ = [
    "AliasError",
    "FileStructureError",
    "MultiRunError",
    "NoDataError",
    "PropertyNameError",
    "SourceNameError",
    "TrainIDError",
    "matched",
    "translated",
]


class FileStructureError(DamagedFile):
    """A file that is not as files of the European XFEL are."""


class SourceNameError(SourceNotFound):
    """No source of this name."""

    def __init__(
        self,
        source: object = None,
        custom_message: str | None = None,
        *,
        existing: Iterable[str] = (),
    ) -> None:
        super().__init__(source, existing, where="this data")
        self.source = source
        self.custom_message = custom_message

    def __str__(self) -> str:
        return super().__str__() if self.custom_message is None else self.custom_message


class PropertyNameError(KeyNotFound):
    """No key of this name."""

    def __init__(self, prop: object, source: object, *, existing: Iterable[str] = ()) -> None:
        super().__init__(prop, existing, where=str(source))
        self.prop = prop
        self.source = source


class TrainIDError(TrainNotFound):
    """No such train."""

    def __init__(self, train_id: object, *, existing: Iterable[str] = ()) -> None:
        super().__init__(train_id, existing, where="this data")
        self.train_id = train_id


class AliasError(AliasNotFound):
    """No such alias."""

    def __init__(self, alias: object, *, existing: Iterable[str] = ()) -> None:
        super().__init__(alias, existing, where="this data")
        self.alias = alias


class MultiRunError(DataError):
    """The answer is only known for data of one run."""

    def __init__(self) -> None:
        super().__init__(
            "This is known for one run only, and the data may be from several",
            hint="Ask before putting runs together with union().",
        )


class NoDataError(DataError):
    """There is no data at all."""

    def __init__(self, source: str, key: str | None = None) -> None:
        what = source if key is None else f"{source} {key}"
        super().__init__(f"{what} has no data in the selected trains")
        self.source = source
        self.key = key


@contextmanager
def translated() -> Iterator[None]:
    """Raise EXtra-data's errors where beambook raises its own."""
    try:
        yield
    except (SourceNameError, PropertyNameError, TrainIDError, AliasError):
        raise
    except SourceNotFound as error:
        raise SourceNameError(error.name, str(error)) from error
    except KeyNotFound as error:
        raise PropertyNameError(error.name, error.where, existing=error.existing) from error
    except TrainNotFound as error:
        raise TrainIDError(error.name, existing=error.existing) from error
    except AliasNotFound as error:
        raise AliasError(error.name, existing=error.existing) from error


@contextmanager
def matched(chosen: Any) -> Iterator[None]:
    """Names that are not there are KeyErrors, patterns that match nothing are ValueErrors."""
    if isinstance(chosen, Mapping) or hasattr(chosen, "__beambook__"):
        with translated():
            yield
        return
    try:
        yield
    except (SourceNotFound, KeyNotFound) as error:
        raise ValueError(f"No matches for pattern {chosen!r}: {error}") from error
