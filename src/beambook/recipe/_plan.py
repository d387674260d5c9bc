"""What is decided before a kernel starts: everything that can be refused is refused here."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

from beambook.errors import NotebookError, ParameterError
from beambook.recipe._foreign import PythonKernel
from beambook.recipe._provisioner import STACK
from beambook.recipe._recipe import Recipe

__all__ = ["Limits", "Plan", "on_paths", "plan"]

_IMPORT = re.compile(r"^[ \t]*(?:import|from)[ \t]+([\w.]+(?:[^\n#;]*,[ \t]*[\w.]+)*)", re.M)
_MAGIC = re.compile(r"^[ \t]*%matplotlib\b|^[ \t]*%pylab\b", re.M)
EVERYTHING = {"beambook", "extra_data"}
DEEP = {"h5py", "matplotlib", "numpy", "pandas", "scipy", "xarray"}
PATH_MOST = 1024


@dataclass(frozen=True)
class Limits:
    """When an execution has had enough.

    Attributes
    ----------
    seconds : float or None
        For the whole execution.
    cell_seconds : float or None
        For each cell.
    grace : float
        Seconds between the interrupt and the end of a kernel that ignores it.
    output : int
        Characters of text that stay in the notebook, per stream of a cell.
    """

    seconds: float | None
    cell_seconds: float | None
    grace: float
    output: int


@dataclass(frozen=True)
class Plan:
    """One execution, decided.

    Attributes
    ----------
    recipe : Recipe
    notebook : nbformat.NotebookNode
        With its values, without outputs.
    values : mapping
        Of all parameters, as JSON has them.
    kernel : str
        Name of the kernelspec.
    spec : jupyter_client.kernelspec.KernelSpec
    into : Path
    beside : bool
        Whether the kernel works in the notebook's own folder.
    preload : tuple of str
    limits : Limits
    fork, allow_errors : bool
    software : PythonKernel or None
        The Python of the kernel, if it is not one that Jupyter knows.
    """

    recipe: Recipe
    notebook: Any
    values: Mapping[str, Any]
    kernel: str
    spec: Any
    into: Path
    beside: bool
    preload: tuple[str, ...]
    limits: Limits
    fork: bool
    allow_errors: bool
    software: PythonKernel | None = None


def plan(
    recipe: Recipe,
    values: Mapping[str, Any],
    *,
    into: Path,
    kernel: str | PythonKernel | None,
    limits: Limits,
    fork: bool,
    allow_errors: bool,
    in_place: bool = False,
) -> Plan:
    """Check everything and decide.

    Raises
    ------
    ParameterNotFound, ParameterError
        If the values do not fit the recipe.
    NotebookError
        If there is no kernel for it.
    """
    notebook = recipe.notebook()
    software = kernel if isinstance(kernel, PythonKernel) else None
    name, spec = _kernel_for(recipe, kernel)
    python = spec.language.lower() == "python"
    if python:
        notebook, json_values = _with_values(recipe, notebook, values, in_place=in_place)
    elif values:
        raise ParameterError(
            f"{recipe.name!r} is a {spec.language} notebook and takes no values",
            hint="Parameters are found in Python notebooks only",
        )
    else:
        json_values = {}
    _clear(notebook)
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    beside = in_place or (not recipe.is_declared and _names_files(sources, recipe.path.parent))
    _check_sandbox(software, recipe.path.parent if beside else None, into)
    return Plan(
        recipe, notebook, json_values, name, spec, into, beside,
        preload_for("\n".join(sources)) if python else (), limits, fork, allow_errors, software,
    )  # fmt: skip


def preload_for(source: str) -> tuple[str, ...]:
    """Modules worth importing before the fork: those of the science stack that are named.

    Parameters
    ----------
    source : str
        Code of the notebook.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> preload_for("import numpy as np, h5py")
    ('numpy', 'h5py')
    """
    named = {name for match in _IMPORT.finditer(source) for name in re.findall(r"[\w.]+", match[1])}
    tops = {name.partition(".")[0] for name in named}
    if _MAGIC.search(source):
        tops.add("matplotlib")
    if tops & EVERYTHING:
        tops |= {module.partition(".")[0] for module in STACK}
    known = [module for module in STACK if module.partition(".")[0] in tops]
    deep = sorted(n for n in named if "." in n and n.partition(".")[0] in DEEP and n not in known)
    return (*known, *deep)


def _check_sandbox(software: PythonKernel | None, place: Path | None, into: Path) -> None:
    if software is None or software.sandbox is None:
        return
    work = software.sandbox.work.resolve()
    if place is not None and not place.resolve().is_relative_to(work):
        raise NotebookError(
            f"The notebook works in {str(place)!r}, which its sandbox does not let it change",
            hint=f"Make the sandbox of that folder, or copy the notebook into {work}",
        )
    if into.resolve().is_relative_to(work):
        raise NotebookError(
            f"The notebook could change the records of executions in {str(into)!r}",
            hint="Give a folder outside of the sandbox as into",
        )


def _kernel_for(recipe: Recipe, wanted: str | PythonKernel | None) -> tuple[str, Any]:
    if isinstance(wanted, PythonKernel):
        if "python" not in recipe.language:
            raise NotebookError(f"{recipe.name!r} is a {recipe.language} notebook, no Python one")
        return wanted.name, wanted.spec()
    manager = KernelSpecManager()
    name = wanted or recipe.kernel_name or ("python3" if recipe.language == "python" else "")
    try:
        if name:
            return name, manager.get_kernel_spec(name)
    except NoSuchKernel:
        pass
    installed = ", ".join(sorted(manager.find_kernel_specs())) or "none"
    if wanted:
        raise NotebookError(f"There is no kernel {wanted!r}", hint=f"Installed: {installed}")
    asked = f"kernel {name!r}" if name else f"a kernel for {recipe.language}"
    raise NotebookError(
        f"{recipe.name!r} asks for {asked}, which is not installed",
        hint=f"Installed: {installed}. Choose one: kernel=…, or --kernel on the command line",
    )


def _with_values(
    recipe: Recipe, notebook: Any, values: Mapping[str, Any], *, in_place: bool
) -> tuple[Any, dict[str, Any]]:
    """The notebook with `values` written into it, and the values of all parameters."""
    parameters = recipe.parameters
    folder = recipe.path.parent
    full = dict(parameters.validate(dict(values)))
    for name, value in full.items():
        if name in values:
            full[name] = on_paths(value, lambda path: _absolute(path, Path.cwd()))
        else:
            full[name] = on_paths(value, lambda path: _there(path, folder))
        if in_place:  # the kernel works there
            full[name] = on_paths(full[name], lambda path: _near(path, folder))
    defaults = {parameter.name: parameter.default for parameter in parameters}
    changed = {n: v for n, v in full.items() if n in values or v != defaults.get(n, v)}
    return parameters.write(notebook, changed), dict(parameters.to_json(full))


def on_paths(value: Any, change: Callable[[Path], Path]) -> Any:
    """A value with every path in it changed."""
    if isinstance(value, Path):
        return change(value)
    if isinstance(value, list | tuple | set):
        return type(value)(on_paths(each, change) for each in value)
    if isinstance(value, dict):
        return {key: on_paths(each, change) for key, each in value.items()}
    return value


def _absolute(path: Path, base: Path) -> Path:
    """Relative paths start where they were given: the kernel works in another folder."""
    return path if path.is_absolute() else (base / path.expanduser()).absolute()


def _there(path: Path, folder: Path) -> Path:
    """Of a default: what is not there may be meant to be written where the kernel works."""
    found = _absolute(path, folder)
    return found if found.exists() else path


def _near(path: Path, folder: Path) -> Path:
    """Relative to the notebook, so that the copy of it which is executed names no copy."""
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def _clear(notebook: Any) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
            cell.execution_count = None
            cell.metadata.pop("execution", None)
    notebook.metadata.pop("widgets", None)


def _names_files(sources: list[str], folder: Path) -> bool:
    """Whether the code names files or folders that are beside the notebook."""
    return any(_is_beside(text, folder) for source in sources for text in _strings(source))


def _strings(source: str) -> Iterator[str]:
    try:
        tree = ast.parse(re.sub(r"^[ \t]*[%!?].*$", "", source, flags=re.M))
    except (SyntaxError, ValueError, RecursionError):
        yield from re.findall(r"[\"']([^\"'\n]+)[\"']", source)
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
    yield from re.findall(r"^[ \t]*%(?:run|load) +(\S+)", source, flags=re.M)


def _is_beside(text: str, folder: Path) -> bool:
    if not text or len(text) > PATH_MOST or "\n" in text or "\0" in text or text.startswith("/"):
        return False
    start = re.split(r"[*?\[{]", text)[0]  # of a pattern: as far as it is a path
    if start.strip("./") == "":
        return False
    try:
        return (folder / start).exists()
    except OSError:
        return False
