package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"google.golang.org/protobuf/proto"
)

const sealSize = 8

// query is what a cursor belongs to: the request without its cursor and limit, and the namespace. A cursor is a
// position, sealed with a digest of the query; the seal is no secret, as a cursor grants nothing that its query does not.
type query []byte

func queryOf(namespace string, request proto.Message) query {
	bare := proto.Clone(request)
	fields := bare.ProtoReflect().Descriptor().Fields()
	for _, name := range []string{"cursor", "limit"} {
		for i := range fields.Len() {
			if string(fields.Get(i).Name()) == name {
				bare.ProtoReflect().Clear(fields.Get(i))
			}
		}
	}
	scope := append([]byte(bare.ProtoReflect().Descriptor().FullName()), 0)
	scope = append(append(scope, namespace...), 0)
	scope, _ = proto.MarshalOptions{Deterministic: true}.MarshalAppend(scope, bare)
	return scope
}

// cursor is that of a position: the parts of the last row's sort key.
func (q query) cursor(position ...[]byte) []byte {
	var packed []byte
	for _, part := range position {
		packed = append(binary.BigEndian.AppendUint16(packed, uint16(len(part))), part...)
	}
	return append(append([]byte{1}, q.seal(packed)...), packed...)
}

// position gives the parts that the cursor was made of; none for an empty cursor.
func (q query) position(cursor []byte, parts int) ([][]byte, error) {
	if len(cursor) == 0 {
		return nil, nil
	}
	refused := invalid(violation{
		"cursor", "not a cursor of this query", "pass next_cursor unchanged, with the same other fields",
	})
	if len(cursor) < 1+sealSize || cursor[0] != 1 {
		return nil, refused
	}
	packed := cursor[1+sealSize:]
	if !bytes.Equal(cursor[1:1+sealSize], q.seal(packed)) {
		return nil, refused
	}
	var found [][]byte
	for len(packed) >= 2 {
		size := int(binary.BigEndian.Uint16(packed))
		if packed = packed[2:]; size > len(packed) {
			return nil, refused
		}
		found, packed = append(found, packed[:size]), packed[size:]
	}
	if len(found) != parts || len(packed) > 0 {
		return nil, refused
	}
	return found, nil
}

func (q query) seal(packed []byte) []byte {
	digest := sha256.New()
	digest.Write(binary.BigEndian.AppendUint64(nil, uint64(len(q))))
	digest.Write(q)
	digest.Write(packed)
	return digest.Sum(nil)[:sealSize]
}
