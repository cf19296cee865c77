"""The product as a Python class: load once, then make any portrait speak, move, or change its expression.

    head = TalkingHead()
    clip = head.speak("portrait.jpg", "speech.wav")
    for frame in clip:              # RGB uint8 [clip.height, clip.width, 3], made one by one
        ...

Nothing is loaded before it is needed, inputs are checked before models load, and no frame is held back, so that an
hour of sound takes the memory of a minute.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from talkinghead.clip import Clip
from talkinghead.errors import ClipError, PortraitError, UnitsError
from talkinghead.face.puppet import Puppet
from talkinghead.media.stages import stage, tell
from talkinghead.media.threads import Once, beside
from talkinghead.media.timing import frames_in
from talkinghead.models import WITHOUT_TORCH, load_generator, load_lips, load_speech
from talkinghead.options import FrameOptions, PortraitOptions
from talkinghead.units.driving import blinking, checked, frames_of, sampled, spoken
from talkinghead.units.life import Life
from talkinghead.units.names import INDEX, LIP_POINTS, UNIT_NAMES, opening_of, with_opening
from talkinghead.units.pose import as_turned, from_places, place
from talkinghead.units.speech import SpeechStream
from talkinghead.units.track import Motion, UnitTrack, check_unit
from talkinghead.units.width import Begun, Width

if TYPE_CHECKING:
    from talkinghead.face.looks import Looks
    from talkinghead.face.tracker import Tracker

MAX_FACES = 5

Picture = str | Path | np.ndarray | Puppet
Progress = Callable[..., Iterable[np.ndarray]]  # of frames, and how many there will be: the same frames


class TalkingHead:
    """Everything that makes a portrait move. One object serves any number of portraits; not for several threads.

    `generator` and `speech` are weights files, loaded models, or None for those that ship; `device` is torch's name of
    one. What works, but not as one might think, is said by `warnings.warn`, in one sentence. Raises ModelError when
    weights do not load or do not fit together.

    Options are given as a FrameOptions, by name (`gain=1.2`), or both: names change what the object says.
    """

    def __init__(self, generator: Any = None, speech: Any = None, device: str = "auto"):
        self._generator_source, self._speech_source, self.device = generator, speech, device
        self._seen: WeakKeyDictionary[Puppet, Looks] = WeakKeyDictionary()

    @cached_property
    def tracker(self) -> Tracker:
        from talkinghead.face.tracker import Tracker

        with stage("tracker loaded"):
            return Tracker(MAX_FACES)

    @cached_property
    def generator(self) -> Any:
        with stage(f"generator loaded, device {self.device}"):
            return load_generator(self._generator_source, self.device)

    @cached_property
    def lip_mover(self) -> Any:
        return load_lips()

    @cached_property
    def speech(self) -> Any:
        """What moves the lips by a voice that is still speaking..."""
        with stage("voice model loaded"):
            return load_speech(self._speech_source)

    @cached_property
    def file_speech(self) -> Any:
        """...and by a sound that is there as a whole."""
        with stage("voice model for files loaded"):
            return load_speech(self._speech_source, whole=True)

    def speak(self, portrait: Picture, sound: str | Path, options: FrameOptions | None = None, **changes: Any) -> Clip:
        """The portrait saying what is heard in `sound` (anything ffmpeg decodes, a video's own track too).

        The units that the voice gives count from a face at rest; they are multiplied by the gain and added to the
        portrait's own resting expression. The gain may differ by region and a mood colours it all. Head, eyes and brows
        move with the voice, as far as `head` and `still` let them (docs/head.md), and blinks come unless `blink` is
        False; all of it is drawn with the seed. The clip has ceil(seconds * fps) frames. Raises PortraitError,
        SoundError, ModelError, OptionError.
        """
        from talkinghead.face.tracker import import_library
        from talkinghead.media import audio

        options = FrameOptions.of(options, changes)
        if "tracker" not in vars(self):
            Once(import_library).begin()  # while ffmpeg looks at the sound
        fps, info = options.rate, audio.probe(sound)
        length = "of unknown length" if info.duration is None else f"{info.duration:.2f} s"
        tell(f"{sound}: {length}, {info.sample_rate} Hz, channels: {info.channels}")
        expected = frames_in(info.duration, fps) if info.duration is not None else None
        with beside(lambda: self._hear(options, sound)) as heard:  # which takes as long
            puppet = self._prepare(portrait, options.look, options.head > 0)
        speech, gains = heard()
        looks = Once(lambda: self._looks(puppet))
        stream = self._stream(puppet, options, speech, gains, looks)
        motions = spoken(stream, sound, speech.blocks if options.auto else None)
        return Clip(puppet, motions, fps, expected, options.head > 0, looks if options.head else None)

    def _hear(self, options: FrameOptions, sound: str | Path) -> tuple[Any, np.ndarray]:
        """What moves the lips by a sound that is there as a whole, and the gains."""
        speech, gains = self.file_speech, options.gains
        if options.auto:
            speech = Begun(speech, sound)
            gains = gains * speech.width.factors
        return speech, gains

    def listen(self, puppet: Puppet, options: FrameOptions) -> SpeechStream:
        """What turns a voice, as it comes in, into the motion of a portrait made ready. Raises ModelError."""
        looks, width = Once(lambda: self._looks(puppet)), Width() if options.auto else None
        if options.head:
            looks.begin()
        return self._stream(puppet, options, self.speech, options.gains, looks, width)

    def _stream(
        self,
        puppet: Puppet,
        options: FrameOptions,
        speech: Any,
        gains: np.ndarray,
        looks: Once[Looks],
        width: Width | None = None,
    ) -> SpeechStream:
        from talkinghead.face.looks import of_faces

        fps, blink, life = options.rate, options.blink is not False, None
        if options.head or not options.still:
            life = Life(speech.sample_rate, fps, options.seed, options.head, options.still, blink)
            if options.head:
                life.steady(of_faces(puppet.rest, puppet.parting.drawn, puppet.purses), looks)
        own, seed = looks if options.head else None, options.seed if blink else None
        return puppet.stream(speech, fps, gains, seed, options.feeling, life, width, own)

    def _looks(self, puppet: Puppet) -> Looks:
        """What a portrait that only speaks seems to turn by, looked at once."""
        from talkinghead.face.steady import of_speech

        if puppet not in self._seen:
            with stage("mouth looked at"):
                self._seen[puppet] = of_speech(puppet, self.tracker)
        return self._seen[puppet]

    def animate(
        self,
        portrait: Picture,
        units: UnitTrack | np.ndarray | Iterable[np.ndarray | Motion],
        options: FrameOptions | None = None,
        *,
        sound: str | Path | None = None,
        **changes: Any,
    ) -> Clip:
        """The portrait under given units, absolute and in [0, 1]: a UnitTrack, an array [T, 46] or any iterable of [46]
        with one row per frame, or of Motions, whose poses count from the portrait. Those of a track count from its
        mean, without what its expressions look like by themselves; `head` multiplies them. The units of a track are
        asked for as they are seen on that portrait (face/steady.py); all others are drawn as they are.

        With `sound` (which the caller muxes) a track or array plays for as long as that; otherwise all play to their
        end. The gain multiplies the units, and blinks come only with `blink=True`; the rest is as in `speak`. Raises
        UnitsError as well.
        """
        from talkinghead.face.steady import steadied

        options = FrameOptions.of(options, changes)
        fps, gains, feeling, frames, turns = options.rate, options.gains, options.feeling, None, False
        driver = isinstance(units, UnitTrack)
        if isinstance(units, np.ndarray):
            units = UnitTrack(np.arange(len(units)) / float(fps), units)
        if isinstance(units, UnitTrack):
            turns, frames = units.pose is not None and options.head > 0, frames_of(units, fps, sound)
        puppet = self._prepare(portrait, options.look, turns)
        if isinstance(units, UnitTrack):
            if driver:
                with stage("expressions looked at"):
                    units = steadied(units, puppet, self.tracker, options.head)
            units = sampled(units, fps, frames or 0, options.head)
        driven = (m._replace(units=feeling((gains * m.units).clip(0, 1).astype(np.float32))) for m in checked(units))
        moved = blinking(driven, fps, options.seed) if options.blink else driven
        return Clip(puppet, moved, fps, frames, turns=turns)

    def drive(
        self,
        portrait: Picture,
        clip: str | Path,
        options: FrameOptions | None = None,
        *,
        progress: Progress | None = None,
        **changes: Any,
    ) -> Clip:
        """The portrait doing what the widest face of a video does, head and all, for as long as its sound, if it has
        any: `track` and `animate` in one. Raises what they raise."""
        from talkinghead.media.audio import has_sound

        options = FrameOptions.of(options, changes)
        puppet = self.prepare(portrait, options.look)
        track, _ = self.track(clip, progress)
        return self.animate(puppet, track, options, sound=clip if has_sound(clip) else None)

    def edit(
        self,
        portrait: Picture,
        units: dict[str, float] | None = None,
        options: PortraitOptions | None = None,
        *,
        neutral: bool = False,
        **changes: Any,
    ) -> np.ndarray:
        """One picture [H, W, 3] of the portrait with the named units changed and the others its own.

        With `neutral` the others are zero: the paper's expression suppression. Raises UnitsError as well.
        """
        for name, value in (units or {}).items():
            if not 0 <= value <= 1:
                raise UnitsError(f"{check_unit(name)}={value:g} is outside 0 to 1")
            check_unit(name)
        puppet = self.prepare(portrait, options, **changes)
        wanted = np.zeros(len(UNIT_NAMES), np.float32) if neutral else puppet.units.copy()
        for name, value in (units or {}).items():
            wanted[INDEX[name]] = value
        return next(puppet.draw(wanted[None]))

    def neutral(self, portrait: Picture, options: PortraitOptions | None = None, **changes: Any) -> np.ndarray:
        """The portrait without any expression, `edit` with the zero vector."""
        return self.edit(portrait, None, options, neutral=True, **changes)

    def track(self, clip: str | Path, progress: Progress | None = None) -> tuple[UnitTrack, Fraction]:
        """The units and the pose of the widest face in every frame of a video, and its frame rate. How far lips part is
        measured as if the head kept the clip's mean pose: else a nod would be a change of the mouth as well.

        Frames without a face are bridged linearly, with a warning. `progress`, given the frames and how many there
        will be (or None), returns an iterator over the same frames. Raises ClipError.
        """
        from talkinghead.media.video import VideoReader

        reader = VideoReader(clip)
        expected = None if reader.duration is None else round(reader.duration * reader.fps)
        frames = progress(reader, expected) if progress else reader
        seen, at, frame = [], [], 0
        for frame, picture in enumerate(frames, 1):
            if faces := self.tracker(picture):
                face = faces[0]
                lips = face.landmarks[list(LIP_POINTS)]
                seen.append((face.units, face.pose, place(face.points, face.pose), lips))
                at.append(frame - 1)
        if not seen:
            raise ClipError(f"{clip}: no face found in {frame} frames; use a clip with a face seen from the front")
        size, rate = f"{reader.width}x{reader.height}", float(reader.fps)
        tell(f"{clip}: {size}, {rate:g} frames a second, a face in {len(seen)} of {frame}")
        if len(seen) < frame:
            warnings.warn(f"{clip}: no face in {frame - len(seen)} of {frame} frames; they are bridged")
        units, turned, places, lips = (np.stack(part) for part in zip(*seen))
        units = with_opening(units, opening_of(as_turned(lips, turned, turned.mean(0))[..., :2]))
        track = UnitTrack(np.array(at) / float(reader.fps), units, from_places(turned, places))
        times = np.array([float(i / reader.fps) for i in range(frame)])
        return UnitTrack(times, track.at(times), track.pose_at(times)), reader.fps

    def prepare(self, portrait: Picture, options: PortraitOptions | None = None, **changes: Any) -> Puppet:
        """Read a picture (path or RGB uint8 array), find its face and let the generator look at it, once for many
        clips. `face` counts from 1, the widest; `crop` keeps the aligned face square alone; `enhance` applies the
        paper's contrast, denoising and sharpening (section 4.2) to the face; `teeth` says whose are seen. Raises
        PortraitError, OptionError."""
        return self._prepare(portrait, PortraitOptions.of(options, changes))

    def _prepare(self, portrait: Picture, options: PortraitOptions, turns: bool = False) -> Puppet:
        """The same; what turns is begun at once if it `turns`."""
        if isinstance(portrait, Puppet):
            return portrait
        from talkinghead.face.find import find_face
        from talkinghead.media.ffmpeg import existing_file
        from talkinghead.media.pictures import read_portrait

        name = "the picture"
        if not isinstance(portrait, np.ndarray):
            name = str(existing_file(Path(portrait), PortraitError))
        # A large picture takes as long to read as tracker and generator do to load.
        with beside(lambda: self.tracker) as tracker, beside(lambda: self.generator) as generator:
            image = portrait if isinstance(portrait, np.ndarray) else read_portrait(portrait)
            with stage("face looked for"):
                found, warning = find_face(image, tracker(), options.face, name)
        if warning:
            warnings.warn(warning)
        yaw, pitch, roll = found.pose
        tell(
            f"{name}: {image.shape[1]}x{image.shape[0]}, face {found.width:.0f} pixels wide,"
            f" yaw {yaw:.0f}, pitch {pitch:.0f}, roll {roll:.0f} degrees"
        )
        with stage("portrait made ready"):
            from talkinghead.face.making import make_puppet

            looks = options.crop, options.enhance, options.which_teeth
            device = None if self.device in WITHOUT_TORCH else self.device
            return make_puppet(image, found, generator(), self.lip_mover, *looks, turns=turns, device=device)
