"""What reflection answers from: the files that describe some services, and where in them each name is declared.

Only what the services reach (and what is named beside them) is described, from whatever descriptor pools it lives in; a
process holds more than it serves.
"""

from collections.abc import Iterable, Iterator

from google.protobuf.descriptor import Descriptor, FileDescriptor, ServiceDescriptor


class Described:
    """The descriptions of some services.

    Attributes:
        services: their full names, in order.
    """

    services: tuple[str, ...]

    def __init__(self, services: Iterable[ServiceDescriptor], files: Iterable[FileDescriptor] = ()) -> None:
        """
        Args:
            services: what is listed, with the files that describe it.
            files: what is described beside it: messages that travel in a `google.protobuf.Any`.
        """
        self._services = tuple(services)
        self._roots = [*(service.file for service in self._services), *files]
        self.describe_besides(())

    def describe_besides(self, services: Iterable[ServiceDescriptor]) -> None:
        """Lists these services too, in place of those that were given last."""
        others = tuple(services)
        self.services = tuple(sorted(service.full_name for service in (*self._services, *others)))
        self._files: dict[str, FileDescriptor] = {}
        self._symbols: dict[str, FileDescriptor] = {}
        self._extensions: dict[str, dict[int, FileDescriptor]] = {}
        self._describe(*self._roots, *(service.file for service in others))

    def add(self, *files: FileDescriptor) -> None:
        """More to describe: these files, with all they need. One that is known already stays as it is."""
        self._roots += [each for each in files if each not in self._roots]
        self._describe(*files)

    def _describe(self, *files: FileDescriptor) -> None:
        seen: set[FileDescriptor] = set()
        for root in files:
            for file in _with_imports(root):
                if file not in seen and self._files.get(file.name) is not file:
                    seen.add(file)
                    self._add(file)

    def _add(self, file: FileDescriptor) -> None:
        """What is known of a name stays; of two files of one name, the second gives the symbols that it has alone."""
        self._files.setdefault(file.name, file)
        for symbol in _symbols(file):
            self._symbols.setdefault(symbol, file)
        for extended, number in _extensions(file):
            self._extensions.setdefault(extended, {}).setdefault(number, file)

    def by_name(self, name: str) -> list[bytes] | None:
        """The file of that name and what it imports, serialised; None where there is none."""
        return _serialised(self._files.get(name))

    def by_symbol(self, symbol: str) -> list[bytes] | None:
        """The file that declares a full name, as `by_name`."""
        return _serialised(self._symbols.get(symbol.removeprefix(".")))

    def by_extension(self, extended: str, number: int) -> list[bytes] | None:
        """The file that declares an extension of the message type `extended`, as `by_name`."""
        return _serialised(self._extensions.get(extended, {}).get(number))

    def extension_numbers(self, extended: str) -> list[int] | None:
        """The extensions of the message type `extended`; None where there is no such type."""
        numbers = sorted(self._extensions.get(extended, {}))
        return numbers if numbers or extended in self._symbols else None


def _with_imports(file: FileDescriptor) -> Iterator[FileDescriptor]:
    """The file and all it needs, each once, what is needed first."""
    seen: set[str] = set()

    def visit(each: FileDescriptor) -> Iterator[FileDescriptor]:
        if each.name not in seen:
            seen.add(each.name)
            for imported in each.dependencies:
                yield from visit(imported)
            yield each

    return visit(file)


def _serialised(file: FileDescriptor | None) -> list[bytes] | None:
    """The file first, as clients expect that take only one."""
    return None if file is None else [each.serialized_pb for each in reversed([*_with_imports(file)])]


def _symbols(file: FileDescriptor) -> Iterator[str]:
    for message in file.message_types_by_name.values():
        yield from _symbols_of_message(message)
    for enum in file.enum_types_by_name.values():
        yield enum.full_name
    for extension in file.extensions_by_name.values():
        yield extension.full_name
    for service in file.services_by_name.values():
        yield service.full_name
        yield from (method.full_name for method in service.methods)


def _symbols_of_message(message: Descriptor) -> Iterator[str]:
    yield message.full_name
    for declared in (message.fields, message.oneofs, message.enum_types, message.extensions):
        yield from (each.full_name for each in declared)
    for nested in message.nested_types:
        yield from _symbols_of_message(nested)


def _extensions(file: FileDescriptor) -> Iterator[tuple[str, int]]:
    """The extensions that the file declares: the type extended, and the number."""
    declared = [*file.extensions_by_name.values()]
    messages = [*file.message_types_by_name.values()]
    while messages:
        message = messages.pop()
        declared += message.extensions
        messages += message.nested_types
    for extension in declared:
        if extension.containing_type is not None:
            yield extension.containing_type.full_name, extension.number
