"""The last hop before dispatch, route: namespace -> the plugin instance that serves it."""

from prism.errors import NamespaceNotFound, Outcome, Unimplemented
from prism.gateway.call import NAMESPACE_HEADER, Call

RETRY_AFTER = 1.0


def route(call: Call) -> None:
    """Finds the namespace and sets `call.target`.

    Raises:
        NamespaceNotFound: it is not configured.
        Unimplemented: it does not serve the operation's abstraction.
        BackendUnavailable, BackendCredentials: its instance does not serve at the moment; nothing was applied.
    """
    target = call.snapshot.namespaces.get(call.namespace)
    if target is None:
        raise NamespaceNotFound(
            f"no namespace {call.namespace[:63]!r} is configured; name one in the metadata {NAMESPACE_HEADER!r}, "
            "or add it to the gateway's configuration"
        )
    service, _, _ = call.operation.name.partition("/")
    if service not in target.interfaces:
        raise Unimplemented(f"namespace {target.name!r} serves {', '.join(sorted(target.interfaces))}, not {service}")
    if refusal := target.instance.refusal:
        backend = {"backend": target.instance.backend}
        raise target.instance.refusal_kind(
            refusal, metadata=backend, retry_after=RETRY_AFTER, outcome=Outcome.NOT_APPLIED
        )
    call.target = target
