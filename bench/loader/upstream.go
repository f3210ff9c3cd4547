package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	largest = 20 << 20 // bytes of a received message
	window  = 4 << 20  // bytes a peer may send ahead

	// The fields of prism.plugin.v1: ExecuteRequest.raw_params, ExecuteResponse.success and .raw_result,
	// ExecuteStreamResponse.raw_result.
	rawParams      = 3
	success        = 1
	rawResult      = 5
	streamedResult = 2
)

// rawCodec leaves messages as the bytes that they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(message any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*message.(*[]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, message any) error {
	*message.(*[]byte) = data.Materialize()
	return nil
}

// serve echoes until its input ends, with the stock server of grpc-go. It prints a line once it listens.
func serve(path string) {
	listener, err := net.Listen("unix", path)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(
		grpc.ForceServerCodecV2(rawCodec{}),
		grpc.MaxRecvMsgSize(largest),
		grpc.InitialWindowSize(window),
		grpc.InitialConnWindowSize(window),
		grpc.SharedWriteBuffer(true),
	)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "prism.data.v1.KeyValue",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Get", Handler: unary(echo)}},
		Streams:     []grpc.StreamDesc{{StreamName: "ScanStream", Handler: stream(echo), ServerStreams: true}},
	}, nil)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "prism.plugin.v1.BackendPlugin",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			{MethodName: "Execute", Handler: unary(execute)},
			{MethodName: "Initialize", Handler: unary(always(initialized()))},
			{MethodName: "HealthCheck", Handler: unary(always(nil))}, // healthy
			{MethodName: "Shutdown", Handler: unary(always(serving()))},
		},
		Streams: []grpc.StreamDesc{{StreamName: "ExecuteStream", Handler: stream(executeStream), ServerStreams: true, ClientStreams: true}},
	}, nil)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "grpc.health.v1.Health",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Check", Handler: unary(always(serving()))}},
	}, nil)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		server.Stop()
	}()
	fmt.Println("ready")
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}

// form tells a request's payload, and how a response is made of one.
type form func(request []byte) (payload []byte, respond func([]byte) []byte, err error)

func echo(request []byte) ([]byte, func([]byte) []byte, error) {
	return request, func(response []byte) []byte { return response }, nil
}

// always answers with the same bytes: what a gateway asks of a plugin besides calls.
func always(response []byte) form {
	return func([]byte) ([]byte, func([]byte) []byte, error) {
		return response, func(response []byte) []byte { return response }, nil
	}
}

// initialized is an InitializeResponse: success = 1, identity = 5, protocol_version = 7.
func initialized() []byte {
	response := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	response = protowire.AppendString(protowire.AppendTag(response, 5, protowire.BytesType), "bench")
	return protowire.AppendVarint(protowire.AppendTag(response, 7, protowire.VarintType), 1)
}

// serving is a HealthCheckResponse of grpc.health.v1 with status = 1: SERVING; and just as well a ShutdownResponse with
// success = 1.
func serving() []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
}

func execute(request []byte) ([]byte, func([]byte) []byte, error) {
	for rest := request; len(rest) > 0; {
		number, kind, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return nil, nil, status.Error(codes.InvalidArgument, "malformed envelope")
		}
		rest = rest[n:]
		if number == rawParams && kind == protowire.BytesType {
			payload, n := protowire.ConsumeBytes(rest)
			if n < 0 {
				return nil, nil, status.Error(codes.InvalidArgument, "malformed envelope")
			}
			return payload, executed, nil
		}
		if n = protowire.ConsumeFieldValue(number, kind, rest); n < 0 {
			return nil, nil, status.Error(codes.InvalidArgument, "malformed envelope")
		}
		rest = rest[n:]
	}
	return nil, executed, nil
}

func executeStream(request []byte) ([]byte, func([]byte) []byte, error) {
	payload, _, err := execute(request)
	return payload, func(payload []byte) []byte {
		response := make([]byte, 0, len(payload)+16)
		return protowire.AppendBytes(protowire.AppendTag(response, streamedResult, protowire.BytesType), payload)
	}, err
}

func executed(payload []byte) []byte {
	response := make([]byte, 0, len(payload)+16)
	response = protowire.AppendTag(response, success, protowire.VarintType)
	response = protowire.AppendVarint(response, 1)
	response = protowire.AppendTag(response, rawResult, protowire.BytesType)
	return protowire.AppendBytes(response, payload)
}

func unary(form form) grpc.MethodHandler {
	return func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var request []byte
		if err := decode(&request); err != nil {
			return nil, err
		}
		payload, respond, err := form(request)
		if err != nil {
			return nil, err
		}
		response := respond(payload)
		return &response, nil
	}
}

// stream answers "COUNT SIZE" with as many messages of that size.
func stream(form form) grpc.StreamHandler {
	return func(_ any, stream grpc.ServerStream) error {
		var request []byte
		if err := stream.RecvMsg(&request); err != nil {
			return err
		}
		payload, respond, err := form(request)
		if err != nil {
			return err
		}
		var count, size int
		if _, err := fmt.Sscanf(string(payload), "%d %d", &count, &size); err != nil {
			return status.Error(codes.InvalidArgument, "ask for COUNT SIZE")
		}
		message := bytes.Repeat([]byte("x"), size)
		for range count {
			response := respond(message)
			if err := stream.SendMsg(&response); err != nil {
				return err
			}
		}
		return nil
	}
}
