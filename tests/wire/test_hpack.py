"""HPACK: the examples of RFC 7541, what is refused, what stays sound while much is remembered, what stays bounded."""

import tracemalloc

import pytest

from prism.wire.hpack.decoder import Decoder, HeaderListTooLarge, HpackError
from prism.wire.hpack.encoder import encode

REQUESTS = (
    (
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":path", b"/"),
        (b":authority", b"www.example.com"),
    ),
    (
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":path", b"/"),
        (b":authority", b"www.example.com"),
        (b"cache-control", b"no-cache"),
    ),
    (
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":path", b"/index.html"),
        (b":authority", b"www.example.com"),
        (b"custom-key", b"custom-value"),
    ),
)
DATES = (b"Mon, 21 Oct 2013 20:13:21 GMT", b"Mon, 21 Oct 2013 20:13:22 GMT")
RESPONSES = (
    (
        (b":status", b"302"),
        (b"cache-control", b"private"),
        (b"date", DATES[0]),
        (b"location", b"https://www.example.com"),
    ),
    (
        (b":status", b"307"),
        (b"cache-control", b"private"),
        (b"date", DATES[0]),
        (b"location", b"https://www.example.com"),
    ),
    (
        (b":status", b"200"),
        (b"cache-control", b"private"),
        (b"date", DATES[1]),
        (b"location", b"https://www.example.com"),
        (b"content-encoding", b"gzip"),
        (b"set-cookie", b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
    ),
)


@pytest.mark.parametrize(
    ("table_size", "blocks", "lists"),
    [
        pytest.param(
            4096,
            (
                "828684410f7777772e6578616d706c652e636f6d",
                "828684be58086e6f2d6361636865",
                "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
            ),
            REQUESTS,
            id="C.3",
        ),
        pytest.param(
            4096,
            (
                "828684418cf1e3c2e5f23a6ba0ab90f4ff",
                "828684be5886a8eb10649cbf",
                "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
            ),
            REQUESTS,
            id="C.4",
        ),
        pytest.param(
            256,
            (
                "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e17"
                "68747470733a2f2f7777772e6578616d706c652e636f6d",
                "4803333037c1c0bf",
                "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d41"
                "53444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
            ),
            RESPONSES,
            id="C.5",
        ),
        pytest.param(
            256,
            (
                "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae"
                "82ae43d3",
                "4883640effc1c0bf",
                "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960"
                "d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
            ),
            RESPONSES,
            id="C.6",
        ),
    ],
)
def test_examples_of_the_rfc(
    table_size: int, blocks: tuple[str, ...], lists: tuple[tuple[tuple[bytes, bytes], ...], ...]
) -> None:
    """The blocks of RFC 7541, appendix C, decode one after another to the lists given there."""
    decoder = Decoder(max_table_size=table_size)
    assert tuple(decoder.decode(bytes.fromhex(block)) for block in blocks) == lists


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"\x80", id="index 0"),
        pytest.param(b"\xbe", id="index of an empty dynamic table"),
        pytest.param(b"\x7e\x01x", id="name index of an empty dynamic table"),
        pytest.param(b"\xff", id="index cut short"),
        pytest.param(b"\xff\xff\xff\xff\xff\xff\x00", id="index of six more octets"),
        pytest.param(b"\x00", id="literal cut short before its name"),
        pytest.param(b"\x00\x05abc", id="name cut short"),
        pytest.param(b"\x00\x01a", id="literal cut short before its value"),
        pytest.param(b"\x00\x01a\x02b", id="value cut short"),
        pytest.param(b"\x00\x01a\x7f\xff\xff\xff\xff\x0f", id="value of 4 GiB"),
        pytest.param(b"\x00\x81\x00\x01b", id="name with false padding"),
        pytest.param(b"\x04\x81\xff", id="value with too much padding"),
        pytest.param(b"\x82\x20", id="table size update after a field"),
        pytest.param(b"\x3f\xe2\x1f", id="table size of 4097"),
        pytest.param(b"\x3f", id="table size cut short"),
    ],
)
def test_malformed_blocks_are_refused(block: bytes) -> None:
    """What no encoder may send ends the connection, whether or not the block begins like a known one."""
    with pytest.raises(HpackError):
        Decoder().decode(block)
    experienced = Decoder()
    for _ in range(3):
        experienced.decode(b"\x82")
    with pytest.raises(HpackError):
        experienced.decode(b"\x82" + block)


def test_what_repeats_is_the_same_object() -> None:
    """A field, and then a whole block, that was seen before is not built again."""
    decoder = Decoder()
    block = encode([(b":method", b"POST"), (b"te", b"trailers"), (b"prism-namespace", b"profiles")])
    first, second, third = decoder.decode(block), decoder.decode(block), decoder.decode(block)
    assert first == second
    assert all(one is other for one, other in zip(first, second, strict=True))
    assert second is third


def test_what_blocks_mean_is_known_as_long_as_the_table_is_what_it_is() -> None:
    """What may be looked up in place of decoding is gone with the insertion that makes it wrong."""
    decoder = Decoder()
    decoder.decode(b"\x40\x01a\x011")
    assert not decoder.blocks
    meant = decoder.decode(b"\x83\xbe\x00\x01c\x013")
    decoder.decode(b"\x83\xbe")
    blocks = decoder.blocks
    assert decoder.decode(b"\x83\xbe") == blocks[b"\x83\xbe"] == meant[:2]
    decoder.decode(b"\x40\x01b\x012")
    assert not blocks
    decoder.decode(b"\x83\xbe\x00\x01c\x014")
    assert blocks[b"\x83\xbe"] == ((b":method", b"POST"), (b"b", b"2"))
    decoder.set_max_table_size(0)
    assert not blocks


def test_a_known_block_means_something_else_after_an_insertion() -> None:
    """An index shifts with every insertion, even though the octets of the block are the same."""
    decoder = Decoder()
    decoder.decode(b"\x40\x01a\x011")
    for _ in range(3):
        assert decoder.decode(b"\x83\xbe") == ((b":method", b"POST"), (b"a", b"1"))
    decoder.decode(b"\x40\x01b\x012")
    for _ in range(3):
        assert decoder.decode(b"\x83\xbe") == ((b":method", b"POST"), (b"b", b"2"))


def test_a_known_head_is_forgotten_with_an_insertion() -> None:
    """A head that is followed by something new each time is not carried over a change of the table either."""
    decoder = Decoder()
    decoder.decode(b"\x40\x01a\x011")
    for trace in b"xyz":
        assert decoder.decode(b"\xbe\x00\x01t\x01%c" % trace) == ((b"a", b"1"), (b"t", b"%c" % trace))
    decoder.decode(b"\xbe\x40\x01b\x012")
    for trace in b"xyz":
        assert decoder.decode(b"\xbe\x00\x01t\x01%c" % trace) == ((b"b", b"2"), (b"t", b"%c" % trace))


def test_a_known_block_is_refused_once_its_field_is_evicted() -> None:
    """A block that refers to a field is not remembered beyond a table size update that evicts the field."""
    decoder = Decoder()
    decoder.decode(b"\x40\x01a\x011")
    assert decoder.decode(b"\xbe") is decoder.decode(b"\xbe")
    assert decoder.decode(b"\x20") == ()
    with pytest.raises(HpackError):
        decoder.decode(b"\xbe")


def test_a_literal_named_by_the_table_follows_the_table() -> None:
    """A literal whose name is a dynamic index is decoded with the name of the moment."""
    decoder = Decoder()
    decoder.decode(b"\x40\x01a\x011")
    assert decoder.decode(b"\x0f\x2f\x01x") == decoder.decode(b"\x0f\x2f\x01x") == ((b"a", b"x"),)
    decoder.decode(b"\x40\x01b\x012")
    assert decoder.decode(b"\x0f\x2f\x01x") == ((b"b", b"x"),)


def test_a_field_larger_than_the_table_empties_it() -> None:
    """Inserting what does not fit is no error; the table is empty afterwards (RFC 7541, section 4.4)."""
    decoder = Decoder(max_table_size=64)
    decoder.decode(b"\x40\x01a\x011")
    large = b"v" * 40
    assert decoder.decode(b"\x40\x01b\x28" + large) == ((b"b", large),)
    with pytest.raises(HpackError):
        decoder.decode(b"\xbe")


def test_decoders_do_not_share_a_table() -> None:
    """What one connection inserts, right after a table size update too, is unknown to another."""
    one, other = Decoder(), Decoder()
    one.decode(b"\x3f\x00\x40\x01a\x011")
    with pytest.raises(HpackError):
        other.decode(b"\xbe")


def test_a_smaller_table_must_be_acknowledged_by_the_next_block() -> None:
    """After our smaller setting, the next block shrinks the table or is refused, even if it was known."""
    obedient, negligent = Decoder(), Decoder()
    for decoder in (obedient, negligent):
        decoder.decode(b"\x40\x01a\x011")
        assert decoder.decode(b"\xbe") is decoder.decode(b"\xbe")
        decoder.set_max_table_size(40)
    assert obedient.decode(b"\x3f\x09\xbe") == ((b"a", b"1"),)
    assert obedient.decode(b"\xbe") == ((b"a", b"1"),)
    with pytest.raises(HpackError, match="40"):
        negligent.decode(b"\xbe")


@pytest.mark.parametrize("block", [b"", b"\x82", b"\x3f\x0a\x82"])
def test_a_table_that_does_not_shrink_is_refused(block: bytes) -> None:
    """An empty block, one without an update and one with an update to a larger size all fail to shrink the table."""
    decoder = Decoder()
    decoder.set_max_table_size(40)
    with pytest.raises(HpackError, match="40"):
        decoder.decode(block)


def test_the_smallest_of_several_limits_must_be_passed() -> None:
    """A limit lowered and raised again before the next block asks for both updates (RFC 7541, section 4.2)."""
    decoder = Decoder()
    decoder.set_max_table_size(0)
    decoder.set_max_table_size(4096)
    assert decoder.decode(b"\x20\x3f\xe1\x1f\x40\x01a\x011") == ((b"a", b"1"),)
    assert decoder.decode(b"\xbe") == ((b"a", b"1"),)


def test_a_larger_limit_asks_for_nothing() -> None:
    """An encoder need not use a limit that we raise."""
    decoder = Decoder()
    decoder.set_max_table_size(8192)
    assert decoder.decode(b"\x82") == ((b":method", b"GET"),)
    assert decoder.decode(b"\x3f\xe1\x3f\x82") == ((b":method", b"GET"),)


def test_a_list_too_large_leaves_the_table_in_step() -> None:
    """The connection goes on after an oversized list: what its block inserted, before and after the limit, is there."""
    decoder = Decoder(max_list_size=200)
    decoder.decode(b"\x40\x01z\x010")
    assert decoder.decode(b"\xbe") is decoder.decode(b"\xbe")
    block = b"\x40\x01a\x011" + b"\x82" * 10 + b"\x40\x01b\x012"
    for _ in range(3):
        with pytest.raises(HeaderListTooLarge, match="200"):
            decoder.decode(block)
    assert decoder.decode(b"\xbe") == ((b"b", b"2"),)
    assert decoder.decode(b"\xbe\xbf") == ((b"b", b"2"), (b"a", b"1"))


@pytest.mark.parametrize("start", [b"\x00\x01a", b"\x40\x01a", b"\x04", b"\x44", b"\x0f\x2f", b"\x7e"])
def test_one_field_too_large(start: bytes) -> None:
    """A single literal beyond the limit is refused each time, whatever its form and however few fields there are."""
    decoder = Decoder()
    decoder.decode(b"\x40\x01a\x011")
    for _ in range(3):
        with pytest.raises(HeaderListTooLarge):
            decoder.decode(start + b"\x7f\xa1\x9b\x01" + b"v" * 20_000 + b"\x40\x01a\x011")


def test_the_capacity_of_the_table_is_exact() -> None:
    """A table holds fields up to its very size, each counting its octets and 32 (RFC 7541, section 4.1)."""
    two, one = Decoder(max_table_size=68), Decoder(max_table_size=67)
    for decoder in (two, one):
        decoder.decode(b"\x40\x01a\x011\x40\x01b\x012")
    assert two.decode(b"\xbe\xbf") == ((b"b", b"2"), (b"a", b"1"))
    assert one.decode(b"\xbe") == ((b"b", b"2"),)
    with pytest.raises(HpackError):
        one.decode(b"\xbf")
    assert two.decode(b"\x3f\x25\xbf") == ((b"a", b"1"),)
    with pytest.raises(HpackError):
        two.decode(b"\x3f\x24\xbf")


def test_the_limit_of_a_list_is_exact() -> None:
    """A list counts its octets and 32 for each field; the limit itself is allowed (RFC 9113, section 6.5.2)."""
    block = encode([(b"a" * 10, b"b" * 20), (b"c", b"d")])
    assert len(Decoder(max_list_size=96).decode(block)) == 2
    with pytest.raises(HeaderListTooLarge):
        Decoder(max_list_size=95).decode(block)


def test_a_list_too_large_is_counted_whole() -> None:
    """What it counts is what it costs: each field, however long the block before it."""
    with pytest.raises(HeaderListTooLarge) as caught:
        Decoder().decode(b"\x82" * 4106)
    assert caught.value.size == 4106 * (len(":method") + len("GET") + 32)


def test_a_bomb_takes_no_memory() -> None:
    """A 4,000-octet field referred to 200,000 times is refused for less than the memory of the block that says so."""
    decoder = Decoder()
    decoder.decode(b"\x40\x01a\x7f\xa1\x1e" + b"v" * 4000)
    bomb = b"\xbe" * 200_000
    tracemalloc.start()
    try:
        with pytest.raises(HeaderListTooLarge):
            decoder.decode(bomb)
        assert tracemalloc.get_traced_memory()[1] < len(bomb) // 2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("large", [30, 1500, 10_000])
def test_new_fields_for_ever_take_no_more_memory(large: int) -> None:
    """A peer that never repeats itself fills what is remembered once; after that, memory stays as it is."""
    decoder = Decoder()

    def attack(start: int) -> int:
        for i in range(start, start + 1000):
            decoder.decode(encode([(b":method", b"POST"), (b"x%d" % i, b"v" * large)]))
            decoder.decode(b"\x83" * (i % 100) + b"\x86" * (i // 100 % 100) + b"\x87")
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        assert attack(0) < 120_000
        assert attack(1000) < 120_000
        assert attack(2000) < 120_000
    finally:
        tracemalloc.stop()


def test_an_idle_decoder_is_small() -> None:
    """Ten thousand idle connections cost a few megabytes of decoders at most."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        decoders = [Decoder() for _ in range(1000)]
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken < 600 * len(decoders)
