"""What was frozen is installed again: checked, once, by one process at a time."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beambook.environment import Environment, Package, _build, capture, recreate, sandbox
from beambook.environment._recreate.interpreters import Interpreter, find_python, installed
from beambook.environment._recreate.inventory import changes, take_inventory
from beambook.environment._recreate.slot import Slot
from beambook.environment._write import write_lock
from beambook.errors import EnvironmentProblem

from .conftest import Index, make_venv, serving, sha256, wheel

HERE = ".".join(map(str, sys.version_info[:2]))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """An index that is served, and two frozen environments: with wheels and without."""
    folder = tmp_path_factory.mktemp("home")
    with serving(folder) as index:
        for version in ("1.0", "2.0"):
            index.add("alpha", version)
            index.add("beta", version, requires=["alpha>=1"])
        made = make_venv(folder / "venv")
        made.install("alpha==1.0", "beta==1.0")
        capture(made.python, into=folder / "full", wheels=True)
        capture(made.python, into=folder / "bare")
        yield folder


@pytest.fixture
def full(home, tmp_path):
    """With its wheels; for a test to change."""
    shutil.copytree(home / "full", tmp_path / "full")
    return Environment.load(tmp_path / "full")


@pytest.fixture
def bare(home):
    return Environment.load(home / "bare")


@pytest.fixture(scope="module")
def filled(home, tmp_path_factory):
    """A cache that holds it, made from the wheels."""
    cache = tmp_path_factory.mktemp("filled")
    recreate(Environment.load(home / "full"), cache=cache)
    return cache


@pytest.fixture
def cache(filled, tmp_path):
    shutil.copytree(filled, tmp_path / "cache", symlinks=True)
    return tmp_path / "cache"


def says(python: Path, code: str) -> str:
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def slot(cache: Path) -> Path:
    return next(path for path in cache.iterdir() if path.is_dir())


def names(cache: Path) -> set[str]:
    return {path.name.split(".", 1)[-1] for path in cache.iterdir() if "." in path.name}


def test_installs_exactly_what_is_locked_from_the_index(bare, tmp_path):
    said = []
    made = recreate(bare, cache=tmp_path, reporter=said.append)
    code = "import alpha, beta; print(alpha.version, beta.version)"
    assert (made.how, says(made.python, code)) == ("index", "1.0 1.0")
    assert made.environment is bare
    assert [each.label for each in said] == [
        "find Python", "install packages", "compile", "take inventory"
    ]  # fmt: skip


def test_wheels_beside_the_lock_need_neither_network_nor_uvs_cache(full, tmp_path, monkeypatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/nobody")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "new"))
    made = recreate(full, cache=tmp_path / "cache", offline=True)
    assert made.how == "wheels"
    assert says(made.python, "import beta; print(beta.version)") == "1.0"


def test_a_second_time_comes_from_the_cache(full, cache):
    again = recreate(full, cache=cache, offline=True)
    assert (again.how, again.notes) == ("cache", ())
    assert again.python.is_relative_to(cache)
    assert says(again.python, "import alpha; print(alpha.version)") == "1.0"


def test_the_same_software_from_another_folder_shares_the_cache(bare, cache):
    assert recreate(bare, cache=cache, offline=True).how == "cache"


def test_an_edit_that_keeps_size_and_time_is_found_and_made_anew(full, cache):
    file = next(slot(cache).rglob("alpha/__init__.py"))
    kept = file.stat()
    text = file.read_text()
    file.unlink()
    file.parent.chmod(0o755)
    file.write_text(text.replace("1.0", "9.9"))
    os.utime(file, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    again = recreate(full, cache=cache, offline=True)
    assert again.how == "wheels"
    assert "1 changed" in again.notes[0]
    assert "alpha/__init__.py" in again.notes[0]
    assert says(again.python, "import alpha; print(alpha.version)") == "1.0"
    assert recreate(full, cache=cache, offline=True).how == "cache"


@pytest.mark.parametrize("what", ["missing", "added", "list", "record", "json"])
def test_what_is_not_as_it_was_made_is_made_anew(what, full, cache):
    place = slot(cache)
    package = next(place.rglob("alpha"))
    package.chmod(0o755)
    if what == "missing":
        (package / "__init__.py").unlink()
    elif what == "added":
        (package / "evil.py").write_text("import os")
    elif what == "list":
        (place / "files.txt").write_text("")
    else:
        (place / "recreated.json").write_text("{}" if what == "record" else "[1]")
    assert recreate(full, cache=cache, offline=True).how == "wheels"
    assert not list(slot(cache).rglob("evil.py"))


def test_bytecode_that_somebodys_python_left_is_no_reason_to_install_again(full, cache):
    left = next(slot(cache).rglob("alpha")) / "__pycache__" / "x.cpython-39.pyc"
    left.parent.chmod(0o755)
    left.write_bytes(b"?")
    assert recreate(full, cache=cache, offline=True).how == "cache"
    assert not left.exists()


def test_another_interpreter_under_the_same_name_is_noticed(full, cache):
    record = slot(cache) / "recreated.json"
    said = json.loads(record.read_text())
    said["base"]["sha256"] = "0" * 64
    record.write_text(json.dumps(said))
    again = recreate(full, cache=cache, offline=True)
    assert again.how == "wheels"
    assert "another one than before" in again.notes[0]


def test_what_an_orphan_goes_on_to_write_is_removed(tmp_path):
    """uv outlives who started it and was killed, for a moment."""
    slot = Slot(tmp_path / "abc")

    def build(tree):
        tree.mkdir()
        orphan = tmp_path / "abc.orphan.tmp"
        orphan.mkdir()
        (orphan / "late").write_text("x")
        return {}

    with slot.locked():
        slot.make(build)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["abc", "abc.lock"]


def test_a_changed_wheel_is_named_and_nothing_is_installed(full, tmp_path):
    with next(full.wheels.glob("alpha-*.whl")).open("r+b") as file:
        file.seek(40)
        file.write(b"\0")
    with pytest.raises(EnvironmentProblem, match=r"alpha-1\.0.*was changed"):
        recreate(full, cache=tmp_path / "cache")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_an_index_that_gives_another_file_is_refused(bare, tmp_path):
    """The same name and version, other content: only the hash tells."""
    with serving(tmp_path) as fake:
        fake.add("alpha", "1.0", files=[("alpha/evil.py", "")])
        fake.add("beta", "1.0")
        with pytest.raises(EnvironmentProblem, match=r"(?i)hash"):
            recreate(bare, cache=tmp_path / "cache")


@pytest.fixture
def hostile(home, bare, tmp_path):
    """A lock of somebody else, with a source whose build writes a file; and that file."""
    written = tmp_path / "written"
    also = f"\ntry: open({str(written)!r}, 'w')\nexcept OSError: pass\n"
    name = f"evil{len(os.listdir(home / 'index' / 'simple'))}"  # uv remembers what it built
    source = Index(home / "index").add_source(name, "1.0", also=also)
    package = Package(name, "1.0", (f"sha256:{sha256(source)}",))
    environment = replace(bare, path=tmp_path / "e", packages=(package,))
    (tmp_path / "e" / "wheels").mkdir(parents=True)
    return environment, source, written


def test_a_source_in_a_lock_is_built_where_it_can_change_nothing(hostile, tmp_path):
    environment, _, written = hostile
    write_lock(environment, {})
    kind = sandbox(tmp_path).kind
    if kind == "folder":
        pytest.skip("no sandbox on this machine")
    made = recreate(Environment.load(environment.path), cache=tmp_path / "cache")
    (package,) = environment.packages
    assert made.notes == (f"{package.pin} was built from its source ({kind})",)
    assert says(made.python, f"import {package.name} as it; print(it.version)") == "1.0"
    assert not written.exists()


def of_wheel(bare, folder: Path, files) -> Environment:
    """A lock of somebody else with a wheel of these files."""
    (folder / "e" / "wheels").mkdir(parents=True)
    made = wheel(folder / "e" / "wheels", "evil", "1.0", files=files)
    checksum = sha256(made)
    own = {"sha256": checksum, "size": made.stat().st_size}
    package = Package("evil", "1.0", (f"sha256:{checksum}",), "wheel", made.name, source=own)
    environment = replace(bare, path=folder / "e", packages=(package,))
    write_lock(environment, {})
    return Environment.load(folder / "e")


@pytest.mark.parametrize("told", ["nothing", "variable", "file"])
def test_nothing_of_a_wheel_is_executed_when_it_is_installed(bare, tmp_path, monkeypatch, told):
    """Neither what starts with Python, nor what it would find beside ``lib``."""
    if told == "variable":
        monkeypatch.setenv("UV_COMPILE_BYTECODE", "1")
    elif told == "file":
        (tmp_path / "uv.toml").write_text("[pip]\ncompile-bytecode = true\n")
        monkeypatch.setenv("UV_CONFIG_FILE", str(tmp_path / "uv.toml"))
    written = tmp_path / "written"
    code = f"import os; open({str(written)!r}, 'w')\n"
    names = ("compileall", "struct", "concurrent/__init__", "multiprocessing/__init__")
    files = {f"evil-1.0.data/data/{name}.py": code for name in names}
    files |= {"evil.pth": code, "sitecustomize.py": code}
    made = recreate(of_wheel(bare, tmp_path, files), cache=tmp_path / "cache")
    tree = made.python.parent.parent
    assert (tree / "compileall.py").is_file()
    assert list(tree.glob("lib/python*/site-packages/evil/__pycache__/*.pyc"))
    assert not written.exists()


@pytest.mark.parametrize("name", ["pyvenv.cfg", "bin/python", "bin/python3"])
def test_no_wheel_decides_which_python_is_started(bare, tmp_path, name):
    """The sandbox lets it read all that pyvenv.cfg names."""
    secrets = tmp_path / "secrets"
    files = {f"evil-1.0.data/data/{name}": f"home = {secrets}/bin\n"}
    with pytest.raises(EnvironmentProblem, match=r"changes the pyvenv.cfg|reserved name"):
        recreate(of_wheel(bare, tmp_path, files), cache=tmp_path / "cache")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


@pytest.mark.parametrize("how", ["no sandbox", "offline", "carried"])
def test_elsewhere_no_source_is_built(hostile, how, tmp_path, monkeypatch):
    environment, source, written = hostile
    if how == "carried":
        (package,) = environment.packages
        shutil.copy(source, environment.path / "wheels")
        own = {"sha256": sha256(source)}
        package = replace(package, origin="wheel", wheel=source.name, source=own)
        environment = replace(environment, packages=(package,))
    write_lock(environment, {})
    monkeypatch.setattr(_build, "sandbox", lambda work, **_: sandbox(work, plain=True))
    with pytest.raises(EnvironmentProblem, match=r"Cannot install what is locked|no usable wheel"):
        recreate(environment, cache=tmp_path / "cache", offline=how == "offline")
    assert not written.exists()


def test_offline_without_wheels_says_what_is_missing(bare, tmp_path, monkeypatch):
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "new"))
    with pytest.raises(EnvironmentProblem, match=r"wheels/ must hold it all"):
        recreate(bare, cache=tmp_path / "cache", offline=True)


def test_what_could_not_be_frozen_is_said(full, tmp_path):
    lost = Package("lost", "1.0", origin="absent")
    made = recreate(replace(full, packages=(*full.packages, lost)), cache=tmp_path)
    assert made.how == "wheels"
    assert made.notes == ("could not be frozen, so is not there: lost==1.0",)


def test_a_python_that_is_not_here_is_asked_for(full, tmp_path):
    strange = replace(full, python="3.99.1")
    with pytest.raises(EnvironmentProblem, match=r"Python 3\.99 is needed.*found: .*3\."):
        recreate(strange, cache=tmp_path)


def test_the_closest_python_is_taken_when_allowed_and_kept_apart(full, tmp_path):
    strange = replace(full, python="3.99.1")
    made = recreate(strange, cache=tmp_path, closest=True)
    assert "instead of 3.99.1" in made.notes[0]
    again = recreate(strange, cache=tmp_path, closest=True)
    assert (again.how, again.notes) == ("cache", made.notes)
    with pytest.raises(EnvironmentProblem, match=r"3\.99"):
        recreate(strange, cache=tmp_path)


def test_any_python_that_is_here_can_be_had_again(full, tmp_path):
    others = {each.minor: each for each in installed() if each.minor != HERE}
    if not others:
        pytest.skip("no other Python on this machine")
    other = others[min(others, key=lambda text: int(text.split(".")[1]))]
    made = recreate(replace(full, python=other.version), cache=tmp_path, compiled=False)
    code = "import sys, alpha; print(sys.version.split()[0], alpha.version)"
    assert says(made.python, code) == f"{other.version} 1.0"


def test_find_python_prefers_the_very_version(monkeypatch):
    here = tuple(Interpreter(Path(v), v) for v in ("3.11.2", "3.11.7", "3.12.1", "3.9.18"))
    monkeypatch.setattr("beambook.environment._recreate.interpreters.installed", lambda: here)
    assert find_python("3.11.7") == (here[1], ())
    assert find_python("3.11.6") == (here[1], ("Python 3.11.7 instead of 3.11.6",))
    assert find_python("3.9") == (here[3], ())
    assert find_python("3.10.1", closest=True)[0] == here[1]
    assert find_python("3.13.0", closest=True)[0] == here[2]


def test_two_at_once_install_once(full, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: _in_a_process(full, tmp_path / "cache"), range(2)))
    assert sorted(how for how, _ in made) == ["cache", "wheels"]
    assert made[0][1] == made[1][1]
    assert names(tmp_path / "cache") == {"lock"}


def _in_a_process(environment: Environment, cache: Path) -> tuple[str, str]:
    code = (
        "import sys; from beambook.environment import Environment, recreate;"
        "made = recreate(Environment.load(sys.argv[1]), cache=sys.argv[2]);"
        "print(made.how, made.python)"
    )
    command = [sys.executable, "-c", code, environment.path, cache]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    how, python = done.stdout.split()
    return how, python


def test_killed_in_the_middle_leaves_nothing_that_looks_complete(full, tmp_path):
    cache = tmp_path / "cache"
    code = (
        "import sys, time; from beambook.environment import Environment, recreate;"
        "recreate(Environment.load(sys.argv[1]), cache=sys.argv[2],"
        " reporter=lambda p: p.done == 3 and (print('now', flush=True), time.sleep(60)))"
    )
    command = [sys.executable, "-c", code, full.path, cache]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "now\n"
        process.send_signal(signal.SIGKILL)
    assert len(list(cache.glob("*.tmp"))) == 1
    assert recreate(full, cache=cache).how == "wheels"  # the lock of the dead does not hold
    assert names(cache) == {"lock"}


def test_an_error_in_the_middle_leaves_nothing(full, tmp_path):
    def stop(progress):
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recreate(full, cache=tmp_path, reporter=stop)
    assert names(tmp_path) == {"lock"}


def test_nothing_can_be_installed_into_it_by_accident(full, cache):
    made = recreate(full, cache=cache, offline=True)
    site = Path(says(made.python, "import alpha; print(alpha.__file__)")).parents[1]
    assert not site.stat().st_mode & 0o222


def test_kernels_find_bytecode_that_tells_of_no_path(full, cache):
    made = recreate(full, cache=cache, offline=True)
    code = "import alpha; print(alpha.__cached__)"
    compiled = Path(says(made.python, code))
    assert compiled.is_file()
    assert str(cache).encode() not in compiled.read_bytes()


def test_a_cache_that_cannot_be_written_is_said(full, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match=r"cache=, or set XDG_CACHE_HOME"):
        recreate(full, cache=tmp_path / "file" / "cache")


def test_the_users_cache_folder_is_used(full, filled, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    shutil.copytree(filled, tmp_path / "beambook" / "environments", symlinks=True)
    assert recreate(full, offline=True).how == "cache"


def test_card_says_where_and_how(full, cache):
    made = recreate(full, cache=cache, offline=True)
    assert made.card().facts["from"] == "cache"
    assert str(made.python) in made.card().text()


names_of_files = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cs"]),
    min_size=1, max_size=8,
).filter(lambda name: name not in (".", ".."))  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(st.dictionaries(names_of_files, st.binary(max_size=20), min_size=1, max_size=6), st.data())
def test_any_one_change_is_found(tmp_path_factory, files, data):
    root = tmp_path_factory.mktemp("inventory")
    for name, content in files.items():
        (root / name).write_bytes(content)
    before = take_inventory(root)
    assert not changes(root, before)
    name = data.draw(st.sampled_from(sorted(files)))
    kind = data.draw(st.sampled_from(["changed", "missing", "added", "link"]))
    if kind == "changed":
        (root / name).write_bytes(files[name] + b"!")
    elif kind == "added":
        (root / "another file").write_bytes(b"")
    else:
        (root / name).unlink()
    if kind == "link":
        (root / name).symlink_to("elsewhere")
    found = changes(root, before)
    assert len(found.changed + found.missing + found.added) == 1
    assert found
