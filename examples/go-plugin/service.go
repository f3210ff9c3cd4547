package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	pluginv1 "prism.invalid/gomap/gen/prism/plugin/v1"
)

const (
	pluginName    = "gomap"
	pluginVersion = "0.1.0"
	protocol      = 1
	sweepInterval = 5 * time.Second
)

// service serves prism.plugin.v1: instances by name, each on a store that others may share.
type service struct {
	pluginv1.UnimplementedBackendPluginServer
	pluginv1.UnimplementedNamespaceServiceServer
	pluginv1.UnimplementedPluginInfoServiceServer

	server     *grpc.Server
	operations map[string]*operation

	lock      sync.Mutex
	stores    map[string]*store
	instances map[string]*instance
}

// instance is the plugin with one configuration.
type instance struct {
	storeName  string
	store      *store
	namespaces sync.Map
}

func newService() *service {
	s := &service{operations: operations(), stores: map[string]*store{}, instances: map[string]*instance{}}
	go s.sweep()
	return s
}

func (s *service) sweep() {
	for range time.Tick(sweepInterval) {
		s.lock.Lock()
		stores := slices.Collect(maps.Values(s.stores))
		s.lock.Unlock()
		for _, each := range stores {
			each.sweep()
		}
	}
}

func (s *service) Initialize(_ context.Context, request *pluginv1.InitializeRequest) (*pluginv1.InitializeResponse, error) {
	response := &pluginv1.InitializeResponse{PluginVersion: pluginVersion}
	if err := s.initialize(request, response); err != nil {
		response.Error, response.Status = err.Error(), statusOf(err, false)
	} else {
		response.Success = true
	}
	return response, nil
}

func (s *service) initialize(request *pluginv1.InitializeRequest, response *pluginv1.InitializeResponse) error {
	if offered := request.GetProtocolVersions(); len(offered) > 0 && !slices.Contains(offered, protocol) {
		message := fmt.Sprintf("the gateway speaks plugin protocol %v, this plugin %d; upgrade the older", offered, protocol)
		refused := unknown(message)
		refused.reason = "PROTOCOL_VERSION"
		return refused
	}
	response.ProtocolVersion = protocol
	if asked := request.GetBackendType(); asked != "" && asked != pluginName {
		return invalid(violation{"backend_type", asked, "this is plugin " + pluginName})
	}
	name, err := storeName(request.GetConfig())
	if err != nil {
		return err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	found := s.instances[request.GetInstance()]
	if found == nil {
		if s.stores[name] == nil {
			s.stores[name] = newStore()
		}
		found = &instance{storeName: name, store: s.stores[name]}
		s.instances[request.GetInstance()] = found
	}
	if found.storeName != name {
		return invalid(violation{"config", "other options", "shut the instance down first, or choose another name"})
	}
	if request.GetNamespace() != "" {
		found.namespaces.Store(request.GetNamespace(), true)
	}
	response.Identity = pluginName + ":" + name
	response.SupportedOperations = slices.Sorted(maps.Keys(s.operations))
	return nil
}

// storeName is the one option that the plugin has.
func storeName(config *anypb.Any) (string, error) {
	options := &structpb.Struct{}
	if config != nil {
		if err := config.UnmarshalTo(options); err != nil {
			return "", invalid(violation{"config", string(config.MessageName()), "send a google.protobuf.Struct"})
		}
	}
	name := "default"
	for field, value := range options.GetFields() {
		text, isText := value.GetKind().(*structpb.Value_StringValue)
		if field != "store" {
			return "", invalid(violation{"config." + field, "an unknown option", "there is store"})
		}
		if !isText || text.StringValue == "" {
			return "", invalid(violation{"config.store", "no name", "it is a text of one character at least"})
		}
		name = text.StringValue
	}
	return name, nil
}

// named finds an instance; the only one where the name is empty.
func (s *service) named(name string) (*instance, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	found := s.instances[name]
	if found == nil && name == "" && len(s.instances) == 1 {
		for _, found = range s.instances {
		}
	}
	if found == nil {
		return nil, unknown(fmt.Sprintf("there is no instance '%s' in this process", name)).asStatus(true).Err()
	}
	return found, nil
}

// serving finds the instance that a call's metadata names, and its namespace.
func (s *service) serving(metadata map[string]string) (keyvalue, error) {
	found, err := s.named(metadata["prism-instance"])
	if err != nil {
		return keyvalue{}, err
	}
	namespace := metadata["prism-namespace"]
	if _, attached := found.namespaces.Load(namespace); !attached {
		return keyvalue{}, unknown(fmt.Sprintf("namespace '%s' is not attached", namespace)).asStatus(true).Err()
	}
	return keyvalue{found.store, namespace}, nil
}

func (s *service) HealthCheck(_ context.Context, request *pluginv1.HealthCheckRequest) (*pluginv1.HealthCheckResponse, error) {
	if _, err := s.named(request.GetInstance()); err != nil {
		return nil, err
	}
	return &pluginv1.HealthCheckResponse{Status: pluginv1.HealthCheckResponse_HEALTHY}, nil
}

func (s *service) Execute(_ context.Context, request *pluginv1.ExecuteRequest) (*pluginv1.ExecuteResponse, error) {
	k, err := s.serving(request.GetMetadata())
	if err != nil {
		return nil, err
	}
	response := &pluginv1.ExecuteResponse{}
	typed := request.GetTypedParams()
	err = s.run(request.GetOperation(), false, k, typed, request.GetRawParams(), func(answer proto.Message) error {
		response.Success = true
		result, err := proto.Marshal(answer)
		if typed != nil {
			response.Result = &pluginv1.ExecuteResponse_TypedResult{TypedResult: asAny(answer, result)}
		} else {
			response.Result = &pluginv1.ExecuteResponse_RawResult{RawResult: result}
		}
		return err
	})
	if err != nil {
		failed := asFailure(err)
		response.Error, response.ErrorCode = failed.message, int32(failed.code)
		response.Status = statusOf(failed, s.writes(request.GetOperation()))
	}
	return response, nil
}

func (s *service) ExecuteStream(stream grpc.BidiStreamingServer[pluginv1.ExecuteStreamRequest, pluginv1.ExecuteStreamResponse]) error {
	request, err := stream.Recv()
	if err != nil {
		return err
	}
	k, err := s.serving(request.GetMetadata())
	if err != nil {
		return err
	}
	typed := request.GetTypedParams()
	var broken error
	err = s.run(request.GetOperation(), true, k, typed, request.GetRawParams(), func(answer proto.Message) error {
		result, err := proto.Marshal(answer)
		if err != nil {
			return err
		}
		response := &pluginv1.ExecuteStreamResponse{Result: &pluginv1.ExecuteStreamResponse_RawResult{RawResult: result}}
		if typed != nil {
			response.Result = &pluginv1.ExecuteStreamResponse_TypedResult{TypedResult: asAny(answer, result)}
		}
		broken = stream.Send(response)
		return broken
	})
	if err == nil || broken != nil {
		return broken
	}
	return stream.Send(&pluginv1.ExecuteStreamResponse{
		IsFinal: true, Status: statusOf(err, s.writes(request.GetOperation())),
	})
}

// run carries an operation out; its parameters come typed for people, raw from gateways.
func (s *service) run(
	name string, streams bool, k keyvalue, typed *anypb.Any, payload []byte, send func(proto.Message) error,
) error {
	found := s.operations[name]
	if found == nil || found.streams != streams {
		refused := undeclared("", "")
		refused.metadata, refused.message = nil, fmt.Sprintf("operation '%.200s' is not served so by this plugin", name)
		return refused
	}
	if typed != nil {
		if typed.MessageName() != found.request {
			return invalid(violation{"typed_params", string(typed.MessageName()), "it is a " + string(found.request)})
		}
		payload = typed.GetValue()
	}
	return found.run(k, payload, send)
}

func (s *service) writes(name string) bool {
	found := s.operations[name]
	return found == nil || found.writes
}

func asAny(message proto.Message, result []byte) *anypb.Any {
	return &anypb.Any{TypeUrl: "type.googleapis.com/" + string(message.ProtoReflect().Descriptor().FullName()), Value: result}
}

// Shutdown ends an instance, whose calls are never long; or without a name the process, when this call has been answered.
func (s *service) Shutdown(_ context.Context, request *pluginv1.ShutdownRequest) (*pluginv1.ShutdownResponse, error) {
	if name := request.GetInstance(); name != "" {
		s.lock.Lock()
		delete(s.instances, name)
		s.lock.Unlock()
	} else {
		grace := time.Duration(request.GetGraceSeconds() * float64(time.Second))
		go s.server.GracefulStop()
		time.AfterFunc(grace+time.Second, s.server.Stop)
	}
	return &pluginv1.ShutdownResponse{Success: true}, nil
}

func (s *service) HoldsData(_ context.Context, request *pluginv1.HoldsDataRequest) (*pluginv1.HoldsDataResponse, error) {
	found, err := s.named(request.GetInstance())
	if err != nil {
		return nil, err
	}
	found.store.Lock()
	defer found.store.Unlock()
	return &pluginv1.HoldsDataResponse{HoldsData: len(found.store.records(request.GetNamespace()).keys) > 0}, nil
}

func (s *service) GetInfo(context.Context, *pluginv1.GetInfoRequest) (*pluginv1.GetInfoResponse, error) {
	capabilities, err := structpb.NewStruct(map[string]any{
		"durability": "none", "reload": "handover", "compare_and_swap": "linearizable",
		"transactions": true, "scan": true, "ttl": true, "versions": true,
	})
	if err != nil {
		return nil, err
	}
	return &pluginv1.GetInfoResponse{
		Name: pluginName, Version: pluginVersion, Role: "backend", Backend: pluginName,
		ProtocolVersions: []uint32{protocol}, Interfaces: []string{"keyvalue"},
		Capabilities: capabilities,
	}, nil
}
