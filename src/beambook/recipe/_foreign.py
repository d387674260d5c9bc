"""Any Python as a notebook's kernel: that of a frozen environment, for example."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec

from beambook.environment import Sandbox
from beambook.errors import EnvironmentProblem

__all__ = ["PythonKernel"]

PROBE_SECONDS = 120.0
PROBE = """
import json, sys
try:
    from importlib.metadata import version
except ImportError:
    from pkg_resources import get_distribution
    version = lambda name: get_distribution(name).version
def has(name):
    try:
        return version(name)
    except Exception:
        return ""
print(json.dumps({"python": sys.version.split()[0], "ipykernel": has("ipykernel")}))
"""
OURS = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


@dataclass(frozen=True)
class PythonKernel:
    """The Python that a notebook is executed with: any that has ipykernel.

    Attributes
    ----------
    python : Path
        Its executable, as a rule that of a virtual environment.
    sandbox : Sandbox, optional
        What it runs in; None: with the rights and the variables of the caller.
    env : mapping of str to str
        Variables besides.
    name : str
        What the notebook calls its kernel.

    Examples
    --------
    >>> from beambook.environment import sandbox
    >>> kernel = PythonKernel("env/bin/python", sandbox("work"))  # doctest: +SKIP
    >>> execute("work/analysis.ipynb", kernel=kernel)  # doctest: +SKIP
    """

    python: Path
    sandbox: Sandbox | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    name: str = "python3"

    def __post_init__(self) -> None:
        object.__setattr__(self, "python", Path(self.python).absolute())

    @property
    def is_wrapped(self) -> bool:
        """Whether the sandbox is a process around the kernel."""
        return self.sandbox is not None and self.sandbox.kind == "bubblewrap"

    def account(self) -> dict[str, Any]:
        """What an execution's record says of the sandbox."""
        box = self.sandbox
        if box is None:
            return {"kind": "none", "why": "none was asked for", "lets": ["everything"]}
        return {"kind": box.kind, "why": box.why, "lets": list(box.lets), "work": str(box.work)}

    def spec(self) -> KernelSpec:
        """As a kernelspec that is not installed."""
        return KernelSpec(
            argv=[str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
        )

    def command(self, command: Sequence[str], *, cwd: Path, private: Path) -> list[str]:
        """`command` inside of the sandbox.

        Parameters
        ----------
        command : sequence of str
        cwd : Path
            May be changed.
        private : Path
            Of this kernel alone.
        """
        if self.sandbox is None:
            return list(command)
        return self.sandbox.argv(command, cwd=cwd, private=private, writable=[cwd])

    def environ(self, private: Path) -> dict[str, str]:
        """All variables for the kernel."""
        if self.sandbox is not None:
            env = self.sandbox.env(private)
        else:
            env = {name: value for name, value in os.environ.items() if name not in OURS}
        env["PATH"] = os.pathsep.join([str(self.python.parent), env.get("PATH", os.defpath)])
        return {**env, **self.env}

    def check(self) -> dict[str, Any]:
        """Ask the Python, in its sandbox, for its version and that of ipykernel.

        Raises
        ------
        EnvironmentProblem
            If it is not there, does not start, or has no ipykernel.
        """
        if not self.python.is_file():
            raise EnvironmentProblem(f"There is no Python {str(self.python)!r}")
        found = self._probe()
        if not found["ipykernel"]:
            raise EnvironmentProblem(
                f"{str(self.python)!r} (Python {found['python']}) has no ipykernel, "
                "so it cannot execute notebooks",
                hint=f"Install it there: uv pip install --python {self.python} ipykernel",
            )
        return found

    def _probe(self) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="bb-") as folder:
            private = Path(folder)
            command = self.command([str(self.python), "-c", PROBE], cwd=private, private=private)
            try:
                done = subprocess.run(  # noqa: S603
                    command,
                    capture_output=True,
                    text=True,
                    timeout=PROBE_SECONDS,
                    check=True,
                    cwd=private,
                    env=self.environ(private),
                )
                found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
            except subprocess.CalledProcessError as error:
                lines = error.stderr.strip().splitlines() or [f"exit status {error.returncode}"]
                message = f"{str(self.python)!r} does not start: {lines[-1]}"
                raise EnvironmentProblem(message) from error
            except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
                raise EnvironmentProblem(f"{str(self.python)!r} does not start: {error}") from error
        return found
