"""The s3 backend, as its host sees it."""

import asyncio
from collections.abc import Mapping, Sequence

from prism.backends.s3.bucket import Bucket
from prism.backends.s3.config import NAMESPACE, S3Config, S3Credentials
from prism.backends.s3.errors import S3Error, translate
from prism.backends.s3.objectstore import S3ObjectStore
from prism.backends.s3.sweep import sweep
from prism.backends.s3.traits import find_out
from prism.errors import BackendUnavailable, FailedPrecondition, PrismError
from prism.sdk import Health, HealthStatus, Sweeper

_HEALTH_TIMEOUT = 2.0


class S3Backend:
    """Objects in one bucket, which any number of gateways may share."""

    def __init__(self, config: S3Config, credentials: S3Credentials) -> None:
        self._config = config
        self._bucket = Bucket(config, credentials)
        self._sweeper = Sweeper(lambda: sweep(self._bucket), config.sweep_interval)
        self._objects = S3ObjectStore(self._bucket)
        self._namespaces: set[str] = set()

    @property
    def identity(self) -> str:
        """Server, bucket and prefix as configured."""
        return self._config.identity

    @property
    def interfaces(self) -> Sequence[object]:
        return (self._objects,)

    async def start(self) -> None:
        bucket = self._bucket
        await bucket.client.start()
        try:
            bucket.traits = await find_out(bucket.client, f"{bucket.keys.common}prism-try-", bucket.encryption)
        except S3Error as error:
            raise translate(error, writes=False) from error
        bucket.multipart.asks_first = not bucket.traits.tells_ended_uploads
        self._sweeper.start()

    async def attach(self, namespace: str) -> None:
        self._namespaces.add(namespace)
        if self._bucket.keys.one_namespace and len(self._namespaces) > 1:
            raise FailedPrecondition(
                f"the option prefix has no {NAMESPACE}, so that one namespace alone may use this configuration of "
                f"backend s3, and {len(self._namespaces)} do: put {NAMESPACE} into the prefix"
            )

    async def holds_data(self, namespace: str) -> bool:
        prefix = self._bucket.keys.prefix(namespace)
        try:
            answer = await self._bucket.client.ask("list_objects_v2", Prefix=prefix, MaxKeys=1)
        except S3Error as error:
            raise translate(error, writes=False) from error
        return bool(answer.get("Contents"))

    async def health(self) -> Health:
        try:
            async with asyncio.timeout(_HEALTH_TIMEOUT):
                await self._bucket.client.ask("head_bucket")
        except S3Error as error:
            wrong: PrismError = translate(error, writes=False)
        except TimeoutError:
            wrong = BackendUnavailable(f"S3 did not answer within {_HEALTH_TIMEOUT:g} s: check that it can be reached")
        else:
            return Health(HealthStatus.HEALTHY, "", self._details())
        return Health(HealthStatus.UNHEALTHY, wrong.message, self._details())

    def metrics(self) -> Mapping[str, float]:
        bucket = self._bucket
        return {
            "transfers": bucket.writer.transfers + bucket.reader.transfers,
            "transfer_bytes_held": bucket.budget.taken,
            "object_bytes": bucket.moved,
            "requests": bucket.client.requests,
            "requests_repeated": bucket.client.repeats,
            "reads_resumed": bucket.reader.resumed,
            "uploads_swept": bucket.swept,
        }

    async def stop(self) -> None:
        await self._sweeper.stop()
        await self._bucket.client.close()

    def _details(self) -> Mapping[str, str]:
        details = {name: f"{value:g}" for name, value in self.metrics().items()}
        return {**details, "not_at_this_server": ", ".join(self._bucket.traits.missing) or "nothing"}
