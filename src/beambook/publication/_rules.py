"""What should not leave: how tokens, passwords, home folders and names of users look."""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["RULES", "SECRET_NAME", "Rule", "personal_rules"]

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
class Rule:
    """What is looked for, where one of its hints (in lower case) is in the text at all.

    Attributes
    ----------
    kind : str
    hints : tuple of str
        Looked for first: to find a word costs a hundredth of what to match a pattern costs.
    pattern : re.Pattern
        Takes time in proportion to the text, whatever is in it.
    counts : callable
        Whether a match, in a file and at a place, is one.
    """

    kind: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    counts: Callable[[re.Match[str], str, str], bool] = lambda _match, _file, _place: True


SECRET_NAME = re.compile(
    r"(?i)(?<![\w.-])[\w.-]{0,40}?(?:passw(?:or)?d|passphrase|secret|api[_-]?key|access[_-]?key|auth[_-]?token"
    r"|access[_-]?token|private[_-]?key)"
)
_PLACEHOLDER = re.compile(
    r"(?i)^(?:.*(?:example|changeme|dummy|placeholder|your|xxx|\*\*\*|\.\.\.|…|<|\{|\$|%).*"
    r"|none|null|true|false|password|secret|token|key|test|.{0,5}|[\W_]+)$"
)


def _is_real(match: re.Match[str], _file: str, _place: str) -> bool:
    return not _PLACEHOLDER.match(match["value"])


def _is_mixed(match: re.Match[str], file: str, place: str) -> bool:
    """Letters with digits. In code, without quotes, a name of a variable may be like that."""
    value = match["value"]
    code = (place == "code" or file.endswith(".py")) and not _is_literal(match)
    kinds = (str.islower, str.isupper) if code else (str.isalpha,)
    return (
        len(value) >= (16 if code else 8)
        and all(any(map(kind, value)) for kind in (str.isdigit, *kinds))
        and _is_real(match, file, place)
    )


def _is_literal(match: re.Match[str]) -> bool:
    """In quotes, or in a line that goes to a shell: ``%env TOKEN=…``."""
    start = match.start("value")
    line = match.string[match.string.rfind("\n", 0, start) + 1 : start]
    return line.endswith(('"', "'")) or line.lstrip().startswith(("!", "%", "export "))


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


_TOKENS = (
    r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{30,}|gl(?:pat|dt|rt|ptt|cbt|soat|agent)-[\w-]{20,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])|xox[abprs]-[\w-]{10,}|AIza[\w-]{35}"
    r"|sk-[A-Za-z0-9_-]{32,}|hf_[A-Za-z0-9]{30,}|pypi-AgEI[\w-]{20,}"
    r"|npm_[A-Za-z0-9]{36}|[rs]k_live_[A-Za-z0-9]{20,}|SG\.[\w-]{20,}\.[\w-]{20,}"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"
)
_HOMES = r"/(?:[\w.-]{1,64}/){0,4}?(?:home|Users|homes|data/user(?!/home)|user/[a-z])"
_HOMES += r"|(?i:[A-Z]:\\{1,2}(?:Users|home))"

RULES = (
    Rule(
        "key",
        ("private key",),
        re.compile(r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----"),
    ),
    Rule(
        "token",
        ("gh", "github_", "gl", "akia", "asia", "xox", "aiza", "sk-", "hf_", "pypi-", "npm_",
         "_live_", "sg.", "eyj"),
        re.compile(rf"(?<![A-Za-z0-9_])(?:{_TOKENS})"),
    ),
    Rule(
        "token",
        ("token=",),
        re.compile(r"(?i)[?&](?:access_)?token=(?P<value>[A-Za-z0-9._-]{16,})"),
        _is_real,
    ),
    Rule(
        "token",
        ("bearer", "authorization"),
        re.compile(
            r"(?i)\b(?:bearer|authorization:? ?(?:token|basic)) {1,4}(?P<value>[\w.~+/=-]{16,})"
        ),
        _is_real,
    ),
    Rule(
        "password",
        ("://",),
        re.compile(r"(?i)://[^\s/:@'\"]{1,64}:(?P<value>[^\s/@'\"]{3,100})@\w"),
        _is_real,
    ),
    Rule(
        "password",
        ("passw", "passphrase", "secret", "key", "token"),
        re.compile(
            SECRET_NAME.pattern
            + r"\\?[\"']?\]? {0,8}(?::(?: ?str ?=)?|=) {0,8}\\?[\"'](?P<value>[^\"'\n]{1,300})[\"']"
        ),
        _is_real,
    ),
    Rule(
        "password",
        ("passw", "passphrase", "secret", "key", "token"),
        re.compile(
            rf"(?:{SECRET_NAME.pattern.replace('(?i)', '(?i:')})|(?i:token))"
            r"\\?[\"']?\]? {0,8}[:=] {0,8}\\?[\"']?(?P<value>[^\s\"'\\()\[\]{}<>,;&#]{8,300})"
        ),
        _is_mixed,
    ),
    Rule(
        "password",
        ("machine", "curl"),
        re.compile(
            r"(?:\bmachine\s{1,8}\S{1,200}\s{1,8}login\s{1,8}\S{1,200}\s{1,8}password\s{1,8}"
            r"|\bcurl\b[^\n]{0,200}? (?:-u|--user)[ =]?[\"']?[\w.@-]{1,64}:)"
            r"(?P<value>[^\s\"'<]{3,100})"
        ),
        _is_real,
    ),
    Rule(
        "token",
        ("cookie", "accountkey=", "sig=", "hooks.slack", "://"),
        re.compile(
            r"(?i)(?:\b(?:set-)?cookie[\"']?: {0,4}[\"']?[\w.-]{1,64}=|\baccountkey=|[?&]sig="
            r"|hooks\.slack\.com/services/\w{1,20}/\w{1,20}/|://(?=[\w-]{20,100}@\w))"
            r"(?P<value>[\w.~+/-]{16,})"
        ),
        _is_mixed,
    ),
    Rule(
        "home",
        ("/home", "/user", "\\home", "\\users"),
        re.compile(
            rf"(?:(?<=file://)|(?<![\w.])(?<!:/))(?:{_HOMES})"  # not of a page in the web
            r"(?:/|\\{1,2})(?P<user>[A-Za-z][\w.-]*)[^\s'\"<>|,;)\]}`]*"
        ),
        _is_home,
    ),
    Rule(
        "path",
        ("/",),
        re.compile(r"(?<![\w.:/~<}$-])/(?P<top>[A-Za-z][\w.-]*)(?:/[\w.@+=~-]+)+"),
        _is_storage,
    ),
    Rule(
        "e-mail",
        ("@",),
        re.compile(
            r"(?i)(?<![\w.@/+-])[a-z0-9][\w.+-]{1,63}@(?:[a-z0-9-]{2,63}\.){1,5}"
            + _MAIL_ENDS + r"(?![\w.(\[-])"
        ),
        _is_mail,
    ),
)  # fmt: skip


def personal_rules(users: tuple[str, ...]) -> tuple[Rule, ...]:
    """Rules for the names of this user and this machine, where these say anything."""
    names = dict.fromkeys((*users, _this_user()))
    known = [name for name in names if len(name) > 3 and name.lower() not in _NOBODY]
    rules = [_word_rule("user", name) for name in known]
    host = socket.gethostname().partition(".")[0]
    if len(host) > 4 and host.lower() not in ("localhost", "localdomain"):
        rules.append(_word_rule("host", host))
    return tuple(rules)


def _word_rule(kind: str, name: str) -> Rule:
    pattern = re.compile(rf"(?i)(?<![\w-]){re.escape(name)}(?![\w-])")
    return Rule(kind, (name.lower(),), pattern, _is_said)


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
