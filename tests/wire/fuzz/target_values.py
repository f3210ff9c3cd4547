"""The small readers: HPACK against the `hpack` library, gRPC messages against a plain model, header fields."""

import zlib
from typing import Any, Final

import hpack

from prism.wire import Metadata
from prism.wire.grpc.deadline import format_timeout, parse_timeout
from prism.wire.grpc.fields import Fields
from prism.wire.grpc.inbox import BadMessage, Inbox
from prism.wire.grpc.metadata import decode_binary, encode_binary
from prism.wire.grpc.request_head import read_request
from prism.wire.grpc.response_head import read_response
from prism.wire.grpc.status import decode_message, encode_message, parse_code
from prism.wire.hpack.decoder import Decoder, HeaderListTooLarge, HpackError
from prism.wire.hpack.encoder import encode
from prism.wire.http2.frames import MESSAGE_HEAD, StreamFault
from wire.fuzz.script import Script
from wire.fuzz.stage import Finding, Stage

_LIST_SIZE: Final = 3000
_LIMIT: Final = 5000
_REFUSED: Final = "refused"

Fields_ = tuple[tuple[bytes, bytes], ...]


class HpackTarget:
    """Blocks in a row, for our decoder and the library's: both read the same, or both refuse."""

    def __init__(self, stage: Stage) -> None:
        pass

    def __call__(self, data: bytes) -> None:
        """Blocks are separated by their length, in one octet; an odd first octet makes each come twice."""
        ours, library = Decoder(max_list_size=_LIST_SIZE), hpack.Decoder(_LIST_SIZE)
        twice, at = data[:1] and data[0] & 1, 1
        while at < len(data):
            length = data[at]
            block = data[at + 1 : at + 1 + length]
            at += 1 + length
            for _ in range(2 if twice else 1):
                expected = self._theirs(library, block)
                got = self._ours(ours, block)
                if got != expected:
                    raise Finding(f"block {block!r}: we read {got}, the library {expected}")
                if expected == _REFUSED:
                    return
                if not isinstance(got, str) and self._theirs(hpack.Decoder(1 << 20), encode(got)) != got:
                    raise Finding(f"{got} does not survive encoding")

    def _ours(self, decoder: Decoder, block: bytes) -> Fields_ | str:
        try:
            return decoder.decode(block)
        except (HpackError, HeaderListTooLarge):
            return _REFUSED

    def _theirs(self, decoder: hpack.Decoder, block: bytes) -> Fields_ | str:
        try:
            decoded: Any = decoder.decode(block, raw=True)
        except hpack.HPACKDecodingError:
            return _REFUSED
        return tuple((bytes(name), bytes(value)) for name, value in decoded)


class InboxTarget:
    """gRPC messages, some gzip, cut anywhere, against a model that reads them whole."""

    def __init__(self, stage: Stage) -> None:
        pass

    def __call__(self, data: bytes) -> None:
        script = Script(data)
        encoding = "gzip" if script.options & 1 else None
        inbox = Inbox(65_535, _LIMIT, encoding)
        got: list[bytes] = []
        failed = False
        fed = 0

        def take() -> None:
            try:
                got.append(inbox.take())
            except BadMessage:
                inbox.messages.clear()
                raise

        try:
            for piece in script.pieces():
                inbox.feed(b"before" + piece + b"behind", 6, 6 + len(piece))
                fed += len(piece)
                if inbox.stored() > max(fed, len(inbox.messages) * (_LIMIT + 5)) + _LIMIT:
                    raise Finding(f"{inbox.stored()} bytes stored of {fed}")
                while script.options & 2 and inbox.messages:
                    take()
            inbox.end()
        except BadMessage:
            failed = True
        try:
            while inbox.messages:
                take()
        except BadMessage:
            failed = True
        expected, wrong = self._model(script.body, encoding)
        if got != expected or failed != wrong:
            raise Finding(f"read {got} ({failed}), expected {expected} ({wrong})")
        if not failed and (inbox.stored() or inbox.missing):
            raise Finding(f"{inbox.stored()} bytes stored and {inbox.missing} missing at the end")

    def _model(self, body: bytes, encoding: str | None) -> tuple[list[bytes], bool]:
        messages: list[bytes] = []
        at = 0
        while len(body) - at >= 5:
            flag, length = MESSAGE_HEAD.unpack_from(body, at)
            content = body[at + 5 : at + 5 + length]
            if flag > 1 or (flag and encoding is None) or length > _LIMIT:
                return messages, True
            if len(content) < length:
                return messages, True
            if flag:
                try:
                    reader = zlib.decompressobj(wbits=31)
                    content = reader.decompress(content) + reader.flush()
                except zlib.error:
                    return messages, True
                if not reader.eof or reader.unused_data or len(content) > _LIMIT:
                    return messages, True
            messages.append(content)
            at += 5 + length
        return messages, at != len(body)


class FieldsTarget:
    """Header names and values: read as a request's, as a response's, and one by one."""

    def __init__(self, stage: Stage) -> None:
        pass

    def __call__(self, data: bytes) -> None:
        """Fields are lines: `name=value`."""
        lines = [line.partition(b"=") for line in data.split(b"\n") if line]
        pairs = tuple((name, value) for name, _, value in lines)
        known = Fields()
        for read in (read_request, read_response):
            try:
                head: Any = read(1, pairs, known)
            except StreamFault:
                continue
            again: Any = read(1, pairs, known)
            if str(head) != str(again):
                raise Finding(f"{head} the first time and {again} the second")
            if read is read_response:
                head.status()
                self._round_trip(head.metadata)
            else:
                self._round_trip(head[2])
        for name, value in pairs:
            self._values(name, value)

    def _values(self, name: bytes, value: bytes) -> None:
        text = value.decode("latin-1")
        try:
            seconds = parse_timeout(text)
            if not 0 <= seconds <= 99_999_999 * 3600:
                raise Finding(f"time-out {text!r} is {seconds}")
            if seconds and abs(parse_timeout(format_timeout(seconds).decode()) - seconds) > max(0.002, seconds * 0.001):
                raise Finding(f"time-out {text!r} does not survive: {format_timeout(seconds)!r}")
        except ValueError:
            pass
        try:
            for each in decode_binary(value):
                if decode_binary(encode_binary(each)) != [each]:
                    raise Finding(f"binary {each!r} does not survive")
        except ValueError:
            pass
        decode_message(text)
        parse_code(text)
        if decode_message(encode_message(text).decode("ascii")) != text:
            raise Finding(f"message {text!r} does not survive: {encode_message(text)!r}")
        try:
            metadata = Metadata([(name.decode("latin-1"), value if name.endswith(b"-bin") else text)])
        except ValueError:
            return
        self._round_trip(metadata)

    def _round_trip(self, metadata: Metadata) -> None:
        try:
            # A user-agent is not passed on: it is not the passer's.
            sendable = Metadata((name, value) for name, value in metadata if name != "user-agent")
        except ValueError:
            # What may be received and not sent: text that is no ASCII, for example.
            return
        decoded: Any = hpack.Decoder(1 << 24).decode(sendable.encoded(), raw=True)
        plain = (b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/")
        pairs = *plain, *((bytes(name), bytes(value)) for name, value in decoded)
        received = read_request(1, (*pairs, (b"content-type", b"application/grpc")), Fields())[2]
        if received != sendable:
            raise Finding(f"{tuple(sendable)} was received as {tuple(received)}")
