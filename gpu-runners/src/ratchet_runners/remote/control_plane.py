"""HTTP calls to the control plane, repeated until they are answered or patience is over. Every call may be repeated."""

from __future__ import annotations

import http.client
import json
import random
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ratchet_runners.faults import RunnerFault
from ratchet_runners.remote.stopping import Stopping

T = TypeVar("T")

CALL_SECONDS = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
#: A token that is refused may just be replaced, in the control plane and in the file; then it is worth to wait.
TOKEN_PATIENCE = 90.0
#: How often bytes are sent or fetched again that arrived damaged.
DAMAGED_TRIES = 3
MOST_ANSWER_BYTES = 8 << 20


class ExchangeFailed(RunnerFault):
    """The control plane cannot be reached, or takes nothing of this attempt any more."""

    code = "exchange-failed"
    exit_code = 6


class Refused(Exception):
    """An answer that the same call would get again."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Failed(Exception):
    """A call that may go better the next time; `after`: seconds that the other side asks to wait."""

    def __init__(self, reason: str, status: int | None = None, after: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.after = after


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to wherever it points."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class ControlPlane:
    def __init__(
        self,
        api: str,
        attempt: str,
        token_file: Path,
        stopping: Stopping,
        patience: float,
        ca_file: Path | None = None,
    ) -> None:
        parts = urllib.parse.urlsplit(api)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ExchangeFailed(f"{api} is no URL of a control plane: http://host:port or https://host:port")
        self._base = f"{api.rstrip('/')}/api/v1/attempts/{urllib.parse.quote(attempt, safe='')}"
        self._token_file = token_file
        self._stopping = stopping
        self._patience = patience
        try:
            context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        except (OSError, ssl.SSLError) as error:
            raise ExchangeFailed(f"{ca_file} cannot be used as certificates: {error}") from error
        self._opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=context))

    def json(self, method: str, path: str, body: object = None) -> Any:
        """The answer to a call, as JSON. @throws Refused @throws ExchangeFailed"""
        content = None if body is None else json.dumps(body).encode()
        return self.retried(lambda: self.once(method, path, content, "application/json"), f"{method} {path}")

    def once(
        self, method: str, path: str, body: bytes | None = None, content_type: str = "", timeout: float = CALL_SECONDS
    ) -> Any:
        """One try. @throws Failed @throws Refused"""
        with self.open(
            method, path, body, {"Content-Type": content_type} if body is not None else {}, timeout
        ) as answer:
            text = read_bounded(answer)
        try:
            return json.loads(text) if text else None
        except ValueError as error:
            raise Failed(f"the answer is no JSON: {error}") from error

    def open(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = CALL_SECONDS,
    ) -> http.client.HTTPResponse:
        """The answer, still to be read. @throws Failed @throws Refused"""
        request = urllib.request.Request(f"{self._base}/{path}", data=body, method=method, headers=headers or {})
        request.add_header("Authorization", f"Bearer {self._token()}")
        try:
            return self._opener.open(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            raise _answered(error) from error
        except (OSError, http.client.HTTPException) as error:
            # URLError, refused and reset connections, timeouts, answers that break off.
            raise Failed(f"{type(error).__name__}: {getattr(error, 'reason', None) or error}") from error

    def retried(self, call: Callable[[], T], what: str) -> T:
        """Repeats a call, with growing pauses, until it is answered. @throws Refused @throws ExchangeFailed"""
        began = time.monotonic()
        tries = damaged = 0
        while True:
            try:
                return call()
            except Refused as refused:
                if refused.status == 422:
                    damaged += 1
                if refused.status != 422 or damaged >= DAMAGED_TRIES:
                    raise
                failed = Failed(refused.detail, refused.status)
            except Failed as one:
                failed = one
            patience = min(self._patience, TOKEN_PATIENCE) if failed.status == 401 else self._patience
            deadline = self._stopping.bound(began + patience)
            pause = max(failed.after, min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(tries, 10)) * random.uniform(0.5, 1))
            tries += 1
            now = time.monotonic()
            if now + pause > deadline:
                tried = f"{tries} tries in {now - began:.0f} s"
                raise ExchangeFailed(f"No good answer to {what} after {tried}: {failed.reason}") from failed
            if self._stopping.wanted:
                time.sleep(pause)
            else:
                self._stopping.pause(pause)

    def _token(self) -> str:
        try:
            return self._token_file.read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            # It may be replaced right now.
            raise Failed(f"the token file {self._token_file} cannot be read: {error}", 401) from error


def read_bounded(answer: http.client.HTTPResponse) -> bytes:
    """The whole answer. @throws Failed"""
    try:
        content = answer.read(MOST_ANSWER_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"the answer broke off: {error}") from error
    if len(content) > MOST_ANSWER_BYTES:
        raise Failed(f"the answer has more than {MOST_ANSWER_BYTES} bytes")
    return content


def _answered(error: urllib.error.HTTPError) -> Failed | Refused:
    """What an answer without success means for the call."""
    detail = f"{error.code} {error.reason}"
    try:
        problem = json.loads(error.read(1 << 16))
        detail = f"{error.code} {problem['detail']}"
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        pass  # Not everything between us and the control plane speaks in problem documents.
    if error.code in (401, 408, 425, 429) or error.code >= 500:
        return Failed(detail, error.code, _seconds(error.headers.get("Retry-After")))
    return Refused(error.code, detail)


def _seconds(header: str | None) -> float:
    """What a `Retry-After` asks for, within reason; dates are not worth the trouble."""
    return min(30.0, float(header)) if header and header.isdigit() else 0.0
