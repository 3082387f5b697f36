"""A local server that speaks Represent's shape over a real socket, and misbehaves when told to."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import changemaker_influence

SAMPLES = Path(changemaker_influence.__file__).parent / "sample_data"
ODD = (Path(__file__).parent / "data" / "folder" / "K7L1A1.json").read_bytes()
#: An answer for any code that has no sample of its own.
ANYBODY = (SAMPLES / "L5G4L3.json").read_bytes()


class RepresentServer:
    """Listens on an ephemeral port while it is entered; ``behaviour`` says how it answers.

    ``good``, ``not_found``, ``too_many``, ``too_many_for_ages``, ``nested``, ``unprintable``,
    ``unavailable``, ``hang``, ``half``, ``wrong_type``, ``not_json``, ``not_represent``,
    ``redirect``, ``drip``, ``huge``, ``drop``, ``odd``, ``useless``.
    """

    def __init__(self):
        self.behaviour = "good"
        self.delay = 0.0
        self.requests = []
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def codes(self):
        """The postal codes that were asked for, in order."""
        return [code for code, _ in self.requests]

    def most_in(self, seconds):
        """The most requests that arrived within any ``seconds``."""
        times = sorted(at for _, at in self.requests)
        return max(
            (sum(begin <= at < begin + seconds for at in times) for begin in times), default=0
        )

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(server):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                code = self.path.strip("/").rpartition("/")[2]
                with server._lock:
                    server.requests.append((code, time.monotonic()))
                time.sleep(server.delay)
                getattr(self, server.behaviour)(code)

            def reply(self, status, kind, body, *, length=None, headers=()):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body) if length is None else length))
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def good(self, code):
                file = SAMPLES / f"{code}.json"
                body = file.read_bytes() if file.exists() else ANYBODY
                self.reply(200, "application/json; charset=utf-8", body)

            def not_found(self, code):
                self.reply(404, "text/html", b"<h1>Not Found</h1>")

            def too_many(self, code):
                self.reply(429, "text/html", b"slow down", headers=[("Retry-After", "20")])

            def too_many_for_ages(self, code):
                self.reply(429, "text/html", b"no", headers=[("Retry-After", "9" * 30)])

            def nested(self, code):
                self.reply(200, "application/json", b'{"code": ' + b"[" * 50_000)

            def unprintable(self, code):
                office = {"type": "\0", "tel": "1\0", "postal": "1 Main St\0\nOttawa"}
                person = {
                    "name": "Avery\0 Tremblay",
                    "elected_office": "MP",
                    "email": "avery@parl.example.ca",
                    "url": "https://example.ca/\0",
                    "offices": [office],
                }
                answer = {"city": "Ottawa\0", "representatives_centroid": [person]}
                self.reply(200, "application/json", json.dumps(answer).encode())

            def odd(self, code):
                self.reply(200, "application/json", b"\xef\xbb\xbf" + ODD)

            def useless(self, code):
                answer = b'{"code": 5, "representatives_centroid": "soon"}'
                self.reply(200, "application/json", answer)

            def unavailable(self, code):
                self.reply(503, "text/html", b"<h1>Service Unavailable</h1>")

            def hang(self, code):
                server._ended.wait(30)
                self.close_connection = True

            def half(self, code):
                self.reply(200, "application/json", ANYBODY[:500], length=len(ANYBODY))
                self.close_connection = True

            def wrong_type(self, code):
                self.reply(200, "text/html", ANYBODY)

            def not_json(self, code):
                self.reply(200, "application/json", b"<html>maintenance</html>")

            def not_represent(self, code):
                self.reply(200, "application/json", b'{"error": "try later"}')

            def redirect(self, code):
                self.reply(302, "text/html", b"", headers=[("Location", "/postcodes/L5G4L3/")])

            def drip(self, code):
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.close_connection = True
                try:
                    while not server._ended.wait(0.05):
                        self.wfile.write(b" ")
                except OSError:
                    return  # the client has had enough, as it should

            def huge(self, code):
                body = b'{"code": "' + b"x" * 3_000_000 + b'"}'
                try:
                    self.reply(200, "application/json", body)
                except OSError:
                    self.close_connection = True  # the client read no further, as it should

            def drop(self, code):
                self.close_connection = True

            def log_message(self, *args):
                """Says nothing."""

        return Handler
