"""The last hop before dispatch, route: namespace and abstraction -> the plugin instance that serves them."""

from prism.errors import DataLoss, NamespaceNotFound, Outcome, Unimplemented
from prism.gateway.call import NAMESPACE_HEADER, Call

RETRY_AFTER = 1.0


def route(call: Call) -> None:
    """Finds the namespace and sets `call.target`.

    Raises:
        NamespaceNotFound: it is not configured.
        Unimplemented: it does not serve the operation's abstraction.
        BackendUnavailable, BackendCredentials, DataLoss: its instance does not serve at the moment; nothing was
            applied.
    """
    namespace = call.snapshot.namespaces.get(call.namespace)
    if namespace is None:
        raise NamespaceNotFound(
            f"no namespace {call.namespace[:63]!r} is configured; name one in the metadata {NAMESPACE_HEADER!r}, "
            "or add it to the gateway's configuration"
        )
    service = call.operation.service
    target = namespace.targets.get(service)
    if target is None:
        raise Unimplemented(
            f"namespace {namespace.name!r} serves {', '.join(sorted(namespace.targets))}, not {service}"
        )
    if refusal := target.instance.refusal:
        backend = {"backend": target.instance.backend}
        kind = target.instance.refusal_kind
        retry_after = None if kind is DataLoss else RETRY_AFTER  # no waiting mends what is damaged
        raise kind(refusal, metadata=backend, retry_after=retry_after, outcome=Outcome.NOT_APPLIED)
    call.target = target
