"""``beambook verify`` and ``beambook rerun`` as they are typed."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output


def stored(path, source, text):
    """A notebook of one cell with the output that its author has seen."""
    output = new_output("stream", text=text)
    cell = new_code_cell(source, outputs=[output], execution_count=1)
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=[cell]), path)
    return path


def test_verify_answers_and_names_every_file_it_wrote(beambook, tmp_path):
    stored(tmp_path / "mine" / "a.ipynb", "print('edge 8333.1')", "edge 8333.1\n")
    answer = beambook("verify", "mine", "--environment", "here")
    assert answer.code == 0
    assert "answer    same" in answer.out
    written = answer.out.splitlines()[-1].removeprefix("Wrote ").split(", ")
    assert all((tmp_path / file).is_file() for file in written)
    assert {"verdict.json", "verdict.txt", "notebook.ipynb"} <= {f.split("/")[-1] for f in written}
    (page,) = [line for line in answer.out.splitlines() if line.startswith("See ")]
    assert (tmp_path / page.removeprefix("See ")).name == "verdict.html"
    shown = beambook("show", (tmp_path / page.removeprefix("See ")).parent).out
    assert shown.strip() in answer.out
    assert answer.err == ""


def test_verify_ends_with_one_where_it_does_not_come_out(beambook, tmp_path):
    file = stored(tmp_path / "mine" / "a.ipynb", "print('edge 8333.1')", "edge 8338.1\n")
    answer = beambook("verify", file, "--environment", "here", "--into", "v", "--json")
    assert answer.code == 1
    assert answer.json["status"] == "different"
    assert answer.json["cause"].startswith("cell 1: 8333.1 instead of 8338.1")
    assert [path.name for path in tmp_path.iterdir() if path.name == "verifications"] == []


def test_fetch_says_what_it_cannot_have(beambook, tmp_path):
    stored(tmp_path / "mine" / "a.ipynb", "print('edge 8333.1')", "edge 8333.1\n")
    said = f"data: {{url: 'ftp://example.org/a.h5', size: 5, sha256: {'a' * 64}}}\n"
    (tmp_path / "mine" / "publication.yml").write_text(said)
    assert beambook("publish", "mine", "--into", "sealed", "--environment", "none").code == 0
    why = "--fetch cannot have it: its address 'ftp://example.org/a.h5' is no address of the web"
    answer = beambook("verify", "sealed", "--environment", "here", "--fetch")
    assert (answer.code, answer.out.count(why) > 0) == (1, True)
    answer = beambook("rerun", "sealed", "--environment", "here", "--fetch")
    assert answer.code == 1
    assert why in answer.err


TYPED = """
import signal, sys
from beambook.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
main(sys.argv[1:])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_signal_ends_it_in_a_line_and_leaves_only_what_was_verified(
    tmp_path, monkeypatch, number
):
    stored(tmp_path / "mine" / "a.ipynb", "print('edge 8333.1')", "edge 8333.1\n")
    asleep = "import pathlib, time\npathlib.Path('begun').touch()\ntime.sleep(600)"
    stored(tmp_path / "mine" / "b.ipynb", asleep, "awake\n")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    words = [sys.executable, "-c", TYPED, "verify", "mine", "--environment", "here"]
    asked = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not list(tmp_path.glob("verifications/*/here/work/begun")):
        assert time.monotonic() < until, "the notebook never began"
        time.sleep(0.1)
    below = psutil.Process(asked.pid).children(recursive=True)
    asked.send_signal(number)
    _, said = asked.communicate(timeout=60)
    assert asked.returncode == 128 + number
    (line,) = said.split("\n")[:-1][-1:]
    assert said.strip() == line
    page = Path(line.rpartition(" ")[2])
    found = json.loads(page.with_name("verdict.json").read_text())
    assert (found["stopped"], found["status"]) == (True, "not verified")
    assert [n["status"] for n in found["legs"][0]["notebooks"]] == ["same", "not verified"]
    assert list(temporary.iterdir()) == []
    assert below
    assert not psutil.wait_procs(below, timeout=10)[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["verify"], "PUBLICATION"),
        (["verify", "nowhere"], "nowhere"),
        (["verify", "empty"], "*.ipynb"),
        (["verify", "empty", "--environment", "newset"], "newest"),
        (["verify", "empty", "--data", "nowhere"], "nowhere"),
        (["verify", "broken.zip"], "broken.zip"),
        (["rerun", "empty"], "beambook publish"),
        (["rerun", "empty", "a=1", "two", "three"], "three"),
        (["rerun", "nowhere", "a=1"], "nowhere"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else None,
)
def test_mistakes_are_one_line_and_end_with_two(beambook, tmp_path, words, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.zip").write_bytes(b"PK no zip at all")
    answer = beambook(*words)
    assert answer.code == 2
    (line,) = answer.err.splitlines()
    assert said in line
    assert not (tmp_path / "verifications").exists()
    assert not (tmp_path / "executions").exists()
