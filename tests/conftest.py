"""How all tests run."""

import os
import signal

import pytest
from hypothesis import settings

from beambook.testing._slurm import missing_programs, private_slurm

# A gate must not fail by luck: there the examples are the same each time, elsewhere they are new.
settings.register_profile("gate", derandomize=True, deadline=None)
settings.register_profile("developer", deadline=None)
settings.load_profile("gate" if os.environ.get("CI") else "developer")

# Started in the background (nohup, a CI's &), the tests would hand a deaf ear for Ctrl-C on to
# the programs that they start and then interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)  # after the tests were put into a random order
def pytest_collection_modifyitems(items):
    """Begin with the file that lasts longest: the others go on beside it."""
    items.sort(key=lambda item: "test_their_tests" not in item.nodeid)


@pytest.fixture(scope="session", autouse=True)
def _index_elsewhere(tmp_path_factory):
    """Indexes of runs do not go to the developer's own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BEAMBOOK_INDEX", str(tmp_path_factory.mktemp("index")))
        yield


@pytest.fixture(scope="session")
def slurm_of_session():
    """A real Slurm with two nodes for all tests that need one."""
    if missing := missing_programs():
        pytest.skip(f"no Slurm on this machine: {', '.join(missing)} not installed")
    with private_slurm() as slurm:
        yield slurm


@pytest.fixture
def slurm(slurm_of_session, monkeypatch):
    """The real Slurm, found by `SlurmRunner`, by the command line, and by what they start."""
    for name, value in slurm_of_session.environment.items():
        monkeypatch.setenv(name, value)
    return slurm_of_session
