"""The web page of `talkinghead web`: starts the server, keeps it to itself, and leaves nothing behind."""

from __future__ import annotations

import html
import os
import socket
import sys
import tempfile
import threading
import warnings
from typing import TYPE_CHECKING

from talkinghead.errors import ModelError, OutputError
from talkinghead.surfaces.web_room import Limits, Room

if TYPE_CHECKING:
    from talkinghead.pipeline import TalkingHead

LOCAL = ("127.0.0.1", "localhost")
# The page asks nothing of other machines, and cannot be made to. Gradio's own components need eval.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:;"
    " connect-src 'self' data: blob:; worker-src 'self' blob:; frame-ancestors 'self'"
)


class OwnPolicy:
    """ASGI middleware that adds the content security policy to every answer."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send) -> None:
        async def with_policy(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY.encode())]
            await send(message)

        await self.app(scope, receive, with_policy if scope["type"] == "http" else send)


def serve(head: TalkingHead, host: str, port: int, megabytes: int, limits: Limits, browser: bool) -> None:
    """Show the page on http://host:port/ until a signal or an exception ends it; port 0 takes a free one.

    Temporary files live in a folder of their own, gone afterwards. Raises OutputError if the port is taken, ModelError
    without Gradio or when weights do not load.
    """
    port = _free(host, port)
    with tempfile.TemporaryDirectory(prefix="talkinghead-web-", ignore_cleanup_errors=True) as folder:
        os.environ.update(GRADIO_TEMP_DIR=folder, GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1")
        try:
            import gradio  # noqa: F401, told from its parts' own errors
            from starlette.middleware import Middleware
            from starlette.middleware.trustedhost import TrustedHostMiddleware
        except ImportError:
            raise ModelError("the web page needs a package more; pip install 'talkinghead[web]'") from None
        from talkinghead.surfaces.web_page import build
        from talkinghead.surfaces.web_style import SCRIPT, style, theme

        room = Room(head, folder, limits)
        room.load()
        _show_warnings(room)
        # A page of another site whose name was made to point here must not get in.
        hosts = list(LOCAL) if host in LOCAL else ["*"]
        guards = [Middleware(TrustedHostMiddleware, allowed_hosts=hosts), Middleware(OwnPolicy)]
        page = build(room)
        try:
            page.launch(
                server_name=host, server_port=port, max_file_size=f"{megabytes}mb", inbrowser=browser, share=False,
                prevent_thread_lock=True, quiet=True, footer_links=[], run_history=False, ssr_mode=False, pwa=False,
                mcp_server=False, enable_monitoring=False, theme=theme(), css=style(),
                head=f"<script>{SCRIPT}</script>", app_kwargs={"middleware": guards},
            )  # fmt: skip
            print(f"talkinghead: the page is at http://{host}:{port}/ until Ctrl-C", file=sys.stderr, flush=True)
            threading.Event().wait()
        finally:
            page.close(verbose=False)


def _free(host: str, port: int) -> int:
    """`port`, or a free one for 0, if it can be had. Raises OutputError."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return probe.getsockname()[1]
    except (OSError, OverflowError):
        raise OutputError(f"port {port} cannot be had on {host}; choose another") from None


def _show_warnings(room: Room) -> None:
    """Warnings on the terminal, as of any command, and on the page of the visitor whose job they are of."""
    import gradio
    from gradio.context import LocalContext

    on_terminal = warnings.showwarning

    def show(message, *where, **more) -> None:
        on_terminal(message, *where, **more)
        if LocalContext.event_id.get(None):
            gradio.Warning(html.escape(room.plain(message)))

    warnings.showwarning = show
