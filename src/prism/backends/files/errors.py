"""Errors of files as Prism's."""

import errno
from collections.abc import Mapping

from prism.errors import BackendUnavailable, DataLoss, Outcome, PrismError, StoreFull

_KINDS: Mapping[int, tuple[type[PrismError], str]] = {
    errno.ENOSPC: (StoreFull, "the disk is full; free some space or delete objects"),
    errno.EDQUOT: (StoreFull, "the disk quota is used up; free some space or delete objects"),
    errno.EFBIG: (StoreFull, "the file would be larger than the file system or a limit of the process allows"),
    errno.EROFS: (StoreFull, "the file system is read-only; make it writable"),
    errno.EACCES: (BackendUnavailable, "the folder cannot be used; check its owner and mode"),
    errno.EPERM: (BackendUnavailable, "the folder cannot be used; check its owner and mode"),
    errno.ENOENT: (BackendUnavailable, "the folder was removed under the gateway; put it back and restart"),
    errno.EMFILE: (BackendUnavailable, "too many files are open; try again in a moment"),
    errno.ENFILE: (BackendUnavailable, "too many files are open on this machine; try again in a moment"),
    errno.EUCLEAN: (DataLoss, "the file system is damaged; look into the system's log"),
}
_OTHER = (BackendUnavailable, "the disk failed; look into the system's log, then try again")


def translated(error: OSError, outcome: Outcome | None) -> PrismError:
    """The error that callers get; raise it `from` the system's.

    Args:
        error: the system's; its text has a path of the folder and nothing of a key.
        outcome: what is known of a write; None for a read.
    """
    kind, advice = _KINDS.get(error.errno or 0, _OTHER)
    return kind(f"{advice} ({error.strerror})", outcome=outcome)


def no_room(free: int, wanted: int, reserve: int) -> StoreFull:
    """The refusal of what does not fit beside the reserve."""
    return StoreFull(
        f"the disk has {free} bytes left, of which {reserve} are kept free, and {wanted} more do not fit; free some "
        "space or delete objects",
        outcome=Outcome.NOT_APPLIED,
    )
