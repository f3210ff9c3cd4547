"""S3's errors -> the documented classes, by the code that the server gives; with the outcome of a write.

What a server answers it has not applied, but for codes that say that it does not know itself. Where no answer came it
is not known. A message names the server's code and the request's id, and nothing of an object.

Source: Amazon S3's API reference, "Error responses"; the codes that begin with X or are marked are other servers' own.
"""

from dataclasses import dataclass
from typing import Final

from prism.errors import (
    BackendCredentials,
    BackendUnavailable,
    Conflict,
    FailedPrecondition,
    InternalError,
    InvalidArgument,
    Outcome,
    PrismError,
    StoreFull,
)
from prism.sdk.driver_errors import LATER, SOON


class S3Error(Exception):
    """S3 did not do what it was asked.

    Attributes:
        code: S3's own; empty where no answer came.
        status: of HTTP; 0 where no answer came.
        request_id: S3's own, for its operator's log.
        detail: what is known where no answer came; never anything of an object.
        sent: S3 may have received the request.
        doubtful: an earlier try of the same request ended so that it may have been applied.
    """

    def __init__(
        self, code: str, *, status: int = 0, request_id: str = "", detail: str = "", sent: bool = True
    ) -> None:
        super().__init__(code or detail)
        self.code = code
        self.status = status
        self.request_id = request_id
        self.detail = detail
        self.sent = sent
        self.doubtful = False

    @property
    def answered(self) -> bool:
        """Whether S3 said it."""
        return self.status != 0

    @property
    def missing(self) -> bool:
        """Whether there is no such object, version or upload."""
        return self.code in MISSING or (self.status == 404 and self.code in {"", "404", "NotFound"})

    @property
    def mismatch(self) -> bool:
        """Whether a condition did not hold."""
        return self.status == 412 or self.code == "PreconditionFailed"

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed when it is sent again."""
        return not self.answered or self.code in PASSING or self.status in {429, 500, 502, 503, 504}

    @property
    def outcome(self) -> Outcome:
        """What a write did that ended so."""
        return Outcome.UNKNOWN if self.doubtful or self.uncertain else Outcome.NOT_APPLIED

    @property
    def uncertain(self) -> bool:
        """Whether a write may have been applied though it ended so."""
        if not self.answered:
            return self.sent
        return self.status >= 500 and self.code not in UNDONE

    def __str__(self) -> str:
        if not self.answered:
            return self.detail
        named = f", request {self.request_id}" if self.request_id else ""
        return f"{self.code or self.status}{named}"


MISSING: Final = frozenset({"NoSuchKey", "NoSuchVersion", "NoSuchUpload"})
UNDONE: Final = frozenset(
    {"ConditionalRequestConflict", "InsufficientStorage", "RequestTimeout", "ServiceUnavailable", "SlowDown"}
)
"""With these S3 says that it has done nothing."""

PASSING: Final = frozenset(
    {
        "ConditionalRequestConflict",
        "InternalError",
        "OperationAborted",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "TooManyRequests",
    }
)


@dataclass(frozen=True, slots=True)
class _Meaning:
    kind: type[PrismError]
    advice: str
    retry_after: float | None = None


_ACCOUNT = _Meaning(BackendCredentials, "S3 refuses the gateway's credentials: correct them", LATER)
_PERMISSION = _Meaning(
    BackendCredentials,
    "the gateway's account may not do this in the bucket: allow it s3:GetObject, s3:PutObject, s3:DeleteObject, "
    "s3:ListBucket, s3:AbortMultipartUpload and s3:ListBucketMultipartUploads",
)
_BUSY = _Meaning(BackendUnavailable, "S3 is busy: call later", LATER)
_CONFLICT = _Meaning(Conflict, "another write of the same object was under way: try again", SOON)
_DAMAGED = _Meaning(BackendUnavailable, "what S3 received was damaged on its way: try again", SOON)
_REGION = _Meaning(FailedPrecondition, "the bucket is elsewhere: correct `region` and `endpoint`")
_KEY = _Meaning(InvalidArgument, "this store cannot hold an object under this key: choose another")
_FULL = _Meaning(StoreFull, "S3 has no room left, or takes no writes: free some space or raise the quota")

_MEANINGS: Final = {
    "AccessDenied": _PERMISSION,
    "AllAccessDisabled": _PERMISSION,
    "Forbidden": _PERMISSION,
    "403": _PERMISSION,  # of a HEAD, whose answer has no body
    "InvalidAccessKeyId": _ACCOUNT,
    "SignatureDoesNotMatch": _ACCOUNT,
    "InvalidToken": _ACCOUNT,
    "ExpiredToken": _ACCOUNT,
    "TokenRefreshRequired": _ACCOUNT,
    "InvalidClientTokenId": _ACCOUNT,
    "NoCredentials": _ACCOUNT,  # our own
    "RequestTimeTooSkewed": _Meaning(BackendUnavailable, "the clocks of the gateway and of S3 differ: set them", LATER),
    "NoSuchBucket": _Meaning(FailedPrecondition, "the bucket does not exist: create it, or correct `bucket`"),
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "301": _REGION,
    "SlowDown": _BUSY,
    "ServiceUnavailable": _BUSY,
    "TooManyRequests": _BUSY,
    "RequestLimitExceeded": _BUSY,
    "Throttling": _BUSY,
    "RequestTimeout": _BUSY,
    "InternalError": _BUSY,
    "XMinioServerNotInitialized": _BUSY,
    "ConditionalRequestConflict": _CONFLICT,
    "OperationAborted": _CONFLICT,
    "BadDigest": _DAMAGED,
    "InvalidDigest": _DAMAGED,
    "XAmzContentSHA256Mismatch": _DAMAGED,
    "XAmzContentChecksumMismatch": _DAMAGED,
    "IncompleteBody": _DAMAGED,
    "KeyTooLongError": _KEY,
    "XMinioInvalidObjectName": _KEY,
    "XMinioInvalidResourceName": _KEY,
    "XMinioParentIsObject": _KEY,
    "ObjectParentIsFile": _KEY,  # versitygw
    "ExistingObjectIsDirectory": _KEY,  # versitygw
    "DirectoryObjectContainsData": _KEY,  # versitygw
    "MetadataTooLarge": _Meaning(InvalidArgument, "the metadata is larger than S3 takes: leave some of it out"),
    "EntityTooLarge": _Meaning(InvalidArgument, "the object is larger than S3 takes: make it smaller"),
    "InvalidObjectState": _Meaning(
        FailedPrecondition, "the object is in an archive of S3: restore it there before it is read"
    ),
    "QuotaExceeded": _FULL,
    "InsufficientStorage": _FULL,
    "XMinioStorageFull": _FULL,
    "XMinioAdminBucketQuotaExceeded": _FULL,
    "507": _FULL,
}

_SILENT = _Meaning(BackendUnavailable, "S3 does not answer: check that it runs and can be reached", LATER)
_TLS = _Meaning(BackendUnavailable, "TLS with S3 failed: correct ca and endpoint", LATER)
TLS: Final = "TLS: "
"""Begins the detail of an error of TLS."""


def translate(error: S3Error, *, writes: bool) -> PrismError:
    """The error to raise instead of `error`, `from` which it is raised."""
    outcome = error.outcome if writes else None
    meaning: _Meaning | None
    if not error.answered and error.code != "NoCredentials":
        meaning = _TLS if error.detail.startswith(TLS) else _SILENT
    else:
        meaning = _MEANINGS.get(error.code) or _MEANINGS.get(str(error.status)) or _by_status(error.status)
    if meaning is None:
        return InternalError(f"S3 refused what the gateway sent ({error})", outcome=outcome)
    return meaning.kind(f"{meaning.advice} ({error})", outcome=outcome, retry_after=meaning.retry_after)


def _by_status(status: int) -> _Meaning | None:
    return _BUSY if status == 429 or status >= 500 else None
