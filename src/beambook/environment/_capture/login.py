"""Names and passwords for indexes of one's own: from where uv has them, and only for their host."""

from __future__ import annotations

import base64
import netrc
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import Request

__all__ = ["request"]

INDEXES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL")


def request(url: str) -> Request:
    """The request for a file, with a password where the index of its host needs one.

    Parameters
    ----------
    url : str

    Returns
    -------
    urllib.request.Request

    Examples
    --------
    >>> request("https://example.org/a.whl").get_header("Authorization")
    """
    asked = Request(url)  # noqa: S310 who calls has looked at the scheme
    parts = urlsplit(url)
    login = _of_indexes(parts.netloc) or _of_netrc(parts.hostname or "")
    if login and parts.scheme == "https":
        token = base64.b64encode(":".join(login).encode()).decode()
        asked.add_unredirected_header("Authorization", f"Basic {token}")
    return asked


def _of_indexes(netloc: str) -> tuple[str, str] | None:
    """What the address of an index says before its ``@``."""
    for name in INDEXES:
        for word in os.environ.get(name, "").split():
            parts = urlsplit(word.rpartition("=")[2] if "://" not in word[:8] else word)
            login, at, host = parts.netloc.rpartition("@")
            if at and host == netloc:
                user, _, password = login.partition(":")
                return unquote(user), unquote(password)
    return None


def _of_netrc(host: str) -> tuple[str, str] | None:
    file = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    try:
        known = netrc.netrc(str(file)).authenticators(host) if file.is_file() else None
    except (OSError, netrc.NetrcParseError):
        return None
    return (known[0], known[2] or "") if known else None
