package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"sync"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/interop"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	sixteenMiB = 16 << 20
	streams    = 1000
)

var cases = map[string]func(*grpc.ClientConn){
	"empty_unary":                 stock(interop.DoEmptyUnaryCall),
	"large_unary":                 stock(interop.DoLargeUnaryCall),
	"client_streaming":            stock(interop.DoClientStreaming),
	"server_streaming":            stock(interop.DoServerStreaming),
	"ping_pong":                   stock(interop.DoPingPong),
	"empty_stream":                stock(interop.DoEmptyStream),
	"cancel_after_begin":          stock(interop.DoCancelAfterBegin),
	"cancel_after_first_response": stock(interop.DoCancelAfterFirstResponse),
	"timeout_on_sleeping_server":  stock(interop.DoTimeoutOnSleepingServer),
	"custom_metadata":             stock(interop.DoCustomMetadata),
	"status_code_and_message":     stock(interop.DoStatusCodeAndMessage),
	"special_status_message":      stock(interop.DoSpecialStatusMessage),
	"unimplemented_method": func(connection *grpc.ClientConn) {
		interop.DoUnimplementedMethod(context.Background(), connection)
	},
	"unimplemented_service": func(connection *grpc.ClientConn) {
		interop.DoUnimplementedService(context.Background(), testpb.NewUnimplementedServiceClient(connection))
	},
	"client_compressed_unary":     own(clientCompressedUnary),
	"server_compressed_unary":     own(serverCompressedUnary),
	"client_compressed_streaming": own(clientCompressedStreaming),
	"server_compressed_streaming": own(serverCompressedStreaming),
	"status_details":              own(statusDetails),
	"large_messages":              own(largeMessages),
	"concurrent_streams":          own(concurrentStreams),
}

func stock(run func(context.Context, testpb.TestServiceClient, ...grpc.CallOption)) func(*grpc.ClientConn) {
	return func(connection *grpc.ClientConn) { run(context.Background(), testpb.NewTestServiceClient(connection)) }
}

func own(run func(context.Context, testpb.TestServiceClient)) func(*grpc.ClientConn) {
	return func(connection *grpc.ClientConn) { run(context.Background(), testpb.NewTestServiceClient(connection)) }
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func zeros(size int) *testpb.Payload {
	return &testpb.Payload{Body: make([]byte, size)}
}

func yes(value bool) *testpb.BoolValue {
	return &testpb.BoolValue{Value: value}
}

// hasBody ends the program where a payload is not `size` zeros.
func hasBody(payload *testpb.Payload, size int) {
	if !bytes.Equal(payload.GetBody(), make([]byte, size)) {
		log.Fatalf("a payload of %d bytes is not the %d zeros asked for", len(payload.GetBody()), size)
	}
}

func clientCompressedUnary(ctx context.Context, client testpb.TestServiceClient) {
	request := &testpb.SimpleRequest{ExpectCompressed: yes(true), ResponseSize: 314159, Payload: zeros(271828)}
	if _, err := client.UnaryCall(ctx, request); status.Code(err) != codes.InvalidArgument {
		log.Fatalf("a plain request where a compressed one is expected ended with %v", err)
	}
	response, err := client.UnaryCall(ctx, request, grpc.UseCompressor("gzip"))
	check(err)
	hasBody(response.Payload, 314159)
	request.ExpectCompressed = yes(false)
	response, err = client.UnaryCall(ctx, request)
	check(err)
	hasBody(response.Payload, 314159)
}

func serverCompressedUnary(ctx context.Context, client testpb.TestServiceClient) {
	for _, compressed := range []bool{true, false} {
		request := &testpb.SimpleRequest{
			ResponseCompressed: yes(compressed), ResponseSize: 314159, Payload: zeros(271828),
		}
		response, err := client.UnaryCall(ctx, request)
		check(err)
		hasBody(response.Payload, 314159)
	}
}

func clientCompressedStreaming(ctx context.Context, client testpb.TestServiceClient) {
	stream, err := client.StreamingInputCall(ctx)
	check(err)
	check(stream.Send(&testpb.StreamingInputCallRequest{ExpectCompressed: yes(true), Payload: zeros(27182)}))
	if _, err := stream.CloseAndRecv(); status.Code(err) != codes.InvalidArgument {
		log.Fatalf("a plain message where a compressed one is expected ended with %v", err)
	}
	stream, err = client.StreamingInputCall(ctx, grpc.UseCompressor("gzip"))
	check(err)
	for _, size := range []int{27182, 45904} {
		check(stream.Send(&testpb.StreamingInputCallRequest{ExpectCompressed: yes(true), Payload: zeros(size)}))
	}
	response, err := stream.CloseAndRecv()
	check(err)
	if response.AggregatedPayloadSize != 73086 {
		log.Fatalf("aggregated %d, not 73086", response.AggregatedPayloadSize)
	}
}

func serverCompressedStreaming(ctx context.Context, client testpb.TestServiceClient) {
	stream, err := client.StreamingOutputCall(ctx, &testpb.StreamingOutputCallRequest{
		ResponseParameters: []*testpb.ResponseParameters{
			{Compressed: yes(true), Size: 31415}, {Compressed: yes(false), Size: 92653},
		},
	})
	check(err)
	for _, size := range []int{31415, 92653} {
		response, err := stream.Recv()
		check(err)
		hasBody(response.Payload, size)
	}
	if _, err := stream.Recv(); err != io.EOF {
		log.Fatalf("the stream ended with %v", err)
	}
}

func statusDetails(ctx context.Context, client testpb.TestServiceClient) {
	wanted, err := status.New(codes.FailedPrecondition, "see the details \u2713").WithDetails(
		&errdetails.ErrorInfo{Reason: "INTEROP", Domain: "grpc.testing", Metadata: map[string]string{"key": "value"}},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "payload"}}},
	)
	check(err)
	encoded, err := proto.Marshal(wanted.Proto())
	check(err)
	ctx = metadata.AppendToOutgoingContext(ctx, detailsKey, string(encoded))
	_, err = client.UnaryCall(ctx, &testpb.SimpleRequest{})
	if got := status.Convert(err).Proto(); !proto.Equal(got, wanted.Proto()) {
		log.Fatalf("got the status %v", got)
	}
}

func largeMessages(ctx context.Context, client testpb.TestServiceClient) {
	response, err := client.UnaryCall(
		ctx, &testpb.SimpleRequest{ResponseSize: sixteenMiB, Payload: zeros(sixteenMiB)},
	)
	check(err)
	hasBody(response.Payload, sixteenMiB)
	stream, err := client.FullDuplexCall(ctx)
	check(err)
	request := &testpb.StreamingOutputCallRequest{
		ResponseParameters: []*testpb.ResponseParameters{{Size: sixteenMiB}}, Payload: zeros(sixteenMiB),
	}
	for range 2 {
		check(stream.Send(request))
		response, err := stream.Recv()
		check(err)
		hasBody(response.Payload, sixteenMiB)
	}
	check(stream.CloseSend())
	if _, err := stream.Recv(); err != io.EOF {
		log.Fatalf("the stream ended with %v", err)
	}
}

// concurrentStreams ends no stream before each of them has been answered.
func concurrentStreams(ctx context.Context, client testpb.TestServiceClient) {
	var answered, ended sync.WaitGroup
	answered.Add(streams)
	for index := range streams {
		ended.Go(func() {
			stream, err := client.FullDuplexCall(ctx)
			check(err)
			check(stream.Send(&testpb.StreamingOutputCallRequest{
				ResponseParameters: []*testpb.ResponseParameters{{Size: int32(index + 1)}},
			}))
			response, err := stream.Recv()
			check(err)
			hasBody(response.Payload, index+1)
			answered.Done()
			answered.Wait()
			check(stream.CloseSend())
			if _, err := stream.Recv(); err != io.EOF {
				log.Fatalf("stream %d ended with %v", index, err)
			}
		})
	}
	ended.Wait()
}
