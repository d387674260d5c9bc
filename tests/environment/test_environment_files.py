"""Files of a frozen environment that came from elsewhere: read rightly, or refused in one line."""

from __future__ import annotations

import contextlib
import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beambook.environment import Environment, Library, Package
from beambook.environment._write import write_lock
from beambook.errors import EnvironmentProblem

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
HASHES = st.lists(
    st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format),
    min_size=1,
    max_size=3,
    unique=True,
).map(lambda hashes: tuple(sorted(hashes)))
PACKAGES = st.builds(
    Package,
    name=st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True),
    version=st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}(rc1|\+cu118)?", fullmatch=True),
    hashes=HASHES,
    origin=st.sampled_from(["index", "wheel", "absent"]),
    wheel=st.sampled_from(["", "a-1.0-py3-none-any.whl"]),
    source=st.dictionaries(st.sampled_from(["how", "commit"]), st.text(), max_size=2),
    top_level=st.booleans(),
)


def environment(path, packages=()):
    return Environment(
        path.absolute(),
        "3.11.7",
        "cpython",
        "linux-x86_64, glibc 2.36",
        tuple(packages),
        (Library("libz.so.1", "libz.so.1.2.13", "zlib1g 1:1.2.13"),),
        kernel={"argv": ["python"], "display_name": "Python ♥"},
        notes=("a note",),
    )


@settings(max_examples=40)
@given(st.lists(PACKAGES, max_size=4, unique_by=lambda package: package.name))
def test_what_was_written_is_read(tmp_path_factory, packages):
    folder = tmp_path_factory.mktemp("e")
    written = environment(folder, sorted(packages, key=lambda package: package.name))
    write_lock(written, {})
    read = Environment.load(folder)
    assert read == written
    assert read.digest == written.digest


def leaves(said, path=()):
    yield path
    children = said.items() if isinstance(said, dict) else enumerate(said)
    if isinstance(said, dict | list):
        for key, child in children:
            yield from (
                leaves(child, (*path, key)) if isinstance(child, dict | list) else [(*path, key)]
            )


@given(st.data())
@settings(max_examples=60)
def test_a_record_with_anything_anywhere_is_read_or_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("e")
    package = Package("alpha", "1.0", ("sha256:" + 64 * "a",), source={"how": "built"})
    write_lock(environment(folder, [package]), {})
    said = json.loads((folder / "environment.json").read_text())
    path = data.draw(st.sampled_from([p for p in leaves(said) if p]))
    changed = copy.deepcopy(said)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = data.draw(JSON)
    (folder / "environment.json").write_text(json.dumps(changed))
    with contextlib.suppress(EnvironmentProblem):  # anything else is a traceback for somebody
        Environment.load(folder).card().text()


def test_the_digest_is_of_the_software_alone(tmp_path):
    one = environment(tmp_path, [Package("a", "1", ("sha256:" + 64 * "a",))])
    same = environment(tmp_path, [Package("a", "1", ("sha256:" + 64 * "a",), top_level=True)])
    other = environment(tmp_path, [Package("a", "1", ("sha256:" + 64 * "b",))])
    assert one.digest == same.digest != other.digest


@pytest.mark.parametrize("name", ["environment.json", "pylock.toml", "Dockerfile"])
def test_what_is_written_has_no_path(tmp_path, name):
    write_lock(environment(tmp_path), {})
    assert str(tmp_path) not in (tmp_path / name).read_text()
