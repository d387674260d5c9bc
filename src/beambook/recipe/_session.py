"""What beambook adds to a Python kernel: executed silently at its start, from its text.

It imports nothing but the standard library of Python 3.7 and IPython, so that it works
in any environment, and it never lets an error of its own reach the notebook.
After every cell it writes what the kernel knows about itself (versions,
packages, input runs) to a private file: a kernel that dies later loses none of it.
"""

from __future__ import annotations

import faulthandler
import json
import os
import platform
import sys
import types
from typing import Any

HOOK = "__beambook_inputs__"
END_SECONDS = 1.0
REPLY_SECONDS = 0.02


class Session:
    """Writes facts about this kernel to `path` after every cell.

    Parameters
    ----------
    path : str
        A private JSON file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.notes: list[str] = []
        self.written = ""

    def facts(self) -> dict[str, Any]:
        """Versions, packages, input runs, and what went wrong on our side."""
        inputs = self.inputs()
        return {
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "executable": sys.executable,
            "prefix": sys.prefix,
            "packages": packages(sys.path),
            "inputs": inputs,
            "notes": self.notes,
        }

    def inputs(self) -> list[Any]:
        """What every loaded module says it has read, each thing once."""
        found: dict[str, Any] = {}
        for name, module in list(sys.modules.items()):
            hook = getattr(module, "__dict__", {}).get(HOOK)
            if not callable(hook):
                continue
            try:
                for entry in hook():
                    found[json.dumps(entry, sort_keys=True, default=str)] = entry
            except Exception as error:
                self.note(f"{name}.{HOOK}: {error!r}")
        return each_file_once(list(found.values()))

    def note(self, text: str) -> None:
        """Keep a line for the log."""
        if text not in self.notes:
            self.notes.append(text)

    def write(self, *_: object) -> None:
        """Write the facts if they have changed."""
        try:
            text = json.dumps(self.facts(), default=str)
            if text != self.written:
                with open(f"{self.path}.new", "w", encoding="utf-8") as file:
                    file.write(text)
                os.replace(f"{self.path}.new", self.path)
                self.written = text
        except Exception as error:
            self.note(f"facts: {error!r}")

    def load(self, name: str, source: str) -> None:
        """Execute the text of a module and its ``install()``."""
        try:
            module = types.ModuleType(name)
            sys.modules[name] = module
            exec(compile(source, f"<{name}>", "exec"), module.__dict__)  # noqa: S102 our own text
            module.install()
        except Exception as error:
            self.note(f"{name}: {error!r}")


def each_file_once(entries: list[Any]) -> list[Any]:
    """Without files that Python saw opened where a library tells of them, too."""
    told = [entry for entry in entries if not _is_seen(entry)]
    known = set()
    for entry in filter(lambda entry: isinstance(entry, dict), told):
        path, files = str(entry.get("path")), entry.get("files")
        known.add(path)
        if isinstance(files, list):
            known.update(os.path.join(path, f["name"]) for f in files)
    for entry in filter(_is_seen, entries):
        files = [f for f in entry["files"] if os.path.join(entry["path"], f["name"]) not in known]
        if files:
            told.append({**entry, "files": files})
    return told


def _is_seen(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("seen") == "opened"


def packages(folders: list[str]) -> dict[str, str]:
    """Name and version of every installed package, from the names of their folders."""
    found: dict[str, str] = {}
    for folder in folders:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for name in names:
            stem, suffix = os.path.splitext(name)
            if suffix in (".dist-info", ".egg-info") and "-" in stem:
                package, version = stem.split("-")[:2]
                found.setdefault(package.replace("_", "-"), version)
    return dict(sorted(found.items()))


def begin(path: str, notebook_folder: str, extras: dict[str, str]) -> None:
    """Start a session in this kernel.

    Parameters
    ----------
    path : str
        Where the facts go.
    notebook_folder : str
        Modules beside the notebook can be imported, as where it was written.
    extras : dict of str to str
        Name and text of modules whose ``install()`` is called.
    """
    from IPython import get_ipython

    session = Session(path)
    if notebook_folder not in sys.path:
        sys.path.append(notebook_folder)
    for name, source in extras.items():
        session.load(name, source)
    _log_crashes()
    session.write()
    get_ipython().events.register("post_run_cell", session.write)


def _log_crashes() -> None:
    """Send the traceback of a crash to the log: ipykernel's stderr ends with the process."""
    log = getattr(sys.stderr, "_original_stdstream_copy", None)
    if log is not None:
        faulthandler.enable(file=log)


def end() -> None:
    """End this kernel: first what it has started, then its event loop, then Python as usual.

    ipykernel's own way (a ``shutdown_request``) waits 14 s for a child that has
    ended and that nobody has reaped, and in one of fifty exits it never comes to
    an end: its control thread flushes outputs to a thread that has ended already.
    """
    from IPython import get_ipython

    _end_children()
    loop = get_ipython().kernel.io_loop
    loop.call_later(REPLY_SECONDS, loop.stop)


def _end_children() -> None:
    try:
        import psutil
    except ImportError:  # ipykernel needs it only since version 6
        return
    for kill in (psutil.Process.terminate, psutil.Process.kill):
        children = psutil.Process().children(recursive=True)
        for child in children:
            try:
                kill(child)
            except psutil.NoSuchProcess:
                pass
        if not children or not psutil.wait_procs(children, timeout=END_SECONDS)[1]:
            return
