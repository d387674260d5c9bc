"""Which commit the code is, and when it was made."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from beambook.publication._contents import Code

__all__ = ["code_of", "commit_date", "tracked_files"]

SECONDS = 20.0


def code_of(root: Path, files: list[str]) -> Code:
    """Commit of the repository that `root` is in; whether any of `files` differs from it.

    Returns
    -------
    Code
        Empty outside of a repository, or without git.
    """
    commit = _git(root, "rev-parse", "HEAD").strip()
    if not commit:
        return Code()
    changed = _git(
        root, "status", "--porcelain", "-z", "--ignored", "--untracked-files=all", "--", "."
    )
    prefix = _git(root, "rev-parse", "--show-prefix").strip()
    differing = {line[3:].removeprefix(prefix) for line in changed.split("\0")}
    sealed = set(files)
    dirty = bool(differing & sealed) or any(
        each.endswith("/") and any(name.startswith(each) for name in sealed) for each in differing
    )
    return Code(commit, dirty, _address(_git(root, "remote", "get-url", "origin").strip()))


def commit_date(root: Path) -> datetime | None:
    """When the commit was made; None outside of a repository."""
    seconds = _git(root, "log", "-1", "--format=%ct").strip()
    return datetime.fromtimestamp(int(seconds), UTC) if seconds.isdigit() else None


def tracked_files(root: Path) -> list[str] | None:
    """Files that git has or would take, not those that it ignores; None without a repository."""
    if not _git(root, "rev-parse", "HEAD"):
        return None
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ".")
    return [name for name in listed.split("\0") if name and (root / name).exists()]


def _address(remote: str) -> str:
    """Where people find it: without passwords, and nothing of this machine's own folders."""
    if found := re.fullmatch(r"(?:ssh://)?[\w.-]+@([\w.-]+)[:/](.+)", remote):
        return f"https://{found[1]}/{found[2]}"
    if not re.match(r"https?://", remote):
        return ""
    return re.sub(r"(?<=://)[^/@]*@", "", remote)


def _git(folder: Path, *words: str) -> str:
    """What git prints; empty if it fails. No hook and no fsmonitor of the repository is run."""
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *words]
    env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(  # noqa: S603 arguments as a list
            command, capture_output=True, timeout=SECONDS, check=False, env=env
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""
