"""The libraries that are listed are those that the loader of the system takes."""

from __future__ import annotations

import _ssl
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beambook.environment._capture.elf import Asked, asked_by
from beambook.environment._capture.libraries import system_libraries
from beambook.environment._capture.owners import owners
from beambook.environment._capture.probe import probe

PYTHON = Path(sys.executable).resolve()


def loader_says(*files: Path) -> dict[str, str]:
    done = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True)
    return dict(re.findall(r"^\s*([^\s/]+) => (/\S+)", done.stdout, re.MULTILINE))


@pytest.mark.skipif(not shutil.which("ldd"), reason="no ldd here to compare with")
def test_the_loader_takes_the_same(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "v"], check=True)
    probed = probe(tmp_path / "v" / "bin" / "python")
    libraries, missing = system_libraries(probed)
    compiled = (probed.standard / "lib-dynload").glob("*.so")
    truth = loader_says(PYTHON, *compiled)
    outside = {n for n, p in truth.items() if not p.startswith(str(probed.prefixes[0]) + "/")}
    assert {lib.name for lib in libraries} - {"ld-linux-x86-64.so.2"} == outside
    assert missing == ()
    for library in libraries:
        if library.name in truth:
            assert library.file == Path(truth[library.name]).resolve().name


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="no dpkg here")
def test_dpkg_says_the_package_and_its_version():
    file = Path(loader_says(PYTHON)["libc.so.6"])
    (said,) = owners([file]).values()
    version = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "libc6"], capture_output=True, text=True
    )
    assert said == f"libc6 {version.stdout}"


def test_a_file_without_a_package_has_none(tmp_path):
    (tmp_path / "mine.so").write_bytes(b"")
    assert owners([tmp_path / "mine.so"]) == {}


def test_folders_that_a_file_states_are_relative_to_it(tmp_path):
    asked = asked_by(Path(_ssl.__file__))
    assert any(name.startswith("libssl") for name in asked.names)
    assert all("$ORIGIN" not in str(folder) for folder in asked.folders)


@settings(max_examples=40)
@given(st.integers(0, 4000), st.binary(min_size=1, max_size=16))
def test_a_damaged_file_is_read_without_harm(tmp_path_factory, at, bytes_):
    data = bytearray(Path(_ssl.__file__).read_bytes())
    data[at : at + len(bytes_)] = bytes_
    file = tmp_path_factory.mktemp("elf") / "x.so"
    file.write_bytes(data)
    assert isinstance(asked_by(file), Asked)


@settings(max_examples=40)
@given(st.integers(0, 5000))
def test_a_file_that_was_cut_is_read_without_harm(tmp_path_factory, length):
    file = tmp_path_factory.mktemp("elf") / "x.so"
    file.write_bytes(Path(_ssl.__file__).read_bytes()[:length])
    assert isinstance(asked_by(file), Asked)
