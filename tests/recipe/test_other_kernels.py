"""Notebooks in a Python that is not ours, with and without a sandbox around it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from uv import find_uv_bin

from beambook.environment import sandbox
from beambook.errors import EnvironmentProblem, NotebookError
from beambook.recipe import PythonKernel, execute
from beambook.recipe._fingerprint import FIGURE
from beambook.recipe._overflow import OutputLimits
from beambook.recipe._own_file import open_own, read_own

OTHERS = ("3.8", "3.9", "3.10", "3.12", "3.13")
DEPENDS = ("ipykernel", "matplotlib")
KINDS = ("bubblewrap", "folder", "none")


@pytest.fixture(scope="session")
def other_python(tmp_path_factory):
    """The oldest other Python that is here, with ipykernel and Matplotlib."""
    folder = tmp_path_factory.mktemp("other") / "env"
    python = folder / "bin" / "python"
    found = [path for version in OTHERS for path in interpreters(version)]
    if not found:
        pytest.skip("there is no other Python")
    for command in (
        ["venv", "-q", "--python", str(found[0]), str(folder)],
        ["pip", "install", "-q", "--python", str(python), *DEPENDS],
    ):
        done = subprocess.run(
            [find_uv_bin(), *command], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(done.stderr.strip())
    return python


def interpreters(version):
    """Pythons of a version that start: those of pyenv, and one on the path."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = [*root.glob(f"versions/{version}.*/bin/python"), shutil.which(f"python{version}")]
    ours = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for path in filter(None, found):
        if version != ours and subprocess.run([path, "-c", ""], check=False).returncode == 0:
            yield path


@pytest.fixture
def kernel_of(tmp_path):
    """``kernel_of("bubblewrap")``: this Python, in a sandbox of ``tmp_path / "work"``."""

    def kernel_of(kind, python=sys.executable, **options):
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        if kind == "none":
            return PythonKernel(python)
        box = sandbox(work, plain=kind == "folder", **options)
        if box.kind != kind:
            pytest.skip(box.why)
        return PythonKernel(python, box)

    return kernel_of


def said(execution, cell=3):
    return "".join(out.get("text", "") for out in execution.notebook().cells[cell].outputs)


def test_an_older_python_in_a_sandbox(run, kernel_of, other_python):
    kernel = kernel_of("bubblewrap", other_python)
    execution = run(
        "import sys\nprint(a, sys.version_info[:2], sys.executable)",
        "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]);",
        values={"a": 5},
        kernel=kernel,
    )
    assert execution.error_line == ""
    value, version, executable = said(execution).split(" ", 1)[0], said(execution), other_python
    assert (value, str(executable) in version) == ("5", True)
    assert FIGURE in execution.notebook().cells[4].outputs[0].data
    facts = execution.record["kernel"]
    assert facts["python"].startswith(tuple(OTHERS))
    assert facts["executable"] == str(other_python)
    assert {"ipykernel", "matplotlib"} <= set(facts["packages"])
    assert "beambook" not in facts["packages"]
    assert execution.record["sandbox"]["kind"] == "bubblewrap"
    assert execution.record["peak_memory"] > 20_000_000
    assert "kernel: " not in execution.log_path.read_text()  # nothing of ours went wrong


@pytest.mark.parametrize("kind", KINDS)
class TestEnds:
    def test_death_is_told_with_its_signal_and_memory(self, run, kernel_of, kind):
        code = "held = bytearray(300_000_000)\nimport os\nos.kill(os.getpid(), 11)"
        execution = run(code, kernel=kernel_of(kind))
        assert execution.error["signal"] == "SIGSEGV"
        assert execution.record["peak_memory"] > 300_000_000

    def test_limits_hold_and_nothing_goes_on(self, run, kernel_of, kind):
        stubborn = "while True:\n    try: time.sleep(600)\n    except KeyboardInterrupt: pass"
        execution = run(
            f"import os, sys, time\nprint(sys.argv[-2])\nos.system('sleep 600 &')\n{stubborn}",
            kernel=kernel_of(kind),
            time_limit=1,
            grace=0.3,
        )
        assert execution.error["name"] == "TimeLimit"
        assert "ignored the interrupt" in execution.error_line
        assert processes_with(said(execution).strip()) == []

    def test_interrupt_reaches_the_line_that_runs(self, run, kernel_of, kind):
        execution = run("import time\ntime.sleep(600)", kernel=kernel_of(kind), time_limit=0.5)
        assert execution.notebook().cells[3].outputs[-1].ename == "KeyboardInterrupt"
        assert "ignored" not in execution.error_line

    def test_a_daemon_ends_with_its_notebook(self, run, kernel_of, kind, tmp_path):
        name = f"daemon-{tmp_path.name}-{os.getpid()}"
        sleep = f"os.execv(sys.executable, [sys.executable, '-c', {SLEEP!r}, {name!r}])"
        fork = f"if os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n    {sleep}"
        execution = run(
            f"import os, sys\n{fork}\n  os._exit(0)\nos.wait();", kernel=kernel_of(kind)
        )
        assert execution.status == "done"
        assert processes_with(name) == []
        left = execution.record["sandbox"].get("left", [])
        assert len(left) == (0 if kind == "bubblewrap" else 1)


SLEEP = "import time; time.sleep(600)"
CALLER = """
import sys
from beambook.environment import sandbox
from beambook.recipe import PythonKernel, execute
path, into, plain = sys.argv[1:]
kernel = PythonKernel(sys.executable, sandbox(path.rpartition("/")[0], plain=plain == "folder"))
execute(path, into=into, kernel=kernel, in_place=True)
"""


@pytest.mark.parametrize("kind", ["bubblewrap", "folder"])
def test_nothing_outlives_a_killed_caller(make_notebook, tmp_path, kernel_of, kind):
    kernel_of(kind)  # skips where there is none
    tell = "import os, sys, time\nopen('new', 'w').write(sys.argv[-2])\nos.rename('new', 'told')"
    path = make_notebook("md:# T", f"{tell}\ntime.sleep(600)", name="work/sample")
    command = [sys.executable, "-c", CALLER, str(path), str(tmp_path / "out"), kind]
    with subprocess.Popen(command) as caller:
        told = tmp_path / "work" / "told"
        wait_for(told.exists)
        connection = told.read_text()
        assert processes_with(connection)
        caller.send_signal(signal.SIGKILL)
    wait_for(lambda: not processes_with(connection))
    wait_for(lambda: not Path(connection).parent.parent.exists())


def test_no_link_laid_for_us_is_followed(run, kernel_of, tmp_path):
    victim = tmp_path / "home"
    victim.mkdir()
    for name in ("log", "record", "facts"):
        (victim / name).write_text("mine")
    (tmp_path / "work").mkdir()
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitattributes").write_text("*.ipynb filter=own\n")
    config = f'[filter "own"]\n clean = touch {victim}/run-by-git; cat\n'
    (tmp_path / ".git" / "config").write_text(config)
    lay = f"""
import os, sys
def lay(name, target):
    if os.path.exists(name): os.remove(name)
    os.symlink(target, name)
lay("log.txt", "{victim}/log")
lay("execution.json", "{victim}/record")
lay("outputs", "{victim}")
lay("result.csv", "{victim}/log")
connection = sys.argv[-2]
lay(os.path.dirname(connection) + "/facts.json.new", "{victim}/facts")
os.write(2, b"to the log")
print("x" * 20_000)
"""
    execution = run(lay, kernel=kernel_of("bubblewrap"), output_limit=10_000)
    assert sorted(each.name for each in victim.iterdir()) == ["facts", "log", "record"]
    assert {each.read_text() for each in victim.iterdir()} == {"mine"}
    assert execution.status == "failed"  # the flood had nowhere to go
    assert [each for each in execution.path.rglob("*") if each.is_symlink()] == []
    assert any("result.csv → " in each for each in execution.record["sandbox"]["links"])
    assert execution.record["recipe"]["git"] is None


def test_what_a_plain_folder_does_not_prevent_is_told(run, kernel_of, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "a").write_text("1")
    (data / "b").write_text("1")
    work = f"""
import os, socket, subprocess, numpy
open("own", "w").write("x")
open("{tmp_path}/outside", "w").write("x")
open("{data}/a").read()
subprocess.run(["sh", "-c", "echo 2 >> {data}/b"])
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("192.0.2.1", 9))
"""
    execution = run(work, kernel=kernel_of("folder", readable=[data]))
    assert execution.status == "done"
    told = execution.record["sandbox"]
    assert told["kind"] == "folder"
    assert told["why"] == "a plain folder was asked for"
    assert "network" in told["lets"]
    assert told["wrote"] == [f"{tmp_path}/outside"]
    assert told["changed"] == [f"{data}/b"]
    assert told["called"] == ["192.0.2.1:9"]
    assert told["started"] == ["sh"]


def test_what_cannot_work_is_refused_before_a_kernel_starts(make_notebook, kernel_of, tmp_path):
    path = make_notebook("1", name="elsewhere/sample")
    kernel = kernel_of("folder")
    with pytest.raises(NotebookError, match="its sandbox does not let it change"):
        execute(path, into=tmp_path / "out", kernel=kernel, in_place=True)
    with pytest.raises(NotebookError, match="could change the records"):
        execute(path, into=tmp_path / "work" / "out", kernel=kernel)
    other = make_notebook("1", name="work/other", language_info={"name": "R"})
    with pytest.raises(NotebookError, match="is a r notebook"):
        execute(other, into=tmp_path / "out", kernel=kernel)
    assert not (tmp_path / "out").exists()


def test_a_python_that_cannot_execute_notebooks_is_told_so(make_notebook, kernel_of, tmp_path):
    path = make_notebook("1")
    bare = tmp_path / "bare"
    subprocess.run([find_uv_bin(), "venv", "-q", "-p", sys.executable, str(bare)], check=True)
    (tmp_path / "broken").write_text("#!/bin/sh\necho 'cannot open shared library' >&2; exit 127")
    (tmp_path / "broken").chmod(0o755)
    for python, message in (
        (bare / "bin" / "python", "has no ipykernel.*uv pip install"),
        (tmp_path / "broken", "does not start: cannot open shared library"),
        (tmp_path / "missing", "There is no Python"),
    ):
        with pytest.raises(EnvironmentProblem, match=message):
            execute(path, into=tmp_path / "out", kernel=kernel_of("folder", python))
    assert not (tmp_path / "out").exists()


def test_variables_are_those_that_were_given(run, kernel_of, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "secret")
    kernel = kernel_of("folder")
    kernel = PythonKernel(kernel.python, kernel.sandbox, {"BEAMBOOK_DATA": "/data"})
    execution = run("import os\nprint(os.environ)", kernel=kernel)
    assert "secret" not in said(execution)
    assert "'BEAMBOOK_DATA': '/data'" in said(execution)


class TestOwnFile:
    def test_links_pipes_and_linked_folders_are_refused(self, tmp_path):
        (tmp_path / "target").mkdir()
        (tmp_path / "target" / "file").write_text("mine")
        (tmp_path / "link").symlink_to(tmp_path / "target" / "file")
        (tmp_path / "folder").symlink_to(tmp_path / "target")
        os.mkfifo(tmp_path / "pipe")
        for name in ("link", "folder/file", "pipe"):
            with pytest.raises(OSError, match=r"symbolic|directory|plain|No such device"):
                open_own(tmp_path / name)
        for name in ("link", "pipe"):
            with pytest.raises(OSError, match=r"symbolic|plain"):
                read_own(tmp_path / name, 10)
        assert (tmp_path / "target" / "file").read_text() == "mine"

    def test_a_plain_file_is_written_and_read(self, tmp_path):
        for append, content in ((False, b"one"), (True, b"onetwo"), (False, b"two")):
            with open_own(tmp_path / "file", append=append) as file:
                file.write(content[-3:])
            assert read_own(tmp_path / "file", 100) == content

    def test_a_stream_does_not_choose_where_it_goes(self, tmp_path):
        limits = OutputLimits(tmp_path, 10, print)
        assert limits.file(1, "../../x", "txt").parent == tmp_path / "outputs"


def processes_with(word):
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(word in each for each in process.info["cmdline"] or ())
    ]


def wait_for(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
