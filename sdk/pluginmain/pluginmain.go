//go:build !wasip1

package pluginmain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/palyra-go/palyra/sdk"
	pluginv1 "github.com/palyra-go/palyra/sdk/proto/palyra/plugin/v1"
)

// Serve serves skill to the host that started this program, and returns when it
// is done. It is called once, by main.
func Serve(skill sdk.Skill) {
	if os.Getenv(pluginv1.CookieKey) != pluginv1.CookieValue {
		fmt.Fprint(os.Stderr, usage(os.Args[0], skill))
		os.Exit(1)
	}
	s := NewServer(skill)
	line := &lifeline{}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  pluginv1.Version,
			MagicCookieKey:   pluginv1.CookieKey,
			MagicCookieValue: pluginv1.CookieValue,
		},
		Plugins:    plugin.PluginSet{pluginv1.PluginName: transport{server: s}},
		GRPCServer: line.serve,
		Logger:     hclog.NewNullLogger(),
	})
	s.settle(2 * time.Second)
}

func usage(program string, skill sdk.Skill) string {
	return fmt.Sprintf(`%s is a palyra skill: it does its work inside palyrad, not by itself.
It serves %s.
To use it, pack, sign and install it (palyra skill --help).
`, filepath.Base(program), names(skill))
}

// transport registers the server with go-plugin.
type transport struct {
	plugin.NetRPCUnsupportedPlugin
	server *Server
}

func (t transport) GRPCServer(_ *plugin.GRPCBroker, registrar *grpc.Server) error {
	pluginv1.RegisterPluginServer(registrar, t.server)
	return nil
}

func (transport) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("a skill has no client side")
}
