"""Which Python a Jupyter kernel starts."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from beambook.errors import EnvironmentProblem, close_names

__all__ = ["kernel_python"]

_PYTHON = re.compile(r"(python|pypy)[0-9.]*$")


def kernel_python(name: str) -> Path:
    """The executable that the kernel of this name starts.

    Parameters
    ----------
    name : str
        Of a kernelspec, as notebooks have it: ``python3``.

    Returns
    -------
    Path

    Raises
    ------
    EnvironmentProblem
        If no kernel has this name, it is of another language, or something else starts it.

    Examples
    --------
    >>> kernel_python("python3").name.startswith("python")
    True
    """
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    manager = KernelSpecManager()
    try:
        spec = manager.get_kernel_spec(name)
    except NoSuchKernel as error:
        names = sorted(manager.find_kernel_specs())
        close = close_names(name, names) or names[:3]
        raise EnvironmentProblem(
            f"No Jupyter kernel {name!r} here; there is {', '.join(close) or 'none'}",
            hint="Name the Python itself: --python /path/to/bin/python",
        ) from error
    if spec.language.lower() != "python" or not spec.argv:
        raise EnvironmentProblem(f"Kernel {name!r} is of {spec.language}; only Python is frozen")
    return _program(name, str(spec.argv[0]))


def _program(name: str, program: str) -> Path:
    major, minor = sys.version_info[:2]
    if program in ("python", f"python{major}", f"python{major}.{minor}"):
        return Path(sys.executable)  # as Jupyter itself understands these names
    found = shutil.which(program)
    if found is None or not _PYTHON.match(Path(program).name):
        what = "is not there" if found is None else "is no Python"
        raise EnvironmentProblem(
            f"Kernel {name!r} is started by {program!r}, which {what}",
            hint="Name the Python itself: --python /path/to/bin/python",
        )
    return Path(found)
