"""Configuration of the s3 backend; imports no driver, so that it can be checked where none is installed."""

from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, ByteSize, Field, SecretStr, model_validator

from prism.sdk import Config
from prism.sdk.objectstore.options import ObjectOptions

MIB: Final = 1 << 20
NAMESPACE: Final = "{namespace}"
"""What stands in `prefix` for the name of a namespace."""


def _endpoint(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in {"http", "https"} or not url.hostname or url.path.strip("/") or url.query:
        raise ValueError(f"{text.rpartition('@')[2]!r} is not the URL of a server; write https://host:port")
    if "@" in url.netloc:
        raise ValueError("the endpoint must not hold a user or password; give them as credentials")
    return text.rstrip("/")


def _prefix(text: str) -> str:
    if text.count(NAMESPACE) > 1:
        raise ValueError(f"{NAMESPACE} may stand in the prefix once")
    if "{" in text.replace(NAMESPACE, "") or "}" in text.replace(NAMESPACE, ""):
        raise ValueError(f"braces may stand in the prefix as {NAMESPACE} only")
    if text.startswith("/") or "//" in text or any(ord(each) < 0x20 for each in text):
        raise ValueError("the prefix must not begin with a slash, and have no empty part and no control character")
    return text


class S3Credentials(Config):
    """The account of the gateway at S3; without any the option `login` says where to look for one.

    Attributes:
        access_key_id: names the account.
        secret_access_key: signs its requests.
        session_token: of credentials that end.
        customer_key: the key of 32 bytes, in base64, that objects are encrypted with where `encryption` is `customer`.
    """

    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    customer_key: SecretStr | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError(
                "access_key_id and secret_access_key of backend s3 belong together; give both, or neither to have "
                "them looked for"
            )
        if self.session_token is not None and self.access_key_id is None:
            raise ValueError("session_token needs access_key_id and secret_access_key")
        return self


class S3Config(Config):
    """Options of the s3 backend.

    Attributes:
        bucket: where objects are kept; it must exist.
        endpoint: the URL of the server; unset: Amazon's, of the region.
        region: of the bucket.
        addressing: the bucket is in the path of a URL, or in the name of its host (`virtual`); `auto` is `virtual` at
            Amazon, and `path` at an `endpoint`.
        prefix: begins every key in the bucket; `{namespace}` stands for the name of the namespace. Without it one
            namespace alone may use this configuration, and `prefix: ""` gives it the whole bucket. What it takes is
            missing from the 1,024 bytes of a key.
        login: where credentials are looked for that the namespace does not give. `environment`: AWS_ACCESS_KEY_ID and
            its neighbours. `file`: a shared credentials file, read again when it changes. `web_identity`: a token that
            is exchanged for credentials (not tested). `default`: the order of Amazon's own clients, ending at the
            machine's own account (not tested beyond the environment).
        credentials_file: with `login: file`; a change of it counts at once.
        profile: the section of `credentials_file`.
        role_arn: with `login: web_identity`, the role to take.
        token_file: with `login: web_identity`, the file of the token.
        ca: file of the certificates that the server's is verified by; unset: the system's.
        part_size: bytes in a part of a large object, of which `parallel_parts` and one more are in memory; what is not
            larger than a part is put in one piece. Parts grow where 10,000 of them are too few.
        parallel_parts: parts of one object that are sent at the same time.
        pool_size: most connections that one gateway opens.
        connect_timeout: seconds.
        answer_timeout: seconds in which S3 must answer, or send more of what it answers.
        retries: how often a request is repeated that may be, after an answer that says so or without one.
        sweep_interval: seconds between two searches for uploads that were neither completed nor ended in time.
        checksums: S3 compares a CRC-32 of each part and object with what it received; `none` for servers that know
            none.
        encryption: by S3 with its own key, with one of AWS KMS, or with the `customer_key` of the credentials.
            Everything but `none` is passed on and not tested.
        kms_key: the key's name at AWS KMS.
        storage_class: as S3 names it.
        presign: direct addresses at S3 may be given to callers.
        objects: times and sizes of ObjectStore.
    """

    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = None
    region: str = Field(default="us-east-1", pattern=r"^[a-z0-9-]+$")
    addressing: Literal["auto", "path", "virtual"] = "auto"
    prefix: Annotated[str, AfterValidator(_prefix)] = Field(default=f"{NAMESPACE}/", max_length=512)
    login: Literal["environment", "file", "web_identity", "default"] = "default"
    credentials_file: Path | None = None
    profile: str = Field(default="default", min_length=1)
    role_arn: str | None = None
    token_file: Path | None = None
    ca: Path | None = None
    part_size: ByteSize = Field(default=ByteSize(8 * MIB), ge=5 * MIB, le=16 * MIB)
    parallel_parts: int = Field(default=2, ge=1, le=4)
    pool_size: int = Field(default=64, ge=4, le=10_000)
    connect_timeout: float = Field(default=3.0, gt=0)
    answer_timeout: float = Field(default=20.0, gt=0)
    retries: int = Field(default=3, ge=0, le=10)
    sweep_interval: float = Field(default=3600.0, gt=0)
    checksums: Literal["crc32", "none"] = "crc32"
    encryption: Literal["none", "s3", "kms", "customer"] = "none"
    kms_key: str | None = None
    storage_class: str | None = Field(default=None, pattern=r"^[A-Z_]+$")
    presign: bool = False
    objects: ObjectOptions = ObjectOptions()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.login == "file") != (self.credentials_file is not None):
            raise ValueError("the options credentials_file and login: file belong together; give both or neither")
        web = self.login == "web_identity"
        if web != (self.role_arn is not None) or web != (self.token_file is not None):
            raise ValueError("the options role_arn and token_file go with login: web_identity; give all or none")
        if self.ca is not None and (self.endpoint or "https://").startswith("http://"):
            raise ValueError("ca needs an endpoint given as https://")
        if self.kms_key is not None and self.encryption != "kms":
            raise ValueError("kms_key needs encryption: kms")
        if self.objects.budget < 16 * MIB:
            raise ValueError("objects.budget must be 16MiB at least, which the largest part in memory has")
        if self.part_size * (self.parallel_parts + 1) > 32 * MIB:
            raise ValueError(
                "part_size times parallel_parts and one more is over 32 MiB, the most that one transfer may have in "
                "memory; lower one of them"
            )
        return self

    @property
    def path_style(self) -> bool:
        """Whether the bucket is in the path of a URL."""
        return self.addressing == "path" or (self.addressing == "auto" and self.endpoint is not None)

    @property
    def identity(self) -> str:
        """Names the store without anything secret."""
        where = urlsplit(self.endpoint).netloc.lower() if self.endpoint else f"aws:{self.region}"
        return f"s3:{where}/{self.bucket}/{self.prefix}"
