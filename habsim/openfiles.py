"""Open files of a store, shared by the threads of a worker.

They are named by their version, so they are never invalidated, only dropped when others are used more.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Generic, Protocol, TypeVar

from cachetools import LRUCache

from habsim.errors import BadFileError
from habsim.mirror import Mirror, SparseFile, Survey
from habsim.stores import Store

logger = logging.getLogger(__name__)


class Opened(Protocol):
    """A file that is open and mapped."""

    @property
    def partly(self) -> Mirror | None:
        """The mirror that it is mapped from, where it is not whole."""


_T = TypeVar("_T", bound=Opened)


class OpenFiles(Generic[_T]):
    """Open files of one kind, at most `most` of them.

    `survey` finds the pieces of one, and `open_file` opens it; both raise `BadFileError` if it is bad.
    """

    def __init__(self, most: int, survey: Survey, open_file: Callable[[Path | SparseFile], _T]) -> None:
        self._files: LRUCache[tuple[str, str, str], _T] = LRUCache(most)
        self._survey = survey
        self._open = open_file
        self._lock = Lock()

    def get(self, store: Store, name: str, tag: str, told: Callable[[bool], object]) -> _T:
        """Return the open file; `told` is called with whether it was open already.

        A local copy that is bad or has just gone is made anew once.  A mirror is left for another copy when
        it is removed, or all of the file is here.
        """
        key = (store.address, name, tag)
        with self._lock:
            found = self._files.get(key)
        if found is not None and found.partly is not None and (found.partly.gone() or store.whole(name)):
            found = None
        told(found is not None)
        if found is None:
            copy = store.file(name, self._survey)
            try:
                found = self._open(copy)  # twice at once does no harm
            except BadFileError as error:
                if not store.remote:
                    raise
                logger.warning("copying %s again: %s", name, error)
                store.drop(name)
                found = self._open(store.file(name, self._survey))
            with self._lock:
                self._files[key] = found
        return found

    def shrink(self, most: int) -> None:
        """Keep at most `most` files open, those used last."""
        with self._lock:
            while len(self._files) > most:
                self._files.popitem()

    def all(self) -> list[_T]:
        """Return the open files."""
        with self._lock:
            return list(self._files.values())
