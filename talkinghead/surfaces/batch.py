"""Many videos from one list: each portrait encoded once, failures reported, and a killed run goes on where it was.

    portrait,audio,au,output,seed
    anna.jpg,hello.wav,,anna/hello.mp4,1
    anna.jpg,,smile.csv,anna/smile.mp4,

A row is one video. `portrait`, `audio` and `au` are files, relative to the folder of the list; `audio` or `au` may be
blank. `output` lies in the batch's folder. Further columns are options of `speak` (OPTIONS); blank is the default.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from talkinghead.errors import JobsError, OutputError, TalkingHeadError
from talkinghead.media import encoders
from talkinghead.media.ffmpeg import existing_file, playlists_allowed
from talkinghead.media.outputs import VIDEO_SUFFIXES, check_output, partial_of, sweep
from talkinghead.media.video import VideoWriter
from talkinghead.options import FrameOptions, PortraitOptions, Signing, described
from talkinghead.units.convert import read_csv

if TYPE_CHECKING:
    from talkinghead.pipeline import Puppet, TalkingHead

REPORT = "report.csv"
RECORDS = ".records"  # folder of one small file per finished output: what it was made from, and which file it is
MADE, KEPT, FAILED = "made", "kept", "failed"
FILES = ("portrait", "audio", "au")
OPTIONS = described(FrameOptions)


@dataclass(frozen=True)
class Job:
    """One row: absolute paths, `output` relative to the batch's folder, options that are not the default."""

    portrait: str
    audio: str | None
    au: str | None
    output: str
    options: dict[str, Any]

    @cached_property
    def frames(self) -> FrameOptions:
        """All options."""
        return FrameOptions(**self.options)

    @property
    def look(self) -> tuple[str, PortraitOptions]:
        """What the encoded portrait depends on."""
        return self.portrait, self.frames.look


@dataclass(frozen=True)
class Result:
    """A line of the report: `status` is one of MADE, KEPT, FAILED; `message` says why, or warns."""

    output: str
    status: str
    message: str = ""
    seconds: float = 0.0


def read_jobs(path: str | Path) -> list[Job]:
    """The jobs of a list, those of one portrait together. Files need not exist: that is for the report.

    Raises JobsError, in one line that names row (from 1, the header) and column.
    """
    path = existing_file(Path(path), JobsError)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            jobs = list(_parse(path, csv.reader(file)))
    except (UnicodeDecodeError, csv.Error):
        raise JobsError(f"{path}: not a CSV file; save it as CSV in UTF-8") from None
    if not jobs:
        raise JobsError(f"{path}: there is no job below the header; add a row per video")
    looks = {look: number for number, look in reversed(list(enumerate(job.look for job in jobs)))}
    return sorted(jobs, key=lambda job: looks[job.look])


def _parse(path: Path, rows: Iterator[list[str]]) -> Iterator[Job]:
    header = [name.strip() for name in next(rows, [])]
    known = (*FILES, "output", *OPTIONS)
    for name in header:
        if name not in known or header.count(name) > 1:
            what = "twice there" if name in known else f"unknown; the columns are {', '.join(known)}"
            raise JobsError(f"{path}: row 1: column {name!r} is {what}")
    for name in ("portrait", "output"):
        if name not in header:
            raise JobsError(f"{path}: row 1: there is no column {name}; add one")
    outputs: dict[str, int] = {}
    for number, row in enumerate(rows, 2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            raise JobsError(f"{path}: row {number} has {len(row)} columns, the header {len(header)}")
        job = _job(path, number, {name: cell.strip() for name, cell in zip(header, row)})
        if job.output in outputs:
            raise JobsError(
                f"{path}: row {number}, column output: {job.output} is that of row {outputs[job.output]} as well;"
                " give each its own"
            )
        outputs[job.output] = number
        yield job


def _job(path: Path, number: int, cells: dict[str, str]) -> Job:
    def wrong(column: str, what: object) -> JobsError:
        return JobsError(f"{path}: row {number}, column {column}: {what}")

    if not cells["portrait"]:
        raise wrong("portrait", "empty; name a picture")
    if not (cells.get("audio") or cells.get("au")):
        raise wrong("audio", "empty, and so is au; name a sound, or a CSV of action units")
    output = PurePosixPath(os.path.normpath(cells["output"] or ".").replace(os.sep, "/"))
    if output.suffix.lower() not in VIDEO_SUFFIXES:
        raise wrong("output", f"{cells['output']!r} must end in one of {', '.join(VIDEO_SUFFIXES)}")
    if output.is_absolute() or Path(output).is_absolute() or output.parts[0] == "..":
        raise wrong("output", f"{cells['output']!r} must lie in the folder of --out; name it relative to that")
    options = {}
    for name in OPTIONS.keys() & cells.keys():
        try:
            if cells[name]:
                options[name] = OPTIONS[name].parse(cells[name])
        except ValueError as error:
            raise wrong(name, error) from None
    folder = path.resolve().parent
    files = (str(folder / cells[name]) if cells.get(name) else None for name in FILES)
    return Job(*files, str(output), dict(sorted(options.items())))


class Batch:
    """The folder that jobs write to, what is already done there, and how to do the rest. One at a time in a folder.

    `weights` is the generator's file, or None for the one that ships. `force` makes every job again, and replaces
    files that no batch made. Videos are signed as `signing` says and compressed by `encoder`. An object of this class
    can be sent to another process. Raises SigningError if nothing could be signed, OutputError if the encoder does not
    work here.
    """

    def __init__(
        self,
        out: str | Path,
        weights: str | Path | None = None,
        device: str = "auto",
        force: bool = False,
        signing: Signing = Signing(),
        playlists: bool = False,
        encoder: str = encoders.X264,
    ):
        self.out, self.device, self.force = Path(out).absolute(), device, force
        self.weights = None if weights is None else str(Path(weights).absolute())
        self.signing, self.playlists, self.encoder = signing.absolute(), playlists, encoder
        encoders.arguments(encoder)
        self.signing.seal()  # tried before any model loads

    def open(self, jobs: list[Job]) -> None:
        """Create the folder, and remove what killed runs left half done. Raises OutputError."""
        try:
            (self.out / RECORDS).mkdir(parents=True, exist_ok=True)
            self.sweep(jobs)
            for job in jobs if self.force else ():
                self._record_path(job).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{self.out}: cannot be written ({error.strerror}); choose another folder") from None

    def sweep(self, jobs: list[Job]) -> None:
        """Remove what killed runs, and workers on other machines, have left half done; no worker may be running."""
        for folder in {self.out / RECORDS, *((self.out / job.output).parent for job in jobs)}:
            sweep(folder, others=True)

    def head(self) -> TalkingHead:
        """With its models loaded, because without them every job would fail. Raises ModelError."""
        from talkinghead.pipeline import TalkingHead

        head = TalkingHead(self.weights, device=self.device)
        head.generator, head.file_speech
        return head

    def is_done(self, job: Job) -> bool:
        """Whether the output is there, whole, and what this job would make today."""
        return self._record(job).get("made_from") == self._fingerprint(job) and self._is_ours(job)

    def _is_ours(self, job: Job) -> bool:
        """Whether the file at the output's place is the one that a batch put there."""
        return self._record(job).get("file") == _stamp(self.out / job.output) is not None

    def _record_path(self, job: Job) -> Path:
        return self.out / RECORDS / f"{hashlib.sha256(job.output.encode()).hexdigest()[:24]}.json"

    def _record(self, job: Job) -> dict:
        try:
            return json.loads(self._record_path(job).read_text())
        except (OSError, ValueError):
            return {}

    def _fingerprint(self, job: Job) -> str:
        """Changes with the row, and with the size or time of any file it is made from."""
        files = [_stamp(path) for path in (job.portrait, job.audio, job.au, self.weights) if path]
        made_of = [asdict(job), self.weights, files]
        if self.encoder != encoders.X264:
            made_of.append(self.encoder)
        if self.signing.wanted:
            made_of += [str(self.signing.sign_cert), str(self.signing.sign_key)]
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    def do(self, job: Job, head: TalkingHead, puppets: Puppets) -> Result:
        """One job, whatever comes of it; what is done already is kept."""
        if self.is_done(job):
            return Result(job.output, KEPT)
        start, status = time.monotonic(), MADE
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            try:
                with playlists_allowed(self.playlists):
                    self._make(job, head, puppets)
                message = "; ".join(str(w.message) for w in caught if "talkinghead" in Path(w.filename).parts)
            except TalkingHeadError as error:
                status, message = FAILED, str(error)
            except Exception as error:  # one job's surprise must not cost the others
                status, message = FAILED, f"{type(error).__name__}: {error}"
        return Result(job.output, status, " ".join(message.split()), round(time.monotonic() - start, 2))

    def _make(self, job: Job, head: TalkingHead, puppets: Puppets) -> None:
        target = self.out / job.output
        target.parent.mkdir(parents=True, exist_ok=True)
        check_output(target, force=self.force or self._is_ours(job))
        seal = self.signing.seal(target)
        made_from = self._fingerprint(job)  # before the files are read: if one changes meanwhile, the job is redone
        if job.au:
            clip = head.animate(puppets(job), read_csv(job.au, job.frames.rate), job.frames, sound=job.audio)
        else:
            clip = head.speak(puppets(job), job.audio, job.frames)
        finished = partial_of(target, target.suffix)
        try:
            shape = clip.width, clip.height, clip.fps
            by = dict(seal=seal, encoder=self.encoder, expected=clip.frames)
            with VideoWriter(finished, *shape, job.audio, **by) as video:
                for frame in clip.pictures(video.planar):
                    video.write(frame)
            # The record comes first and says which file it speaks of, so that at no moment a kill loses whole work.
            record = self._record_path(job)
            partial = partial_of(record, ".json")
            partial.write_text(json.dumps({"output": job.output, "made_from": made_from, "file": _stamp(finished)}))
            os.replace(partial, record)
            os.replace(finished, target)
        finally:
            finished.unlink(missing_ok=True)

    def run(self, jobs: Iterable[Job]) -> Iterator[Result]:
        """Every job in turn, in this process; nothing loads if all are done."""
        head: TalkingHead | None = None
        for job in jobs:
            if self.is_done(job):
                yield Result(job.output, KEPT)
                continue
            if head is None:
                head = self.head()
                puppets = Puppets(head)
            yield self.do(job, head, puppets)


class Puppets:
    """The portrait of a job made ready; the last one is kept, as jobs of one portrait come together."""

    def __init__(self, head: TalkingHead):
        self._head, self._look, self._puppet = head, None, None

    def __call__(self, job: Job) -> Puppet:
        if job.look != self._look:
            self._puppet, self._look = self._head.prepare(job.portrait, job.frames.look), job.look
        return self._puppet


def report(results: Iterable[Result], out: Path) -> Iterator[Result]:
    """The same results, each written to the report as it comes. Raises OutputError."""
    try:
        with open(out / REPORT, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            rows = csv.writer(file)
            rows.writerow(["output", "status", "message", "seconds"])
            for result in results:
                rows.writerow([result.output, result.status, result.message, f"{result.seconds:.2f}"])
                file.flush()
                yield result
    except OSError as error:
        raise OutputError(f"{out / REPORT}: cannot be written ({error.strerror})") from None


def _stamp(path: str | Path) -> list[int] | None:
    """What tells one file from another at the same place: size and time of change; None if there is none."""
    try:
        about = os.stat(path)
    except OSError:
        return None
    return [about.st_size, about.st_mtime_ns]
