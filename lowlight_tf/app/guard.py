"""Who may ask the page's server, and for what: in front of everything that Gradio answers.

A page of another site that has its own name lead to this machine (DNS rebinding) is told by the Host that its requests carry. Where the
server is open to other machines, each request carries the token: in the address once, then in a cookie. Files are handed out from the
session's temporary folder only, whatever links or dots a request is made of.
"""

import hmac
import http.cookies
import os
import pathlib
import urllib.parse

_COOKIE = "lowlight_token"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_API = "/gradio_api/"
_FILE, _UPLOAD = f"{_API}file=", f"{_API}upload"
_START = f"{_API}startup-events"  # what Gradio asks itself when it starts; it does nothing that matters a second time
# What the page asks for. Gradio answers more: proxies, recordings, edits of the program, statistics.
_ROUTES = (
    "/",
    "/config",
    "/theme.css",
    "/favicon.ico",
    "/manifest.json",
    "/robots.txt",
    *(_API + name for name in ("queue/join", "queue/data", "info", "upload_progress", "reset", "cancel", "app_id", "theme.css")),
    _START,
    _UPLOAD,
)
_BELOW = ("/static/", "/assets/", "/svelte/", _API + "heartbeat/", _API + "run/", _FILE)
_HEADERS = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"), (b"x-frame-options", b"DENY")]


def _header(scope, name):
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


class Guard:
    """ASGI middleware that lets through what may be asked."""

    def __init__(self, app, files, token="", uploads=False):
        """Args: the ASGI app; the folder that files are handed out from; "" for loopback only; whether files may be uploaded."""
        self._app, self._files, self._token, self._uploads = app, os.path.realpath(files), token, uploads

    async def __call__(self, scope, receive, send):
        """Answers a request, or hands it on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refused = self._refused(scope)
        if refused:
            await _answer(send, *refused)
            return

        async def with_headers(message):
            if message["type"] == "http.response.start":
                more = [*_HEADERS, *([(b"set-cookie", self._cookie())] if self._token and self._said(scope) else [])]
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        await self._app(scope, receive, with_headers)

    def _cookie(self):
        return f"{_COOKIE}={self._token}; Path=/; HttpOnly; SameSite=Strict".encode()

    def _is_token(self, said):
        return hmac.compare_digest(said.encode("utf-8", "replace"), self._token.encode())

    def _said(self, scope):
        """Whether the address itself carries the token."""
        query = urllib.parse.parse_qs(scope.get("query_string", b"").decode("latin-1"))
        return self._is_token(query.get("token", [""])[0])

    def _knows_token(self, scope):
        cookies = http.cookies.SimpleCookie()
        try:
            cookies.load(_header(scope, b"cookie"))
        except http.cookies.CookieError:
            return self._said(scope)
        return (_COOKIE in cookies and self._is_token(cookies[_COOKIE].value)) or self._said(scope)

    def _refused(self, scope):
        """Returns (status, line) of a request that is not answered, or None."""
        path = scope["path"]
        if self._token:
            if path != _START and not self._knows_token(scope):
                return 401, "open the address that lowlight app printed: it ends with ?token=..."
        else:
            host = _header(scope, b"host")
            name = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
            if name not in _LOOPBACK:
                return 403, "this page is for the machine that it runs on"
        if path not in _ROUTES and not path.startswith(_BELOW):
            return 404, "the page has no such part"
        if path.startswith(_FILE) and not self._may_hand_out(path.removeprefix(_FILE)):
            return 403, "this file is not the page's"
        if path == _UPLOAD and not self._uploads:
            return 403, "a folder is open: nothing is uploaded"
        return None

    def _may_hand_out(self, said):
        if "\0" in said or "://" in said:
            return False
        real = pathlib.Path(os.path.realpath(said))
        return pathlib.Path(self._files) in real.parents


async def _answer(send, status, line):
    content = f"{line}\n".encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(content)).encode()), *_HEADERS],
        }
    )
    await send({"type": "http.response.body", "body": content})
