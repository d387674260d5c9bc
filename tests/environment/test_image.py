"""One file instead of thousands: the same bytes each time, mounted or unpacked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from beambook.environment import Environment, capture, image, mounted, recreate, sandbox
from beambook.environment import _mount as mount
from beambook.errors import EnvironmentProblem

from .conftest import make_venv, serving

pytestmark = pytest.mark.skipif(
    not (shutil.which("mksquashfs") and shutil.which("unsquashfs")),
    reason="squashfs-tools are not installed",
)
needs_fuse = pytest.mark.skipif(
    bool(mount._why_not_fuse()), reason=f"no FUSE here: {mount._why_not_fuse()}"
)
FUSE = [pytest.param(True, marks=needs_fuse, id="mounted"), pytest.param(False, id="unpacked")]


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    """An environment with its image."""
    folder = tmp_path_factory.mktemp("frozen")
    with serving(folder) as index:
        index.add("alpha", "1.0", files=[("alpha/data.txt", "data\n")])
        made = make_venv(folder / "venv")
        made.install("alpha==1.0")
        frozen = capture(made.python, into=folder / "e", wheels=True)
    image(frozen, cache=folder / "cache")
    return frozen


def says(python: Path, code: str) -> str:
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("fuse", FUSE)
def test_it_is_a_python_of_its_own(fuse, frozen, tmp_path):
    with mounted(frozen, cache=tmp_path, fuse=fuse) as here:
        code = "import sys, alpha, ssl, json; print(sys.prefix, sys.base_prefix, alpha.__file__)"
        root = str(here.python.parent.parent)
        prefix, base, package = says(here.python, code).split()
        assert prefix == base == root
        assert package.startswith(root)
        assert here.how == "image"
        assert here.notes[0].startswith("mounted by squashfuse" if fuse else "unpacked by")
        assert says(here.python, "import site; print(site.ENABLE_USER_SITE)") == "False"
        ours = ".".join(map(str, sys.version_info[:3]))
        assert says(here.python, "import platform; print(platform.python_version())") == ours


@needs_fuse
def test_a_mount_ends_with_its_block(frozen):
    with mounted(frozen, fuse=True) as here:
        root = here.python.parent.parent
        assert os.path.ismount(root)
        assert not os.access(root / "lib", os.W_OK) or not _can_write(root)
    assert not root.exists()


def _can_write(root: Path) -> bool:
    try:
        (root / "file").write_text("")
    except OSError:
        return False
    return True


@needs_fuse
@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed")
def test_a_killed_process_leaves_no_mount(frozen):
    code = (
        "import sys, time; from beambook.environment import Environment, mounted\n"
        "with mounted(Environment.load(sys.argv[1]), fuse=True) as here:\n"
        "    print(here.python.parent.parent, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, frozen.path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        root = Path(process.stdout.readline().strip())
        assert os.path.ismount(root)
        process.kill()
    for _ in range(200):
        if not os.path.ismount(root):
            break
        subprocess.run(["sleep", "0.05"], check=True)
    assert not os.path.ismount(root)


def test_the_same_software_gives_the_same_bytes(frozen, tmp_path):
    """Installed anew, in another folder, at another time."""
    here = recreate(frozen, cache=tmp_path / "cache")
    again = image(here, tmp_path / "deep" / "again.sqfs")
    assert again.read_bytes() == frozen.image.read_bytes()
    assert [path.name for path in again.parent.iterdir()] == ["again.sqfs"]


def test_unpacked_once_and_checked_each_time(frozen, tmp_path):
    with mounted(frozen, cache=tmp_path, fuse=False) as here:
        package = Path(says(here.python, "import alpha; print(alpha.__file__)"))
        begin = here.python.stat().st_ino
    with mounted(frozen, cache=tmp_path, fuse=False) as here:
        assert here.python.stat().st_ino == begin
    package.write_text("version = 'changed'")
    with mounted(frozen, cache=tmp_path, fuse=False) as here:
        assert says(here.python, "import alpha; print(alpha.version)") == "1.0"


def test_without_fuse_it_is_unpacked_and_says_why(frozen, tmp_path, monkeypatch):
    monkeypatch.setattr(mount, "_why_not_fuse", lambda: "squashfuse is not installed")
    with mounted(frozen, cache=tmp_path) as here:
        assert here.notes[0] == "unpacked by unsquashfs: squashfuse is not installed"
    with pytest.raises(EnvironmentProblem, match="cannot be mounted"), mounted(frozen, fuse=True):
        pass


@pytest.mark.parametrize("fuse", FUSE)
def test_a_damaged_image_is_a_problem_not_a_crash(fuse, frozen, tmp_path):
    shutil.copytree(frozen.path, tmp_path / "e")
    broken = Environment.load(tmp_path / "e")
    broken.image.write_bytes(broken.image.read_bytes()[:5000])
    with (
        pytest.raises(EnvironmentProblem),
        mounted(broken, cache=tmp_path / "cache", fuse=fuse),
    ):
        pass
    left = [path.name for path in (tmp_path / "cache").glob("*") if path.suffix != ".lock"]
    assert left == []


def test_an_image_of_other_software_is_refused(frozen, tmp_path):
    other = replace(frozen, packages=())
    with (
        pytest.raises(EnvironmentProblem, match="other software"),
        mounted(other, cache=tmp_path, fuse=False),
    ):
        pass


def test_without_an_image_it_says_how_to_make_one(frozen, tmp_path):
    bare = replace(frozen, path=tmp_path)
    with pytest.raises(EnvironmentProblem, match="freeze --image"), mounted(bare):
        pass


@pytest.mark.parametrize(
    ("kind", "said"), [("setuid", "-rws"), ("fifo", "prw"), ("device", "crw"), ("climbing", "")]
)
def test_hostile_images_are_refused(kind, said, frozen, tmp_path):
    shutil.copytree(frozen.path, tmp_path / "e")
    hostile = Environment.load(tmp_path / "e")
    content = tmp_path / "content"
    content.mkdir()
    (content / "program").write_text("#!/bin/sh\n")
    pseudo: list[str] = []
    if kind == "setuid":
        pseudo = ["-p", "program m 4755 0 0"]
    elif kind == "fifo":
        os.mkfifo(content / "pipe", 0o600)
    elif kind == "device":
        pseudo = ["-p", "null c 666 0 0 1 3"]
    else:
        (content / "out").symlink_to("../../../../..")
    target = hostile.image
    target.unlink()
    command = ["mksquashfs", content, target, "-quiet", "-no-progress", *pseudo]
    subprocess.run(command, check=True, capture_output=True)
    with (
        pytest.raises(EnvironmentProblem, match=f"refused.*{said}" if said else "no image"),
        mounted(hostile, cache=tmp_path / "cache", fuse=False),
    ):
        pass


@pytest.mark.parametrize("fuse", FUSE)
@pytest.mark.parametrize("kind", ["program", "link", "base"])
def test_the_python_of_an_image_of_others_is_not_trusted(kind, fuse, frozen, tmp_path):
    if not sandbox(tmp_path).confines:
        pytest.skip("no sandbox on this machine")
    written, secret = tmp_path / "written", tmp_path / "secret" / "bin" / "python"
    for folder in (tmp_path / "content" / "bin", secret.parent):
        folder.mkdir(parents=True)
    label = json.dumps({"digest": frozen.digest})
    (tmp_path / "content" / "beambook-image.json").write_text(label)
    python = tmp_path / "content" / "bin" / "python"
    for each in (python, secret):
        each.write_text(f"#!/bin/sh\necho x > {written}\nexit 0\n")
        each.chmod(0o755)
    if kind == "link":
        python.unlink()
        python.symlink_to(secret)
    elif kind == "base":
        (tmp_path / "content" / "pyvenv.cfg").write_text(f"home = {secret.parent}\n")
    shutil.copytree(frozen.path, tmp_path / "e")
    hostile = Environment.load(tmp_path / "e")
    target = hostile.image
    target.unlink()
    command = ["mksquashfs", tmp_path / "content", target, "-quiet", "-no-progress"]
    subprocess.run(command, check=True, capture_output=True)
    said = pytest.raises(EnvironmentProblem, match="its Python lies outside of it")
    with nullcontext() if kind == "program" else said:
        with mounted(hostile, cache=tmp_path / "cache", fuse=fuse):
            pass
    assert not written.exists()


def test_making_one_without_the_tool_says_what_to_install(frozen, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(EnvironmentProblem, match="squashfs-tools"):
        image(frozen, tmp_path / "x.sqfs")
