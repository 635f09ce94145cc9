"""A web server that only this machine can reach, for pages of single tools."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

LOCALHOST = "127.0.0.1"
MOST_BYTES = 10_000  # largest size of a request; a box takes a hundred

Content: TypeAlias = tuple[str, bytes]  # content type and content


def make_local_server(
    page: Callable[[str], Content], change: Callable[[str, Any], Content], port: int = 0
) -> ThreadingHTTPServer:
    """Make a server on 127.0.0.1.

    Args:
        page: Returns what is at a path. LookupError: there is nothing.
        change: Carries out what is sent to a path, JSON, and returns the response. LookupError:
            there is no such path; ValueError, TypeError or OverflowError: what was sent is not
            usable.
        port: Port; 0: a free one.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(lambda: page(self.path))

        def do_POST(self) -> None:
            self._answer(lambda: change(self.path, self._sent()))

        def _sent(self) -> Any:
            # A page of another site cannot send this type without being asked first.
            if self.headers.get("Content-Type") != "application/json":
                raise ValueError("send JSON")
            length = int(self.headers.get("Content-Length", 0))
            if not 0 < length <= MOST_BYTES:
                raise ValueError(f"send at most {MOST_BYTES} bytes")
            return json.loads(self.rfile.read(length))

        def _answer(self, make: Callable[[], Content]) -> None:
            try:
                # Also when another site's name is made to point here.
                if self.headers.get("Host", "").split(":")[0] not in (LOCALHOST, "localhost"):
                    raise ValueError(f"ask for {LOCALHOST}")
                status, (kind, content) = 200, make()
            except LookupError:
                status, kind, content = 404, "text/plain", b"there is no such page"
            except (ValueError, TypeError, OverflowError) as error:
                status, kind, content = 400, "text/plain", str(error).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Keep the terminal quiet."""

    return ThreadingHTTPServer((LOCALHOST, port), Handler)
