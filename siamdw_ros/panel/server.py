"""The web server: three fixed files, a login, a WebSocket."""

import time
from collections.abc import Awaitable, Callable
from importlib import resources

from aiohttp import WSCloseCode, web

from siamdw_ros.node.services import RateLimit
from siamdw_ros.panel.access import Access
from siamdw_ros.panel.client import Client
from siamdw_ros.panel.hub import Hub
from siamdw_ros.panel.protocol import MAX_MESSAGE

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

FILES = {
    "/": ("panel.html", "text/html"),
    "/panel.css": ("panel.css", "text/css"),
    "/panel.js": ("panel.js", "text/javascript"),
    "/stage.js": ("stage.js", "text/javascript"),
    "/connection.js": ("connection.js", "text/javascript"),
}
OPEN_FILES = ("/panel.css",)  # the login page needs it
HEADERS = {
    # No script or style from anywhere else, and none inside the pages.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # With no-referrer, browsers would send the login without its Origin.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
HEARTBEAT = 10.0  # seconds; a client that does not answer has left
MAX_BODY = 1024  # bytes of a login
LOGINS = 2.0  # attempts per second, of all clients together


class Server:
    """Serves the page and its WebSocket.

    Args:
        hub: What all clients share.
        token: What a browser must know; empty: nothing.
    """

    def __init__(self, hub: Hub, token: str = "") -> None:
        settings = hub.settings
        self._hub = hub
        self._access = Access(settings.host, settings.allowed_hosts, token)
        self._logins = RateLimit()
        folder = resources.files("siamdw_ros.panel") / "page"
        self._files = {path: (folder / name).read_bytes() for path, (name, _) in FILES.items()}
        self._login_page = (folder / "login.html").read_text()
        self._sockets: set[web.WebSocketResponse] = set()
        app = web.Application(middlewares=[self._guard], client_max_size=MAX_BODY)
        app.router.add_get("/ws", self._on_socket)
        app.router.add_get("/login", self._on_login_page)
        app.router.add_post("/login", self._on_login)
        for path in FILES:
            app.router.add_get(path, self._on_file)
        app.on_shutdown.append(self._on_shutdown)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)

    async def start(self) -> int:
        """Listen; returns the port.

        Raises:
            OSError: The address cannot be listened on.
        """
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._hub.settings.host, self._hub.settings.port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Close all connections."""
        await self._runner.cleanup()

    async def _on_shutdown(self, _app: web.Application) -> None:
        for socket in list(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the panel ends")

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what may not be asked; put the protecting headers on all answers."""
        if reason := self._access.refuse(request):
            return web.Response(status=403, text=f"{reason}\n", headers=HEADERS)
        is_open = request.path in ("/login", *OPEN_FILES)
        if not is_open and not self._access.has_session(request):
            if request.path == "/":
                return web.Response(status=303, headers={**HEADERS, "Location": "/login"})
            return web.Response(status=401, text="log in first\n", headers=HEADERS)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            error.headers.update(HEADERS)
            raise
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    async def _on_file(self, request: web.Request) -> web.Response:
        kind = FILES[request.path][1]
        return web.Response(body=self._files[request.path], content_type=kind, charset="utf-8")

    async def _on_login_page(self, _request: web.Request) -> web.Response:
        return self._login("")

    async def _on_login(self, request: web.Request) -> web.Response:
        if not self._logins.allows(LOGINS, time.monotonic()):
            return self._login("Too many attempts: wait a second.", 429)
        given = (await request.post()).get("token", "")
        response = web.Response(status=303, headers={"Location": "/"})
        if isinstance(given, str) and self._access.log_in(given, response):
            return response
        return self._login("This is not the token.", 401)

    def _login(self, problem: str, status: int = 200) -> web.Response:
        text = self._login_page.replace("<!-- problem -->", problem)
        return web.Response(status=status, text=text, content_type="text/html")

    async def _on_socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT, max_msg_size=MAX_MESSAGE)
        await socket.prepare(request)
        most = self._hub.settings.max_clients
        if len(self._sockets) >= most:
            reason = f"{most} browsers watch already"
            await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=reason.encode())
            return socket
        self._sockets.add(socket)
        try:
            await Client(self._hub, socket).serve()
        finally:
            self._sockets.discard(socket)
        return socket
