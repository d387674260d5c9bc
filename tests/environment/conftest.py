"""A package index of our own, served over HTTP on any free port: no test needs the internet."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import subprocess
import sys
import tarfile
import threading
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from uv import find_uv_bin


def wheel(folder: Path, name: str, version: str, *, tag="py3-none-any", files=(), requires=()):
    """Write a wheel by the book of PEP 427: its modules, metadata and the checksums of both."""
    info = f"{name}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Requires-Dist: {each}" for each in requires]
    content = {
        f"{name}/__init__.py": f"version = {version!r}\n",
        **dict(files),
        f"{info}/METADATA": "\n".join(metadata) + "\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    rows = []
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in content.items():
            archive.writestr(member, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
            rows.append(f"{member},sha256={digest.rstrip('=')},{len(text.encode())}")
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,"]) + "\n")
    return path


BACKEND = '''
"""A build backend that needs nothing but Python: the project's modules into a wheel."""
import pathlib, zipfile
NAME, VERSION = {name!r}, {version!r}
METADATA = f"Metadata-Version: 2.1\\nName: {{NAME}}\\nVersion: {{VERSION}}\\n"
def _write(folder, files):
    info = f"{{NAME}}-{{VERSION}}.dist-info"
    file = f"{{NAME}}-{{VERSION}}-py3-none-any.whl"
    files[f"{{info}}/METADATA"] = METADATA
    files[f"{{info}}/WHEEL"] = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[f"{{info}}/RECORD"] = "".join(f"{{name}},,\\n" for name in [*files, f"{{info}}/RECORD"])
    with zipfile.ZipFile(pathlib.Path(folder) / file, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)  # with the time of day, as careless tools do
    return file
def build_wheel(folder, *_, **__):
    here = pathlib.Path(NAME)
    return _write(folder, {{path.as_posix(): path.read_text() for path in here.glob("*.py")}})
def build_editable(folder, *_, **__):
    return _write(folder, {{f"{{NAME}}.pth": str(pathlib.Path.cwd())}})
'''


def project(folder: Path, name: str, version: str) -> Path:
    """A folder that can be installed, editable or not, without any index."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(f"version = {version!r}\n")
    (folder / "backend.py").write_text(BACKEND.format(name=name, version=version))
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "{version}"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    return folder


@dataclass
class Index:
    """A package index: a folder, a server, and what it was asked for."""

    root: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)

    def folder(self, name: str) -> Path:
        folder = self.root / "simple" / name.replace("_", "-")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def add(self, name: str, version: str, **more) -> Path:
        made = wheel(self.folder(name), name, version, **more)
        self.list(name)
        return made

    def add_source(self, name: str, version: str, *, also: str = "") -> Path:
        """Only the source, as old packages have it; `also` is executed by who builds it."""
        path = self.folder(name) / f"{name}-{version}.tar.gz"
        top = project(self.root / "sources" / f"{name}-{version}", name, version)
        with (top / "backend.py").open("a") as backend:
            backend.write(also)
        (top / "PKG-INFO").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        with tarfile.open(path, "w:gz") as archive:
            archive.add(top, f"{name}-{version}")
        self.list(name)
        return path

    def list(self, name: str) -> None:
        files = sorted(f for f in self.folder(name).iterdir() if f.name != "index.html")
        lines = [f'<a href="{f.name}#sha256={sha256(f)}">{f.name}</a>' for f in files]
        (self.folder(name) / "index.html").write_text("\n".join(lines))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Handler(http.server.SimpleHTTPRequestHandler):
    index: Index

    def send_head(self) -> io.BytesIO | None:
        self.index.asked.append(self.path)
        return super().send_head()

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """No lines between those of pytest."""


@contextmanager
def serving(root: Path):
    """An empty index, which uv takes for the only one."""
    index = Index(root / "index")
    (index.root / "simple").mkdir(parents=True)
    handler = type("Handler", (Handler,), {"index": index})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(handler, directory=str(index.root))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    index.url = f"http://127.0.0.1:{server.server_address[1]}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_DEFAULT_INDEX", f"{index.url}/simple")
        patch.setenv("UV_CACHE_DIR", str(root / "uv-cache"))
        patch.setenv("no_proxy", "127.0.0.1")
        for name in ("UV_INDEX", "UV_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
            patch.delenv(name, raising=False)
        yield index
    server.shutdown()
    server.server_close()


@pytest.fixture
def index(tmp_path):
    """An index of this test's own."""
    with serving(tmp_path) as index:
        yield index


@dataclass
class Venv:
    """A virtual environment."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def install(self, *words: object) -> None:
        run_uv("pip", "install", "--no-deps", "--python", self.python, *words)

    def says(self, code: str) -> str:
        done = subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=True)
        return done.stdout.strip()


def run_uv(*words: object) -> str:
    done = subprocess.run([find_uv_bin(), *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_venv(folder: Path) -> Venv:
    run_uv("venv", "--python", sys.executable, folder)
    return Venv(folder)


@pytest.fixture
def new_venv(tmp_path):
    """Makes virtual environments."""
    return lambda name="venv": make_venv(tmp_path / name)
