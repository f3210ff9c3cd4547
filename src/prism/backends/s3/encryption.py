"""How S3 encrypts what it keeps: parameters that go with requests; passed on, and not tested."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

from prism.backends.s3.config import S3Config, S3Credentials


@dataclass(frozen=True, slots=True)
class Encryption:
    """The driver's parameters.

    Attributes:
        parameters: of what stores an object.
        key: of what sends a part, or reads an object.
        source: of what copies one, for the object that is copied.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    key: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, config: S3Config, credentials: S3Credentials) -> "Encryption":
        """As configured.

        Raises:
            ValueError: the customer's key is missing, or not one.
        """
        if config.encryption == "s3":
            return cls({"ServerSideEncryption": "AES256"})
        if config.encryption == "kms":
            named = {"SSEKMSKeyId": config.kms_key} if config.kms_key else {}
            return cls({"ServerSideEncryption": "aws:kms", **named})
        if config.encryption == "none":
            return cls()
        if credentials.customer_key is None:
            raise ValueError("encryption: customer needs customer_key among the credentials")
        secret = base64.b64decode(credentials.customer_key.get_secret_value(), validate=True)
        digest = base64.b64encode(md5(secret, usedforsecurity=False).digest()).decode()
        of = {
            "CustomerAlgorithm": "AES256",
            "CustomerKey": base64.b64encode(secret).decode(),
            "CustomerKeyMD5": digest,
        }
        key = {f"SSE{name}": value for name, value in of.items()}
        return cls(key, key, {f"CopySourceSSE{name}": value for name, value in of.items()})
