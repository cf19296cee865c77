"""Live frames over HTTP for this machine alone: motion JPEG, which every browser and ffmpeg can show."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import numpy as np

from talkinghead.errors import OutputError
from talkinghead.media.outputs import synthetic_notice

if TYPE_CHECKING:
    from talkinghead.media.provenance import Seal

HOST = "127.0.0.1"
HOST_NAMES = (HOST, "localhost")
JPEG_QUALITY = 90
MAX_VIEWERS = 8
STALLED_SECONDS = 10  # after which a viewer that takes no data is left
BOUNDARY = "talkinghead-frame"


class MjpegSink:
    """http://127.0.0.1:PORT/ shows the newest frame, and each one after it; `port` 0 takes a free one.

    Every viewer gets what it can take, and none holds up the others or the picture. Each picture is a JPEG of its own,
    which `seal` signs. Raises OutputError if the port is taken.
    """

    def __init__(self, port: int, seal: Seal | None = None):
        sink, self._seal = self, seal

        class Handler(_Viewer):
            feed = sink

        try:
            self._server = ThreadingHTTPServer((HOST, port), Handler)
        except (OSError, OverflowError):
            raise OutputError(f"port {port} cannot be had on {HOST}; choose another") from None
        self._server.daemon_threads = True
        self.url = f"http://{HOST}:{self._server.server_address[1]}/"
        self.places = threading.BoundedSemaphore(MAX_VIEWERS)
        self._changed = threading.Condition()
        self._newest: tuple[int, bytes] | None = None
        self._closed = False
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def encode(self, frame: np.ndarray) -> bytes:
        import cv2

        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        picture = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), quality)[1].tobytes()
        return self._seal.signed(picture, ".jpg") if self._seal else picture

    def show(self, number: int, payload: bytes) -> None:
        with self._changed:
            self._newest = number, payload
            self._changed.notify_all()

    def close(self, frames: int) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def after(self, number: int) -> tuple[int, bytes] | None:
        """The newest frame, waiting for one later than `number`; None when there are no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._newest and self._newest[0] > number)
            return None if self._closed else self._newest


class _Viewer(BaseHTTPRequestHandler):
    feed: MjpegSink
    timeout = STALLED_SECONDS

    def do_GET(self) -> None:
        # A page of another site whose name was made to point here must not read the picture.
        if self.headers.get("Host", "").split(":")[0] not in HOST_NAMES:
            self.send_error(403)
        elif self.path != "/":
            self.send_error(404)
        elif not self.feed.places.acquire(blocking=False):
            self.send_error(503, f"{MAX_VIEWERS} are watching already")
        else:
            try:
                self._stream()
            except OSError:
                pass  # the viewer has gone, or takes nothing any more
            finally:
                self.feed.places.release()

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Synthetic-Media", synthetic_notice())
        self.end_headers()
        number = -1
        while newest := self.feed.after(number):
            number, picture = newest
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            self.wfile.write(head.encode() + picture + b"\r\n")
        self.wfile.write(f"--{BOUNDARY}--\r\n".encode())

    def log_message(self, *_) -> None:
        pass
