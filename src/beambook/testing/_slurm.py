"""A real Slurm of one's own on this machine: no root, no configuration, gone afterwards."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["PrivateSlurm", "missing_programs", "private_slurm"]

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")
PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"])
READY_SECONDS = 20.0
MARK = "BEAMBOOK_PRIVATE_SLURM"  # in the environment of all its processes: how they are found

CONFIGURATION = """\
ClusterName=beambook
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobcomp.txt
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU={memory_per_core}
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,sched_min_interval=1,batch_sched_delay=0,\
default_queue_depth=1000,bf_interval=1,bf_min_age_reserve=0
SchedulerType=sched/backfill
KillWait=2
SlurmdTimeout={node_timeout}
MessageTimeout=5
UnkillableStepTimeout=10
MinJobAge={min_job_age}
MaxArraySize={max_array_size}
"""
NODE = (
    "NodeName={name} NodeAddr=127.0.0.1 NodeHostname={host} Port={port} CPUs={cores}"
    " RealMemory={memory} State=UNKNOWN\n"
)
PARTITIONS = """\
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=short Nodes=ALL MaxTime=1 State=UP
"""


@dataclass
class PrivateSlurm:
    """A running Slurm.

    Attributes
    ----------
    folder : Path
        Its configuration, logs and state.
    nodes : tuple of str
        Names of its nodes.
    """

    folder: Path
    nodes: tuple[str, ...]
    _daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, repr=False)

    @property
    def environment(self) -> Mapping[str, str]:
        """What Slurm's commands need in their environment to find it."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def command(self, *words: str) -> str:
        """Run one of Slurm's commands; what it printed.

        Raises
        ------
        subprocess.CalledProcessError
            If it failed.
        """
        done = subprocess.run(  # noqa: S603
            words,
            env=dict(os.environ) | dict(self.environment),
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.stdout

    def kill_node(self, name: str) -> None:
        """Pull the plug of a node: its daemon and all jobs on it are gone at once."""
        self._daemons[name].kill()
        self._daemons.pop(name).wait()
        for pid in _marked(self.folder):
            if f"[{name}]" in _words_of(pid) or _variable(pid, "SLURMD_NODENAME") == name:
                _kill(pid)

    def start_node(self, name: str) -> None:
        """Start a node (again)."""
        self._start(name, "slurmd", "-D", "-N", name)

    def wait_until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until all nodes are idle.

        Raises
        ------
        TimeoutError
            If they are not in time; the message has the ends of the logs.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                idle = self.command("sinfo", "-h", "-N", "-p", "all", "-t", "idle", "-o", "%N")
            except subprocess.CalledProcessError:
                idle = ""
            if len(idle.split()) == len(self.nodes):
                return
            time.sleep(0.03)
        logs = "\n".join(
            f"{path.name}: {path.read_text(errors='replace')[-2000:]}"
            for path in sorted(self.folder.glob("*.log"))
        )
        raise TimeoutError(f"The private Slurm was not ready in {seconds:g} s\n{logs}")

    def _start(self, name: str, *words: str) -> None:
        with (self.folder / f"{name}.out").open("ab") as out:
            self._daemons[name] = subprocess.Popen(  # noqa: S603
                [*_LEASH, _program(words[0]), *words[1:]],
                env={
                    "PATH": PLACES,
                    MARK: str(self.folder),
                    **self.environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def _start_all(self) -> None:
        folder = self.folder
        self._start(
            "munged",
            "munged",
            "--foreground",
            "--force",
            f"--key-file={folder}/munge.key",
            f"--socket={folder}/munge.sock",
            f"--pid-file={folder}/munged.pid",
            f"--log-file={folder}/munged.log",
            f"--seed-file={folder}/munged.seed",
        )
        _wait_for(folder / "munge.sock")
        self._start("slurmctld", "slurmctld", "-D", "-c")
        for name in self.nodes:
            self.start_node(name)

    def _stop_all(self) -> None:
        for pid in _marked(self.folder):  # jobs and their keepers first, then the daemons
            _kill(pid)
        for daemon in self._daemons.values():
            daemon.kill()
            daemon.wait()
        for pid in _marked(self.folder):  # what was started meanwhile
            _kill(pid)


@contextmanager
def private_slurm(
    nodes: int = 2,
    cores: int = 2,
    *,
    memory_mb: int = 4000,
    max_array_size: int = 1001,
    min_job_age: int = 300,
    node_timeout: int = 5,
) -> Iterator[PrivateSlurm]:
    """Start a Slurm with nodes ``u1``, ``u2`` … on this machine, and stop it afterwards.

    Needs no root, only the programs (Debian's ``slurm-wlm`` and ``munge``). It is real in
    all but the machines: a munged, a slurmctld and one slurmd for each node, on free ports.
    Several run at the same time. What still runs at the end is killed.

    Parameters
    ----------
    nodes, cores : int
        How many nodes, with how many cores each; there may be more than the machine has.
    memory_mb : int
        Memory of each node, in MiB; a job that takes more than it asked for is killed.
    max_array_size, min_job_age, node_timeout : int
        Slurm's MaxArraySize, MinJobAge (s) and SlurmdTimeout (s).

    Yields
    ------
    PrivateSlurm
        Ready for jobs. Put its `environment` into the environment of who submits them.

    Raises
    ------
    FileNotFoundError
        If a program is not installed.

    Examples
    --------
    >>> with private_slurm() as slurm:  # doctest: +SKIP
    ...     slurm.command("sbatch", "--wrap", "hostname")
    """
    if missing := missing_programs():
        raise FileNotFoundError(f"Not installed: {', '.join(missing)} (slurm-wlm, munge)")
    with ExitStack() as stack:
        # Short and private: a socket's path has at most 107 letters, and munge is suspicious.
        folder = Path(tempfile.mkdtemp(prefix="bb-slurm-", dir="/tmp"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        names = tuple(f"u{number}" for number in range(1, nodes + 1))
        _configure(
            folder,
            names,
            cores=cores,
            memory=memory_mb,
            max_array_size=max_array_size,
            min_job_age=min_job_age,
            node_timeout=node_timeout,
        )
        slurm = PrivateSlurm(folder, names)
        stack.callback(slurm._stop_all)
        slurm._start_all()
        slurm.wait_until_ready()
        yield slurm


def missing_programs() -> list[str]:
    """Programs that a private Slurm needs and that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name, path=PLACES) is None]


def _configure(
    folder: Path, names: tuple[str, ...], *, cores: int, memory: int, **options: int
) -> None:
    (folder / "state").mkdir()
    for name in names:
        (folder / f"spool.{name}").mkdir()
    (folder / "munge.key").write_bytes(secrets.token_bytes(128))
    (folder / "munge.key").chmod(0o600)
    host, ports = socket.gethostname(), _free_ports(1 + len(names))
    text = CONFIGURATION.format(
        host=host,
        control_port=ports[0],
        user=_user(),
        folder=folder,
        memory_per_core=memory // cores,
        **options,
    )
    for name, port in zip(names, ports[1:], strict=True):
        text += NODE.format(name=name, host=host, port=port, cores=cores, memory=memory)
    (folder / "slurm.conf").write_text(text + PARTITIONS)


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _program(name: str) -> str:
    return shutil.which(name, path=PLACES) or name


# Whoever started a daemon may be killed and never come to stop it: the kernel does.
_LEASH = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv", path=PLACES) else ()


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} did not appear")
        time.sleep(0.01)


def _marked(folder: Path) -> list[int]:
    """Processes of this Slurm, and those that its jobs have started."""
    marks = (f"{MARK}={folder}", f"SLURM_CONF={folder}/slurm.conf")
    return [
        pid
        for pid in map(int, filter(str.isdecimal, os.listdir("/proc")))
        if pid != os.getpid() and set(marks) & set(_environment(pid)) and _is_below(pid)
    ]


def _is_below(pid: int) -> bool:
    """Not of the tests themselves, which may have SLURM_CONF in their environment, too."""
    own = _variable(pid, MARK) or _variable(pid, "SLURM_JOB_ID")
    return bool(own) or _words_of(pid).startswith("slurmstepd")


def _environment(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
    except OSError:
        return []


def _variable(pid: int, name: str) -> str:
    found = [each for each in _environment(pid) if each.startswith(f"{name}=")]
    return found[0].partition("=")[2] if found else ""


def _words_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    except OSError:
        return ""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
