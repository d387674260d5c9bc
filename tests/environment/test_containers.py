"""Recipes of containers, and kernels, of what was frozen."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import pytest

from beambook.environment import (
    Environment,
    Library,
    Package,
    Recreated,
    install_kernel,
    write_containers,
)
from beambook.errors import EnvironmentProblem, ParameterError


@pytest.fixture
def frozen(tmp_path):
    packages = tuple(Package(n, "1.0", (f"sha256:{'0' * 64}",)) for n in ("ipykernel", "numpy"))
    (tmp_path / "e").mkdir()
    return Environment(
        tmp_path / "e",
        "3.11.7",
        "cpython",
        "linux-x86_64, glibc 2.36",
        packages,
        system=(Library("libGL.so.1", "libGL.so.1.7.0", "libgl1 1.6.0-1"),),
        distribution="Debian GNU/Linux 12 (bookworm)",
    )


def test_a_dockerfile_installs_the_lock_with_its_hashes(frozen):
    docker, _ = write_containers(frozen)
    text = docker.read_text()
    assert "FROM docker.io/library/python:3.11.7-slim-bookworm" in text
    assert "--require-hashes -r requirements.txt" in text
    assert "apt-get install -y --no-install-recommends libgl1 " in text
    assert "COPY wheels" not in text
    assert re.search(r"^USER user$", text, re.MULTILINE)


def test_carried_wheels_go_along_and_no_index_is_asked(frozen):
    (frozen.path / "wheels").mkdir()
    wheels = [f"{p.name}-1.0-py3-none-any.whl" for p in frozen.packages]
    for name in wheels:
        (frozen.path / "wheels" / name).write_bytes(b"")
    carried = tuple(replace(p, wheel=w) for p, w in zip(frozen.packages, wheels, strict=True))
    docker, apptainer = write_containers(replace(frozen, packages=carried))
    assert "COPY wheels ./wheels/" in docker.read_text()
    assert "--no-index -r requirements.txt" in docker.read_text()
    assert "    wheels /opt/environment/wheels\n" in apptainer.read_text()


def test_an_apptainer_definition_has_its_sections(frozen):
    _, apptainer = write_containers(frozen)
    text = apptainer.read_text()
    sections = re.findall(r"^%(\w+)$", text, re.MULTILINE)
    assert sections == ["files", "post", "environment", "runscript", "labels"]
    assert "Bootstrap: docker" in text
    assert frozen.digest in text


def test_the_same_environment_gives_the_same_text(frozen):
    first = [path.read_text() for path in write_containers(frozen)]
    assert [path.read_text() for path in write_containers(frozen)] == first


@pytest.mark.parametrize("evil", ["x; rm -rf /", "$(id) 1", "x\nRUN evil"])
def test_names_of_a_foreign_environment_become_no_command(evil, frozen):
    evil_one = replace(frozen, system=(Library(evil, evil, evil),))
    plain = write_containers(replace(frozen, system=(Library("x", "x", ""),)))
    commands = [_commands(path.read_text()) for path in plain]
    found = [_commands(path.read_text()) for path in write_containers(evil_one)]
    assert found == commands or "install -y --no-install-recommends x " in str(found)
    assert not any(word in str(found) for word in ("evil", "$(", "; rm"))


def _commands(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.lstrip().startswith("#")]


def test_a_newer_c_library_asks_for_a_newer_system(frozen):
    newer = write_containers(replace(frozen, platform="linux-x86_64, glibc 2.40"))[0].read_text()
    assert "python:3.11.7-slim-trixie" in newer
    strange = write_containers(replace(frozen, platform="linux-x86_64, musl 1.2"))[0].read_text()
    assert "python:3.11.7-slim\n" in strange


@pytest.fixture
def kernels(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    return tmp_path / "jupyter" / "kernels"


@pytest.fixture
def here(frozen, tmp_path):
    return Recreated(tmp_path / "tree" / "bin" / "python", frozen, "cache", 0.1)


def test_a_kernel_starts_the_frozen_python(here, kernels):
    from jupyter_client.kernelspec import KernelSpecManager

    folder = install_kernel(here, "paper-2026")
    assert folder == kernels / "paper-2026"
    spec = KernelSpecManager(kernel_dirs=[str(kernels)]).get_kernel_spec("paper-2026")
    assert spec.argv[:3] == [str(here.python), "-m", "ipykernel_launcher"]
    assert spec.display_name == "paper-2026 (Python 3.11, frozen)"
    assert [path.name for path in kernels.iterdir()] == ["paper-2026"]


def test_another_kernel_is_not_replaced_unasked(here, kernels):
    install_kernel(here, "paper")
    install_kernel(here, "paper", title="The same")
    other = replace(here, environment=replace(here.environment, python="3.12.1"))
    with pytest.raises(EnvironmentProblem, match="another kernel 'paper'"):
        install_kernel(other, "paper")
    folder = install_kernel(other, "paper", replace=True)
    said = json.loads((folder / "kernel.json").read_text())
    assert said["metadata"]["beambook"]["environment"] == other.environment.digest
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(EnvironmentProblem, match="another kernel"):
        install_kernel(here, "paper")


@pytest.mark.parametrize("name", ["", "../x", "a b", ".hidden", "ü"])
def test_a_name_that_jupyter_does_not_take_is_refused(name, here, kernels):
    with pytest.raises(ParameterError, match="no name of a kernel"):
        install_kernel(here, name)
    assert not kernels.exists()


def test_without_ipykernel_there_is_no_kernel(here, kernels):
    bare = replace(here, environment=replace(here.environment, packages=()))
    with pytest.raises(EnvironmentProblem, match="no ipykernel"):
        install_kernel(bare, "paper")
