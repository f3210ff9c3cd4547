package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const relayService = "/prism.acceptance.Relay/"

// relay sends three parts to an operation of each kind of the acceptance kit's relay, in a namespace of a gateway.
func relay(connection *grpc.ClientConn, namespace, token string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "prism-namespace", namespace, "authorization", "Bearer "+token)
	parts := [][]byte{[]byte("one"), []byte(strings.Repeat("two", 30_000)), {}}

	answer := new(wrapperspb.BytesValue)
	must(connection.Invoke(ctx, relayService+"Echo", wrapperspb.Bytes(parts[0]), answer))
	expect(string(answer.Value), "one")

	down := open(ctx, connection, "Down", &grpc.StreamDesc{ServerStreams: true})
	must(down.SendMsg(wrapperspb.Int64(2)))
	must(down.CloseSend())
	for number := range 2 {
		must(down.RecvMsg(answer))
		expect(string(answer.Value), fmt.Sprintf("part %d", number))
	}
	ended(down)

	up := open(ctx, connection, "Up", &grpc.StreamDesc{ClientStreams: true})
	for _, part := range parts {
		must(up.SendMsg(wrapperspb.Bytes(part)))
	}
	must(up.CloseSend())
	must(up.RecvMsg(answer))
	sum, _, _ := strings.Cut(string(answer.Value), " bytes")
	expect(sum, "3 parts, 90003")

	both := open(ctx, connection, "Both", &grpc.StreamDesc{ClientStreams: true, ServerStreams: true})
	for _, part := range parts {
		must(both.SendMsg(wrapperspb.Bytes(part)))
		must(both.RecvMsg(answer))
		expect(string(answer.Value), string(part))
	}
	must(both.CloseSend())
	ended(both)
}

func open(ctx context.Context, connection *grpc.ClientConn, method string, kind *grpc.StreamDesc) grpc.ClientStream {
	stream, err := connection.NewStream(ctx, kind, relayService+method)
	must(err)
	return stream
}

func ended(stream grpc.ClientStream) {
	if err := stream.RecvMsg(new(wrapperspb.BytesValue)); err != io.EOF {
		log.Fatalf("the stream goes on, or failed: %v", err)
	}
}

func expect(found, wanted string) {
	if found != wanted {
		log.Fatalf("%q came, and %q was sent", found, wanted)
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
