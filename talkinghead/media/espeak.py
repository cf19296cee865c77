"""espeak-ng as a library: text in, samples out with every phone and its time, in any of its languages.

The command does not tell when it says what; the library's events do.
"""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, Structure, Union, c_char, c_char_p, c_int, c_short, c_uint, c_void_p
from ctypes.util import find_library
from functools import cache

import numpy as np

_RETRIEVE, _PHONEME_EVENTS, _AS_IPA, _DO_NOT_EXIT = 1, 1, 2, 0x8000
_UTF8, _PHONEME = 1, 7
_RATE, _PITCH = 1, 3


class _Id(Union):
    _fields_ = [("number", c_int), ("name", c_char_p), ("string", c_char * 8)]


class _Event(Structure):
    _fields_ = [
        ("type", c_int), ("unique_identifier", c_uint), ("text_position", c_int), ("length", c_int),
        ("audio_position", c_int), ("sample", c_int), ("user_data", c_void_p), ("id", _Id),
    ]  # fmt: skip


_Callback = CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(_Event))


class Espeak:
    """The library, loaded; one for a process, not for several threads. Raises OSError where it is not installed."""

    def __init__(self) -> None:
        name = find_library("espeak-ng")
        if name is None:
            raise OSError("libespeak-ng is not installed")
        self._library = ctypes.CDLL(name)
        self.sample_rate = self._library.espeak_Initialize(_RETRIEVE, 0, None, _PHONEME_EVENTS | _AS_IPA | _DO_NOT_EXIT)
        if self.sample_rate <= 0:
            raise OSError("libespeak-ng finds no voices")
        self._blocks: list[np.ndarray] = []
        self._begun: list[tuple[str, int]] = []
        self._callback = _Callback(self._heard)  # must live as long as the library may call it
        self._library.espeak_SetSynthCallback(self._callback)

    @classmethod
    @cache
    def shared(cls) -> Espeak:
        """The one of this process."""
        return cls()

    def _heard(self, block, count: int, events) -> int:
        if block and count:
            self._blocks.append(np.ctypeslib.as_array(block, (count,)).copy())
        i = 0
        while events[i].type:
            if events[i].type == _PHONEME:
                self._begun.append((events[i].id.string.decode("utf-8", "ignore"), events[i].sample))
            i += 1
        return 0

    def say(
        self, text: str, voice: str = "en-us", rate: int = 175, pitch: int = 50
    ) -> tuple[np.ndarray, list[tuple[str, float, float]]]:
        """Samples int16 [N], and (IPA, start, end) in seconds of each phone, an empty one for a pause.

        `voice` may have a variant, en-us+f2; `rate` is in words a minute, `pitch` 0 to 99. Raises ValueError for a
        voice that there is not.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        self._library.espeak_SetParameter(_RATE, rate, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        self._blocks, self._begun = [], []
        data = text.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        samples = np.concatenate([np.zeros(0, np.int16), *self._blocks])
        begun = [(symbol, at) for symbol, at in self._begun if not symbol.startswith("(")]  # "(en)": another language
        ends = [*(at for _, at in begun[1:]), len(samples)]
        spoken = [(s, a / self.sample_rate, b / self.sample_rate) for (s, a), b in zip(begun, ends) if b > a]
        return samples, spoken
