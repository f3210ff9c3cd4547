"""Exit codes, so that a script can tell a missing item from a missing gateway."""

import enum


class ExitCode(enum.IntEnum):
    """How a command ended."""

    OK = 0
    NEGATIVE = 1
    USAGE = 2
    UNAVAILABLE = 3
    REFUSED = 4
    PARTIAL = 5
    FAILED = 6
    INTERRUPTED = 130

    @staticmethod
    def documentation() -> str:
        """The table as `--help` shows it."""
        rows = "\n".join(f"  {code.value:<4} {meaning}" for code, meaning in _MEANINGS.items())
        return f"\b\nExit codes:\n{rows}"


_MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.NEGATIVE: "not found, not swapped, a namespace is not served, or a test failed",
    ExitCode.USAGE: "the command, a value or the configuration is not valid",
    ExitCode.UNAVAILABLE: "the gateway or the store is unavailable, or the call timed out",
    ExitCode.REFUSED: "the credential is not valid, or does not allow this",
    ExitCode.PARTIAL: "an import skipped lines that are not valid, an export damaged items, not all objects passed, or "
    "a script of SQL had errors",
    ExitCode.FAILED: "any other error",
    ExitCode.INTERRUPTED: "interrupted",
}


def exit_code_of(error: Exception) -> ExitCode:
    """The exit code that an error stands for."""
    from prism import errors

    if isinstance(
        error,
        errors.InvalidArgument
        | errors.NamespaceNotFound
        | errors.TopicNotFound
        | errors.GroupNotFound
        | errors.UploadNotFound
        | errors.RangeNotSatisfiable
        | errors.Unimplemented,
    ):
        return ExitCode.USAGE
    if isinstance(error, errors.GatewayUnavailable | errors.BackendError | errors.DeadlineExceeded):
        return ExitCode.UNAVAILABLE
    if isinstance(error, errors.Unauthenticated | errors.PermissionDenied):
        return ExitCode.REFUSED
    return ExitCode.FAILED
