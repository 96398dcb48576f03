"""The two primitives that workers share state by: `publish` and `claim`.

A published file appears whole or not at all, and is never written again.  A claim is a lock that the kernel
frees when its holder dies; its file is never unlinked, because two holders could then lock two inodes of
one name.
"""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from habsim.errors import FolderError

PARTIAL = ".partial"  # suffix of a file that is still being written


def publish(
    path: Path,
    write: Callable[[BinaryIO], object],
    durable: bool = True,
    check: Callable[[Path], object] | None = None,
) -> None:
    """Make `path` whole: `write` fills a temporary file beside it, which is then renamed.

    `durable` syncs file and folder, so that the name survives a power cut only with its contents.  `check`
    is shown the temporary file when it is full, and may raise.  On any exception nothing is left behind.
    Raises `FolderError` for what the file system refuses.
    """
    with _translated(path):
        _publish(path, write, durable, check)


def _publish(
    path: Path,
    write: Callable[[BinaryIO], object],
    durable: bool,
    check: Callable[[Path], object] | None,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PARTIAL, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            write(stream)
            stream.flush()
            os.fchmod(stream.fileno(), 0o644)
            if durable:
                os.fsync(stream.fileno())
        if check is not None:
            check(Path(name))
        Path(name).rename(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def claim(path: Path, wait: bool = False, shared: bool = False) -> Iterator[bool]:
    """Yield whether the lock on file `path` is held; it is freed on leaving.

    With `wait` the answer is always True, in the end.  A `shared` claim excludes only exclusive ones.
    Raises `FolderError` where the file cannot be made.
    """
    with _translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        mode = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
        try:
            fcntl.flock(descriptor, mode)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Raise what the file system says about `path` as a `FolderError`."""
    try:
        yield
    except FolderError:
        raise
    except OSError as error:
        raise FolderError(error.errno, error.strerror, str(path)) from error
