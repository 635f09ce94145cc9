"""Who may open the panel: checks of Host, Origin and token."""

import hmac
import ipaddress
import secrets
import socket
from collections import OrderedDict
from collections.abc import Iterable
from urllib.parse import urlsplit

from aiohttp import web

from siamdw_ros.panel.settings import is_loopback

COOKIE = "siamdw_panel"
MAX_SESSIONS = 64  # the oldest must log in again
SESSION_SECONDS = 30 * 24 * 3600


class Access:
    """Decides on requests by their headers.

    Args:
        host: Address that the panel listens on.
        allowed_hosts: Further names of this machine.
        token: Secret that opens a session; empty: everybody who can connect may.
    """

    def __init__(self, host: str, allowed_hosts: Iterable[str], token: str) -> None:
        own = socket.gethostname().lower()
        names = {"localhost", *(name.lower() for name in allowed_hosts if name)}
        self._names = names if is_loopback(host) else {*names, own, f"{own}.local", host.lower()}
        self._token = token
        self._sessions: OrderedDict[str, None] = OrderedDict()

    def refuse(self, request: web.Request) -> str | None:
        """Why a request is refused, or None.

        A page of another site can make a browser connect here. Its Origin shows that, or, where
        it let its own name point to this machine (DNS rebinding), the Host does.
        """
        if not self._is_own_host(request.host):
            name = request.host[:100]
            return f"host {name!r} is not known here: add it to the parameter allowed_hosts"
        if self._changes_something(request):
            origin = request.headers.get("Origin", "")
            if urlsplit(origin).netloc.lower() != request.host.lower():
                return "the request comes from another site's page"
        return None

    def has_session(self, request: web.Request) -> bool:
        """Whether the browser has logged in, or need not."""
        return not self._token or request.cookies.get(COOKIE, "") in self._sessions

    def log_in(self, given: str, response: web.Response) -> bool:
        """Open a session if the token is right. Takes the same time whatever is wrong with it."""
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return False
        session = secrets.token_urlsafe(32)
        self._sessions[session] = None
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        response.set_cookie(
            COOKIE, session, max_age=SESSION_SECONDS, httponly=True, samesite="Strict"
        )
        return True

    def _is_own_host(self, host: str) -> bool:
        """An address always is: only a name can be pointed elsewhere."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
            return name in self._names or bool(ipaddress.ip_address(name))
        except ValueError:
            return False

    @staticmethod
    def _changes_something(request: web.Request) -> bool:
        return request.method == "POST" or "Upgrade" in request.headers
