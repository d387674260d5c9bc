"""What is to be published: the folder, its notebooks, the files that go along."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from beambook.checksum import sha256_of
from beambook.errors import PublicationError, RunNotFound
from beambook.publication._declaration import DECLARATION, Declaration, read_declaration
from beambook.publication._executed.folder import ExecutedFolder
from beambook.publication._publication import is_publication
from beambook.publication._seal.code import tracked_files
from beambook.publication._seal.named import named_files, outside_files
from beambook.recipe import Execution

__all__ = ["Source", "find_source", "folder_source"]

SKIPPED = {"__pycache__", "node_modules", "executions", "site-packages"}
KEPT = {".binder"}
# They describe the software; a notebook does not name them, and cannot do without them.
SOFTWARE = (
    "requirements*.txt", "environment*.y*ml", "pyproject.toml", "setup.py", "setup.cfg",
    "runtime.txt", "Pipfile", "Pipfile.lock", "uv.lock", "pylock*.toml", "apt.txt", "postBuild",
    "LICENSE*", "LICENCE*", "README*", "CITATION.cff", DECLARATION,
)  # fmt: skip
NAMED = 5
LFS = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class Source:
    """What is to be published.

    Attributes
    ----------
    root : Path
        Names start here.
    notebooks : tuple of str
    files : tuple of str
        All files that belong to it, notebooks included, sorted.
    links : mapping of str to Path
        Links to folders that are elsewhere: data.
    executions : mapping of str to Execution
        Of a notebook.
    replaced : mapping of str to Path
        Files whose content is another file's.
    declaration : Declaration
    notes : tuple of str
    copy_of : ExecutedFolder or None
        What `root` is, where the notebooks were executed in a copy of the author's folder.
    """

    root: Path
    notebooks: tuple[str, ...]
    files: tuple[str, ...]
    links: Mapping[str, Path] = field(default_factory=dict)
    executions: Mapping[str, Execution] = field(default_factory=dict)
    replaced: Mapping[str, Path] = field(default_factory=dict)
    declaration: Declaration = field(default_factory=Declaration)
    notes: tuple[str, ...] = ()
    copy_of: ExecutedFolder | None = None

    @property
    def origin(self) -> Path:
        """The author's folder."""
        return self.copy_of.origin if self.copy_of else self.root

    def path(self, name: str) -> Path:
        """Where the content of a file is."""
        return self.replaced.get(name, self.root / name)


def find_source(path: str | Path, *, into: Path) -> Source:
    """Look at a notebook, a folder of notebooks, or an Execution.

    Parameters
    ----------
    path : str or Path
    into : Path
        Where the publication goes; never a part of it.

    Returns
    -------
    Source

    Raises
    ------
    RunNotFound
        If there is no such file or folder.
    PublicationError
        If there is no notebook in it.
    """
    given = Path(path).resolve()
    if (given / "execution.json").is_file():
        return _of_execution(Execution.load(given))
    if (given / "pipeline.json").is_file():
        raise PublicationError(
            f"{str(path)!r} is a pipeline that was performed, with many executions",
            hint="Publish one of its executions, or the folder of its notebooks",
        )
    if given.is_dir():
        if is_publication(given):
            raise PublicationError(
                f"{str(path)!r} is a publication already",
                hint="Publish the folder of notebooks that it was made of",
            )
        return _of_folder(given, into)
    if not given.is_file():
        raise RunNotFound(f"No notebook, folder or execution {str(path)!r}")
    if given.suffix != ".ipynb":
        raise PublicationError(f"{str(path)!r} is no notebook, folder or execution")
    return _of_notebook(given)


def _of_notebook(notebook: Path) -> Source:
    root = notebook.parent
    declaration = read_declaration(root)
    names = {notebook.name} | named_files(notebook, root)
    names |= {each.name for each in root.iterdir() if each.is_file() and _is_software(each.name)}
    names |= {name for name in _walk(root, "") if _fits(name, declaration.include)}
    names -= {name for name in names if _fits(name, declaration.exclude)}
    kept, links, notes = _sorted_out(root, sorted(names | {notebook.name}))
    notes += _outside(root, [notebook.name])
    return Source(root, (notebook.name,), kept, links, declaration=declaration, notes=tuple(notes))


def _of_execution(execution: Execution) -> Source:
    """The notebook that was executed, as its author has it; else as it was executed."""
    if execution.status != "done":
        raise PublicationError(f"The execution {execution.id} is {execution.status}, not done")
    recipe = execution.record["recipe"]
    notebook = Path(str(recipe["path"]))
    if notebook.is_file() and sha256_of(notebook) == recipe.get("sha256"):
        found = _of_notebook(notebook)
        return replace(found, executions={notebook.name: execution})
    name = f"{recipe['name']}.ipynb"
    why = "was changed since it was executed" if notebook.is_file() else "is gone"
    note = f"{name}: the author's notebook {why}; the executed one stands for it"
    return Source(
        execution.path, (name,), (name,), executions={name: execution},
        replaced={name: execution.notebook_path}, notes=(note,),
    )  # fmt: skip


def _of_folder(root: Path, into: Path) -> Source:
    source = folder_source(root, into)
    executed, unused = _executed(source)
    return replace(source, executions=executed, notes=(*source.notes, *unused))


def folder_source(root: Path, into: Path) -> Source:
    """A folder of notebooks, whatever was executed of it.

    Parameters
    ----------
    root : Path
        Without links in its path.
    into : Path
        Where what is made of it goes; never a part of it.

    Raises
    ------
    PublicationError
        If there is no notebook in it.
    """
    declaration = read_declaration(root)
    copy_of = ExecutedFolder.load(root) if ExecutedFolder.is_at(root) else None
    if copy_of is not None:
        declaration = _located(declaration, copy_of)
    # A copy has nothing but what git would take; where it lies git may ignore it.
    tracked = None if copy_of else tracked_files(root)
    walked = [name for name in _walk(root, "") if not _is_in(root / name, into)]
    names = walked if tracked is None else sorted(set(tracked) & set(walked))
    notebooks = [name for name in names if name.endswith(".ipynb")]
    named = {each for name in notebooks for each in named_files(root / name, root)} & set(walked)
    kept = {*names, *named, *(name for name in walked if _fits(name, declaration.include))}
    kept -= {name for name in kept if _fits(name, declaration.exclude)}
    files, links, notes = _sorted_out(root, sorted(kept))
    books = tuple(name for name in files if name.endswith(".ipynb"))
    if not books:
        raise PublicationError(f"There is no notebook in {str(root)!r}")
    if left := sorted(set(walked) - kept - set(links)):
        shown = ", ".join(left[:NAMED]) + (", …" if len(left) > NAMED else "")
        notes.append(f"left out, because git ignores or publication.yml excludes them: {shown}")
    notes += _outside(root, books)
    notes = list(dict.fromkeys([*(copy_of.notes if copy_of else ()), *notes]))
    return Source(
        root, books, files, links, declaration=declaration, notes=tuple(notes), copy_of=copy_of
    )


def _located(declaration: Declaration, copy: ExecutedFolder) -> Declaration:
    """Data that lies beside the author's folder does not lie beside its copy."""
    data = []
    for facts in declaration.data:
        for key in ("folder", "where"):
            text = str(facts.get(key) or "")
            if text and not (copy.path / text).exists() and (copy.origin / text).exists():
                facts = {**facts, key: str(copy.origin / text)}
        data.append(facts)
    return replace(declaration, data=tuple(data))


def _executed(source: Source) -> tuple[dict[str, Execution], list[str]]:
    """The newest execution of each notebook, of those kept beside it, that came to its end.

    And what to say of notebooks that were executed only as they were before, or not to the end.
    """
    found: dict[str, Execution] = {}
    unused: dict[str, str] = {}
    here = {str((source.root / name).resolve()): name for name in source.notebooks}
    for record in _records(source):
        execution = Execution.load(record.parent)
        name = _name_of(execution, here)
        if name is None:
            continue
        if why := _why_unused(source, name, execution):
            unused[name] = f"{name} {why}: the outputs of {execution.id} are not taken"
        elif name not in found or _ended(execution) > _ended(found[name]):
            found[name] = execution
    return found, [unused[name] for name in sorted(unused.keys() - found.keys())]


def _name_of(execution: Execution, here: Mapping[str, str]) -> str | None:
    """By its path; where the folder was moved or copied, by its place beside ``executions/``."""
    path = Path(str(execution.record["recipe"]["path"]))
    beside = execution.path.resolve().parents[1] / path.name
    return here.get(str(path.resolve())) or here.get(str(beside))


def _why_unused(source: Source, name: str, execution: Execution) -> str:
    if execution.status != "done":
        return f"was executed, which is {execution.status}"
    if not _has_values(source, name, execution):
        return "was executed with other values than publication.yml declares"
    if sha256_of(source.root / name) != execution.record["recipe"].get("sha256"):
        return "was changed (or saved) since it was executed"
    return ""


def _records(source: Source) -> list[Path]:
    """Records of executions that are kept at the top, or beside a notebook."""
    folders = {source.root, *((source.root / name).parent for name in source.notebooks)}
    return sorted(r for f in folders for r in f.glob("executions/*/execution.json"))


def _has_values(source: Source, name: str, execution: Execution) -> bool:
    """Whether it was executed with the values that are declared, if any are."""
    declared = source.declaration.notebooks.get(name, {}).get("values") or {}
    return all(execution.values.get(key) == value for key, value in declared.items())


def _ended(execution: Execution) -> str:
    return str(execution.record["ended"])


def _walk(folder: Path, prefix: str) -> Iterator[str]:
    """Names of all files and of links below; hidden folders and those of tools are left out."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            hidden = entry.name.startswith(".") and entry.name not in KEPT
            if hidden or entry.name in SKIPPED:
                continue
            if entry.is_symlink() or not entry.is_dir():
                yield prefix + entry.name
            elif not _is_foreign(Path(entry.path)):
                yield from _walk(Path(entry.path), f"{prefix}{entry.name}/")


def _is_foreign(folder: Path) -> bool:
    """Software, frozen or not, and other publications are no part of the author's work."""
    installed = any((folder / name).exists() for name in ("pyvenv.cfg", "conda-meta"))
    frozen = all((folder / name).is_file() for name in ("environment.json", "requirements.txt"))
    return installed or frozen or is_publication(folder) or ExecutedFolder.is_at(folder)


def _sorted_out(root: Path, names: list[str]) -> tuple[tuple[str, ...], dict[str, Path], list[str]]:
    """Plain files; links that lead out; and what to say of the rest."""
    files, links, notes = [], {}, []
    home = root.resolve()
    for name in names:
        path = root / name
        real = path.resolve()
        if path.is_symlink() and not real.exists():
            notes.append(f"{name} is a link to nothing and was left out")
        elif real.is_relative_to(home) and stat.S_ISREG(real.stat().st_mode):
            files.append(name)
            if _is_pointer(real):
                notes.append(f"{name} only points to a file of git-lfs: git lfs pull brings it")
        elif path.is_symlink() and real.is_file():
            files.append(name)
            notes.append(f"{name} is a link out of the folder: what it leads to is carried")
        elif path.is_symlink() and real.is_dir():
            links[name] = real
        else:
            notes.append(f"{name} is no plain file and was left out")
    return tuple(files), links, notes


def _is_pointer(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(LFS)) == LFS


def _outside(root: Path, notebooks: list[str] | tuple[str, ...]) -> list[str]:
    return [
        f"{name} names {text!r}, which is outside of what is published: publish the folder "
        "above, or declare it as data"
        for name in notebooks
        for text in outside_files(root / name, root)
    ]


def _is_in(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder)


def _is_software(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in SOFTWARE)


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(
        fnmatchcase(name, pattern) or name.startswith(f"{pattern.rstrip('/')}/")
        for pattern in patterns
    )
