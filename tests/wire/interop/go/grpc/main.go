// Command grpc is the peer that grpc-go makes: its stock interoperability server and client, with the cases that it
// leaves out. `grpc serve` prints its address and serves until its input ends; `grpc call ADDRESS CASE` runs a case;
// `grpc relay ADDRESS NAMESPACE TOKEN` calls the acceptance kit's relay through a gateway; `grpc describe` writes the published descriptors of the messages.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
)

const largest = 20 << 20 // bytes of a received message

func main() {
	log.SetFlags(0)
	switch arguments := os.Args[1:]; {
	case len(arguments) == 1 && arguments[0] == "serve":
		serve()
	case len(arguments) == 3 && arguments[0] == "call":
		call(arguments[1], arguments[2])
	case len(arguments) == 4 && arguments[0] == "relay":
		connection := connect(arguments[1])
		relay(connection, arguments[2], arguments[3])
		disconnect(connection)
	case len(arguments) == 1 && arguments[0] == "describe":
		describe()
	default:
		log.Fatal("usage: serve | call ADDRESS CASE | relay ADDRESS NAMESPACE TOKEN | describe")
	}
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(largest))
	testpb.RegisterTestServiceServer(server, newService())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		server.Stop()
	}()
	fmt.Println(listener.Addr())
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}

func call(address, name string) {
	run, known := cases[name]
	if !known {
		log.Fatalf("no case %q", name)
	}
	connection := connect(address)
	run(connection)
	disconnect(connection)
}

func connect(address string) *grpc.ClientConn {
	connection, err := grpc.NewClient(
		"passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largest)),
	)
	if err != nil {
		log.Fatal(err)
	}
	return connection
}

func disconnect(connection *grpc.ClientConn) {
	if err := connection.Close(); err != nil {
		log.Fatal(err)
	}
}

func describe() {
	set := &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		protodesc.ToFileDescriptorProto(testpb.File_grpc_testing_empty_proto),
		protodesc.ToFileDescriptorProto(testpb.File_grpc_testing_messages_proto),
		protodesc.ToFileDescriptorProto(testpb.File_grpc_testing_test_proto),
	}}
	data, err := proto.Marshal(set)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := os.Stdout.Write(data); err != nil {
		log.Fatal(err)
	}
}
