"""Where the gateway's account at S3 comes from: the namespace, the environment, a file that changes, a token."""

import asyncio
import configparser
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiobotocore import credentials as driver
from aiobotocore.session import AioSession
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import CredentialRetrievalError, NoCredentialsError

from prism.backends.s3.config import S3Config, S3Credentials


async def log_in(session: AioSession, config: S3Config, credentials: S3Credentials) -> None:
    """Gives the session its account; what is not the default order of the driver is taken from nowhere else."""
    if credentials.access_key_id is not None and credentials.secret_access_key is not None:
        token = credentials.session_token
        session.set_credentials(
            credentials.access_key_id,
            credentials.secret_access_key.get_secret_value(),
            token.get_secret_value() if token else None,
        )
    elif config.login != "default":
        session._credentials = await _found(session, config)  # where set_credentials puts them


async def _found(session: AioSession, config: S3Config) -> Any:
    if config.credentials_file is not None:
        return FileCredentials(config.credentials_file, config.profile)
    if config.login == "environment":
        return await driver.AioEnvProvider().load() or _None()
    profile = {"role_arn": config.role_arn, "web_identity_token_file": str(config.token_file)}
    provider = driver.AioAssumeRoleWithWebIdentityProvider(
        load_config=lambda: {"profiles": {"prism": profile}},
        client_creator=_creator(session, config),
        cache={},
        profile_name="prism",
        disable_env_vars=True,
    )
    return await provider.load()


def _creator(session: AioSession, config: S3Config) -> Any:
    def create(service: str, **given: Any) -> Any:
        return session.create_client(service, **{"region_name": config.region, **given})

    return create


class _None(driver.AioCredentials):  # type: ignore[misc]  # the driver has no types
    """There is no account where it was to be."""

    def __init__(self) -> None:
        super().__init__("none", "none")

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        raise NoCredentialsError


class FileCredentials(driver.AioCredentials):  # type: ignore[misc]  # the driver has no types
    """The account of a section of a shared credentials file, as the file is now.

    A file that cannot be read, or lacks the section, leaves the account as it was.
    """

    def __init__(self, path: Path, profile: str) -> None:
        super().__init__("not read yet", "not read yet")
        self._path = path
        self._profile = profile
        self._stamp: tuple[int, int, int] | None = None
        self._frozen: ReadOnlyCredentials | None = None

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """As the driver asks for it, before each request."""
        await asyncio.to_thread(self._look)
        if self._frozen is None:
            why = f"the credentials file has no section {self._profile!r} with a key, or cannot be read"
            raise CredentialRetrievalError(provider="file", error_msg=why)
        return self._frozen

    def _look(self) -> None:
        with contextlib.suppress(OSError, configparser.Error, KeyError):
            status = self._path.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._frozen = _read(self._path.read_text(), self._profile)
                self._stamp = stamp


def _read(text: str, profile: str) -> ReadOnlyCredentials:
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    section: Mapping[str, str] = parser[profile]
    return ReadOnlyCredentials(
        section["aws_access_key_id"], section["aws_secret_access_key"], section.get("aws_session_token")
    )
