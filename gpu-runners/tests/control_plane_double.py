"""A control plane in the test's process: it keeps the contract of the README, and misbehaves when it is told to."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOKEN = "ra_" + "t" * 43


def sha(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class ControlPlaneDouble:
    """`mischief` sees every call first: (method, path) → an action on the handler that answers it, or None."""

    def __init__(self, job: Path) -> None:
        self.document = json.loads(job.read_text())
        files = (self.document["artifacts"]["reference"], self.document["data"]["train"])
        self.inputs = {file["digest"]: (job.parent / file["path"]).read_bytes() for file in files}
        for file in (*files, self.document["artifacts"]["champion"]):
            file["path"] = "/somewhere/else/../" + file["path"]
        self.attempt: str = self.document["attempt"]
        self.calls: list[tuple[str, str]] = []
        self.ranges: list[str] = []
        self.tokens: list[str] = []
        self.beats: list[dict[str, Any]] = []
        self.parts: dict[str, bytes] = {}
        self.files: dict[str, bytes] = {}
        self.report: dict[str, Any] | None = None
        self.end: dict[str, Any] | None = None
        self.mischief: Callable[[str, str], Callable[[Handler], None] | None] = lambda _method, _path: None
        self.lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.open()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        """Listens, on the same port as the last time."""
        double = self

        class Bound(Handler):
            plane = double

        class Server(ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", self.port), Bound)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        """Whoever calls is refused the connection."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def count(self, method: str, path: str) -> int:
        return sum(1 for call in self.calls if call == (method, path))


class Handler(BaseHTTPRequestHandler):
    plane: ControlPlaneDouble
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def do_PUT(self) -> None:
        self._handle("PUT")

    def answer(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body if body is not None else {}).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def problem(self, status: int, detail: str = "no", **headers: str) -> None:
        self.answer(status, {"detail": detail}, headers)

    def break_off(self, announced: int, content: bytes) -> None:
        """Announces more than it sends, then hangs up."""
        self.send_response(200)
        self.send_header("Content-Length", str(announced))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()
        self.connection.close()
        self.close_connection = True

    def _handle(self, method: str) -> None:
        plane = self.plane
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        prefix = f"/api/v1/attempts/{plane.attempt}/"
        path = self.path.removeprefix(prefix)
        with plane.lock:
            plane.calls.append((method, path))
            plane.tokens.append(self.headers.get("Authorization", ""))
        mischief = plane.mischief(method, path)
        if mischief is not None:
            mischief(self)
        elif not self.path.startswith(prefix) or self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.problem(401, "the token is void")
        else:
            with plane.lock:
                self._obey(method, path, body)

    def _obey(self, method: str, path: str, body: bytes) -> None:
        plane = self.plane
        what, _, name = path.partition("/")
        if (method, path) == ("GET", "document"):
            self.answer(200, plane.document)
        elif (method, what) == ("GET", "inputs"):
            self._give(plane.inputs[name])
        elif (method, path) == ("POST", "heartbeat"):
            plane.beats.append(json.loads(body))
            self.answer(200, {"ended": plane.end is not None})
        elif (method, path) == ("GET", "files"):
            parts = [{"digest": digest, "sizeBytes": len(part)} for digest, part in plane.parts.items()]
            files = [{"file": file, "digest": sha(b), "sizeBytes": len(b)} for file, b in plane.files.items()]
            self.answer(200, {"parts": parts, "files": files})
        elif (method, what) == ("PUT", "parts"):
            if sha(body) != name:
                self.problem(422, f"the part is {sha(body)}")
                return
            plane.parts[name] = body
            self.answer(200, {"sizeBytes": len(body)})
        elif (method, what) == ("PUT", "files"):
            wanted = json.loads(body)
            content = b"".join(plane.parts[part] for part in wanted["parts"])
            assert (sha(content), len(content)) == (wanted["digest"], wanted["sizeBytes"])
            plane.files[name] = content
            self.answer(200, {"file": name})
        elif (method, path) == ("PUT", "report"):
            plane.report = json.loads(body)
            self.answer(200, {"sizeBytes": len(body)})
        elif (method, path) == ("POST", "end"):
            plane.end = plane.end or json.loads(body)
            self.answer(200, {"exitCode": plane.end["exitCode"]})
        else:
            self.problem(404, f"no {method} {path}")

    def _give(self, content: bytes) -> None:
        asked = self.headers.get("Range")
        if asked is None:
            self.answer(200, content)
            return
        self.plane.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            self.problem(400, "no such range")
        else:
            self.answer(206, content[start:], {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"})
