"""Cells run one by one in a kernel of any Python, at any place, with or without fingerprints."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager
from nbformat.v4 import new_code_cell, new_notebook, output_from_msg

import beambook.recipe

FINGERPRINT = Path(beambook.recipe.__file__).with_name("_fingerprint.py")
INJECT = """
import sys as _s, types as _t
_m = _s.modules["_beambook_fingerprint"] = _t.ModuleType("_beambook_fingerprint")
exec(compile({text!r}, "_fingerprint.py", "exec"), _m.__dict__)
assert _m.install()
del _s, _t, _m
"""
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/sbin", "/etc", "/opt")
OURS = "application/vnd.beambook"
SHOWN = ("stream", "display_data", "execute_result", "error")


class Kernel:
    """A kernel of `python`; fingerprints are those of this beambook.

    Parameters
    ----------
    python : str
    setup : str
        Run first; must show nothing.
    cwd : Path, optional
    env : mapping
        Added to the environment.
    prefix : sequence of str
        Command that runs the command, as bubblewrap.
    """

    def __init__(
        self,
        python: str,
        setup: str,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        prefix: tuple[str, ...] = (),
    ) -> None:
        command = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = KernelSpec(argv=[*prefix, *command], display_name="Python", language="python")
        self.folder = tempfile.mkdtemp(prefix="k-")
        self.manager = KernelManager(
            kernel_name="mutants", connection_file=f"{self.folder}/kernel.json"
        )
        self.manager._kernel_spec = spec
        self.manager.start_kernel(cwd=str(cwd) if cwd else None, env=dict(env or {}))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)
        self.run(INJECT.format(text=FINGERPRINT.read_text(encoding="utf-8")))
        found = [o for o in self.run(setup) if o.get("name") != "stderr"]
        assert not found, found

    def run(self, source: str) -> list[Any]:
        """Outputs of a cell."""
        outputs: list[Any] = []

        def keep(message: dict[str, Any]) -> None:
            if message["msg_type"] in SHOWN:
                outputs.append(output_from_msg(message))

        self.client.execute_interactive(source, output_hook=keep, timeout=120)
        return _joined(outputs)

    def notebook(self, cells: Mapping[str, str]) -> Any:
        """A notebook of these cells, executed."""
        made = new_notebook()
        for i, (name, source) in enumerate(cells.items()):
            began = datetime.now(UTC).isoformat()
            outputs = self.run(source)
            cell = new_code_cell(source, id=name, outputs=outputs, execution_count=i + 1)
            cell.metadata["execution"] = {"iopub.execute_input": began}
            made.cells.append(cell)
        return made

    def close(self) -> None:
        """End it."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def _joined(outputs: list[Any]) -> list[Any]:
    """As notebooks store them: a stream in one piece."""
    kept: list[Any] = []
    for output in outputs:
        last = kept[-1] if kept else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last["text"] += output.text
        else:
            kept.append(output)
    return kept


def without_fingerprints(notebook: Any) -> Any:
    """The notebook as anybody else would have stored it."""
    import nbformat

    made = nbformat.from_dict(json.loads(json.dumps(notebook)))
    for cell in made.cells:
        cell.metadata.pop("execution", None)
        for output in cell.outputs:
            for mime in list(output.get("data", {})):
                if mime.startswith(OURS) or mime == "application/vnd.dataresource+json":
                    del output.data[mime]
    return made


def placed(folder: Path, place: str, *, readable: tuple[str, ...]) -> tuple[str, ...]:
    """Command prefix under which `folder` is seen at `place`, on a machine named otherwise."""
    command = ["bwrap", "--die-with-parent", "--unshare-uts", "--hostname", "node-" + folder.name]
    for path in SYSTEM:
        if Path(path).is_symlink():
            command += ["--symlink", str(Path(path).readlink()), path]
        elif Path(path).exists():
            command += ["--ro-bind", path, path]
    command += ["--proc", "/proc", "--dev", "/dev", "--bind", "/tmp", "/tmp"]
    command += ["--bind", str(folder), place]
    for path in readable:
        command += ["--ro-bind", path, path]
    return (*command, "--chdir", place)
