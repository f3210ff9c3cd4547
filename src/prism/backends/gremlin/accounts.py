"""Who opens a connection to Neptune: each opening is signed with the AWS account as it is then."""

from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Final

from prism.backends.gremlin.config import GremlinConfig, GremlinCredentials
from prism.backends.gremlin.sigv4 import Account, signed_headers
from prism.errors import BackendCredentials, FailedPrecondition
from prism.sdk.driver_errors import LATER

_SERVICE: Final = "neptune-db"


class Accounts:
    """The AWS account of one configuration, where it has one."""

    def __init__(self, config: GremlinConfig, credentials: GremlinCredentials) -> None:
        self._config = config
        self._given = _given(credentials)
        self._found: Any = None

    async def headers(self) -> Mapping[str, str]:
        """What a request that opens a WebSocket carries.

        Raises:
            BackendCredentials: no account can be found, or the one that was found cannot be made anew.
            FailedPrecondition: none is given, and the package that looks for one is not installed.
        """
        region = self._config.region
        if region is None:
            return {}
        account = self._given or await self._look()
        return signed_headers(self._config.url, account, region, _SERVICE, datetime.now(UTC))

    async def _look(self) -> Account:
        """The account where AWS's tools look for one; a temporary one is made anew before it ends."""
        if self._found is None:
            try:
                session = import_module("aiobotocore.session")
            except ImportError as error:
                raise FailedPrecondition(
                    "looking for an AWS account needs aiobotocore: run pip install 'prism-gateway[s3]', or give "
                    "access_key_id and secret_access_key as credentials"
                ) from error
            self._found = await _found(session.get_session().get_credentials())
        if self._found is None:
            raise BackendCredentials(
                "no AWS account was found to sign with: give access_key_id and secret_access_key, or a role",
                retry_after=LATER,
            )
        frozen = await _found(self._found.get_frozen_credentials())
        return Account(frozen.access_key, frozen.secret_key, frozen.token or "")


async def _found(looking: Awaitable[Any]) -> Any:
    wrong: type[Exception] = import_module("botocore.exceptions").BotoCoreError
    try:
        return await looking
    except (wrong, RuntimeError, OSError) as error:
        said = str(error).partition("\n")[0] or type(error).__name__
        raise BackendCredentials(
            f"the AWS account to sign with was not found: check its role or file ({said})", retry_after=LATER
        ) from error


def _given(credentials: GremlinCredentials) -> Account | None:
    if credentials.access_key_id is None or credentials.secret_access_key is None:
        return None
    token = credentials.session_token
    secret = credentials.secret_access_key.get_secret_value()
    return Account(credentials.access_key_id, secret, token.get_secret_value() if token else "")
