// gomap is a Prism plugin in Go: KeyValue in memory, on the stock go-plugin library and Prism's own .proto files.
//
// Nothing here is Prism's but the contract. A gateway starts the program, reads the handshake that go-plugin prints,
// and speaks prism.plugin.v1 over the socket it names.
package main

import (
	"context"
	"errors"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	pluginv1 "prism.invalid/gomap/gen/prism/plugin/v1"
)

// handshake is what gateways and plugins of Prism know each other by.
var handshake = plugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "PRISM_PLUGIN_MAGIC_COOKIE",
	MagicCookieValue: "5c4f6b1e-9a77-4a3e-8f0d-prism-plugin",
}

// What a message may hold: the largest payload of the manifest, and an envelope around it.
const maxMessage = maxPayload + 64<<10

// hosted registers our services with go-plugin's server.
type hosted struct {
	plugin.NetRPCUnsupportedPlugin
	service *service
}

func (h hosted) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	h.service.server = server
	pluginv1.RegisterBackendPluginServer(server, h.service)
	pluginv1.RegisterNamespaceServiceServer(server, h.service)
	pluginv1.RegisterPluginInfoServiceServer(server, h.service)
	return nil
}

func (h hosted) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("this program is a plugin; a gateway is its client")
}

func main() {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: handshake,
		Plugins:         plugin.PluginSet{"plugin": hosted{service: newService()}},
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(options, grpc.MaxRecvMsgSize(maxMessage), grpc.MaxConcurrentStreams(1000))...)
		},
	})
}
