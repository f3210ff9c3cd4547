"""What became of each of many: gone, or an error of its own."""

from prism.errors import CallerError, Outcome, PrismError
from prism.interfaces.objectstore import DeleteManyResponse
from prism.rpc_status import to_rpc_status


def deleted(key: str, error: PrismError | None = None) -> DeleteManyResponse.Result:
    """The result of one key of a DeleteMany."""
    if error is None:
        return DeleteManyResponse.Result(key=key)
    if error.outcome is None:
        error.outcome = Outcome.NOT_APPLIED if isinstance(error, CallerError) else Outcome.UNKNOWN
    return DeleteManyResponse.Result(key=key, error=to_rpc_status(error))
