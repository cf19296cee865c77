"""Where results go: the name a user gave in, a checked place out, and names for what is not finished yet.

A result grows beside its place under a name that tells which process makes it, and takes the place when it is whole. A
process that was killed leaves such a file behind; the next one that writes into the folder removes it.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import sys
import time
from functools import cache
from importlib import metadata
from pathlib import Path

from talkinghead.errors import OutputError

VIDEO_SUFFIXES = (".mp4", ".mov", ".webm", ".gif")
PARTIAL = ".talkinghead-"  # how names of unfinished files begin
ABANDONED = 24 * 3600  # seconds: where a process cannot be asked for, a file that old is thought to have none
_PARTIAL = re.compile(re.escape(PARTIAL) + r"([0-9a-f]{8})-(\d+)-(\d+)-")  # machine, process, when that started


def check_output(path: str | Path, force: bool = False, suffixes: tuple[str, ...] = VIDEO_SUFFIXES) -> Path:
    """The file that `path` stands for (behind a symbolic link its target), if a result can be written there.

    Raises OutputError, in one line: unsupported suffix, a name that the file system does not take, folder missing or
    not writable, a folder itself, or a file that exists while `force` is False.
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise OutputError(f"{path}: unsupported kind of file; end the name in one of {', '.join(suffixes)}")
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise OutputError(f"{path}: is a folder; name a file in it")
        if not target.parent.is_dir():
            raise OutputError(f"{path}: the folder {target.parent} does not exist; create it first")
        if target.exists() and not force:
            raise OutputError(f"{path}: exists already; add --force to replace it, or choose another name")
        _check_folder(path, target.parent)
    except (OSError, ValueError) as error:  # too long, or with a zero byte in it
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{path}: cannot be written ({reason}); choose another name") from None
    return target


def _check_folder(path: Path, folder: Path) -> None:
    """Raises OutputError unless files can be made there: what permissions say is not all."""
    refusal = OutputError(f"{path}: the folder {folder} may not be written; choose another folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise refusal
    trial = folder / _name("trial")
    try:
        trial.touch()
        trial.unlink()
    except OSError:
        raise refusal from None


def partial_of(target: Path, suffix: str, role: str = "") -> Path:
    """A new name beside `target` for what will take its place, ending in `suffix`. Whatever killed runs have left in
    that folder is removed."""
    sweep(target.parent)
    return target.with_name(_name(role + suffix))


def sweep(folder: Path, others: bool = False) -> None:
    """Remove unfinished files in `folder` whose process is gone; with `others` those of other machines too."""
    for left in folder.glob(f"{PARTIAL}*"):
        found = _PARTIAL.match(left.name)
        if not found:
            continue
        machine, process, started = found[1], int(found[2]), int(found[3])
        if machine != _machine():
            gone = others
        else:
            gone = process != os.getpid() and not _runs(process, started, left)
        if gone:
            left.unlink(missing_ok=True)


def _name(end: str) -> str:
    return f"{PARTIAL}{_machine()}-{os.getpid()}-{_started(os.getpid()) or 0}-{secrets.token_hex(4)}{end}"


@cache
def _machine() -> str:
    """Tells apart those who cannot see each other's processes: machines, and containers on one of them."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return hashlib.sha256(f"{os.uname().nodename if hasattr(os, 'uname') else ''} {space}".encode()).hexdigest()[:8]


def _started(process: int) -> int | None:
    """When a process began, in the kernel's ticks; None where it does not run or nobody tells."""
    try:
        stat = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return None
    return int(stat.rpartition(b")")[2].split()[19])


def _runs(process: int, started: int, left: Path) -> bool:
    if sys.platform == "linux":
        return _started(process) == started  # a number may have been given to another process since
    if os.name == "posix":
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True
    try:
        return time.time() - left.stat().st_mtime < ABANDONED
    except OSError:
        return True


def version() -> str:
    """Of this program, as installed."""
    try:
        return metadata.version("talkinghead")
    except metadata.PackageNotFoundError:
        return "unknown"


def synthetic_notice() -> str:
    """What every video and picture says of itself in its metadata."""
    return f"Synthetic media: generated by talkinghead {version()}"
