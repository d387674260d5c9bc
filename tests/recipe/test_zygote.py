"""Forked kernels: as private, as separate and as mortal as ordinary ones."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path

import psutil
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from beambook.recipe import execute
from beambook.recipe._provisioner import ForkProvisioner
from beambook.recipe._zygote import Zygote


def texts(execution):
    return [
        out.get("text") or out["data"]["text/plain"]
        for cell in execution.notebook().cells
        for out in cell.get("outputs", [])
    ]


@pytest.fixture
def log(tmp_path):
    with (tmp_path / "log").open("w+b") as file:
        yield file


def fork(log, connection, **options):
    env = {**os.environ, **options.pop("env", {})}
    return Zygote.shared(env).fork(
        ["-f", connection], env=env, cwd=options.pop("cwd", "/"), log=log.fileno(), **options
    )


def sleeping(log, tmp_path, **options):
    """A kernel that lives until it is told to end."""
    return fork(log, str(tmp_path / "kernel.json"), cwd=str(tmp_path), **options)


def test_kernels_share_nothing(run):
    first = run("import numpy as np\nnp.shared = 1; import os; os.environ['MINE'] = '1'", "x = 1")
    second = run(
        "import numpy as np, os\nhasattr(np, 'shared'), 'MINE' in os.environ, 'x' in dir()"
    )
    assert first.record["kernel"]["origin"] == second.record["kernel"]["origin"] == "forked"
    assert texts(second) == ["(False, False, False)"]


def test_random_numbers_differ(run):
    draw = "random.random(), np.random.rand(), np.random.default_rng().random()"
    cell = f"import random, numpy as np\n{draw}"
    first, second = (eval(texts(run(cell))[0], {"np": __import__("numpy")}) for _ in range(2))
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_environment_and_folder_are_those_of_now(run, monkeypatch, tmp_path):
    cell = "import os, time, tempfile\nos.environ['FRESH'], time.tzname[0], tempfile.gettempdir()"
    for value, zone in (("one", "UTC"), ("two", "EST")):
        (tmp_path / value).mkdir()
        monkeypatch.setenv("FRESH", value)
        monkeypatch.setenv("TZ", zone)
        monkeypatch.setenv("TMPDIR", str(tmp_path / value))
        execution = run(cell)
        assert execution.record["kernel"]["origin"] == "forked"
        assert eval(texts(execution)[0]) == (value, zone, str(tmp_path / value))


def test_umask_is_that_of_now(run):
    before = os.umask(0o077)
    try:
        execution = run("open('private.txt', 'w').close()")
    finally:
        os.umask(before)
    assert (execution.path / "private.txt").stat().st_mode & 0o777 == 0o600


def test_main_module_and_path_are_as_in_an_ordinary_kernel(run):
    cell = (
        "import sys, __main__, os\n"
        "print(sys.path, __name__, __main__.__dict__ is globals(), list(sys.flags))\n"
        "print(os.path.basename(sys.argv[0]), sys.argv[1], os.getpgid(0) == os.getpid())\n"
        "print(sys.stdin.read(), sorted(os.environ))\n"
        "import signal; print([signal.getsignal(s) for s in (2, 15, 17)])\n"
        "import warnings; print(len(warnings.filters) > 3, sys.getrecursionlimit())"
    )
    (forked,), (ordinary,) = texts(run(cell)), texts(run(cell, fork=False))
    for set_on_the_way in ("JPY_PARENT_PID", "PYDEVD_USE_FRAME_EVAL"):
        ordinary = ordinary.replace(f"'{set_on_the_way}', ", "")
    assert forked == ordinary


def test_only_what_a_notebook_names_is_imported_before_the_fork(run, monkeypatch):
    monkeypatch.setenv("OMP_DISPLAY_ENV", "FALSE")  # another environment, so a zygote of its own
    cell = "import sys; [name in sys.modules for name in ('scipy.optimize', 'numpy', 'pandas')]"
    assert texts(run(cell)) == ["[False, False, False]"]
    assert texts(run(cell, "from scipy.optimize import brentq")) == ["[True, True, False]"]


def test_wide_tables_are_printed_as_in_an_ordinary_kernel(run):
    cell = "import pandas as pd\nprint(pd.DataFrame([['x' * 40] * 9]))"
    assert texts(run(cell)) == texts(run(cell, fork=False))


def test_module_that_does_not_import_is_noted_and_harms_nobody(log, tmp_path, monkeypatch):
    (tmp_path / "explodes.py").write_text("raise RuntimeError('boom')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    kernel = sleeping(log, tmp_path, modules=["explodes", "does_not_exist"])
    assert kernel.notes == ["could not import explodes: RuntimeError('boom')"]
    kernel.kill()


def test_module_that_starts_a_thread_is_refused(log, tmp_path, monkeypatch):
    code = "import threading as t\nt.Thread(target=t.Event().wait, daemon=True).start()"
    (tmp_path / "threaded.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for _ in range(2):
        with pytest.raises(Exception, match="1 threads run in the zygote"):
            sleeping(log, tmp_path, modules=["threaded"])


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_true_exit_status_and_memory(log, tmp_path, signum):
    kernel = sleeping(log, tmp_path)
    assert kernel.poll() is None
    kernel.send_signal(signum)
    assert kernel.wait(10) == -signum
    assert kernel.returncode == kernel.poll() == -signum
    assert kernel.peak > 10_000_000
    kernel.send_signal(signum)  # nothing happens
    with pytest.raises(psutil.NoSuchProcess):
        psutil.Process(kernel.pid)


def test_wait_has_a_limit(log, tmp_path):
    kernel = sleeping(log, tmp_path)
    with pytest.raises(subprocess.TimeoutExpired):
        kernel.wait(0.05)
    kernel.kill()


def test_many_can_wait_for_one_end(log, tmp_path):
    kernel = sleeping(log, tmp_path)

    async def wait():
        waiting = [asyncio.create_task(kernel.ended()) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in waiting)
        kernel.kill()
        await asyncio.wait_for(asyncio.gather(*waiting), 10)

    asyncio.run(wait())
    assert kernel.returncode == -signal.SIGKILL


def test_kernel_that_nobody_holds_any_more_ends(log, tmp_path):
    kernel = sleeping(log, tmp_path)
    process = psutil.Process(kernel.pid)
    kernel.close()
    process.wait(10)


def test_kernels_end_with_their_zygote(log, tmp_path):
    zygote = Zygote(os.environ)
    kernel = zygote.fork(
        ["-f", str(tmp_path / "k.json")], env=os.environ, cwd=tmp_path, log=log.fileno()
    )
    os.kill(zygote.pid, signal.SIGKILL)
    assert kernel.wait(10) == -signal.SIGKILL
    zygote.close()


def test_retired_zygote_ends_with_its_last_kernel(log, tmp_path):
    zygote = Zygote(os.environ)
    process = psutil.Process(zygote.pid)
    kernel = zygote.fork(
        ["-f", str(tmp_path / "k.json")], env=os.environ, cwd=tmp_path, log=log.fileno()
    )
    zygote.retire()
    time.sleep(0.3)
    assert process.is_running()
    assert kernel.poll() is None
    kernel.kill()
    process.wait(10)
    zygote.close()


def test_threads_share_one_zygote(log):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(Zygote.shared(os.environ))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


def test_kernel_holds_no_descriptor_of_the_zygote_or_of_another_kernel(run):
    cell = (
        "import os\nlinks = [os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')"
        " if os.path.exists(f'/proc/self/fd/{n}')]\n"
        "sum('pidfd' in link for link in links), os.path.exists(os.readlink('/proc/self/fd/0'))"
    )
    assert texts(run(cell)) == ["(0, True)"]


def test_connection_is_private(run):
    cell = (
        "import glob, os, sys\nfile = sys.argv[sys.argv.index('-f') + 1]\n"
        "folder = os.path.dirname(file)\n"
        "oct(os.stat(folder).st_mode)[-3:], oct(os.stat(file).st_mode)[-3:],"
        " 'tcp' in open(file).read()"
    )
    assert texts(run(cell)) == ["('700', '600', False)"]


def test_threads_of_libraries_work_in_a_fork(run):
    cells = (
        "import numpy as np\n(np.ones((600, 600)) @ np.ones((600, 600))).sum()",
        "import numba\n@numba.njit(parallel=True)\ndef total(x):\n    s = 0.0\n"
        "    for i in numba.prange(x.size):\n        s += x[i]\n    return s\ntotal(np.ones(1000))",
        "import dask.array as da\nfloat(da.ones((1000, 1000), chunks=100).sum().compute())",
        "from multiprocessing import get_context\n"
        "with get_context('fork').Pool(2) as pool:\n    found = pool.map(abs, [-1, -2])\nfound",
    )
    execution = run("1", *cells, time_limit=120)
    assert execution.status == "done", execution.error_line
    assert execution.record["kernel"]["origin"] == "forked"
    assert texts(execution)[1:] == ["np.float64(216000000.0)", "1000.0", "1000000.0", "[1, 2]"]


@pytest.fixture
def other_environment(tmp_path, monkeypatch):
    """A kernelspec of another environment, which links to the same Python binary."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    spec = {
        "argv": [
            str(venv / "bin" / "python"),
            "-m",
            "ipykernel_launcher",
            "-f",
            "{connection_file}",
        ],
        "display_name": "Other",
        "language": "python",
        "env": {"PYTHONPATH": sysconfig.get_paths()["purelib"]},
    }
    folder = tmp_path / "jupyter" / "kernels" / "other"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    return venv


def test_kernel_of_another_environment_is_not_forked(make_notebook, tmp_path, other_environment):
    named = {"name": "other", "language": "python", "display_name": "Other"}
    path = make_notebook("md:# T", "a = 1", "import sys; sys.prefix", kernelspec=named)
    execution = execute(path, into=tmp_path / "out")
    assert texts(execution) == [repr(str(other_environment))]
    assert "another environment" in execution.record["kernel"]["origin"]
    assert "another environment" in execution.log_path.read_text()


def test_zygote_that_cannot_start_is_done_without(run, tmp_path, monkeypatch):
    hook = "import sys\nif '_zygote_main' in ' '.join(sys.orig_argv):\n    sys.exit('out of order')"
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sitecustomize.py").write_text(hook)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    origins = [run("print(a)").record["kernel"]["origin"] for _ in range(3)]
    assert "out of order" in origins[0]
    assert "died 2 times" in origins[2]


def test_provisioner_serves_any_jupyter_program(tmp_path, monkeypatch):
    spec = {
        "argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Forked",
        "language": "python",
        "metadata": {"kernel_provisioner": {"provisioner_name": "beambook-fork"}},
    }
    folder = tmp_path / "jupyter" / "kernels" / "forked"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    assert KernelSpecManager().get_kernel_spec("forked").display_name == "Forked"

    async def use():
        manager = AsyncKernelManager(
            kernel_name="forked",
            connection_file=str(tmp_path / "kernel.json"),
            transport="ipc",
            ip=str(tmp_path / "k"),
        )
        await manager.start_kernel()
        assert isinstance(manager.provisioner, ForkProvisioner)
        assert manager.provisioner.origin == "forked"
        first = manager.provisioner.pid
        client = manager.client()
        client.start_channels(hb=False)
        await client.wait_for_ready(timeout=60)
        reply = await client.execute("import numpy, time", reply=True, timeout=60)
        assert reply["content"]["status"] == "ok"
        client.execute("time.sleep(600)")
        await asyncio.sleep(0.3)
        await manager.interrupt_kernel()
        again = await client.execute("1 + 1", reply=True, timeout=10)
        assert again["content"]["status"] in ("ok", "aborted")
        await manager.restart_kernel(now=True)
        assert manager.provisioner.pid != first
        await client.wait_for_ready(timeout=60)
        client.stop_channels()
        client.context.destroy(linger=0)
        await manager.shutdown_kernel()
        assert not await manager.is_alive()

    asyncio.run(use())


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ([sys.executable, "-m", "ipykernel_launcher", "-f", "x"], ""),
        ([sys.executable, "-Xdev", "-m", "ipykernel_launcher", "-f", "x"], "not a plain ipykernel"),
        ([sys.executable, "-m", "bash_kernel", "-f", "x"], "not a plain ipykernel"),
        (["/nonexistent/python", "-m", "ipykernel_launcher", "-f", "x"], "another environment"),
        ([os.path.realpath(sys.executable), "-m", "ipykernel_launcher"], "another environment"),
    ],
)
def test_what_is_forked_and_what_is_not(command, words):
    said = ForkProvisioner(kernel_id="x", kernel_spec=None).why_not(command)
    assert (words in said) if words else not said


def test_short_socket_paths_also_with_a_long_temporary_folder(run, monkeypatch, tmp_path):
    deep = tmp_path / ("long" * 25)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    assert run("1").status == "done"
    assert not list(Path(deep).iterdir())


def test_threads_that_libraries_keep_are_no_reason_to_start_a_new_process(run):
    """pandas imports numexpr and pyarrow, if they are there: both keep threads of their own."""
    count = "import pandas, sys\nn = sys.modules.get('numexpr')\nn and n.set_num_threads(1)"
    forked, started = run(count), run(count, fork=False)
    assert forked.record["kernel"]["origin"] == "forked"
    assert texts(forked) == texts(started), "every kernel has as many threads as ever"
