"""Where live sound comes from, and where live frames go: microphone, standard input, a pipe, a window."""

from __future__ import annotations

import os
import queue
import sys
import threading
from typing import BinaryIO

import numpy as np

from talkinghead.errors import OutputError, SoundError
from talkinghead.surfaces.live import BACKLOG_SECONDS, BLOCK_SECONDS, Clock, StopPlaying

WINDOW = "talkinghead"
ESCAPE = 27


class QueuedSource:
    """A Source that some other thread fills, by at most BACKLOG_SECONDS, in a `with` block."""

    def __init__(self, rate: int, clock: Clock | None = None):
        self.rate, self.clock = rate, clock or Clock()
        self._queue: queue.Queue = queue.Queue(round(BACKLOG_SECONDS / BLOCK_SECONDS))

    def read(self, until: float | None) -> tuple[np.ndarray, float] | None:
        try:
            return self._queue.get(timeout=None if until is None else max(0.0, until - self.clock.now()))
        except queue.Empty:
            return np.zeros(0, np.float32), self.clock.now()


class PcmSource(QueuedSource):
    """Raw sound, signed 16 bits, little-endian, one channel, from a file object such as `sys.stdin.buffer`."""

    def __init__(self, stream: BinaryIO, rate: int, clock: Clock | None = None):
        super().__init__(rate, clock)
        self._stream = stream

    def __enter__(self) -> PcmSource:
        threading.Thread(target=self._fill, daemon=True).start()
        return self

    def __exit__(self, *exc) -> None:
        pass  # the thread may hang in its file object, which belongs to the caller, and ends with the program

    def _fill(self) -> None:
        size = 2 * max(1, round(self.rate * BLOCK_SECONDS))
        while len(data := self._stream.read(size)) >= 2:
            samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float32) / 32768
            self._queue.put((samples, self.clock.now()))
        self._queue.put(None)


class Microphone(QueuedSource):
    """The system's microphone, in a `with` block; `rate` is the one wished for, or the device's own if it refuses.

    Raises SoundError: no `sounddevice`, no PortAudio, no microphone.
    """

    def __init__(self, rate: int, clock: Clock | None = None):
        super().__init__(rate, clock)
        try:
            import sounddevice
        except ImportError:
            raise SoundError("the microphone needs a package more; pip install 'talkinghead[live]'") from None
        except OSError:
            raise SoundError("the microphone needs PortAudio; install libportaudio2 with the system's tools") from None
        try:
            self.rate = self._agreed(sounddevice, rate)
            self._stream = sounddevice.InputStream(
                samplerate=self.rate,
                blocksize=round(self.rate * BLOCK_SECONDS),
                channels=1,
                dtype="float32",
                latency="low",
                callback=self._take,
            )
        except (sounddevice.PortAudioError, ValueError) as error:
            raise SoundError(f"no microphone can be opened ({error}); plug one in, or use --rate and a pipe") from None

    @staticmethod
    def _agreed(sounddevice, rate: int) -> int:
        try:
            sounddevice.check_input_settings(channels=1, dtype="float32", samplerate=rate)
        except sounddevice.PortAudioError:
            return round(sounddevice.query_devices(kind="input")["default_samplerate"])
        return rate

    def _take(self, samples: np.ndarray, *_) -> None:
        try:
            self._queue.put_nowait((samples[:, 0].copy(), self.clock.now()))
        except queue.Full:
            pass  # we are far behind: what is lost here SoundClock makes good

    def __enter__(self) -> Microphone:
        self._stream.start()
        return self

    def __exit__(self, *exc) -> None:
        self._stream.close()


class PipeSink:
    """Raw RGB frames, 8 bits, one after the other. Such a stream has no times in it, so a frame that was dropped is
    replaced by the one before, and frame k is always the k-th."""

    def __init__(self, stream: BinaryIO):
        if stream.isatty():
            raise OutputError("standard output is a terminal, and --pipe writes raw frames; pipe them into a program")
        self._stream, self._last, self._written = stream, None, 0

    def encode(self, frame: np.ndarray) -> bytes:
        return frame.tobytes()

    def show(self, number: int, payload: bytes) -> None:
        self._repeat(number, payload if self._last is None else self._last)
        self._last = payload
        self._repeat(number + 1, payload)

    def close(self, frames: int) -> None:
        if self._last is None:
            return
        try:
            self._repeat(frames, self._last)
        except StopPlaying:
            pass

    def _repeat(self, until: int, payload: bytes) -> None:
        try:
            for self._written in range(self._written + 1, until + 1):
                self._stream.write(payload)
            self._stream.flush()
        except BrokenPipeError:
            # What is still buffered has nowhere to go, and Python would complain when it flushes at the end.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            raise StopPlaying from None


class WindowSink:
    """A window of OpenCV's, until it is closed or Escape is pressed. Raises OutputError if there cannot be one."""

    def __init__(self):
        import cv2

        self._cv2 = cv2
        # Without a display OpenCV's window library ends the process instead of raising.
        seen = sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        try:
            if not seen:
                raise cv2.error
            cv2.namedWindow(WINDOW, cv2.WINDOW_AUTOSIZE)
        except cv2.error:
            raise OutputError("there is no display for a window; use --mjpeg PORT or --pipe") from None

    def encode(self, frame: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(frame[..., ::-1])

    def show(self, number: int, payload: np.ndarray) -> None:
        self._cv2.imshow(WINDOW, payload)
        pressed = self._cv2.waitKey(1) & 0xFF
        if pressed == ESCAPE or self._cv2.getWindowProperty(WINDOW, self._cv2.WND_PROP_VISIBLE) < 1:
            raise StopPlaying

    def close(self, frames: int) -> None:
        self._cv2.destroyAllWindows()
