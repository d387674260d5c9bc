"""What would leave by accident: tokens, keys, passwords, home folders, names of users.

Notebooks are looked at cell by cell, in code, outputs and metadata; other texts line by line.
Pictures and other binary content are not read. What is found is shown shortened, so that a log
of the search is no leak itself.
"""

from __future__ import annotations

import getpass
import json
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["KINDS", "Leak", "find_secrets"]

KINDS = ("token", "key", "password", "home", "path", "user", "host", "e-mail")
MOST_BYTES = 50 << 20  # of a text that is read; a larger one is a table of numbers
SHOWN = 48
_BINARY = re.compile(r"^(?:image/(?!svg)|audio/|video/|application/(?:pdf|octet-stream|x-))")
_WORD = r"(?<![A-Za-z0-9_])"

# Names of people that no machine's user has: what images, services and examples are called.
_NOBODY = {
    "root", "user", "users", "jovyan", "runner", "ubuntu", "debian", "vagrant", "admin", "guest",
    "test", "tester", "demo", "example", "username", "yourname", "me", "you", "someone", "name",
    "shared", "public", "conda", "docker", "nobody", "share", "local", "data", "alice", "bob",
    "jdoe", "home", "linuxbrew", "work", "python", "jupyter", "build", "default",
}  # fmt: skip
_SYSTEM = ("usr", "etc", "dev", "proc", "sys", "bin", "lib", "lib64", "sbin", "boot", "run")
# Where facilities keep what people write; other absolute paths count if they are there.
_STORAGE = (
    "gpfs", "pnfs", "asap3", "afs", "nfs", "lustre", "beegfs", "cephfs", "scratch", "net", "sdf",
    "mnt", "media", "Volumes", "dls", "das", "sls", "cds", "reg", "global",
)  # fmt: skip


@dataclass(frozen=True)
class Leak:
    """Something that should perhaps not leave.

    Attributes
    ----------
    file : str
        Name of the file.
    cell : int or None
        Of a notebook, from 1 and counting all cells; None for its own metadata.
    kind : str
        ``token``, ``key``, ``password``, ``home``, ``path``, ``user``, ``host`` or ``e-mail``.
    shown : str
        What it is, shortened.
    place : str
        ``code``, ``text``, ``output``, ``metadata``, or ``line 7``.
    """

    file: str
    cell: int | None
    kind: str
    shown: str
    place: str = ""

    def __str__(self) -> str:
        where = f", cell {self.cell}" if self.cell is not None else ""
        return f"{self.file}{where} ({self.place}): {self.kind} {self.shown}"


def find_secrets(
    files: Iterable[str | Path] | Mapping[str, Path], *, users: Iterable[str] = ()
) -> tuple[Leak, ...]:
    """Look for what should not leave by accident.

    Parameters
    ----------
    files : iterable of path, or mapping of str to Path
        Notebooks and other files; a mapping has the names by which they are told.
    users : iterable of str
        Names of users to look for besides the one who runs this.

    Returns
    -------
    tuple of Leak
        Each thing once per place, in the order of files and cells.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "fit.py")
    ...     _ = file.write_text('data = open("/home/schmidt/run.csv")')
    ...     [(leak.kind, leak.shown) for leak in find_secrets({"fit.py": file})]
    [('home', "'/home/schmidt/run.csv'")]
    """
    named = files if isinstance(files, Mapping) else {str(each): Path(each) for each in files}
    rules = (*_RULES, *_personal(tuple(users)))
    found: dict[Leak, None] = {}
    for name, path in named.items():
        for cell, place, text in _texts(path):
            for kind, shown in _leaks(text, rules, name, place):
                found[Leak(name, cell, kind, shown, place)] = None
    return tuple(found)


@dataclass(frozen=True)
class _Rule:
    kind: str
    pattern: re.Pattern[str]
    counts: Callable[[re.Match[str], str, str], bool] = lambda _match, _file, _place: True


def _leaks(text: str, rules: tuple[_Rule, ...], file: str, place: str) -> Iterator[tuple[str, str]]:
    taken: list[tuple[int, int]] = []  # a token in a password is one leak, not two
    for rule in rules:
        for match in rule.pattern.finditer(text):
            start, end = match.span()
            if any(a < end and start < b for a, b in taken):
                continue
            if rule.counts(match, file, place):
                taken.append((start, end))
                yield rule.kind, _shown(rule.kind, match[0])


def _shown(kind: str, text: str) -> str:
    text = " ".join(text.split())
    if kind in ("token", "key", "password"):
        return repr(f"{text[:8]}…") if len(text) > 8 else "…"
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")


# -- texts of a file -------------------------------------------------------------------


def _texts(path: Path) -> Iterator[tuple[int | None, str, str]]:
    """(cell, place, text) of everything readable in a file."""
    if path.stat().st_size > MOST_BYTES and path.suffix != ".ipynb":
        return
    content = path.read_bytes()
    if b"\0" in content[:8192]:
        return
    text = content.decode(errors="replace")
    if path.suffix == ".ipynb" and (document := _notebook(text)) is not None:
        yield from _of_notebook(document)
        return
    for number, line in enumerate(text.splitlines(), 1):
        yield None, f"line {number}", line


def _notebook(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _of_notebook(document: dict[str, Any]) -> Iterator[tuple[int | None, str, str]]:
    metadata = document.get("metadata")
    if isinstance(metadata, dict):  # authors are named on purpose
        metadata = {key: value for key, value in metadata.items() if key != "authors"}
    yield None, "metadata", "\n".join(_strings(metadata))
    for number, cell in enumerate(_cells(document), 1):
        kind = "code" if cell.get("cell_type") == "code" else "text"
        yield number, kind, _joined(cell.get("source") or cell.get("input") or "")
        yield number, "metadata", "\n".join(_strings(cell.get("metadata")))
        for output in cell.get("outputs") or []:
            yield number, "output", "\n".join(_of_output(output))


def _cells(document: dict[str, Any]) -> list[dict[str, Any]]:
    sheets = document.get("worksheets") or [document]
    cells = [cell for sheet in sheets if isinstance(sheet, dict) for cell in sheet.get("cells", [])]
    return [cell for cell in cells if isinstance(cell, dict)]


def _of_output(output: Any) -> Iterator[str]:
    if not isinstance(output, dict):
        return
    for key, value in output.items():
        if key == "data" and isinstance(value, dict):
            for mime, content in value.items():
                if not _BINARY.match(str(mime)):
                    yield from _strings(content)
        elif key not in ("png", "jpeg", "pdf"):  # names of format 3
            yield from _strings(value)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        yield "".join(value) if any(each.endswith("\n") for each in value) else "\n".join(value)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield str(key)
            yield from _named(str(key), each)


def _named(key: str, value: Any) -> Iterator[str]:
    """A text under a name: ``"password": "…"`` is one because of its name."""
    if isinstance(value, str) and _SECRET_NAME.fullmatch(key):
        yield f'{key} = "{value}"'
    else:
        yield from _strings(value)


def _joined(source: Any) -> str:
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


# -- what counts -----------------------------------------------------------------------

_SECRET_NAME = re.compile(
    r"(?i)[\w.-]*(?:passw(?:or)?d|passphrase|secret|api[_-]?key|access[_-]?key|auth[_-]?token"
    r"|access[_-]?token|private[_-]?key)"
)
_PLACEHOLDER = re.compile(
    r"(?i)^(?:.*(?:example|changeme|dummy|placeholder|your|xxx|\*\*\*|\.\.\.|…|<|\{|\$|%).*"
    r"|none|null|true|false|password|secret|token|key|test|.{0,5}|[\W_]+)$"
)


def _is_real(match: re.Match[str], _file: str, _place: str) -> bool:
    return not _PLACEHOLDER.match(match["value"])


def _is_home(match: re.Match[str], _file: str, _place: str) -> bool:
    return match["user"].lower() not in _NOBODY


def _is_storage(match: re.Match[str], _file: str, place: str) -> bool:
    """Absolute paths matter in outputs; in code they are how data is found, and are seen there."""
    if place not in ("output", "metadata") or match["top"] in _SYSTEM:
        return False
    return match["top"] in _STORAGE or _exists(match[0].rstrip(".,;:'\")"))


@cache
def _exists(path: str) -> bool:
    try:
        return path.count("/") > 1 and Path(path).exists()
    except (OSError, ValueError):
        return False


# Files whose purpose is to name people.
_NAMING = re.compile(
    r"(?i)(?:^|/)(?:citation|license|licence|authors|contributors|readme|code_of_conduct|notice"
    r"|pyproject|setup|publication|package|metadata|datacite|codemeta|ro-crate)[\w.-]*$"
)
_NO_MAIL = re.compile(
    r"(?i)@(?:example|test|localhost|users\.noreply)\b|^(?:git|noreply|no-reply)@"
)
_MAIL_ENDS = (
    r"(?:com|org|net|edu|gov|int|info|eu|de|fr|it|es|uk|ch|at|se|dk|no|fi|pl|nl|be|cz|hu|ru|jp|cn"
    r"|kr|au|ca|us|br|in|il|io|science|xyz|me)"
)


def _is_mail(match: re.Match[str], file: str, place: str) -> bool:
    if _NAMING.search(file) or _NO_MAIL.search(match[0]):
        return False
    return place != "text"  # people write their address into a notebook's text on purpose


_RULES = (
    _Rule("key", re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")),
    _Rule(
        "token",
        re.compile(
            _WORD + r"(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{30,}|glpat-[\w-]{20,}"
            r"|(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])|xox[abprs]-[\w-]{10,}|AIza[\w-]{35}"
            r"|sk-[A-Za-z0-9_-]{32,}|hf_[A-Za-z0-9]{30,}|pypi-AgEI[\w-]{20,}"
            r"|npm_[A-Za-z0-9]{36}|[rs]k_live_[A-Za-z0-9]{20,}|SG\.[\w-]{20,}\.[\w-]{20,}"
            r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,})"
        ),
    ),
    _Rule(
        "token", re.compile(r"(?i)[?&](?:access_)?token=(?P<value>[A-Za-z0-9._-]{16,})"), _is_real
    ),
    _Rule(
        "token",
        re.compile(
            r"(?i)\b(?:bearer|authorization:? *(?:token|basic)) +(?P<value>[\w.~+/=-]{16,})"
        ),
        _is_real,
    ),
    _Rule(
        "password",
        re.compile(
            r"(?i)\b[a-z][a-z0-9+.-]{1,12}://[^\s/:@'\"]{1,64}:(?P<value>[^\s/@'\"]{3,})@\w"
        ),
        _is_real,
    ),
    _Rule(
        "password",
        re.compile(
            _SECRET_NAME.pattern
            + r"[\"']?\]? *(?::(?: *str *=)?|=) *[\"'](?P<value>[^\"'\n]+)[\"']"
        ),
        _is_real,
    ),
    _Rule(
        "home",
        re.compile(
            r"(?<![\w.])(?:/(?:[\w.-]+/){0,4}?(?:home|Users|homes)|(?i:[A-Z]:\\{1,2}(?:Users|home)))"
            r"(?:/|\\{1,2})(?P<user>[A-Za-z][\w.-]*)[^\s'\"<>|,;)\]}]*"
        ),
        _is_home,
    ),
    _Rule(
        "path",
        re.compile(r"(?<![\w.:/~<}$-])/(?P<top>[A-Za-z][\w.-]*)(?:/[\w.@+=~-]+)+"),
        _is_storage,
    ),
    _Rule(
        "e-mail",
        re.compile(
            r"(?i)(?<![\w.@/])[a-z0-9][\w.+-]+@(?:[a-z0-9-]{2,}\.)+" + _MAIL_ENDS + r"(?![\w.(\[-])"
        ),
        _is_mail,
    ),
)


def _personal(users: tuple[str, ...]) -> tuple[_Rule, ...]:
    """Rules for the names of this user and this machine, where these say anything."""
    names = dict.fromkeys((*users, _this_user()))
    known = [name for name in names if len(name) > 3 and name.lower() not in _NOBODY]
    rules = [_word_rule("user", name) for name in known]
    host = socket.gethostname().partition(".")[0]
    if len(host) > 4 and host.lower() not in ("localhost", "localdomain"):
        rules.append(_word_rule("host", host))
    return tuple(rules)


def _word_rule(kind: str, name: str) -> _Rule:
    return _Rule(kind, re.compile(rf"(?i)(?<![\w-]){re.escape(name)}(?![\w-])"), _is_said)


def _is_said(_match: re.Match[str], file: str, place: str) -> bool:
    """Names of users and machines count where a program wrote them, not an author his own."""
    if _NAMING.search(file):
        return False
    return place in ("output", "metadata") or bool(re.search(r"\.(?:json|log|txt|ya?ml)$", file))


def _this_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
