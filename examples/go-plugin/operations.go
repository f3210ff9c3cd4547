package main

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	datav1 "prism.invalid/gomap/gen/prism/data/v1"
)

// operation is one of the contract's, as Execute and ExecuteStream run it: bytes in, messages out.
type operation struct {
	name    string
	request protoreflect.FullName
	streams bool
	writes  bool
	run     func(k keyvalue, payload []byte, send func(proto.Message) error) error
}

// operations are all of KeyValue, by full gRPC name.
func operations() map[string]*operation {
	runs := map[string]func(keyvalue, []byte, func(proto.Message) error) error{
		"Put":            unary(keyvalue.put),
		"Get":            unary(keyvalue.get),
		"Exists":         unary(keyvalue.exists),
		"BatchGet":       unary(keyvalue.batchGet),
		"BatchPut":       unary(keyvalue.batchPut),
		"Delete":         unary(keyvalue.delete),
		"Scan":           unary(keyvalue.scan),
		"ScanStream":     streaming(keyvalue.scanStream),
		"ListRecords":    unary(keyvalue.listRecords),
		"CompareAndSwap": unary(keyvalue.compareAndSwap),
		"Expire":         unary(keyvalue.expire),
		"Persist":        unary(keyvalue.persist),
	}
	found := map[string]*operation{}
	service := datav1.File_prism_data_v1_keyvalue_proto.Services().ByName("KeyValue")
	for i := range service.Methods().Len() {
		method := service.Methods().Get(i)
		options, _ := method.Options().(*descriptorpb.MethodOptions)
		each := &operation{
			name:    fmt.Sprintf("%s/%s", service.FullName(), method.Name()),
			request: method.Input().FullName(),
			streams: method.IsStreamingServer(),
			writes:  options.GetIdempotencyLevel() != descriptorpb.MethodOptions_NO_SIDE_EFFECTS,
			run:     runs[string(method.Name())],
		}
		found[each.name] = each
	}
	return found
}

// unary makes an operation of a method with one response.
func unary[Request, Response proto.Message](
	method func(keyvalue, Request) (Response, error),
) func(keyvalue, []byte, func(proto.Message) error) error {
	return func(k keyvalue, payload []byte, send func(proto.Message) error) error {
		request, err := decoded[Request](payload)
		if err != nil {
			return err
		}
		response, err := method(k, request)
		if err != nil {
			return err
		}
		return send(response)
	}
}

// streaming makes an operation of a method that sends its responses.
func streaming[Request, Response proto.Message](
	method func(keyvalue, Request, func(Response) error) error,
) func(keyvalue, []byte, func(proto.Message) error) error {
	return func(k keyvalue, payload []byte, send func(proto.Message) error) error {
		request, err := decoded[Request](payload)
		if err != nil {
			return err
		}
		return method(k, request, func(response Response) error { return send(response) })
	}
}

func decoded[Request proto.Message](payload []byte) (Request, error) {
	var none Request
	if len(payload) > maxPayload {
		limit := fmt.Sprintf("at most %d are allowed", maxPayload)
		return none, invalid(violation{"the request", fmt.Sprintf("%d bytes", len(payload)), limit})
	}
	request := none.ProtoReflect().New().Interface().(Request)
	if err := proto.Unmarshal(payload, request); err != nil {
		name := none.ProtoReflect().Descriptor().FullName()
		message := fmt.Sprintf("the request is not a %s; send one as the .proto says", name)
		return none, &failure{code: codes.InvalidArgument, reason: "INVALID_ARGUMENT", message: message}
	}
	return request, check(request.ProtoReflect())
}

// checked runs a part of a batch with the checks that it would get by itself.
func checked[Request, Response proto.Message](request Request, run func(Request) (Response, error)) (Response, error) {
	if err := check(request.ProtoReflect()); err != nil {
		var none Response
		return none, err
	}
	return run(request)
}

// asFailure is the error as Prism knows errors.
func asFailure(err error) *failure {
	var known *failure
	if errors.As(err, &known) {
		return known
	}
	return &failure{code: codes.Internal, reason: "INTERNAL", message: "the plugin failed: " + err.Error()}
}

func at(field string, index int) string { return fmt.Sprintf("%s[%d]", field, index) }
