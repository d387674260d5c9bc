"""Addresses of the web, as a publication of somebody else may name them.

``http`` and ``https`` only, redirects included; no password of the user goes along (not even one
of ``.netrc``), and nothing is read to its end that nobody knows the size of.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
import urllib.request
from typing import Any, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from beambook.errors import DataError

__all__ = ["Interrupted", "ask", "ask_json", "host_of", "why_not_asked"]

SECONDS = 60.0  # without a byte; for a whole head, or a whole answer that is no file
MOST_JSON = 16 << 20
MOST_SAID = 200
SCHEMES = ("http", "https")
PASSING = (408, 425, 429, 500, 502, 503, 504)
HANDLERS = (
    urllib.request.ProxyHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPErrorProcessor,
)


class Interrupted(Exception):
    """What may go better a second time; it never leaves this room."""


class _Bounded(http.client.HTTPConnection):
    """Ends with an answer whose head does not: every byte of it would be waited for anew."""

    def getresponse(self) -> http.client.HTTPResponse:
        timer = threading.Timer(SECONDS, self._end)
        timer.daemon = True
        timer.start()
        try:
            return super().getresponse()
        finally:
            timer.cancel()

    def _end(self) -> None:
        try:  # not the method of a TLS socket, which is for one thread only
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
        except (OSError, TypeError):  # it has ended just now
            pass


class _BoundedTls(_Bounded, http.client.HTTPSConnection):
    """The same with TLS."""


class _Web(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Bounded, req)


class _WebTls(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_BoundedTls, req)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to addresses of the web; the base class would take ftp, too."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        fp.close()  # the base class would read it to its end, however long it is
        if why := why_not_asked(newurl):
            raise DataError(f"{host_of(req.full_url)} redirects to {newurl[:200]!r}, which {why}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def why_not_asked(url: str) -> str:
    """Why an address is not asked for anything; empty if it may be.

    Examples
    --------
    >>> why_not_asked("file:///etc/passwd")
    'is no address of the web (http or https)'
    >>> why_not_asked("https://zenodo.org/records/1234567")
    ''
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no address"
    if parts.scheme.lower() not in SCHEMES or not host:
        return "is no address of the web (http or https)"
    if "@" in parts.netloc:
        return "has a name or password in it"
    return "has spaces or control characters in it" if not url.isprintable() or " " in url else ""


def host_of(url: str) -> str:
    """Where an address leads, to be told.

    Examples
    --------
    >>> host_of("https://zenodo.org/records/1234567")
    'zenodo.org'
    """
    return urlsplit(url).netloc.rpartition("@")[2] or "nowhere"


def ask(url: str, *, begin: int = 0) -> http.client.HTTPResponse:
    """Ask for what is at an address.

    Parameters
    ----------
    url : str
    begin : int
        Leave out so many bytes; the answer says whether it does.

    Raises
    ------
    DataError
        If it is not there, or must not be asked for.
    Interrupted
        If it may go better a second time.
    """
    if why := why_not_asked(url):
        raise DataError(f"{url[:200]!r} {why}")
    headers = {"User-Agent": "beambook", "Accept-Encoding": "identity"}
    headers |= {"Range": f"bytes={begin}-"} if begin else {}
    asked = urllib.request.Request(url, headers=headers)  # noqa: S310 the scheme was looked at
    try:
        return cast("http.client.HTTPResponse", _opener().open(asked, timeout=SECONDS))
    except HTTPError as error:
        error.close()
        raise _refused(url, error) from error
    except (OSError, http.client.HTTPException) as error:
        reason = _shown(error.reason if isinstance(error, URLError) else error)
        raise Interrupted(
            f"{host_of(url)} does not answer: {reason or 'it ended early'}"
        ) from error
    except DataError:
        raise
    except ValueError as error:  # an address that the standard library does not take
        raise DataError(f"{url[:200]!r} is no address: {error}") from error


def _shown(said: object) -> str:
    """Words of a server as they may be printed: short, and nothing that a terminal obeys."""
    return "".join(each if each.isprintable() else "?" for each in str(said)[:MOST_SAID])


def _refused(url: str, error: HTTPError) -> Exception:
    if error.code in PASSING:
        return Interrupted(f"{host_of(url)} says {error.code} {_shown(error.reason)}")
    if to := error.headers.get("Location") if 300 <= error.code < 400 else None:
        return DataError(f"{host_of(url)} redirects to {to[:200]!r}, which is not followed")
    return DataError(f"{host_of(url)} says {error.code} {_shown(error.reason)}")


def _opener() -> urllib.request.OpenerDirector:
    """Without handlers for files, ftp and passwords, which `urlopen` has."""
    opener = urllib.request.OpenerDirector()
    for handler in (*HANDLERS, _Web, _WebTls, _Redirects):
        opener.add_handler(handler())
    return opener


def _all_of(answer: http.client.HTTPResponse) -> bytes:
    """What is not longer than it may be, in the time that it may take."""
    content, until = bytearray(), time.monotonic() + SECONDS
    while len(content) <= MOST_JSON and (block := answer.read1(MOST_JSON)):
        content += block
        if time.monotonic() > until:
            raise Interrupted("it takes too long to answer")
    return bytes(content)


def ask_json(url: str) -> Any:
    """A JSON document of bounded size.

    Raises
    ------
    DataError
        If there is none.
    """
    try:
        with ask(url) as answer:
            content = _all_of(answer)
    except DataError:
        raise
    except (Interrupted, OSError, ValueError, http.client.HTTPException) as error:
        raise DataError(_shown(error) or f"{host_of(url)} ended early") from error
    if len(content) > MOST_JSON:
        raise DataError(f"{host_of(url)} answers more than {MOST_JSON >> 20} MiB")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{host_of(url)} does not answer as an archive of data does") from error
