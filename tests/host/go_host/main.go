// A host on the stock go-plugin library: starts the command that it is given as a plugin, pings and calls it, and ends it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

type caller struct {
	plugin.NetRPCUnsupportedPlugin
}

func (caller) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error { return nil }

func (caller) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, connection *grpc.ClientConn) (any, error) {
	return connection, nil
}

func main() {
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  1,
			MagicCookieKey:   "PRISM_PLUGIN_MAGIC_COOKIE",
			MagicCookieValue: "5c4f6b1e-9a77-4a3e-8f0d-prism-plugin",
		},
		Plugins:          plugin.PluginSet{"plugin": caller{}},
		Cmd:              exec.Command(os.Args[1], os.Args[2:]...),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
	})
	if err := use(client); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	client.Kill()
	if client.Exited() {
		fmt.Println("ended")
	}
}

func use(client *plugin.Client) error {
	protocol, err := client.Client()
	if err != nil {
		return err
	}
	if err := protocol.Ping(); err != nil {
		return err
	}
	fmt.Println("pinged")
	dispensed, err := protocol.Dispense("plugin")
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	// An empty message has the fields of any other as unknown ones; the first of GetInfoResponse is the plugin's name.
	answer := &emptypb.Empty{}
	path := "/prism.plugin.v1.PluginInfoService/GetInfo"
	if err := dispensed.(*grpc.ClientConn).Invoke(within, path, &emptypb.Empty{}, answer); err != nil {
		return err
	}
	fields := answer.ProtoReflect().GetUnknown()
	fmt.Println(strings.TrimSpace(string(fields[2 : 2+fields[1]])))
	return nil
}
