"""Every error a user can cause, each with the one line the command line prints: what is wrong, and the remedy."""


class TalkingHeadError(Exception):
    """Base of all errors below. `str(error)` is one line that names the file and says what to do."""


class PortraitError(TalkingHeadError):
    """The picture cannot be read, or shows no usable face."""


class SoundError(TalkingHeadError):
    """The sound cannot be read."""


class UnitsError(TalkingHeadError):
    """Action units are malformed: unknown name, value out of range, unsorted time."""


class ClipError(TalkingHeadError):
    """The video to track cannot be read, or shows no face."""


class OutputError(TalkingHeadError):
    """The result cannot be written: it exists, the folder is missing or read-only, the disk is full, ffmpeg died."""


class DrawingError(TalkingHeadError):
    """A process that draws frames has died, as they do when memory runs out."""


class SigningError(TalkingHeadError):
    """A file cannot be signed: no c2pa library, a certificate or key that does not serve, an unfit kind of file."""


class ModelError(TalkingHeadError):
    """Weights are missing or do not fit together."""


class JobsError(TalkingHeadError):
    """The list of a batch's jobs is malformed."""


class OptionError(TalkingHeadError, ValueError):
    """The value of an option cannot be used; `option` is its name."""

    def __init__(self, option: str, message: str):
        super().__init__(message)
        self.option = option
