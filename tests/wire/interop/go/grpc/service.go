package main

import (
	"context"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/interop"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// A google.rpc.Status in this request header is what the call ends with.
const detailsKey = "x-prism-test-status-bin"

// service is the stock one, which compresses too and ends with details where it is asked to.
type service struct {
	testpb.TestServiceServer
}

func newService() service {
	return service{interop.NewTestServer()}
}

func (s service) UnaryCall(ctx context.Context, request *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	if incoming, ok := metadata.FromIncomingContext(ctx); ok {
		if values := incoming.Get(detailsKey); len(values) == 1 {
			wanted := &spb.Status{}
			if err := proto.Unmarshal([]byte(values[0]), wanted); err != nil {
				return nil, err
			}
			return nil, status.FromProto(wanted).Err()
		}
	}
	if request.GetResponseCompressed().GetValue() {
		if err := grpc.SetSendCompressor(ctx, "gzip"); err != nil {
			return nil, err
		}
	}
	return s.TestServiceServer.UnaryCall(ctx, request)
}

func (s service) StreamingOutputCall(
	request *testpb.StreamingOutputCallRequest, stream testpb.TestService_StreamingOutputCallServer,
) error {
	for _, each := range request.GetResponseParameters() {
		if each.GetCompressed().GetValue() {
			// For the whole stream: grpc-go cannot choose for each message.
			if err := grpc.SetSendCompressor(stream.Context(), "gzip"); err != nil {
				return err
			}
			break
		}
	}
	return s.TestServiceServer.StreamingOutputCall(request, stream)
}
