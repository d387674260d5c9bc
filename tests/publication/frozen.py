"""Frozen software that is quickly had."""

import json

from beambook.environment import Environment
from beambook.environment._lock import requirements


def empty_environment(folder):
    """Of no package at all."""
    folder.mkdir(exist_ok=True)
    empty = Environment(folder, "3.11.7", "cpython", "linux-x86_64, glibc 2.36", ())
    (folder / "environment.json").write_text(json.dumps(empty.to_json()))
    (folder / "requirements.txt").write_text(requirements(()))
    return folder
