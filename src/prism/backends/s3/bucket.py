"""The bucket of one instance: what its operations share."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prism.backends.s3.client import S3Client
from prism.backends.s3.config import S3Config, S3Credentials
from prism.backends.s3.encryption import Encryption
from prism.backends.s3.errors import S3Error, translate
from prism.backends.s3.keys import Keys
from prism.backends.s3.traits import Traits
from prism.backends.s3.transfers.budget import Budget
from prism.backends.s3.transfers.conditional import Conditional
from prism.backends.s3.transfers.copier import Copier
from prism.backends.s3.transfers.multipart import Multipart
from prism.backends.s3.transfers.reader import Reader
from prism.backends.s3.transfers.writer import Writer
from prism.context import Context
from prism.interfaces.capabilities.objectstore import KeyRule
from prism.sdk.objectstore.keys import check_key


class Bucket:
    """One bucket, with one account.

    Attributes:
        config: as given.
        traits: what the server keeps to; known once it was asked.
        key_rules: what keys must not be.
        moved: bytes of objects that came and went so far.
        swept: uploads by parts that were ended, since no one completed them in time.
    """

    def __init__(self, config: S3Config, credentials: S3Credentials) -> None:
        self.config = config
        self.traits = Traits()
        self.key_rules: Sequence[KeyRule] = ()
        self.moved = 0
        self.swept = 0
        self.encryption = encryption = Encryption.of(config, credentials)
        self.keys = Keys(config.prefix)
        self.budget = Budget(config.objects.budget)
        self.client = S3Client(config, credentials)
        self.conditional = Conditional(self.client, encryption)
        self.multipart = Multipart(self.client, config, encryption, self.conditional)
        self.writer = Writer(self.client, config, self.budget, self.conditional, self.multipart)
        self.reader = Reader(self.client, encryption, config.retries)
        self.copier = Copier(self.client, encryption, self.conditional, self.multipart)

    def key(self, context: Context, key: str, field: str = "key") -> str:
        """A key of a namespace in the bucket.

        Raises:
            InvalidArgument: S3 cannot keep an object under that very name.
        """
        check_key(key, self.key_rules, field)
        return self.keys.of(context.namespace, key, field)

    async def head(self, key: str, version: str = "") -> Mapping[str, Any] | None:
        """What S3 says of an object, or of a version of it; None where there is none."""
        try:
            return await self.conditional.find(key, VersionId=version or None, ChecksumMode="ENABLED")
        except S3Error as error:
            if version and error.status == 400:
                return None  # not a version as this server makes them
            raise


@contextlib.contextmanager
def answered(*, writes: bool) -> Iterator[None]:
    """What S3 says against a call, as callers get it."""
    try:
        yield
    except S3Error as error:
        raise translate(error, writes=writes) from error
