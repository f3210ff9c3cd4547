"""The namespace is metadata: a gateway decides by it alone, and an unknown one is refused."""

import pytest

from prism.acceptance.skips import not_applicable
from prism.acceptance.suites.keyvalue.dsl import OPERATIONS, KeyValue
from prism.errors import NamespaceNotFound, PrismError
from prism.interfaces.keyvalue import GetRequest
from prism.wire.grpc.status import Code

pytestmark = pytest.mark.ways("grpc", "http", "client")


async def test_an_unknown_namespace_is_refused(kv: KeyValue) -> None:
    """CONTRACT, common rules: the gateway decides by the namespace alone; one that is not configured does not exist."""
    error = await kv.elsewhere("not-configured").refused(NamespaceNotFound, "Get", GetRequest(id="r", keys=[b"k"]))
    assert "not-configured" in error.message


@pytest.mark.parametrize("name", ["Upper", "under_score", "a" * 64, "white space", "sl/ash", "*"])
async def test_a_malformed_namespace_is_refused(kv: KeyValue, name: str) -> None:
    """CONTRACT, common rules: names: 1 to 63 characters of `[a-z0-9.-]`."""
    with pytest.raises(PrismError) as caught:
        await kv.elsewhere(name).get("r", b"k")
    assert caught.value.code in (Code.INVALID_ARGUMENT, Code.NOT_FOUND)


async def test_no_namespace_means_default(kv: KeyValue) -> None:
    """CONTRACT, common rules: absent means `default`."""
    if not kv.namespaces.default:
        not_applicable("the namespace `default` is of another abstraction that this plugin serves")
    await kv.elsewhere("default").put(f"of {kv.namespace}", {b"k": kv.namespace.encode()})
    request = GetRequest(id=f"of {kv.namespace}", keys=[b"k"])
    answer = await kv.caller.call(OPERATIONS["Get"], request, namespace=None)
    assert [item.value for item in answer.items] == [kv.namespace.encode()]
