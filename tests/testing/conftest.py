from pathlib import Path

import pytest
from extra_data.file_access import FileAccess
from extra_data.validation import FileValidator


def _problems(run: Path) -> list[str]:
    """What the facility's own validator finds wrong with the files of a run."""
    found = []
    for path in sorted(run.glob("*.h5")):
        file = FileAccess(path)
        found += [f"{path.name}: {each}" for each in FileValidator(file).run_checks()]
        file.close()
    return found


@pytest.fixture(scope="session")
def problems():
    return _problems
