"""A sealed publication: software, integrity, data, values; tampered with, refused, rerun."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import uv
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from beambook.environment import capture, image
from beambook.errors import (
    ExecutionError,
    ParameterError,
    ParameterNotFound,
    PublicationError,
    RunNotFound,
)
from beambook.publication import Publication, rerun, seal, verify
from beambook.recipe import PythonKernel, execute

from .served import served

MAKE = (
    "# Make",
    "slope: float = 0.5  # of the line\nfile: str = 'calibration.csv'",
    "import json\nwith open('line.json', 'w') as line:\n"
    "    json.dump([slope * x for x in range(3)], line)",
    "print('offset', open('measured/offset.txt').read().strip())",
)
USE = ("# Use", "import json\nprint('top', max(json.load(open('line.json'))))")


def write(path, *cells, claim=None):
    made = [new_markdown_cell(t) if t.startswith("# ") else new_code_cell(t) for t in cells]
    if claim is not None:
        made[claim].metadata["tags"] = ["claim"]
    nbformat.write(new_notebook(cells=made), path)


@pytest.fixture(scope="session")
def software(tmp_path_factory):
    """An environment with ipykernel and nothing else, and its wheels."""
    folder = tmp_path_factory.mktemp("software")
    program = uv.find_uv_bin()
    subprocess.run([program, "venv", "-q", "--python", sys.executable, folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    install = [program, "pip", "install", "-q", "--python", python, "ipykernel"]
    if subprocess.run(install, capture_output=True, check=False).returncode:
        pytest.skip("no package index to install ipykernel from")
    return python, capture(python, into=folder / "environment", wheels=True)


@pytest.fixture(scope="session")
def sealed(software, tmp_path_factory):
    """Two notebooks, the second needs a file of the first; a folder of data that is not carried."""
    folder = tmp_path_factory.mktemp("sealed")
    python, environment = software
    work, data = folder / "analysis", folder / "measured"
    work.mkdir()
    data.mkdir()
    (data / "offset.txt").write_text("1.25\n")
    write(work / "b-make.ipynb", *MAKE)
    write(work / "a-use.ipynb", *USE, claim=1)
    (work / "measured").symlink_to(data)
    for name in ("b-make", "a-use"):
        done = execute(
            work / f"{name}.ipynb", kernel=PythonKernel(python), in_place=True, into=folder / "runs"
        )
        assert done.status == "done", done.error_line
        shutil.copy(done.notebook_path, work / f"{name}.ipynb")
    (work / "line.json").unlink()
    (work / "measured").unlink()
    (folder / "kept").mkdir()
    shutil.move(data, folder / "kept" / "measured")
    reference = {"folder": str(folder / "kept" / "measured"), "target": "measured"}
    return seal(
        work, folder / "line", title="A line", authors=["Jane Doe"], environment=environment,
        data=[{**reference, "name": "measured"}], date="2026-11-01", limits=nothing(),
    )  # fmt: skip


def nothing():
    """Carry the notebooks, no data."""
    from beambook.publication._seal.data import Limits

    return Limits(each=4, total=10**9)


@pytest.fixture
def kept(sealed):
    return sealed.path.parent / "kept"


@pytest.fixture
def copy(sealed, tmp_path):
    folder = tmp_path / "line"
    shutil.copytree(sealed.path, folder)
    return folder


@pytest.fixture
def own_cache(tmp_path_factory, monkeypatch):
    """Environments are kept for all tests of this file, not in the developer's home."""
    cache = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


pytestmark = pytest.mark.usefixtures("own_cache")


def test_it_comes_out_without_a_network(sealed, kept, tmp_path):
    found = verify(sealed.path, data=kept, offline=True, into=tmp_path)
    assert (found.status, found.exit_status, found.cause) == ("same", 0, "")
    (leg,) = found.legs
    assert [n.path for n in leg.notebooks] == ["b-make.ipynb", "a-use.ipynb"]
    assert leg.software.digest == sealed.environment.digest
    assert leg.software.changes == ()
    assert found.checksum == sealed.checksum
    assert [(c.notebook, dict(c.statuses)) for c in found.claims] == [
        ("a-use.ipynb", {"preserved": "same"})
    ]
    assert sealed.check() == ()
    again = verify(sealed.path, data=kept, offline=True, into=tmp_path)
    assert again.legs[0].software.how == "cache"


def test_data_that_is_not_here_is_the_verdict(sealed, tmp_path):
    found = verify(sealed.path, offline=True, into=tmp_path)
    assert (found.status, found.exit_status) == ("not verified", 1)
    assert found.cause == "data measured is not here: give its folder with --data"
    cells = {cell.status for n in found.legs[0].notebooks for cell in n.cells}
    assert cells == {"not reached"}


@pytest.mark.parametrize("content", ["9.25\n", "longer than it was\n"], ids=["changed", "longer"])
def test_data_that_is_other_is_the_verdict(sealed, tmp_path, content):
    (tmp_path / "measured").mkdir()
    (tmp_path / "measured" / "offset.txt").write_text(content)
    found = verify(sealed.path, data=tmp_path, into=tmp_path / "v")
    assert found.status == "not verified"
    assert "data measured" in found.cause
    assert "sealed" in found.cause


def test_software_that_cannot_be_had_is_the_verdict(copy, kept, tmp_path):
    record = json.loads((copy / "environment" / "environment.json").read_text())
    assert record["python"].startswith("3.")
    shutil.rmtree(copy / "environment")
    reseal(copy)
    found = verify(copy, data=kept, into=tmp_path / "v")
    assert (found.status, found.exit_status) == ("not verified", 1)
    assert "no software was sealed" in found.cause


def reseal(folder):
    """What a forger cannot do without changing the checksum, and a test can."""
    from beambook.publication._manifest import MANIFEST, checksums, manifest_text

    (folder / MANIFEST).write_bytes(manifest_text(checksums(folder)))


@pytest.mark.parametrize(
    "name",
    ["work/a-use.ipynb", "reference/a-use.ipynb", "environment/requirements.txt", "wheel"],
)
def test_a_changed_byte_is_named_and_nothing_is_executed(copy, kept, tmp_path, name):
    path = next((copy / "environment" / "wheels").iterdir()) if name == "wheel" else copy / name
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    found = verify(copy, data=kept, into=tmp_path / "v")
    assert (found.status, found.exit_status, found.legs) == ("not verified", 2, ())
    assert path.relative_to(copy).as_posix() in found.cause
    with pytest.raises(PublicationError, match="changed since it was sealed"):
        rerun(copy, "a-use", data=kept, into=tmp_path / "e")


@pytest.mark.parametrize("name", ["manifest-sha256.txt", "publication.json"])
def test_without_its_manifest_it_is_no_folder_that_nobody_sealed(copy, kept, tmp_path, name):
    (copy / name).unlink()
    with pytest.raises(PublicationError, match=f"no publication: it has no {name}"):
        verify(copy, data=kept, into=tmp_path / "v")


def test_a_forgery_with_a_manifest_of_its_own_has_another_checksum(sealed, copy, kept, tmp_path):
    (copy / "work" / "more.txt").write_text("more")
    reseal(copy)
    said = sealed.checksum[:12]
    with pytest.raises(PublicationError, match=f"not {said}"):
        verify(copy, data=kept, checksum=said, into=tmp_path / "v")
    found = verify(sealed, checksum=said.upper(), into=tmp_path / "v")  # no data: it is opened
    assert found.integrity == ()
    (tmp_path / "folder").mkdir()
    with pytest.raises(PublicationError, match="never sealed"):
        verify(tmp_path / "folder", checksum=said, into=tmp_path / "v")
    assert not list((tmp_path / "v").glob("copy*"))


def test_manifests_of_others_are_folders(tmp_path):
    (tmp_path / "manifest-sha256.txt").write_text(f"{'0' * 64}  data/fit.ipynb\n")
    with pytest.raises(RunNotFound, match="No notebook"):
        verify(tmp_path, into=tmp_path / "v")


@pytest.mark.parametrize("folder", ["work", "reference"])
@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"cells": 5}', '{"worksheets": {"a": 1}}', '{"worksheets": ["a"]}'],
    ids=["deep", "number", "object", "words"],
)  # fmt: skip
def test_what_is_almost_a_notebook_is_a_verdict(copy, kept, tmp_path, folder, content):
    (copy / folder / "b-make.ipynb").write_text(content)
    reseal(copy)
    found = verify(copy, data=kept, environment="here", into=tmp_path / "v")
    assert (found.status, found.exit_status) == ("not verified", 1)
    assert "notebook" in found.cause


def test_rerun_cites_its_origin(sealed, kept, tmp_path):
    done = rerun(
        sealed.path, "b-make.ipynb", {"slope": 2.0}, data=kept, offline=True, into=tmp_path
    )
    assert done.status == "done"
    assert done.values["slope"] == 2.0
    origin = {"publication": "A line", "checksum": sealed.checksum, "notebook": "b-make.ipynb"}
    assert done.record["origin"] == origin
    assert json.loads((done.path / "execution.json").read_text())["origin"] == origin
    assert json.loads((done.path / "work" / "line.json").read_text()) == [0, 2, 4]
    assert [path.name for path in tmp_path.iterdir()] == [done.path.name]


def test_rerun_executes_what_is_needed_before(sealed, kept, tmp_path):
    done = rerun(sealed, "a-use", data=kept, offline=True, into=tmp_path)
    text = "".join(out.text for cell in notebook(done).cells for out in cell.get("outputs", ()))
    assert text == "top 1.0\n"


def notebook(execution):
    return nbformat.read(Path(execution.notebook_path), 4)


@pytest.mark.parametrize(
    ("name", "values", "error", "said"),
    [
        (None, {}, ParameterError, "has 2 notebooks"),
        ("c-use", {}, KeyError, "a-use.ipynb"),
        ("b-make", {"slpoe": 1}, ParameterNotFound, "slope"),
    ],
    ids=["which", "misspelt", "parameter"],
)
def test_rerun_refuses_what_is_not_there(sealed, kept, tmp_path, name, values, error, said):
    with pytest.raises(error, match=said):
        rerun(sealed.path, name, values, data=kept, offline=True, into=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_rerun_says_which_data_is_missing(sealed, tmp_path):
    with pytest.raises(ExecutionError, match="give its folder with --data"):
        rerun(sealed.path, "b-make", into=tmp_path)


@pytest.fixture
def served_from(sealed, kept, software, tmp_path, monkeypatch):
    """The same, whose data is on the web: the server and the publication; nothing is cached."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(sealed.path.parent / "analysis", tmp_path / "analysis")
    with served({"offset.txt": (kept / "measured" / "offset.txt").read_bytes()}) as server:
        url = server.url("good", "offset.txt")
        data = {"folder": str(kept / "measured"), "target": "measured", "name": "m", "url": url}
        made = seal(
            tmp_path / "analysis", tmp_path / "line", environment=software[1], data=[data],
            date="2026-11-01", limits=nothing(),
        )  # fmt: skip
        yield server, made


def test_data_by_reference_is_fetched_when_asked_for(served_from, tmp_path):
    server, made = served_from
    (data,) = made.data
    assert (data.kind, data.files[0].url) == ("url", server.url("good", "offset.txt"))
    assert "verify . --fetch" in (made.path / "README.md").read_text()
    for file in (made.path / "data", made.work / "measured"):
        assert not file.exists()
    missing = verify(made, environment="here", into=tmp_path / "v")
    assert (missing.status, missing.exit_status) == ("not verified", 1)
    assert missing.cause == (
        f"data m ({data.where}) is not here: --fetch downloads it "
        f"(5 B from {server.home[7:]}), or give its folder with --data"
    )
    assert server.asked == []
    found = verify(made, environment="here", fetch=True, into=tmp_path / "v")
    assert (found.status, found.cause) == ("same", "")
    assert "data m: 1 file (5 B) fetched from 127.0.0.1" in found.notes[0]
    assert len(server.asked) == 1
    again = verify(made, environment="here", into=tmp_path / "v")  # it was kept
    assert again.status == "same"
    assert "found in" in dict(again.data)["m"]
    done = rerun(made, "b-make", ["slope=2"], environment="here", fetch=True, into=tmp_path / "e")
    assert done.status == "done"
    assert len(server.asked) == 1


def test_data_that_is_another_on_the_web_is_the_verdict(served_from, tmp_path):
    server, made = served_from
    server.files["offset.txt"] = b"9.25\n"
    found = verify(made, environment="here", fetch=True, into=tmp_path / "v")
    assert (found.status, found.exit_status) == ("not verified", 1)
    assert "data m: offset.txt cannot be fetched" in found.cause
    assert "not what was sealed: another checksum" in found.cause
    assert {cell.status for n in found.legs[0].notebooks for cell in n.cells} == {"not reached"}
    with pytest.raises(ExecutionError, match="another checksum"):
        rerun(made, "b-make", environment="here", fetch=True, into=tmp_path / "e")


def test_data_without_an_address_cannot_be_fetched(sealed, tmp_path):
    found = verify(sealed, fetch=True, into=tmp_path)
    assert found.cause.endswith("--fetch cannot have it: the publication names no address of it")


@pytest.fixture(scope="session")
def imaged(sealed, software, tmp_path_factory):
    """The same, whose software is an image and no wheels."""
    if not (shutil.which("mksquashfs") and shutil.which("unsquashfs")):
        pytest.skip("squashfs-tools are not installed")
    folder = tmp_path_factory.mktemp("imaged")
    environment = capture(software[0], into=folder / "environment")
    image(environment, cache=tmp_path_factory.getbasetemp() / "cache/beambook/environments")
    return seal(
        sealed.path.parent / "analysis", folder / "line.zip", environment=environment,
        data=[{"folder": str(sealed.path.parent / "kept" / "measured"), "target": "measured"}],
        date="2026-11-01",
    )  # fmt: skip


def test_where_nothing_can_be_installed_the_image_is_the_software(imaged, tmp_path, monkeypatch):
    for name in ("XDG_CACHE_HOME", "UV_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    found = verify(imaged, offline=True, into=tmp_path)
    assert (found.status, found.cause) == ("same", "")
    (leg,) = found.legs
    assert (leg.name, leg.software.how) == ("preserved", "image")
    assert leg.software.notes[0].startswith(("mounted by squashfuse", "unpacked by unsquashfs: "))
    assert "from image" in found.card().text()
    assert (
        "from the image that the publication carries" in (found.path / "verdict.html").read_text()
    )
    assert not list(tmp_path.glob("UV_CACHE_DIR/**/*.whl"))
    done = rerun(imaged, "b-make", ["slope=2"], offline=True, into=tmp_path / "e")
    assert done.status == "done"
    anew = verify(imaged, environment="recreated", offline=True, into=tmp_path)
    assert anew.status == "not verified"
    assert anew.cause.endswith(
        "is not here (offline). The publication has an image of it: --environment preserved"
    )


def test_where_the_image_cannot_be_used_its_packages_are_installed(imaged, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))  # no squashfs tools
    said = "The image can neither be mounted nor unpacked here"
    found = verify(imaged, sandbox=False, into=tmp_path)
    assert found.status == "same"
    assert found.legs[0].software.how in ("cache", "index")
    assert (
        found.legs[0]
        .software.notes[0]
        .startswith(f"installed, as the image cannot be used: {said}")
    )
    for name in ("XDG_CACHE_HOME", "UV_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    none = verify(imaged, offline=True, into=tmp_path)
    assert none.status == "not verified"
    assert said in none.cause
    assert none.cause.endswith("is not here (offline)")


def test_a_zip_is_verified_as_its_folder(sealed, kept, tmp_path):
    file = sealed.zip(tmp_path / "line.zip")
    found = verify(file, data=kept, offline=True, into=tmp_path / "v")
    assert (found.status, found.checksum) == ("same", Publication.open(file).checksum)
    assert found.name == "line"
