"""A server of the web on this machine, which also does what servers should not."""

import http.server
import json
import threading
from contextlib import contextmanager
from urllib.parse import unquote

__all__ = ["served"]

ENDLESS = b"x" * (1 << 16)


class _Handler(http.server.BaseHTTPRequestHandler):
    """Serves what its server has; the first part of a path says how."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        how, _, name = unquote(self.path.partition("?")[0]).strip("/").partition("/")
        self.server.asked.append((self.path, dict(self.headers)))
        content = self.server.files.get(name, b"")
        getattr(self, f"_{how}", self._absent)(content)

    def _answer(self, status, content, **headers):
        self.send_response(status)
        for key, value in ({"Content_Length": len(content)} | headers).items():
            self.send_header(key.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(content)

    def _good(self, content):
        begin = int(self.headers.get("Range", "bytes=0-")[6:].rstrip("-"))
        if begin:
            span = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            self._answer(206, content[begin:], Content_Range=span)
        else:
            self._answer(200, content)

    def _whole(self, content):  # knows no ranges
        self._answer(200, content)

    def _truncated(self, content):
        self._answer(200, content[: len(content) // 2], Content_Length=len(content))
        self.close_connection = True

    def _halting(self, content):  # a quarter each time
        begin = int(self.headers.get("Range", "bytes=0-")[6:].rstrip("-"))
        part = content[begin : begin + len(content) // 4]
        headers = {"Content_Range": f"bytes {begin}-{len(content) - 1}/{len(content)}"}
        left = len(content) - begin
        self._answer(206 if begin else 200, part, Content_Length=left, **(headers if begin else {}))
        self.close_connection = True

    def _changed(self, content):
        self._answer(200, content[:-1] + bytes([content[-1] ^ 1]))

    def _longer(self, content):
        self._answer(200, content + b"more")

    def _endless(self, content):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self._without_end()

    def _without_end(self):
        self.close_connection = True
        try:
            while not self.server.stopped.is_set():
                self.wfile.write(ENDLESS)
                self.server.sent += len(ENDLESS)
        except OSError:
            pass

    def _tofile(self, content):
        self._answer(302, b"", Location="file:///etc/hostname")

    def _toftp(self, content):
        self._answer(302, b"", Location="ftp://127.0.0.1/data.h5")

    def _togood(self, content):
        self._answer(302, b"", Location=self.path.replace("/togood/", "/good/"))

    def _tolong(self, content):  # its own body does not end
        self.send_response(302)
        self.send_header("Location", self.path.replace("/tolong/", "/good/"))
        self.end_headers()
        self._without_end()

    def _dripping(self, content):
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        for each in content:
            self.wfile.write(bytes([each]))
            if self.server.stopped.wait(0.02):
                break

    def _headless(self, content):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not self.server.stopped.wait(0.02):
            self.wfile.write(b"x")

    def _backwards(self, content):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n")
        self._without_end()

    def _faraway(self, content):
        self._answer(206, content, Content_Range=f"bytes {'9' * 6000}-1/2")

    def _coloured(self, content):
        self.wfile.write(b"HTTP/1.1 404 \x1b[31mgone\x1b]0;x\x07\r\nContent-Length: 0\r\n\r\n")

    def _circle(self, content):
        self._answer(302, b"", Location=self.path)

    def _busy(self, content):  # once
        self.server.busy = not self.server.busy
        self._answer(503, b"") if self.server.busy else self._answer(200, content)

    def _absent(self, content):
        self._answer(404, b"not here")

    def _api(self, content):
        answers = self.server.answers.get(self.path)
        self._absent(b"") if answers is None else self._answer(200, json.dumps(answers).encode())

    def log_message(self, *words):
        pass


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Clients may go before the end; that is what is tested."""


@contextmanager
def served(files):
    """A server of these contents: ``url(how, name)``, ``asked``, ``sent``, ``answers``."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.files, server.asked, server.sent, server.busy = files, [], 0, False
    server.answers, server.stopped = {}, threading.Event()
    server.home = f"http://127.0.0.1:{server.server_port}"
    server.url = lambda how, name: f"{server.home}/{how}/{name}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()
