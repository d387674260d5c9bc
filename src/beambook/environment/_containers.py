"""Recipes of containers for an environment, for sites that want one: Docker's and Apptainer's.

They stand in the environment's folder, are built there, and check every hash as `recreate`
does. The same environment gives the same text.
"""

from __future__ import annotations

import re
from pathlib import Path

from beambook.environment._environment import Environment

__all__ = ["write_containers"]

# Debian releases with an official image of Python, by the C library that they bring
RELEASES = (("2.31", "bullseye"), ("2.36", "bookworm"), ("2.41", "trixie"))
INSTALL = "python -m pip install --no-cache-dir --no-deps --require-hashes"

DOCKERFILE = """\
# Written by beambook from environment.json ({digest}).
# docker build -t {tag} .
FROM docker.io/library/python:{image}
WORKDIR /opt/environment
{copies}
{system}RUN {install} -r requirements.txt
RUN useradd --create-home user
USER user
WORKDIR /home/user
{command}
"""

DEFINITION = """\
# Written by beambook from environment.json ({digest}).
# apptainer build environment.sif apptainer.def
Bootstrap: docker
From: docker.io/library/python:{image}

%files
{files}
%post
    cd /opt/environment
{system}    {install} -r requirements.txt

%environment
    export LC_ALL=C.UTF-8 PYTHONNOUSERSITE=1

%runscript
    exec python "$@"

%labels
    beambook.digest {digest}
"""


def write_containers(environment: Environment) -> tuple[Path, Path]:
    """Write ``Dockerfile`` and ``apptainer.def`` beside the lock.

    Parameters
    ----------
    environment : Environment

    Returns
    -------
    tuple of Path
        The two files.

    Raises
    ------
    OSError
        When the environment's folder cannot be written.

    Examples
    --------
    >>> write_containers(Environment.load("environment"))   # doctest: +SKIP
    (PosixPath('environment/Dockerfile'), PosixPath('environment/apptainer.def'))
    """
    files = ["requirements.txt", *(["wheels"] if environment.wheels else [])]
    known = {
        "digest": environment.digest,
        "image": f"{environment.python}-slim{_release(environment.platform)}",
        "install": INSTALL + (" --no-index" if environment.complete else ""),
        "tag": f"environment-{environment.digest[:12]}",
    }
    # COPY puts what is in a folder, not the folder itself
    copies = [f"COPY {each} ./{each}{'/' if each == 'wheels' else ''}" for each in files]
    docker = DOCKERFILE.format(
        **known,
        copies="\n".join(copies),
        system=_system(environment, ""),
        command=_command(environment),
    )
    places = "".join(f"    {name} /opt/environment/{name}\n" for name in files)
    apptainer = DEFINITION.format(**known, files=places, system=_system(environment, "    "))
    return (
        _write(environment.path / "Dockerfile", docker),
        _write(environment.path / "apptainer.def", apptainer),
    )


def _release(platform: str) -> str:
    """The oldest Debian whose C library is not older than that of the frozen machine."""
    found = re.search(r"glibc (\d+)\.(\d+)", platform)
    if not found:
        return ""
    wanted = (int(found[1]), int(found[2]))
    for version, name in RELEASES:
        if tuple(map(int, version.split("."))) >= wanted:
            return f"-{name}"
    return ""


def _system(environment: Environment, indent: str) -> str:
    """Libraries of the machine, installed by the names that Debian has for them."""
    debian = "debian" in environment.distribution.lower()
    names = sorted({lib.package.split()[0] for lib in environment.system if lib.package})
    # a package's name becomes part of a shell's command
    names = [name for name in names if re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name)]
    lines = (_plain(f"{lib.name} {lib.package}") for lib in environment.system)
    said = "".join(f"{indent}#   {line}\n" for line in lines)
    if not said:
        return ""
    whence = _plain(environment.distribution) or "the system"
    said = f"{indent}# Libraries that were taken from {whence}:\n{said}"
    if not debian or not names:
        return said
    run = f"{'' if indent else 'RUN '}apt-get update && apt-get install -y --no-install-recommends"
    return said + f"{indent}{run} {' '.join(names)} && rm -rf /var/lib/apt/lists/*\n"


def _plain(text: str) -> str:
    """No word of a foreign environment ends its comment."""
    return re.sub(r"[^\x20-\x7e]", "?", text)


def _command(environment: Environment) -> str:
    """What the container does when nothing else is asked for."""
    if environment.package("jupyterlab"):
        return 'EXPOSE 8888\nCMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser"]'
    return 'CMD ["python"]'


def _write(path: Path, text: str) -> Path:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return path
