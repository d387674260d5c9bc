"""How all tests run."""

import os

import pytest
from hypothesis import settings

# A gate must not fail by luck: there the examples are the same each time, elsewhere they are new.
settings.register_profile("gate", derandomize=True, deadline=None)
settings.register_profile("developer", deadline=None)
settings.load_profile("gate" if os.environ.get("CI") else "developer")


@pytest.fixture(scope="session", autouse=True)
def _index_elsewhere(tmp_path_factory):
    """Indexes of runs do not go to the developer's own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BEAMBOOK_INDEX", str(tmp_path_factory.mktemp("index")))
        yield
