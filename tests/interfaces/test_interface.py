"""Interface.of: the Protocols, the capabilities and the .proto of an abstraction agree, or it is not loaded."""

import pytest

from prism._proto.data.v1 import keyvalue_pb2 as pb
from prism.interfaces import keyvalue as kv
from prism.interfaces.capabilities import Capabilities
from prism.interfaces.capabilities.keyvalue import KeyValueCapabilities
from prism.interfaces.catalogue import interfaces
from prism.interfaces.operation import Interface

SERVICE = pb.DESCRIPTOR.services_by_name["KeyValue"]
OPTIONAL = {"scan": kv.Scan, "compare_and_swap": kv.CompareAndSwap, "ttl": kv.Ttl}
DERIVED = kv.INTERFACE.derived


def test_every_abstraction_brings_its_own_capabilities() -> None:
    """Nothing of one abstraction is in the model of another, and what is common is in all."""
    models = {name: set(each.capabilities.model_fields) for name, each in interfaces().items()}
    assert all(model >= set(Capabilities.model_fields) for model in models.values())
    assert "scan" in models["keyvalue"]
    assert not {"scan", "ordering"} & models["cache"]
    assert models["pubsub"] - set(Capabilities.model_fields) == {"ordering", "queue_groups", "persistent"}


@pytest.mark.parametrize(
    ("optional", "model", "message"),
    [
        ({}, KeyValueCapabilities, "KeyValue lacks the method scan of .*, which needs the capability 'scan'"),
        (OPTIONAL | {"ttl": kv.Scan}, KeyValueCapabilities, "Scan lacks the method expire of .* 'ttl'"),
        (OPTIONAL, Capabilities, "Capabilities lacks compare_and_swap, idempotency, scan, ttl, versions of"),
    ],
)
def test_what_does_not_agree_is_refused(optional: dict[str, type], model: type[Capabilities], message: str) -> None:
    """A method in the wrong Protocol, and a capability that the model has no field for."""
    with pytest.raises(TypeError, match=message):
        assert Interface.of(
            kv.KeyValue, SERVICE, capabilities=lambda: model, optional=optional, derived=DERIVED
        ).capabilities


def test_an_operation_without_a_method_is_refused() -> None:
    """The core has one for each operation that needs no capability."""
    with pytest.raises(TypeError, match=r"Ttl lacks the method put of prism\.data\.v1\.KeyValue$"):
        Interface.of(kv.Ttl, SERVICE, capabilities=lambda: KeyValueCapabilities, optional=OPTIONAL, derived=DERIVED)


def test_an_operation_knows_its_abstraction() -> None:
    """By its name in configuration."""
    assert all(each.interface == name for name, found in interfaces().items() for each in found.operations)
