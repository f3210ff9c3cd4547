"""The class of an operation: what authorization rules allow, as the .proto states it or as it follows."""

import itertools

import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, MethodOptions

from gateway.policed import Incoming
from prism._proto.data.v1 import options_pb2
from prism.config.access import Access
from prism.config.sections.authorization import AuthorizationSection
from prism.errors import PermissionDenied
from prism.gateway.call import Call
from prism.gateway.hops.authorize import Authorize
from prism.gateway.snapshot import Snapshot
from prism.interfaces.catalogue import interfaces
from prism.interfaces.operation import Operation
from prism.principal import OPERATION_CLASSES, Principal

_NUMBERS = itertools.count()
READS, WRITES = MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENCY_UNKNOWN


def _method(level: "MethodOptions.IdempotencyLevel.ValueType", stated: str = "UNSPECIFIED") -> MethodDescriptor:
    """A method as a .proto would have it."""
    number = next(_NUMBERS)
    file = FileDescriptorProto(name=f"test_operation_class_{number}.proto", package=f"test{number}", syntax="proto3")
    file.dependency.append("prism/data/v1/options.proto")
    file.message_type.add(name="Message")
    method = file.service.add(name="Toy").method.add(name="Do")
    method.input_type = method.output_type = f".test{number}.Message"
    method.options.idempotency_level = level
    method.options.Extensions[options_pb2.operation_class] = options_pb2.OperationClass.Value(
        f"OPERATION_CLASS_{stated}"
    )
    pool = options_pb2.DESCRIPTOR.pool
    pool.Add(file)
    return pool.FindServiceByName(f"test{number}.Toy").methods[0]


@pytest.mark.parametrize(
    ("level", "stated", "found"),
    [
        (READS, "UNSPECIFIED", "read"),
        (WRITES, "UNSPECIFIED", "write"),
        (MethodOptions.IDEMPOTENT, "UNSPECIFIED", "write"),
        (WRITES, "WRITE", "write"),
        (READS, "READ", "read"),
        (WRITES, "CONSUME", "consume"),
        (MethodOptions.IDEMPOTENT, "MANAGE", "manage"),
    ],
)
def test_what_is_stated_or_follows(level: "MethodOptions.IdempotencyLevel.ValueType", stated: str, found: str) -> None:
    """Of any .proto, a plugin's own too."""
    operation = Operation.of(_method(level, stated))
    assert operation.operation_class == found
    assert operation.reads == (level == READS)


@pytest.mark.parametrize(("level", "stated"), [(READS, "CONSUME"), (READS, "WRITE"), (WRITES, "READ")])
def test_a_contradiction_is_refused(level: "MethodOptions.IdempotencyLevel.ValueType", stated: str) -> None:
    """A read that writes would pass a rule that allows reading only."""
    with pytest.raises(TypeError, match="exactly the operations of the class read have that level"):
        Operation.of(_method(level, stated))


def test_the_first_abstractions_are_of_the_classes_that_they_were_of() -> None:
    """What reads is allowed by `read`, everything else by `write`: an upgrade changes no decision."""
    before = [interface for name, interface in interfaces().items() if name in {"keyvalue", "cache", "pubsub"}]
    operations = [operation for interface in before for operation in interface.operations]
    assert {each.name: each.operation_class for each in operations} == {
        each.name: "read" if each.reads else "write" for each in operations
    }
    assert next(each.operation_class for each in operations if each.method == "subscribe") == "read"


@pytest.mark.parametrize("allowed", OPERATION_CLASSES)
def test_a_rule_allows_its_class_and_no_other(allowed: str) -> None:
    """No class includes another."""
    rule = {"principals": ["*"], "namespaces": ["*"], "operations": [allowed]}
    access = Access(AuthorizationSection.model_validate({"rules": [rule]}))
    assert access.allowed(Principal("x"), "a") == {allowed}


def test_queue_is_of_all_four_classes() -> None:
    """Who may publish need not be allowed to consume, and neither to manage."""
    found = {each.method: each.operation_class for each in interfaces()["queue"].operations}
    assert {found[name] for name in ("publish", "publish_batch", "cancel")} == {"write"}
    assert {found[name] for name in ("consume", "receive", "acknowledge", "nack", "release", "extend", "commit")} == {
        "consume"
    }
    assert {name for name, each in found.items() if each == "read"} == {
        "describe_topic", "list_topics", "describe_group", "list_groups", "peek",
    }  # fmt: skip
    assert sum(each == "manage" for each in found.values()) == 10


def test_objects_are_read_or_written() -> None:
    """Uploads by parts are writes; who may only read lists them and their parts."""
    found = {each.method: each.operation_class for each in interfaces()["objectstore"].operations}
    assert {name for name, each in found.items() if each == "read"} == {
        "get", "head", "list", "list_uploads", "list_parts", "presign",
    }  # fmt: skip
    assert sum(each == "write" for each in found.values()) == 8


SQL = {each.method: each for each in interfaces()["sql"].operations}


@pytest.mark.parametrize(
    ("abstractions", "rights"),
    [(None, {"read"}), (["sql"], {"sql.read"}), (["keyvalue", "sql"], {"keyvalue.read", "sql.read"})],
)
def test_what_a_rule_gives_by_abstraction(abstractions: list[str] | None, rights: set[str]) -> None:
    """A rule that names abstractions is about these alone; Sql and statements of Graph are allowed by no other one."""
    rule = {"principals": ["*"], "namespaces": ["*"], "operations": ["read"]}
    rule |= {} if abstractions is None else {"abstractions": abstractions}
    access = Access(AuthorizationSection.model_validate({"rules": [rule]}))
    assert access.allowed(Principal("x"), "a") == rights
    for name, interface in interfaces().items():
        about = (abstractions is None and name != "sql") or name in (abstractions or ())
        assert access.explain(Principal("x"), "a", "read", name).allowed == about
        for each in interface.operations:
            allowed = each.right in rights or each.own_right in rights
            assert allowed == (about and each.reads and not (each.named and abstractions is None)), each.name


def test_sql_is_named() -> None:
    """No operation of it is allowed by a rule about all abstractions."""
    assert {each.right for each in SQL.values()} == {"sql.read", "sql.write"}


def test_statements_of_graph_are_named() -> None:
    """And no other operation of it."""
    found = {each.method: each.right for each in interfaces()["graph"].operations if each.named}
    assert found == {"query": "graph.read", "execute": "graph.write"}


NEED_READ = ["graph.execute", "objectstore.copy", "sql.batch", "sql.execute", "transact.transaction"]


def test_what_also_reads_needs_both() -> None:
    """A caller who may only write would learn by it what is stored."""
    needs = {
        f"{each.interface}.{each.method}": each for i in interfaces().values() for each in i.operations if each.also
    }
    assert sorted(needs) == NEED_READ
    for each in needs.values():
        own = f"{each.interface}.read"
        assert (each.also, each.also_rights) == ("read", {own} if each.named else {"read", own})


@pytest.mark.parametrize("name", NEED_READ)
@pytest.mark.parametrize("given", [{"read"}, {"write"}, {"read", "write"}])
@pytest.mark.parametrize("named", [False, True])
def test_what_also_reads_is_admitted_with_both(name: str, given: set[str], named: bool) -> None:
    """By rules about all abstractions, and by those that name its own; the refusal says which is missing."""
    abstraction, _, method = name.partition(".")
    (operation,) = (each for each in interfaces()[abstraction].operations if each.method == method)
    rule = {"principals": ["*"], "namespaces": ["*"], "operations": sorted(given)}
    rule |= {"abstractions": [abstraction]} if named else {}
    hop = Authorize(Access(AuthorizationSection.model_validate({"rules": [rule]})))
    call = Call(operation, Incoming(), Snapshot())
    call.principal, call.namespace = Principal("x"), "a"
    if given == {"read", "write"} and (named or not operation.named):
        hop(call)
        return
    with pytest.raises(PermissionDenied, match=r"may not (read|write) on"):
        hop(call)


def test_an_abstraction_that_is_none_is_refused() -> None:
    """With the name that was meant."""
    rule = {"principals": ["*"], "namespaces": ["*"], "operations": ["read"], "abstractions": ["sqll"]}
    with pytest.raises(ValueError, match="no such abstraction"):
        AuthorizationSection.model_validate({"rules": [rule]})
