"""What a Python project says that it needs: pyproject.toml, setup.cfg, setup.py (only read)."""

from __future__ import annotations

import ast
import configparser
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beambook.environment._declared.found import Found, mapping, read_text, texts
from beambook.environment._declared.pip_file import of_lines
from beambook.errors import EnvironmentProblem

__all__ = ["of_poetry", "read_pyproject", "read_setup_cfg", "read_setup_py", "toml_of"]


def toml_of(path: Path) -> Mapping[str, Any]:
    """A TOML file's content.

    Raises
    ------
    EnvironmentProblem
        When it is none.
    """
    try:
        return tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise EnvironmentProblem(f"{path} is no TOML: {error}") from error


def read_pyproject(path: Path, root: Path) -> Found:
    """``[project]``, and Poetry's own tables; nothing is built.

    Raises
    ------
    EnvironmentProblem
        When it is no TOML.
    """
    said = toml_of(path)
    project = mapping(said.get("project"))
    poetry = mapping(mapping(said.get("tool")).get("poetry"))
    lines = "\n".join(texts(project.get("dependencies")))
    dynamic = texts(project.get("dynamic"))
    python = project.get("requires-python")
    found = Found(
        files=(path.name,),
        python=python if isinstance(python, str) else "",
        unhonoured=("dependencies are computed when it is built",)
        if "dependencies" in dynamic
        else (),
    )
    if not project:
        found += of_poetry(poetry.get("dependencies"))
    return found + of_lines(lines, path.parent, root)


def of_poetry(table: Any) -> Found:
    """Poetry's (and Pipfile's) ``name = "^1.2"``."""
    found = Found()
    for name, wanted in mapping(table).items():
        version = wanted if isinstance(wanted, str) else mapping(wanted).get("version")
        if name.lower() == "python":
            found += Found(python=_caret(str(version or "")).removeprefix("=="))
        elif isinstance(version, str):
            found += of_lines(f"{name}{_extras(wanted)}{_caret(version)}", Path(), Path())
        else:
            found += Found(unhonoured=(f"{name}: not from a package index",))
    return found


def _extras(wanted: Any) -> str:
    extras = texts(mapping(wanted).get("extras"))
    return f"[{','.join(extras)}]" if extras else ""


def _caret(version: str) -> str:
    """``^1.2.3`` is ``>=1.2.3,<2``, ``~1.2.3`` is ``>=1.2.3,<1.3``, ``1.2`` is ``==1.2``."""
    version = version.strip()
    if version in ("", "*"):
        return ""
    if version[0] not in "^~" or version.startswith("~="):
        return version if version[0] in "<>=!~" else f"=={version}"
    numbers = [int(part) if part.isdigit() else 0 for part in version[1:].split(".")]
    at = min(len(numbers) - 1, 1)
    if version[0] == "^":  # up to the first number that is not 0
        at = next((n for n, number in enumerate(numbers) if number), len(numbers) - 1)
    above = ".".join(map(str, [*numbers[:at], numbers[at] + 1]))
    return f">={version[1:]},<{above}"


def read_setup_cfg(path: Path, root: Path) -> Found:
    """``[options] install_requires``.

    Raises
    ------
    EnvironmentProblem
        When it is no configuration file.
    """
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(read_text(path))
    except configparser.Error as error:
        raise EnvironmentProblem(f"{path} cannot be read: {error.message}") from error
    lines = parser.get("options", "install_requires", fallback="")
    python = parser.get("options", "python_requires", fallback="")
    head = Found(files=(path.name,), python=python)
    if lines.strip().startswith("file:"):
        return head + Found(unhonoured=(f"{path.name}: {lines.strip()}",))
    return head + of_lines(lines, path.parent, root)


def read_setup_py(path: Path, root: Path) -> Found:
    """``install_requires`` where it is written down; the file is read, never executed.

    Raises
    ------
    EnvironmentProblem
        When the file cannot be read.
    """
    try:
        tree = ast.parse(read_text(path))
    except (SyntaxError, ValueError, RecursionError):
        return Found(files=(path.name,), unhonoured=(f"{path.name} is no Python 3",))
    known = _constants(tree)
    keywords = {
        keyword.arg: keyword.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and _is_setup(call.func)
        for keyword in call.keywords
    }
    asked = _value(keywords.get("install_requires"), known)
    python = _value(keywords.get("python_requires"), known)
    found = Found(files=(path.name,), python=python if isinstance(python, str) else "")
    if asked is None and "install_requires" in keywords:
        return found + Found(unhonoured=(f"{path.name} computes what it needs",))
    return found + of_lines("\n".join(texts(asked)), path.parent, root)


def _is_setup(function: ast.expr) -> bool:
    name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
    return name == "setup"


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """What plain names are bound to at the top of the file."""
    return {
        target.id: statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def _value(node: ast.expr | None, known: Mapping[str, ast.expr]) -> Any:
    """A literal, or a name that is bound to one; else None."""
    if isinstance(node, ast.Name):
        node = known.get(node.id)
    try:
        return ast.literal_eval(node) if node is not None else None
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
