"""What hostile code gets hold of in a sandbox: nothing."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from beambook.environment import _sandbox, sandbox
from beambook.environment._bubblewrap import why_not
from beambook.environment._interpreter import added_folders, folders_of
from beambook.environment._landlock import Landlock, landlock_version
from beambook.errors import EnvironmentProblem

# Each attempt prints what it got, or nothing; what it should not have got is then asserted.
ATTEMPTS = """
import ctypes, glob, json, os, signal, socket, sys
secret, publication, port, pid, name = sys.argv[1:6]
got = {}

def attempt(function):
    try:
        got[function.__name__] = function()
    except BaseException as error:
        got[function.__name__] = type(error).__name__

def write(path):
    with open(path, "a") as file:
        file.write("owned")
    return "written"

@attempt
def read_secret(): return open(secret).read()
@attempt
def write_secret(): return write(secret)
@attempt
def write_publication(): return write(publication + "/data.csv")
@attempt
def new_in_publication(): return write(publication + "/new")
@attempt
def remove_publication(): return os.remove(publication + "/data.csv")
@attempt
def read_publication(): return open(publication + "/data.csv").read()
@attempt
def through_a_link(): return write("link")
@attempt
def read_through_a_link(): return open("link").read()
@attempt
def through_a_folder(): return os.listdir("linked")
@attempt
def through_proc(): return open("/proc/%s/root%s" % (pid, secret)).read()
@attempt
def etc(): return write("/etc/beambook")
@attempt
def shadow(): return open("/etc/shadow").read()
@attempt
def usr(): return write("/usr/beambook")
@attempt
def root(): return write("/beambook")
@attempt
def device(): return write("/dev/beambook")
@attempt
def machine(): return open("/proc/sys/kernel/core_pattern", "w").name
@attempt
def sysrq(): return open("/proc/sysrq-trigger", "w").name
@attempt
def software(): return write(sys.prefix + "/beambook")
@attempt
def connect(): return socket.create_connection(("127.0.0.1", int(port)), 5).recv(10)
@attempt
def outside(): return socket.create_connection(("192.0.2.1", 80), 5)
@attempt
def unnamed():
    own = socket.socket(socket.AF_UNIX)
    own.connect("\\0" + name)
    return "connected"
@attempt
def kill(): return os.kill(int(pid), 9)
@attempt
def others(): return sorted(p for p in os.listdir("/proc") if p.isdigit() and int(p) > 10)
@attempt
def privileges():
    return [s for s in open("/proc/self/status") if s.startswith("Cap") and int(s.split()[1], 16)]
@attempt
def namespace():
    return ctypes.CDLL(None).unshare(0x10000000) or "made"
@attempt
def mount():
    return ctypes.CDLL(None).mount(b"none", b"/tmp", b"tmpfs", 0, None) or "mounted"
@attempt
def keys(): return glob.glob("/root/.ssh/*") + glob.glob("/home/*/.ssh/*")
got["shared memory"] = os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize
@attempt
def tmp(): return write("/tmp/" + name)
@attempt
def shm(): return write("/dev/shm/" + name)
if name in sys.argv[6:] and os.fork() == 0:  # a daemon
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)", name])
    os._exit(0)
print(json.dumps(got, default=repr))
"""
NOTHING = (
    "read_secret", "write_secret", "write_publication", "new_in_publication",
    "remove_publication", "through_a_link", "read_through_a_link", "through_a_folder",
    "through_proc", "etc", "shadow", "usr", "root", "device", "machine", "sysrq", "software",
    "connect", "outside", "unnamed", "kill",
)  # fmt: skip
ERRORS = {"FileNotFoundError", "PermissionError", "OSError", "ConnectionRefusedError",
          "ProcessLookupError"}  # fmt: skip


@pytest.fixture
def box_of():
    def box_of(work, kind="bubblewrap", **options):
        if kind == "landlock":
            return landlock(work, **options)
        box = sandbox(work, **options)
        if box.kind != kind:
            pytest.skip(box.why)
        return box

    return box_of


def landlock(work, readable=()):
    if landlock_version() < 6:
        pytest.skip("this Linux has no Landlock, or an old one")
    return Landlock(work, tuple(readable))


@pytest.fixture
def folders(tmp_path):
    for name in ("work", "private", "home", "publication"):
        (tmp_path / name).mkdir()
    (tmp_path / "home" / "secret").write_text("secret")
    (tmp_path / "publication" / "data.csv").write_text("1,2")
    (tmp_path / "work" / "link").symlink_to(tmp_path / "home" / "secret")
    (tmp_path / "work" / "linked").symlink_to(tmp_path / "home")
    return tmp_path


def run(box, code, *arguments, private, cwd=None):
    cwd = cwd or box.work
    command = box.argv([sys.executable, "-c", code, *arguments], cwd=cwd, private=private)
    return subprocess.run(
        command, env=box.env(private), capture_output=True, text=True, check=False, cwd=cwd
    )


@pytest.fixture
def attempts(folders, box_of):
    """What hostile code got in a sandbox of a kind; the name that it left everywhere it could."""

    def attempts(kind, *, daemon):
        name = f"beambook-{os.getpid()}-{folders.name}"
        box = box_of(folders / "work", kind, readable=[folders / "publication"])
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.socket(socket.AF_UNIX) as unnamed,
            subprocess.Popen(["sleep", "600"]) as victim,
        ):
            unnamed.bind(f"\0{name}")
            unnamed.listen()
            words = [folders / "home" / "secret", folders / "publication"]
            words += [server.getsockname()[1], victim.pid, name, *([name] * daemon)]
            done = run(box, ATTEMPTS, *map(str, words), private=folders / "private")
            alive = victim.poll() is None
            victim.kill()
        assert done.returncode == 0, done.stderr
        assert alive
        return json.loads(done.stdout), name

    return attempts


def assert_nothing_was_got(got, folders):
    assert {each: got[each] for each in NOTHING if got[each] not in ERRORS} == {}
    assert got["read_publication"] == "1,2"
    assert (got["keys"], got["privileges"]) == ([], [])
    assert got["mount"] == -1
    assert (folders / "home" / "secret").read_text() == "secret"
    assert [each.name for each in (folders / "publication").iterdir()] == ["data.csv"]


def test_hostile_code_gets_nothing(folders, attempts):
    got, name = attempts("bubblewrap", daemon=True)
    assert_nothing_was_got(got, folders)
    assert (got["others"], got["namespace"]) == ([], -1)
    assert got["shared memory"] <= psutil.virtual_memory().total / 4
    assert (got["tmp"], got["shm"]) == ("written", "written")
    assert not Path("/tmp", name).exists()
    assert not Path("/dev/shm", name).exists()
    daemons = [p.pid for p in psutil.process_iter(["cmdline"]) if name in (p.info["cmdline"] or ())]
    assert daemons == []


def test_hostile_code_gets_no_file_without_bubblewrap_either(folders, attempts):
    got, name = attempts("landlock", daemon=False)
    Path("/dev/shm", name).unlink(missing_ok=True)  # which it says that it lets
    assert_nothing_was_got(got, folders)
    assert got["tmp"] in ERRORS


def test_the_network_is_there_if_it_is_asked_for(folders, box_of):
    box = box_of(folders / "work", network=True)
    assert "network" in box.lets
    code = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)"
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = run(box, code, str(server.getsockname()[1]), private=folders / "private")
    assert done.returncode == 0, done.stderr


def test_a_folder_inside_of_what_is_only_read_may_be_changed(folders, box_of):
    inner = folders / "publication" / "work"
    inner.mkdir()
    box = box_of(inner, readable=[folders / "publication"])
    code = "open('new', 'w').write('x'); open('../data.csv', 'a')"
    done = run(box, code, private=folders / "private")
    assert "Read-only file system: '../data.csv'" in done.stderr
    assert (inner / "new").exists()


def test_a_folder_is_there_under_every_name_that_was_given(folders, box_of):
    (folders / "alias").symlink_to(folders / "work")
    box = box_of(folders / "alias")
    code = "import os; open('a', 'w'); print(os.listdir(os.path.realpath('.')))"
    done = run(box, code, private=folders / "private")
    assert "'a'" in done.stdout, done.stderr


def test_without_bubblewrap_a_folder_is_what_is_left_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(_sandbox, "landlock_version", lambda: 0)
    box = sandbox(tmp_path, readable=[tmp_path])
    assert box.kind == "folder"
    assert box.why == "bubblewrap is not installed; there is no Landlock"
    assert not box.confines
    assert box.watched == (tmp_path,)


def test_bubblewrap_that_may_not_work_here_says_why(tmp_path):
    program = tmp_path / "bwrap"
    program.write_text(
        "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1"
    )
    program.chmod(0o755)
    assert why_not(str(program)) == (
        "bubblewrap does not work here: No permissions to create new namespace"
    )


def test_what_is_not_there_cannot_be_seen(tmp_path):
    with pytest.raises(EnvironmentProblem, match="is not there"):
        sandbox(tmp_path, readable=[tmp_path / "data"])


class TestInterpreter:
    def test_links_and_virtual_environments_are_followed_without_running_them(self, tmp_path):
        base = tmp_path / "base"
        env = tmp_path / "env"
        for folder in (base / "bin", env / "bin"):
            folder.mkdir(parents=True)
        (base / "bin" / "python3").write_text("#!/bin/sh\ntouch /tmp/was-run")
        (tmp_path / "by-version").symlink_to(base)
        (env / "bin" / "python").symlink_to(tmp_path / "by-version" / "bin" / "python3")
        home = tmp_path / "by-version" / "bin"
        (env / "pyvenv.cfg").write_text(f"home = {home}\nversion = 3.9")
        found = folders_of(env / "bin" / "python")
        assert {env, base, tmp_path / "by-version"} <= set(found)

    def test_a_home_is_never_opened(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        python = tmp_path / "bin" / "python"
        python.parent.mkdir()
        python.touch()
        with pytest.raises(EnvironmentProblem, match="would see all of"):
            folders_of(python)

    def test_editable_packages_of_a_python_of_ones_own(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path / "home" / "me"))
        site = tmp_path / "env" / "lib" / "python3.9" / "site-packages"
        info = site / "mine-1.dist-info"
        for folder in (info, tmp_path / "a b", tmp_path / "src", tmp_path / "home" / "me"):
            folder.mkdir(parents=True)
        url = {"url": f"file://{tmp_path}/a%20b", "dir_info": {"editable": True}}
        (info / "direct_url.json").write_text(json.dumps(url))
        lines = ["import os", str(tmp_path / "src"), str(tmp_path / "home"), "/not/there"]
        (site / "own.pth").write_text("\n".join(lines))
        found = added_folders(tmp_path / "env" / "bin" / "python")
        assert set(found) == {tmp_path / "a b", tmp_path / "src"}

    @pytest.mark.parametrize("kind", ["device", "pipe", "huge"])
    def test_what_a_stranger_calls_pyvenv_cfg_is_not_read_without_end(self, tmp_path, kind):
        python, settings = tmp_path / "env/bin/python", tmp_path / "env/pyvenv.cfg"
        python.parent.mkdir(parents=True)
        python.write_text("")
        if kind == "device":
            settings.symlink_to("/dev/zero")
        elif kind == "pipe":
            os.mkfifo(settings)
        else:
            settings.write_text("home = /opt/other/bin\n" + "#" * (1 << 20))
        assert folders_of(python) == (tmp_path / "env",)

    def test_no_python(self, tmp_path):
        with pytest.raises(EnvironmentProblem, match="There is no Python"):
            folders_of(tmp_path / "python")


WHO = "import os; open('new', 'w'); print(os.getuid(), os.path.expanduser('~'), os.listdir('/tmp'))"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_has_the_same_sandbox(box_of):
    system = Path("/usr/bin/python3")
    become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if not system.exists() or shutil.which("setpriv") is None:
        pytest.skip("there is no Python of the system, or no setpriv")
    with tempfile.TemporaryDirectory(prefix="beambook-", dir="/tmp") as folder:
        work, private = Path(folder, "work"), Path(folder, "private")
        told = []
        for user in ([], become):
            shutil.rmtree(private, ignore_errors=True)
            private.mkdir()
            work.mkdir(exist_ok=True)
            box = box_of(work)
            command = box.argv([str(system), "-c", WHO], cwd=work, private=private)
            for each in (Path(folder), work, *private.rglob("*"), private):
                os.chown(each, *((65534, 65534) if user else (0, 0)))
            (work / "new").unlink(missing_ok=True)
            done = subprocess.run(
                [*user, *command], env=box.env(private), capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            told.append(done.stdout)
            assert (work / "new").stat().st_uid == (65534 if user else 0)
    assert told[0] == told[1] == f"1000 /home/user ['{Path(folder).name}']\n"


def test_where_namespaces_are_forbidden_the_next_best_is_taken(tmp_path, box_of):
    box_of(tmp_path)  # where bubblewrap does not work anyhow, there is nothing to forbid
    show = "from beambook.environment import sandbox; box = sandbox('.'); print(box.kind, box.why)"
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$0" -c "$1"'
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", forbid, sys.executable, show],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    kind = "landlock" if landlock_version() else "folder"
    assert done.stdout.startswith(f"{kind} bubblewrap does not work here: "), done.stderr
