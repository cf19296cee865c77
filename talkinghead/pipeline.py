"""The product as a Python class: load once, then make any portrait speak, move, or change its expression.

    head = TalkingHead()
    clip = head.speak("portrait.jpg", "speech.wav")
    for frame in clip:              # RGB uint8 [clip.height, clip.width, 3], made one by one
        ...

Nothing is loaded before it is needed, inputs are checked before models load, and no frame is held back, so that an
hour of sound takes the memory of a minute.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from talkinghead.errors import ClipError, ModelError, UnitsError
from talkinghead.face.lips import PHOTOGRAPHED_OPEN, Lips, fit
from talkinghead.media.timing import frame_rate, frames_in
from talkinghead.units.blink import blinks, close_lids
from talkinghead.units.moods import Mood, gain_vector
from talkinghead.units.names import INDEX, UNIT_NAMES, lip_gap, lip_opening
from talkinghead.units.speech import SpeechStream
from talkinghead.units.track import DEFAULT_FPS, UnitTrack, check_unit

if TYPE_CHECKING:
    from talkinghead.face.render import Renderer
    from talkinghead.face.tracker import TrackedFace

BATCH = 8  # frames decoded at once: more is no faster on a CPU
MAX_FACES = 5
TOLERATED_DIFFERENCE = 0.5  # seconds between the lengths of units and sound
SILENCE = 1e-3  # -60 dB of full scale: below this peak a sound counts as silent
TRIAL_SIDE = 256  # pixels of the face that lips are tried on
AGAPE = 0.06  # inter-ocular distances between lips at rest that anybody sees

Picture = "str | Path | np.ndarray | Puppet"


@dataclass(frozen=True)
class Puppet:
    """A portrait made ready: what is drawn on, the units of its own expression, what the generator knows of it.

    `measure` draws its face under units [N, 46] and gives the gaps between the lips, [N], see lips.fit.
    """

    units: np.ndarray
    renderer: Renderer
    code: Any
    measure: Callable[[np.ndarray], np.ndarray]

    @property
    def width(self) -> int:
        return self.renderer.image.shape[1]

    @property
    def height(self) -> int:
        return self.renderer.image.shape[0]

    @cached_property
    def lips(self) -> Lips:
        """The resting face, and how its lips part; takes a few trial frames."""
        return fit(self.units, self.measure)

    def stream(self, speech: Any, fps: Fraction, gain: np.ndarray, seed: int | None, mood: Mood) -> SpeechStream:
        """What turns a voice into this portrait's units."""
        return SpeechStream(speech, self.lips.rest, fps, gain, seed, mood, self.lips)


class Clip:
    """The frames of a video, RGB uint8 [height, width, 3], made as they are iterated over; once only.

    `frames` is how many there will be, to the accuracy of the sound's header, or None if nobody knows yet; `units` are
    those [46] of the frame last given.
    """

    def __init__(self, puppet: Puppet, units: Iterator[np.ndarray], fps: Fraction, frames: int | None, draw: Callable):
        self.width, self.height, self.fps, self.frames = puppet.width, puppet.height, fps, frames
        self.units: np.ndarray | None = None
        self._puppet, self._source, self._draw = puppet, units, draw

    def __iter__(self) -> Iterator[np.ndarray]:
        while batch := list(itertools.islice(self._source, BATCH)):
            for self.units, frame in zip(batch, self._draw(self._puppet, np.stack(batch))):
                yield frame


class TalkingHead:
    """Everything that makes a portrait move. One object serves any number of portraits; not for several threads.

    `generator` and `speech` are weights files, loaded models, or None for those that ship; `device` is torch's name of
    one. What works, but not as one might think, is said by `warnings.warn`, in one sentence. Raises ModelError when
    weights do not load or do not fit together.
    """

    def __init__(self, generator: Any = None, speech: Any = None, device: str = "cpu"):
        self._generator_source, self._speech_source, self.device = generator, speech, device

    @cached_property
    def tracker(self):
        from talkinghead.face.tracker import Tracker

        return Tracker(MAX_FACES)

    @cached_property
    def generator(self):
        return self._load("gath", self._generator_source)

    @cached_property
    def speech(self):
        return self._load("audio2au", self._speech_source)

    def speak(
        self,
        portrait: Picture,
        sound: str | Path,
        *,
        fps: str | float | Fraction = DEFAULT_FPS,
        gain: float | str | dict[str, float] = 1.0,
        mood: str | dict[str, float] | None = None,
        blink: bool = True,
        seed: int = 0,
        crop: bool = False,
        enhance: bool = False,
        face: int | None = None,
    ) -> Clip:
        """The portrait saying what is heard in `sound` (anything ffmpeg decodes, a video's own track too).

        The units that the voice gives count from a face at rest; they are multiplied by `gain` and added to the
        portrait's own resting expression. `gain` may differ by region and `mood` colours it all, see moods.gain_vector
        and moods.parse_mood. `blink` adds blinks drawn with `seed`. For `face`, `crop` and `enhance` see
        `prepare`. The clip has ceil(seconds * fps) frames. Raises PortraitError, SoundError, ModelError, ValueError.
        """
        from talkinghead.media import audio

        fps, info = frame_rate(fps), audio.probe(sound)
        gains, feeling = gain_vector(gain), Mood(mood)
        puppet = self.prepare(portrait, face=face, crop=crop, enhance=enhance)
        expected = frames_in(info.duration, fps) if info.duration is not None else None
        if puppet.lips.left > AGAPE:
            warnings.warn("the portrait's mouth is too open to close in the pauses; use a picture with closed lips")
        stream = puppet.stream(self.speech, fps, gains, seed if blink else None, feeling)
        return Clip(puppet, self._spoken(stream, sound), fps, expected, partial(self._draw, closing=True))

    def animate(
        self,
        portrait: Picture,
        units: UnitTrack | np.ndarray | Iterable[np.ndarray],
        *,
        sound: str | Path | None = None,
        fps: str | float | Fraction = DEFAULT_FPS,
        gain: float | str | dict[str, float] = 1.0,
        mood: str | dict[str, float] | None = None,
        blink: bool = False,
        seed: int = 0,
        crop: bool = False,
        enhance: bool = False,
        face: int | None = None,
    ) -> Clip:
        """The portrait under given units, absolute and in [0, 1]: a UnitTrack, an array [T, 46] or any iterable of [46]
        with one row per frame.

        With `sound` (which the caller muxes) a track or array plays for as long as that; otherwise all play to their
        end. `gain` multiplies the units; the rest is as in `speak`. Raises UnitsError as well.
        """
        fps, frames = frame_rate(fps), None
        gains, feeling = gain_vector(gain), Mood(mood)
        if isinstance(units, np.ndarray):
            units = UnitTrack(np.arange(len(units)) / float(fps), units)
        if isinstance(units, UnitTrack):
            # Less a microsecond, or a rounding error in the track's length might add a frame.
            seconds = Fraction(units.duration - 1e-6) if sound is None else sound_seconds(sound)
            if abs(float(seconds) - units.duration) > TOLERATED_DIFFERENCE:
                warnings.warn(
                    f"the units last {units.duration:.1f} s and {sound} {float(seconds):.1f} s; the video is as long"
                    " as the sound"
                )
            frames = frames_in(seconds, fps)
            track = units
            units = (track.at(np.array([float(i / fps)]))[0] for i in range(frames))
        puppet = self.prepare(portrait, face=face, crop=crop, enhance=enhance)
        driven = (feeling((gains * _checked(vector)).clip(0, 1).astype(np.float32)) for vector in units)
        return Clip(puppet, self._blinking(driven, fps, seed) if blink else driven, fps, frames, self._draw)

    def edit(
        self,
        portrait: Picture,
        units: dict[str, float] | None = None,
        *,
        neutral: bool = False,
        crop: bool = False,
        enhance: bool = False,
        face: int | None = None,
    ) -> np.ndarray:
        """One picture [H, W, 3] of the portrait with the named units changed and the others its own.

        With `neutral` the others are zero: the paper's expression suppression. Raises UnitsError as well.
        """
        for name, value in (units or {}).items():
            if not 0 <= value <= 1:
                raise UnitsError(f"{check_unit(name)}={value:g} is outside 0 to 1")
            check_unit(name)
        puppet = self.prepare(portrait, face=face, crop=crop, enhance=enhance)
        wanted = np.zeros(len(UNIT_NAMES), np.float32) if neutral else puppet.units.copy()
        for name, value in (units or {}).items():
            wanted[INDEX[name]] = value
        return next(self._draw(puppet, wanted[None], closing=True))

    def neutral(self, portrait: Picture, **options) -> np.ndarray:
        """The portrait without any expression, `edit` with the zero vector."""
        return self.edit(portrait, neutral=True, **options)

    def track(self, clip: str | Path, progress: Callable | None = None) -> tuple[UnitTrack, Fraction]:
        """The units of the widest face in every frame of a video, and its frame rate.

        Frames without a face are bridged linearly, with a warning. `progress`, given the frames and how many there
        will be (or None), returns an iterator over the same frames. Raises ClipError.
        """
        from talkinghead.media.video import VideoReader

        reader = VideoReader(clip)
        expected = None if reader.duration is None else round(reader.duration * reader.fps)
        frames = progress(reader, expected) if progress else reader
        rows = [faces[0].units if (faces := self.tracker(frame)) else None for frame in frames]
        found = [i for i, row in enumerate(rows) if row is not None]
        if not found:
            raise ClipError(f"{clip}: no face found in {len(rows)} frames; use a clip with a face seen from the front")
        if len(found) < len(rows):
            warnings.warn(f"{clip}: no face in {len(rows) - len(found)} of {len(rows)} frames; they are bridged")
        fps = reader.fps
        seen = UnitTrack(np.array([float(i / fps) for i in found]), np.stack([rows[i] for i in found]))
        times = np.array([float(i / fps) for i in range(len(rows))])
        return UnitTrack(times, seen.at(times)), fps

    def prepare(
        self, portrait: Picture, *, face: int | None = None, crop: bool = False, enhance: bool = False
    ) -> Puppet:
        """Read a picture (path or RGB uint8 array), find its face and let the generator look at it, once for many
        clips. `face` counts from 1, the widest; `crop` keeps the aligned face square alone; `enhance` applies the
        paper's contrast, denoising and sharpening (section 4.2) to the face. Raises PortraitError."""
        if isinstance(portrait, Puppet):
            return portrait
        from talkinghead.face.align import alignment, transform
        from talkinghead.face.align import crop as cut
        from talkinghead.face.find import find_face
        from talkinghead.face.render import Renderer, square
        from talkinghead.face.tone import MouthTone
        from talkinghead.media.pictures import read_portrait

        name = "the picture" if isinstance(portrait, np.ndarray) else str(portrait)
        image = portrait if isinstance(portrait, np.ndarray) else read_portrait(portrait)
        found, warning = find_face(image, self.tracker, face, name)
        if warning:
            warnings.warn(warning)
        size = self.generator.config.size
        points = found.points
        to_face, to_trial = alignment(points, size), alignment(points, TRIAL_SIDE)
        aligned = cut(image, to_face, size)
        code = self._encode(aligned, found)
        # A generator that paints the whole face, skin and all, is not to have it tinted.
        tone = MouthTone(aligned, transform(to_face, points)) if self.generator.warps else None
        to_face = alignment(transform(to_trial, points), size)
        trial = Renderer(cut(image, to_trial, TRIAL_SIDE), to_face, size, tone=tone)
        if crop:
            image, points = square(image, points)
        renderer = Renderer(image, alignment(points, size), size, enhance, tone)
        return Puppet(found.units, renderer, code, partial(self._lip_gaps, code, trial))

    def _encode(self, face: np.ndarray, found: TrackedFace) -> Any:
        import torch

        picture = torch.from_numpy(face).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.inference_mode():
            return self.generator.encode(picture.to(self.device), torch.from_numpy(found.units)[None].to(self.device))

    def _draw(self, puppet: Puppet, units: np.ndarray, closing: bool = False) -> Iterator[np.ndarray]:
        """Frames of one puppet under units [N, 46]; with `closing`, lips that they close do close, see Lips.drawn.

        Tracked units are drawn as they are: correcting them made faces follow their driver less well (unit gain on the
        validation split 0.514 instead of 0.532).
        """
        if closing and lip_gap(puppet.units) > PHOTOGRAPHED_OPEN:
            units = puppet.lips.drawn(units)
        return (puppet.renderer(*maps) for maps in self._decode(puppet.code, units))

    def _decode(self, code: Any, units: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
        """Flow, mask and colour of each frame, as Renderer takes them."""
        import torch

        with torch.inference_mode():
            motion = self.generator.decode(code, torch.from_numpy(units).to(self.device))
            return zip(*(part.float().cpu().numpy() for part in motion))

    def _lip_gaps(self, code: Any, trial: Renderer, units: np.ndarray) -> np.ndarray:
        """The gap between the lips, in inter-ocular distances, of a face drawn under units [N, 46]; NaN: no face."""
        faces = [self.tracker(trial(*maps)) for maps in self._decode(code, units)]
        return np.array([lip_opening(found[0].points[:, :2]).sum() if found else np.nan for found in faces])

    @staticmethod
    def _spoken(stream: SpeechStream, sound: str | Path) -> Iterator[np.ndarray]:
        """Units [46] for every frame of the sound."""
        from talkinghead.media import audio

        samples, peak = 0, 0.0
        for block in audio.decode(sound, stream.sample_rate):
            samples, peak = samples + len(block), max(peak, float(np.abs(block).max(initial=0)))
            yield from stream.push(block)
        if peak < SILENCE:
            warnings.warn(f"{sound}: the sound is {'silent' if samples else 'empty'}; the mouth stays closed")
        yield from stream.finish()

    @staticmethod
    def _blinking(units: Iterator[np.ndarray], fps: Fraction, seed: int) -> Iterator[np.ndarray]:
        return (close_lids(vector, lid) for vector, lid in zip(units, blinks(fps, seed)))

    def _load(self, package: str, source: Any) -> Any:
        """A model from `gath` or `audio2au`, its unit names compared with the tracker's."""
        import importlib

        model = source
        if source is None or isinstance(source, (str, Path)):
            import torch

            try:
                torch.empty(0, device=self.device)
            except (RuntimeError, AssertionError):
                raise ModelError(f"there is no device {self.device!r} here; leave --device out for the CPU") from None
            try:
                model = importlib.import_module(package).load(source, self.device)
            except (OSError, ValueError, KeyError, RuntimeError) as error:
                reason = str(error).strip().partition("\n")[0] or type(error).__name__
                where = f" from {source}" if source else ""
                raise ModelError(
                    f"weights of {package} do not load{where} ({reason}); use weights trained by this version"
                ) from None
        if tuple(model.unit_names) != UNIT_NAMES:
            odd = sorted(set(model.unit_names) ^ set(UNIT_NAMES)) or ["only their order"]
            raise ModelError(
                f"the weights of {package} speak of other action units than the tracker ({', '.join(odd[:5])}...);"
                " use weights trained by this version"
            )
        return model


def sound_seconds(sound: str | Path) -> Fraction:
    """The length of a sound, by decoding it: headers are not exact. Raises SoundError."""
    from talkinghead.media import audio

    rate = audio.probe(sound).sample_rate
    return Fraction(sum(map(len, audio.decode(sound, rate))), rate)


def _checked(vector: np.ndarray) -> np.ndarray:
    vector = np.asarray(vector, np.float32)
    if vector.shape != (len(UNIT_NAMES),):
        raise UnitsError(f"a vector of units has {len(UNIT_NAMES)} numbers, not the shape {vector.shape}")
    if not (np.isfinite(vector).all() and vector.min() >= 0 and vector.max() <= 1):
        raise UnitsError("units must lie in 0 to 1")
    return vector
