"""The redis plugin with a cache that lies about its store, as a process to be run as a sidecar.

Its lies keep out of each other's way: each is there where one suite looks.
"""

from prism.backends.redis import backend
from prism.backends.redis.cache import RedisCache
from prism.errors import BackendUnavailable, Outcome, StoreFull
from prism.host import main
from prism.interfaces.cache import Context, GetRequest, GetResponse, SetRequest, SetResponse


class LyingCache(RedisCache):
    """A store that is gone is an empty one, a full one stores, and some of what is stored is said not to be."""

    async def get(self, request: GetRequest, context: Context) -> GetResponse:
        try:
            return await super().get(request, context)
        except BackendUnavailable:
            return GetResponse()

    async def set(self, request: SetRequest, context: Context) -> SetResponse:
        try:
            answer = await super().set(request, context)
        except StoreFull:
            return SetResponse(stored=True)
        if request.key.endswith(b"99"):
            raise BackendUnavailable("nothing was stored, says the liar", outcome=Outcome.NOT_APPLIED)
        return answer


if __name__ == "__main__":
    backend.RedisCache = LyingCache  # type: ignore[misc]  # the class is what the mutant changes
    main()
