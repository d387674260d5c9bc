"""What every Sandbox has to promise, so that who executes need not know which it is."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from beambook.environment import Sandbox, sandbox
from beambook.environment._landlock import Landlock, landlock_version

TELL = """
import json, os, pwd, sys, tempfile
open('written', 'w').write('by the command')
open(os.path.expanduser('~/kept'), 'w').write('x')
print(json.dumps({'cwd': os.getcwd(), 'home': os.path.expanduser('~'), 'env': dict(os.environ),
                  'tmp': tempfile.gettempdir(), 'version': sys.version, 'prefix': sys.prefix}))
sys.exit(7)
"""


class SandboxContract:
    """The promises. `box` is a sandbox of the folder `work`."""

    kind = ""

    @pytest.fixture
    def work(self, tmp_path):
        folder = tmp_path / "work"
        folder.mkdir()
        return folder

    @pytest.fixture
    def private(self):
        # As short as those of kernels: a socket's path has 107 characters.
        with tempfile.TemporaryDirectory(prefix="bb-") as folder:
            yield Path(folder)

    @pytest.fixture
    def run(self, box, work, private):
        def run(code, *arguments):
            command = box.argv([sys.executable, "-c", code, *arguments], cwd=work, private=private)
            env = box.env(private)
            return subprocess.run(
                command, env=env, cwd=work, capture_output=True, text=True, check=False
            )

        return run

    def test_it_says_what_it_is(self, box: Sandbox, work):
        assert box.kind == self.kind
        assert box.work == work
        assert box.confines == ("writing everywhere that this user can write" not in box.lets)
        assert all(isinstance(each, Path) for each in box.watched)

    def test_a_command_works_in_its_folder_and_its_end_is_told(self, run, work, monkeypatch):
        monkeypatch.setenv("MY_TOKEN", "secret")
        done = run(TELL)
        assert done.returncode == 7, done.stderr
        told = json.loads(done.stdout)
        assert told["cwd"] == str(work)
        assert (work / "written").read_text() == "by the command"
        assert (told["version"], told["prefix"]) == (sys.version, sys.prefix)
        assert "secret" not in done.stdout

    def test_home_and_temporary_files_are_its_own(self, run, private):
        told = json.loads(run(TELL).stdout)
        assert told["home"] != str(Path.home())
        assert (private / "home" / "kept").exists()
        assert told["tmp"] == told["env"]["TMPDIR"]

    def test_processes_can_share_work(self, run):
        # A semaphore needs /dev/shm, a manager a connection on this machine.
        done = run(
            "import multiprocessing as m\n"
            "with m.Pool(2) as pool, m.Manager() as manager:\n"
            "    shared = manager.list(pool.map(abs, [-1, -2]))\n"
            "    print(list(shared))"
        )
        assert done.stdout == "[1, 2]\n", done.stderr

    def test_text_is_utf8_and_users_have_a_name(self, run):
        done = run("import getpass, locale; print('é', getpass.getuser() != '', "
                   "locale.getpreferredencoding(False))")  # fmt: skip
        assert done.stdout.split() == ["é", "True", "UTF-8"]


class TestPlainFolder(SandboxContract):
    kind = "folder"

    @pytest.fixture
    def box(self, work):
        return sandbox(work, plain=True)


class TestBubblewrap(SandboxContract):
    kind = "bubblewrap"

    @pytest.fixture
    def box(self, work):
        box = sandbox(work)
        if box.why:
            pytest.skip(box.why)
        return box


class TestLandlock(SandboxContract):
    kind = "landlock"

    @pytest.fixture
    def box(self, work):
        if not landlock_version():
            pytest.skip("this Linux has no Landlock")
        return Landlock(work)
