"""What is installed is what is frozen: real environments, a real index, real wheels."""

from __future__ import annotations

import base64
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from beambook.environment import Environment, capture, fetch_wheels
from beambook.environment._capture.index import _entry
from beambook.environment._capture.login import request
from beambook.environment._capture.probe import probe
from beambook.errors import EnvironmentProblem

from .conftest import make_venv, project, run_uv, serving, sha256, wheel


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def installed(python: Path) -> set[str]:
    return {package.pin for package in probe(python).packages}


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def venv(index, new_venv):
    fill(index)
    made = new_venv()
    made.install("alpha==1.0", "beta_tools==1.0")
    return made


def fill(index) -> None:
    """Two packages; the index has a newer version of each, and files for other platforms."""
    for version in ("1.0", "2.0"):
        index.add("alpha", version)
        index.add("beta_tools", version, requires=["Alpha>=1"])
    index.add("beta_tools", "1.0", tag="cp27-none-win32")


@pytest.fixture(scope="module")
def frozen_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frozen")
    with serving(folder) as index:
        fill(index)
        made = make_venv(folder / "venv")
        made.install("alpha==1.0", "beta_tools==1.0")
        return capture(made.python, into=folder / "e", wheels=True)


@pytest.fixture
def frozen(frozen_once, tmp_path):
    """A frozen environment with its wheels, for a test to change."""
    shutil.copytree(frozen_once.path, tmp_path / "e")
    return Environment.load(tmp_path / "e")


def test_pins_what_is_installed_with_every_hash(venv, index, tmp_path):
    frozen = capture(venv.python, into=tmp_path / "e")
    assert [p.pin for p in frozen.packages] == ["alpha==1.0", "beta-tools==1.0"]
    files = index.folder("beta_tools").glob("beta_tools-1.0-*.whl")
    assert set(frozen.package("beta-tools").hashes) == {f"sha256:{sha256(f)}" for f in files}
    assert len(frozen.package("beta-tools").hashes) == 2
    assert [p.name for p in frozen.packages if p.top_level] == ["beta-tools"]
    assert frozen.python == ".".join(map(str, sys.version_info[:3]))


def test_twice_gives_the_same_bytes(venv, tmp_path):
    project(tmp_path / "mine", "mine", "0.1")
    venv.install("--editable", tmp_path / "mine")
    capture(venv.python, into=tmp_path / "first", wheels=True)
    capture(venv.python, into=tmp_path / "second", wheels=True)
    first = content(tmp_path / "first")
    assert first == content(tmp_path / "second")
    assert {"environment.json", "requirements.txt", "pylock.toml"} < set(first)


def test_says_nothing_of_who_froze_it_and_where(venv, tmp_path):
    project(tmp_path / "mine", "mine", "0.1")
    venv.install("--editable", tmp_path / "mine")
    capture(venv.python, into=tmp_path / "e")
    for name, text in content(tmp_path / "e").items():
        assert str(tmp_path).encode() not in text, name


def test_wheels_make_it_independent_of_the_index(venv, index, new_venv, tmp_path):
    lock_only = capture(venv.python, into=tmp_path / "e")
    assert not lock_only.complete
    frozen = fetch_wheels(lock_only)
    assert frozen.complete
    assert frozen.digest == lock_only.digest
    assert frozen == Environment.load(tmp_path / "e")
    index.asked.clear()
    other = new_venv("other")
    words = ("--no-deps", "--require-hashes", "--offline", "--no-index", "--python", other.python)
    run_uv("pip", "install", *words, "-r", frozen.requirements)
    assert installed(other.python) == installed(venv.python)
    assert index.asked == []


def test_pylock_is_one_that_uv_installs(venv, new_venv, tmp_path):
    for wheels in (False, True):
        frozen = capture(venv.python, into=tmp_path / "e", wheels=wheels)
        other = new_venv(f"other-{wheels}")
        words = ("--preview-features", "pylock", "--python", other.python)
        run_uv("pip", "install", *words, "-r", frozen.pylock)
        assert installed(other.python) == installed(venv.python)
        entries = tomllib.loads(frozen.pylock.read_text())["packages"]
        assert all(("path" in w) is wheels for entry in entries for w in entry["wheels"])


def test_an_editable_package_becomes_a_wheel_of_its_commit(venv, new_venv, tmp_path):
    folder = project(tmp_path / "mine", "mine", "0.1")
    git(folder, "init", "-q")
    git(folder, "remote", "add", "origin", "https://me:secret@example.org/mine.git")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "First")
    venv.install("--editable", folder)
    frozen = capture(venv.python, into=tmp_path / "clean")
    mine = frozen.package("mine")
    assert (mine.origin, mine.version) == ("wheel", "0.1")
    assert mine.source["commit"] == git(folder, "rev-parse", "HEAD")
    assert mine.source["dirty"] is False
    assert mine.source["remote"] == "https://example.org/mine.git"
    (folder / "mine" / "__init__.py").write_text("version = 'edited'\n")
    frozen = capture(venv.python, into=tmp_path / "dirty")
    assert frozen.package("mine").source["dirty"] is True
    assert any("mine==0.1" in note and "differs" in note for note in frozen.notes)
    other = new_venv("other")
    other.install("--no-index", frozen.path / "wheels" / mine.wheel)
    assert other.says("import mine; print(mine.version)") == "edited"
    assert git(folder, "status", "--porcelain").split() == ["M", "mine/__init__.py"]


def test_a_package_from_a_file_is_made_of_what_is_installed(venv, new_venv, tmp_path):
    (tmp_path / "files").mkdir()
    own = wheel(
        tmp_path / "files",
        "gamma",
        "3.0",
        files={
            "gamma/data.txt": "äöü\n",
            "gamma-3.0.data/data/share/gamma/table.csv": "1,2\n",
            "gamma-3.0.data/scripts/gamma-hello": "#!python\nprint('hello')\n",
            "gamma-3.0.dist-info/entry_points.txt": "[console_scripts]\nGamma = gamma:main\n",
        },
    )
    venv.install("--compile-bytecode", own)
    frozen = capture(venv.python, into=tmp_path / "e")
    gamma = frozen.package("gamma")
    assert gamma.origin == "wheel"
    other = new_venv("other")
    other.install("--compile-bytecode", frozen.path / "wheels" / gamma.wheel)
    hello = subprocess.run([other.folder / "bin" / "gamma-hello"], capture_output=True, text=True)
    assert hello.stdout == "hello\n"
    assert (other.folder / "share" / "gamma" / "table.csv").read_text() == "1,2\n"
    assert (other.folder / "bin" / "Gamma").is_file()
    again = capture(other.python, into=tmp_path / "again").package("gamma")
    assert again.hashes == gamma.hashes  # made of what was made of it: the same


def test_a_package_of_which_the_index_has_only_the_source_needs_no_building(
    venv, index, new_venv, tmp_path
):
    source = index.add_source("delta", "4.0")
    venv.install("delta==4.0")
    frozen = capture(venv.python, into=tmp_path / "e", wheels=True)
    delta = frozen.package("delta")
    assert f"sha256:{sha256(source)}" in delta.hashes
    assert delta.wheel == "delta-4.0-py3-none-any.whl"
    other = new_venv("other")
    words = ("--no-deps", "--require-hashes", "--offline", "--no-index", "--no-build")
    run_uv("pip", "install", *words, "--python", other.python, "-r", frozen.requirements)
    assert "delta==4.0" in installed(other.python)


def test_a_package_that_no_index_has_any_more_is_carried(venv, index, tmp_path):
    index.add("gone", "1.0")
    venv.install("gone==1.0", "alpha==2.0")
    for file in index.folder("gone").iterdir():
        file.unlink()
    for file in index.folder("alpha").glob("alpha-2.0*"):
        file.unlink()
    index.list("alpha")
    frozen = capture(venv.python, into=tmp_path / "e")
    origins = {package.name: package.origin for package in frozen.packages}
    assert origins == {"alpha": "wheel", "beta-tools": "index", "gone": "wheel"}


def test_what_cannot_be_had_again_is_said(venv, index, tmp_path):
    index.add("gone", "1.0")
    venv.install("gone==1.0")
    for file in index.folder("gone").iterdir():
        file.unlink()
    next(venv.folder.rglob("gone-1.0.dist-info")).joinpath("RECORD").unlink()
    frozen = capture(venv.python, into=tmp_path / "e", wheels=True)
    assert frozen.package("gone").origin == "absent"
    assert any("gone==1.0 cannot be frozen" in note for note in frozen.notes)
    assert "gone" not in frozen.requirements.read_text()
    assert Environment.load(frozen.path) == frozen


def test_a_folder_of_wheels_on_this_machine_is_no_index_for_others(
    venv, index, tmp_path, monkeypatch
):
    monkeypatch.setenv("UV_DEFAULT_INDEX", (index.root / "simple").as_uri())
    frozen = capture(venv.python, into=tmp_path / "e")
    assert frozen.complete
    assert "file:" not in frozen.pylock.read_text()


def test_a_file_that_was_changed_in_the_index_is_refused(venv, index, tmp_path):
    frozen = capture(venv.python, into=tmp_path / "e")
    before = content(tmp_path / "e")
    file = index.folder("alpha") / "alpha-1.0-py3-none-any.whl"
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(EnvironmentProblem, match=r"alpha-1\.0.* checksum is another"):
        fetch_wheels(frozen)
    left = {k: v for k, v in content(tmp_path / "e").items() if not k.endswith(".whl")}
    assert left == before


@pytest.mark.parametrize("change", ["changed", "missing", "foreign"])
def test_a_wheel_that_is_not_as_it_was_is_named(frozen, change):
    assert frozen.damaged() == ()
    file = frozen.wheels / "alpha-1.0-py3-none-any.whl"
    if change == "changed":
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    elif change == "missing":
        file.unlink()
    else:
        (frozen.wheels / "evil.whl").write_bytes(b"")
    (line,) = frozen.damaged()
    assert ("evil.whl" if change == "foreign" else "alpha-1.0") in line


@pytest.mark.parametrize("name", ["environment.json", "requirements.txt"])
def test_a_lock_in_which_one_digit_was_changed_is_refused(frozen, name):
    file = frozen.path / name
    text = file.read_text()
    digit = re.search(r"sha256:(.)", text)
    other = "0" if digit[1] != "0" else "1"
    file.write_text(text[: digit.start(1)] + other + text[digit.end(1) :])
    with pytest.raises(EnvironmentProblem, match="changed after the freezing"):
        Environment.load(frozen.path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "../x"),
        ("name", "a b"),
        ("version", "1.0 --index-url=http://evil"),
        ("hashes", ["md5:1"]),
        ("hashes", []),
        ("wheel", "../../x.whl"),
        ("origin", "elsewhere"),
    ],
    ids=lambda value: str(value),
)
def test_a_record_that_would_climb_out_is_refused(frozen, key, value):
    record = frozen.path / "environment.json"
    said = json.loads(record.read_text())
    said["packages"][0][key] = value
    record.write_text(json.dumps(said))
    with pytest.raises(EnvironmentProblem):
        Environment.load(frozen.path)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 2}', '{"format": 1}', "\x00"], ids=range(6)
)
def test_a_record_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "environment.json").write_text(text)
    with pytest.raises(EnvironmentProblem, match=r"environment\.json"):
        Environment.load(tmp_path)


def test_a_folder_with_something_else_is_not_touched(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("…")
    with pytest.raises(EnvironmentProblem, match="no frozen environment"):
        capture(sys.executable, into=tmp_path / "thesis")
    assert content(tmp_path / "thesis") == {"chapter.tex": "…".encode()}


def test_a_freeze_that_fails_leaves_what_was_there(venv, index, tmp_path, monkeypatch):
    capture(venv.python, into=tmp_path / "e")
    before = content(tmp_path / "e")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")  # discard: nobody listens
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(EnvironmentProblem, match="package index"):
        capture(venv.python, into=tmp_path / "e")
    assert content(tmp_path / "e") == before
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".e")]


def test_an_editable_package_that_does_not_build_is_an_error(venv, tmp_path):
    folder = project(tmp_path / "mine", "mine", "0.1")
    venv.install("--editable", folder)
    (folder / "backend.py").write_text("raise RuntimeError('no compiler')\n")
    with pytest.raises(EnvironmentProblem, match=r"build mine==0\.1"):
        capture(venv.python, into=tmp_path / "e")
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize("python", ["/nowhere/bin/python", "no-such-python", "/bin/true", "/etc"])
def test_what_is_no_python_is_an_error(tmp_path, python):
    with pytest.raises(EnvironmentProblem):
        capture(python, into=tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_a_conda_environment_says_what_conda_has_installed(venv, tmp_path):
    meta = venv.folder / "conda-meta"
    meta.mkdir()
    url = "https://conda.anaconda.org/conda-forge/linux-64/libfoo-1.2-0.conda"
    (meta / "libfoo-1.2-0.json").write_text(json.dumps({"url": url, "md5": "0" * 32}))
    (meta / "history").write_text("")
    secret = "https://me:secret@site.example.org/t/to-ken/noarch/bar-1-0.conda"
    (meta / "bar-1-0.json").write_text(json.dumps({"url": secret}))
    own = {"url": f"file://{tmp_path}/x.conda", "name": "own", "version": "1", "build": "0"}
    (meta / "own-1-0.json").write_text(json.dumps(own))
    (meta / "zz-1-0.json").write_text("{")
    frozen = capture(venv.python, into=tmp_path / "e")
    assert frozen.conda == (
        "https://site.example.org/noarch/bar-1-0.conda",
        f"{url}#{'0' * 32}",
        "own=1=0",
        "zz-1-0 (its record is damaged)",
    )
    assert any("conda" in note for note in frozen.notes)


def test_a_customized_start_that_prints_does_not_disturb(venv, tmp_path):
    (venv.folder / f"lib/python3.{sys.version_info[1]}/site-packages/sitecustomize.py").write_text(
        'print(\'{"python": "9"}\')\n'
    )
    frozen = capture(venv.python, into=tmp_path / "e")
    assert frozen.package("alpha")


def test_a_package_that_was_edited_in_place_is_carried_as_it_is(venv, new_venv, tmp_path):
    next(venv.folder.rglob("site-packages/alpha/__init__.py")).write_text("version = 'mended'\n")
    frozen = capture(venv.python, into=tmp_path / "e", wheels=True)
    assert any("Edited" in note and "alpha==1.0" in note for note in frozen.notes)
    other = new_venv("other")
    words = ("--no-deps", "--require-hashes", "--python", other.python)
    run_uv("pip", "install", *words, "-r", frozen.requirements)
    assert other.says("import alpha; print(alpha.version)") == "mended"


def test_a_file_that_is_no_code_is_not_carried_but_said(venv, index, tmp_path):
    index.add("certs", "1.0", files={"certs/ca.pem": "public\n"})
    venv.install("certs==1.0")
    next(venv.folder.rglob("ca.pem")).write_text("public and the site's own\n")
    frozen = capture(venv.python, into=tmp_path / "e")
    assert frozen.package("certs").origin == "index"
    assert any("certs/ca.pem" in note for note in frozen.notes)


def test_a_folder_that_conda_built_in_is_no_folder_here(venv, tmp_path):
    for name, tag in (("alpha", "py3-none-any"), ("beta_tools", "cp311-cp311-linux_x86_64")):
        info = next(venv.folder.rglob(f"{name}-1.0.dist-info"))
        (info / "INSTALLER").write_text("conda")
        (info / "direct_url.json").write_text(
            '{"url": "file:///home/conda/feedstock_root/work", "dir_info": {"editable": true}}'
        )
        wheel_file = info / "WHEEL"
        wheel_file.write_text(f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
    frozen = capture(venv.python, into=tmp_path / "e")
    assert {package.origin for package in frozen.packages} == {"index"}


@pytest.mark.parametrize(
    "name", ["../../evil.whl", "..%2f..%2fevil.whl", "/tmp/evil.whl", "a b.whl"]
)
def test_a_pylock_cannot_name_a_file_outside_of_wheels(venv, index, tmp_path, name):
    frozen = capture(venv.python, into=tmp_path / "e")
    text = frozen.pylock.read_text()
    hashes = re.search(r"alpha-1\.0[^{]*(hashes = \{[^}]*\})", text)[1]
    evil = f'wheels = [{{ name = "{name}", url = "{index.url}/simple/alpha/", {hashes} }}]'
    frozen.pylock.write_text(re.sub(r"wheels = \[.*alpha-1\.0.*\]", evil, text))
    before = set(tmp_path.rglob("*evil*"))
    with pytest.raises(EnvironmentProblem, match=r"is called|checksum is another"):
        fetch_wheels(frozen)
    assert set(tmp_path.rglob("*evil*")) == before
    assert not Path("/tmp/evil.whl").exists()


def test_wheels_that_are_there_are_not_fetched_again(venv, index, tmp_path):
    capture(venv.python, into=tmp_path / "e", wheels=True)
    index.asked.clear()
    again = capture(venv.python, into=tmp_path / "e", wheels=True)
    assert again.complete
    assert again.damaged() == ()
    assert not [path for path in index.asked if path.endswith(".whl")]


def test_passwords_go_to_their_own_host_and_into_no_file(monkeypatch, tmp_path):
    monkeypatch.setenv("UV_INDEX", "site=https://me:s%40cret@pypi.example.org/simple")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("machine files.example.org login you password other\n")
    expected = {
        "https://pypi.example.org/a.whl": b"me:s@cret",
        "https://files.example.org/a.whl": b"you:other",
        "https://example.org/a.whl": None,
        "http://pypi.example.org/a.whl": None,
    }
    for url, login in expected.items():
        sent = request(url).get_header("Authorization")
        assert (base64.b64decode(sent.split()[1]) if sent else None) == login, url
    said = {"url": "https://me:secret@pypi.example.org/a.whl", "hashes": {}, "upload-time": 1}
    assert _entry({"wheels": [said]}) == {
        "wheels": [{"url": "https://pypi.example.org/a.whl", "hashes": {}}]
    }


def test_what_is_not_in_order_is_said(venv, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    site = next(venv.folder.rglob("site-packages"))
    (site / "mytools.py").write_text("answer = 42\n")
    shutil.copytree(site / "alpha-1.0.dist-info", site / "alpha-0.9.dist-info")
    metadata = (site / "alpha-0.9.dist-info" / "METADATA").read_text().replace("1.0", "0.9")
    (site / "alpha-0.9.dist-info" / "METADATA").write_text(metadata)
    (site / "~eta-1.0.dist-info").mkdir()
    frozen = capture(venv.python, into=tmp_path / "e")
    notes = "\n".join(frozen.notes)
    for said in ("mytools.py", "0.9", "~eta-1.0.dist-info is damaged", "PYTHONPATH"):
        assert said in notes
    assert "alpha/" not in notes
    assert str(tmp_path) not in notes


def test_a_version_that_is_none_is_said_and_stops_nothing(venv, index, tmp_path):
    info = next(venv.folder.rglob("alpha-1.0.dist-info"))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: alpha\nVersion: final-edition\n")
    frozen = capture(venv.python, into=tmp_path / "e")
    assert [p.origin for p in frozen.packages] == ["absent", "index"]
    assert any("'final-edition' is no version" in note for note in frozen.notes)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('\nversion = "1.0"', '\nversion = "2.0"'),
        ('sha256 = "', 'sha256 = "0'),
        ('"alpha"', '"beta"'),
    ],
    ids=["version", "hash", "name"],
)
def test_a_pylock_that_says_something_else_is_named(frozen, old, new):
    text = frozen.pylock.read_text()
    assert old in text
    frozen.pylock.write_text(text.replace(old, new, 1))
    assert any("pylock.toml says something else of alpha" in line for line in frozen.damaged())


def test_many_packages_that_no_index_has_are_found_among_many(index, new_venv, tmp_path):
    names = [f"pack{number:02}" for number in range(20)]
    for name in names:
        index.add(name, "1.0")
    made = new_venv()
    made.install(*(f"{name}==1.0" for name in names))
    gone = {"pack03", "pack04", "pack19"}
    for name in gone:
        for file in index.folder(name).iterdir():
            file.unlink()
    frozen = capture(made.python, into=tmp_path / "e")
    assert {p.name for p in frozen.packages if p.origin == "wheel"} == gone
    assert [p.name for p in frozen.packages] == names


ASKS = """
import signal, sys
from pathlib import Path
from beambook.environment._capture.downloads import fetch_all
from beambook.environment._capture.fetch import File

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
try:
    files = [File(name, f"{name}.whl", sys.argv[1] + name, "0" * 64, 1) for name in "ab"]
    fetch_all(files, Path(sys.argv[2]), None, print)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_does_not_wait_for_a_server_that_is_silent(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        asking = subprocess.Popen(
            [sys.executable, "-c", ASKS, url, str(tmp_path)], stderr=subprocess.PIPE, text=True
        )
        connection, _ = server.accept()
        with connection:  # and never answer
            asking.send_signal(signal.SIGINT)
            _, said = asking.communicate(timeout=30)
    assert (asking.returncode, said) == (130, "")
