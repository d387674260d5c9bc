"""Executions that do not end well: deaths, limits, floods, full disks, Ctrl-C."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from beambook.recipe import Execution
from beambook.recipe._overflow import SHOWN

SECONDS_TO_NOTICE = 10  # about 0.5 s here; the machine may be busy


def outputs(execution, cell=3):
    return execution.notebook().cells[cell].outputs


@pytest.mark.parametrize(
    ("code", "name", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL", "by SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV", "by SIGSEGV"),
        ("import os; os.abort()", "SIGABRT", "by SIGABRT"),
        ("import os; os._exit(3)", None, "exit status 3"),
        ("import os; os._exit(0)", None, "ended by itself"),
    ],
)
@pytest.mark.parametrize("fork", [True, False])
def test_death_says_the_cell_the_signal_and_the_memory(run, code, name, words, fork):
    began = time.monotonic()
    execution = run("held = bytearray(50_000_000)", code, "print('never')", fork=fork)
    assert time.monotonic() - began < SECONDS_TO_NOTICE + 20 * (not fork)
    assert execution.status == "killed"
    assert execution.error["name"] == "KernelDied"
    assert execution.error["cell"] == 4
    assert execution.error["heading"] == "Work"
    assert execution.error["signal"] == name
    assert execution.error["memory"] > 50_000_000
    assert words in execution.error_line
    assert "MB of memory" in execution.error_line
    assert [cell.status for cell in execution.cells] == ["done", "done", "killed", "pending"]
    assert Execution.load(execution.path).status == "killed"


def test_what_was_done_before_a_death_is_kept(run):
    execution = run("print('precious')", "import os; os.abort()")
    assert outputs(execution)[0].text == "precious\n"
    assert execution.record["kernel"]["packages"]


def test_traceback_of_a_crash_is_in_the_log(run):
    execution = run("import ctypes\ndef culprit():\n    ctypes.string_at(0)\nculprit()")
    log = execution.log_path.read_text()
    assert "Segmentation fault" in log
    assert "in culprit" in log


def test_memory_error_states_the_memory(run):
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))"
    execution = run(limit, "too_much = bytearray(4 << 30)")
    assert execution.status == "failed"
    assert execution.error["name"] == "MemoryError"
    assert "MB)" in execution.error_line
    assert execution.error["memory"] > 10_000_000


@pytest.fixture
def small_group():
    """A memory cgroup of 300 MB, where one can be made."""
    parent = Path("/sys/fs/cgroup/memory")
    folder = parent / f"beambook-test-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text("300000000")
    except OSError:
        pytest.skip("no memory cgroup (version 1) can be made here")
    yield folder
    time.sleep(0.2)
    folder.rmdir()


def test_out_of_memory_killer_is_recognised(run, small_group):
    join = f"import os; open('{small_group}/cgroup.procs', 'w').write(str(os.getpid()))"
    execution = run(join, "held = [bytearray(10_000_000) for _ in range(100)]")
    assert execution.status == "killed"
    assert execution.error["signal"] == "SIGKILL"
    assert execution.error["memory"] > 100_000_000
    assert "out of memory" in execution.error_line


def test_sys_exit_is_an_error_like_any_other(run):
    execution = run("import sys; sys.exit(3)")
    assert execution.status == "failed"
    assert execution.error_line == "cell 4 (Work): SystemExit: 3"


def test_input_is_refused_and_does_not_wait(run):
    execution = run("input('name?')", time_limit=30)
    assert execution.error["name"] == "StdinNotImplementedError"


def test_time_limit_interrupts_at_the_line(run):
    execution = run("import time\nprint('begun')\ntime.sleep(600)", "1", time_limit=1)
    assert execution.status == "failed"
    assert execution.error["name"] == "TimeLimit"
    assert "time limit of 1 s" in execution.error_line
    printed, error = outputs(execution)
    assert printed.text == "begun\n"
    assert error.ename == "KeyboardInterrupt"
    assert "time.sleep" in "".join(error.traceback)
    assert execution.seconds < SECONDS_TO_NOTICE
    assert execution.cells[-1].status == "pending"


def test_cell_time_limit_begins_anew_with_each_cell(run):
    nap = "import time; time.sleep(0.7)"
    assert run(nap, nap, nap, cell_time_limit=1.5).status == "done"
    execution = run(nap, "time.sleep(600)", cell_time_limit=1.5)
    assert "the cell's time limit" in execution.error_line


def test_interrupt_that_is_swallowed_ends_the_execution_all_the_same(run):
    cell = "import time\ntry:\n    time.sleep(600)\nexcept KeyboardInterrupt:\n    print('so what')"
    execution = run(cell, "print('next')", time_limit=1)
    assert execution.status == "failed"
    assert execution.error["name"] == "TimeLimit"
    assert execution.cells[-1].status == "pending"


@pytest.mark.parametrize("fork", [True, False])
def test_kernel_that_ignores_the_interrupt_is_killed(run, fork):
    cell = (
        "import time\nwhile True:\n    try:\n        time.sleep(600)\n"
        "    except BaseException:\n        print('no')"
    )
    execution = run(cell, time_limit=1, grace=0.5, fork=fork)
    assert execution.status == "failed"
    assert execution.error["signal"] == "SIGKILL"
    assert "ignored the interrupt" in execution.error_line


def test_kernel_that_never_gives_the_lock_back_is_killed(run):
    execution = run("import re; re.match(r'(a+)+$', 'a' * 60 + 'b')", time_limit=1, grace=0.5)
    assert execution.error["name"] == "TimeLimit"
    assert execution.seconds < SECONDS_TO_NOTICE


def test_endless_printing_ends_at_the_limit_and_stays_small(run):
    execution = run("while True: print('spam ' * 10)", time_limit=2, output_limit=10_000)
    assert execution.error["name"] == "TimeLimit"
    spilled = execution.path / "outputs" / "cell-04-stdout.txt"
    assert spilled.stat().st_size > 10_000
    assert execution.notebook_path.stat().st_size < 100_000
    assert set(spilled.read_text()) == set("spam \n")


def test_text_over_the_limit_goes_to_a_file_whole(run):
    execution = run("for i in range(30_000): print(i)", output_limit=50_000)
    text = outputs(execution)[0].text
    whole = "".join(f"{i}\n" for i in range(30_000))
    assert (execution.path / "outputs" / "cell-04-stdout.txt").read_text() == whole
    assert text.startswith(whole[:SHOWN])
    assert text.endswith(whole[-SHOWN:])
    assert f"{len(whole):,} bytes in all" in text
    assert "outputs/cell-04-stdout.txt" in execution.log_path.read_text()


def test_text_below_the_limit_stays(run):
    execution = run("print('x' * 40_000)", output_limit=50_000)
    assert outputs(execution)[0].text == "x" * 40_000 + "\n"
    assert not (execution.path / "outputs").exists()


def test_200_mb_in_one_line(run):
    execution = run("print('x' * 200_000_000)", "print('next')")
    assert execution.status == "done"
    assert execution.notebook_path.stat().st_size < 100_000
    assert (execution.path / "outputs" / "cell-04-stdout.txt").stat().st_size == 200_000_001


def test_large_picture_goes_to_a_file_and_still_shows(run):
    cell = (
        "import base64, os\nfrom IPython.display import Image\n"
        "Image(b'\\x89PNG\\r\\n\\x1a\\n' + bytes(300_000))"
    )
    execution = run(cell, output_limit=10_000)
    data = outputs(execution)[0].data
    picture = execution.path / "outputs" / "cell-04-output.png"
    assert picture.read_bytes() == b"\x89PNG\r\n\x1a\n" + bytes(300_000)
    assert "image/png" not in data
    assert "(outputs/cell-04-output.png)" in data["text/markdown"]
    assert "image/png is in outputs/cell-04-output.png" in data["text/plain"]


def test_large_error_is_cut(run):
    execution = run("raise ValueError('x' * 3_000_000)")
    assert execution.notebook_path.stat().st_size < 100_000
    assert len(execution.error_line) < 2_000
    whole = (execution.path / "outputs" / "cell-04-error.txt").read_text()
    assert "x" * 3_000_000 in whole


def test_progress_bar_leaves_its_last_state(run):
    bar = "import sys\nfor i in range(500):\n    print(f'\\r{i:4d} of 500', end='', flush=True)"
    assert outputs(run(bar))[0].text == " 499 of 500"


def test_streams_are_joined_as_jupyterlab_does(run):
    cell = (
        "import sys\nfor i in range(3):\n    print(i, flush=True)\n"
        "print('e', file=sys.stderr, flush=True)\ndisplay(5)\nprint('end')"
    )
    kinds = [(out.output_type, out.get("name")) for out in outputs(run(cell))]
    assert kinds == [
        ("stream", "stdout"), ("stream", "stderr"), ("display_data", None), ("stream", "stdout"),
    ]  # fmt: skip


def test_cleared_and_updated_outputs(run):
    execution = run(
        "from IPython.display import clear_output\n"
        "for i in range(5):\n    clear_output(wait=True)\n    print('state', i)",
        "handle = display('one', display_id=True)",
        "handle.update('two')",
    )
    assert [out.text for out in outputs(execution, 3)] == ["state 4\n"]
    assert outputs(execution, 4)[0].data["text/plain"] == "'two'"


def test_what_programs_print_is_in_the_notebook_and_in_the_log(run):
    execution = run(
        "import os, ctypes\nos.system('echo from the shell')",
        "libc = ctypes.CDLL(None); libc.puts(b'from C'); libc.fflush(None);",
    )
    shown = "".join(o.get("text", "") for cell in (3, 4) for o in outputs(execution, cell))
    log = execution.log_path.read_text()
    for words in ("from the shell\n", "from C\n"):
        assert words in shown
        assert words in log


CALLER = """
import sys
from beambook.recipe import execute
execution = execute(sys.argv[1], into=sys.argv[2])
print(execution.status, execution.error_line)
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_kernel_outlives_its_caller(make_notebook, tmp_path, signum):
    wait = (
        "import os, sys, time\nopen('private', 'w').write(os.path.dirname(sys.argv[2]))\n"
        "open('pid.new', 'w').write(str(os.getpid()))\n"
    )
    path = make_notebook("md:# T", wait + "os.rename('pid.new', 'pid')\ntime.sleep(600)")
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, str(path), str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with caller:
        found = _wait_for(lambda: list(tmp_path.glob("out/*/pid")))
        kernel = psutil.Process(int(found[0].read_text()))
        zygote = kernel.parent()
        caller.send_signal(signum)
        caller.communicate(timeout=30)
    _wait_for(lambda: not kernel.is_running() and not zygote.is_running())
    private = Path((found[0].parent / "private").read_text())
    assert private.name.startswith("bb-")
    assert not private.exists()
    execution = Execution.load(found[0].parent)
    assert caller.returncode == -signum
    assert execution.status == "killed"
    assert execution.error["name"] == ("Interrupted" if signum == signal.SIGINT else "Abandoned")


def _wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("waited in vain")


FILL = """
def fill():
    with open('junk', 'wb', buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
"""


@pytest.mark.parametrize(
    "cells",
    [
        (FILL, "print('precious')", "fill()", "print('y' * 500_000)", "print('never')"),
        (FILL, "print('precious')", "fill()", "for i in range(10**7): print('spam ' * 10)"),
    ],
)
def test_full_disk_gives_one_line_and_keeps_the_earlier_version(make_notebook, tmp_path, cells):
    path = make_notebook("md:# T", *cells)
    disk = tmp_path / "disk"
    disk.mkdir()
    script = (
        f"mount -t tmpfs -o size=2m tmpfs {disk} || exit 77\n"
        f'{sys.executable} -c "$CALLER" {path} {disk}\n'
        f"cp -r {disk}/. {tmp_path}/saved"
    )
    if not shutil.which("unshare"):
        pytest.skip("unshare is not installed")
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
        env={**os.environ, "CALLER": CALLER},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no file system can be mounted here")
    assert "is full; what was written before is kept" in done.stdout, done.stderr
    assert done.stdout.count("\n") == 1
    (record,) = (tmp_path / "saved").glob("*/execution.json")
    execution = Execution.load(record.parent)
    assert execution.status == "failed"
    assert outputs(execution, 2)[0].text == "precious\n"


def test_an_output_that_cannot_be_shown_is_named(run):
    execution = run("from IPython.display import Image\nImage('nowhere.png')")
    assert execution.status == "failed"
    assert execution.error["name"] == "FileNotFoundError"
    assert "nowhere.png" in execution.error_line
