"""What is in a publication, as ``publication.json`` says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import Any

from beambook.errors import PublicationError

__all__ = ["Claim", "Code", "DataFile", "DataReference", "SealedNotebook", "build", "written_in"]

KINDS = ("carried", "run", "doi", "url", "folder")


@dataclass(frozen=True)
class SealedNotebook:
    """A notebook of a publication.

    Attributes
    ----------
    path : str
        Below ``work/``.
    title : str
    values : mapping
        Value of each parameter, as JSON has it. Relative paths start in the notebook's folder;
        ``data:NAME/rest`` is a file of the data that is called so.
    reference : str or None
        The executed notebook, relative to the publication; None if it was never executed.
    kernel : str
        The kernel that it asks for.
    language : str
    requires : tuple of str
        Notebooks that must be executed before, by their paths.
    outputs : tuple of str
        Files that the execution wrote, relative to the publication.
    started, ended : str or None
        When the reference was executed.
    seconds : float or None
        How long that took.
    python : str
        The Python that executed it.
    """

    path: str
    title: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    reference: str | None = None
    kernel: str = ""
    language: str = "python"
    requires: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    started: str | None = None
    ended: str | None = None
    seconds: float | None = None
    python: str = ""


@dataclass(frozen=True)
class DataFile:
    """A file of data: `path` below its `DataReference`, bytes, sha256 where it was taken.

    Attributes
    ----------
    path : str
    size : int
    sha256 : str or None
    url : str
        Where it can be fetched: an address of the web, or ``doi:DOI/NAME`` (the name quoted, so
        that it has no ``/``); empty if nobody said.
    """

    path: str
    size: int
    sha256: str | None = None
    url: str = ""


@dataclass(frozen=True)
class DataReference:
    """Data that the notebooks read.

    Attributes
    ----------
    name : str
    kind : str
        ``carried`` (in the publication), ``run`` (a proposal's), ``doi``, ``url`` or ``folder``.
    where : str
        The folder in the publication, ``p900074 r0487``, the DOI, the address; empty for a
        folder that only the author has.
    target : str
        Where it has to be below ``work/`` when the notebooks are executed; empty if their values
        or ``BEAMBOOK_DATA`` say where.
    files : tuple of DataFile
    """

    name: str
    kind: str
    where: str = ""
    target: str = ""
    files: tuple[DataFile, ...] = ()

    @property
    def size(self) -> int:
        """Of all its files, in bytes."""
        return sum(file.size for file in self.files)

    @property
    def dois(self) -> tuple[str, ...]:
        """Where it was published, also if it is carried."""
        addresses = (file.url for file in self.files if file.url.startswith("doi:"))
        named = (each.removeprefix("doi:").rpartition("/")[0] for each in addresses)
        return tuple(dict.fromkeys([*([self.where] if self.kind == "doi" else []), *named]))

    def document(self) -> dict[str, Any]:
        """As ``publication.json`` has it: an address only where there is one."""
        made = asdict(self)
        made["files"] = [{k: v for k, v in f.items() if k != "url" or v} for f in made["files"]]
        return made


@dataclass(frozen=True)
class Claim:
    """A number, table or figure that the publication rests on.

    Attributes
    ----------
    notebook : str
        Its path below ``work/``.
    cell : int
        Position among all cells of the reference, from 1.
    name : str
        Of the recorded result; empty for a cell that is tagged ``claim``.
    kind : str
        ``number``, ``table``, ``figure`` or ``text``.
    text : str
        What it says, in the author's words.
    """

    notebook: str
    cell: int
    name: str = ""
    kind: str = "text"
    text: str = ""


@dataclass(frozen=True)
class Code:
    """Where the code is from: commit, whether files differ from it, address of the repository."""

    commit: str = ""
    dirty: bool = False
    remote: str = ""


def written_in(notebook: str) -> str:
    """Folder of the files that a notebook wrote when it was executed.

    Examples
    --------
    >>> written_in("analysis/fit.ipynb")
    'reference/analysis/fit-files'
    """
    path = PurePath(notebook)
    return (PurePath("reference") / path.parent / f"{path.stem}-files").as_posix()


def build(kind: type[Any], documents: Any, where: str) -> tuple[Any, ...]:
    """Objects of a class from the list of JSON objects that ``asdict`` made of them.

    Raises
    ------
    PublicationError
        If a document is of another form; additional keys, of a later version, are let pass.
    """
    if not isinstance(documents, list) or not all(isinstance(d, Mapping) for d in documents):
        raise PublicationError(f"publication.json: {where!r} is not a list of objects")
    return tuple(_built(kind, document, where) for document in documents)


def _built(kind: type[Any], document: Mapping[str, Any], where: str) -> Any:
    known = kind.__dataclass_fields__
    values = {key: _value(kind, key, each) for key, each in document.items() if key in known}
    try:
        made = kind(**values)
    except TypeError as error:
        raise PublicationError(f"publication.json: {where!r}: {error}") from error
    for name, each in asdict(made).items():
        wanted = _TYPES.get(name, object)
        if not isinstance(each, wanted):
            raise PublicationError(f"publication.json: {where!r}: {name} is {each!r:.60}")
    return made


_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("path", "title", "kernel", "language", "python", "name", "kind"), str),
    "url": str,
    **dict.fromkeys(("where", "target", "notebook", "text", "commit", "remote"), str),
    **dict.fromkeys(("reference", "started", "ended", "sha256"), (str, type(None))),
    **dict.fromkeys(("requires", "outputs", "files"), tuple),
    **dict.fromkeys(("size", "cell"), int),
    "seconds": (int, float, type(None)),
    "values": Mapping,
    "dirty": bool,
}


def _value(kind: type[Any], key: str, value: Any) -> Any:
    if kind is DataReference and key == "files":
        return build(DataFile, value, "files")
    if key in ("requires", "outputs") and _are_words(value):
        return tuple(value)
    return value


def _are_words(value: Any) -> bool:
    return isinstance(value, Iterable) and all(isinstance(each, str) for each in value)
