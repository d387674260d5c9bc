"""``import beambook`` costs nothing and offers every noun."""

import subprocess
import sys

import pytest

import beambook

HEAVY = ("numpy", "h5py", "pandas", "xarray", "matplotlib", "numba", "nbformat", "IPython")


def modules_after(code: str) -> set[str]:
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.split())


@pytest.mark.parametrize("code", ["import beambook", "import beambook.cli"])
def test_import_is_light(code):
    assert not modules_after(code) & set(HEAVY)


@pytest.mark.parametrize("name", beambook.__all__)
def test_every_name_of_the_front_door_is_there_and_documented(name):
    assert getattr(beambook, name).__doc__


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="opn_run"):
        _ = beambook.opn_run
