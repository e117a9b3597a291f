//go:build !wasip1

package pluginmain_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/pluginmain"
	pluginv1 "github.com/palyra-go/palyra/sdk/proto/palyra/plugin/v1"
)

// The test binary is the skill that the tests start.
func TestMain(m *testing.M) {
	if os.Getenv("PALYRA_TEST_SKILL") == "" {
		os.Exit(m.Run())
	}
	pluginmain.Serve(sdk.Skill{
		"wait": sdk.Handle(func(ctx context.Context, _ struct{}) (int, error) {
			sdk.Log(ctx, "waiting")
			<-ctx.Done()
			return 0, ctx.Err()
		}),
		"greet": nil,
	})
}

func command() *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "PALYRA_TEST_SKILL=1")
	return cmd
}

func TestStartedByAPerson(t *testing.T) {
	out, err := command().CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 1 {
		t.Errorf("it ended with %v; want exit code 1", err)
	}
	if !strings.Contains(string(out), "is a palyra skill") || !strings.Contains(string(out), "greet, wait") {
		t.Errorf("it says %q", out)
	}
}

// A host that is gone ends the runs and then the program, which leaves main in
// the ordinary way.
func TestHostGone(t *testing.T) {
	alive, end, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	cmd := command()
	cmd.ExtraFiles = []*os.File{end} // open until the program has ended
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: pluginv1.Version, MagicCookieKey: pluginv1.CookieKey, MagicCookieValue: pluginv1.CookieValue,
		},
		Plugins:          plugin.PluginSet{pluginv1.PluginName: hostEnd{}},
		Cmd:              cmd,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(),
		AutoMTLS:         true,
	})
	t.Cleanup(client.Kill)
	protocol, err := client.Client()
	if err != nil {
		t.Fatal(err)
	}
	end.Close()
	conn := protocol.(*plugin.GRPCClient).Conn
	stream, err := pluginv1.NewPluginClient(conn).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	start := pluginv1.NewStart(sdk.Request{Entrypoint: "wait"})
	if err := stream.Send(&pluginv1.RunRequest{Message: &pluginv1.RunRequest_Start{Start: start}}); err != nil {
		t.Fatal(err)
	}
	if m, err := stream.Recv(); err != nil || m.GetLog().GetLine() != "waiting" {
		t.Fatalf("received %v, %v; want that it waits", m, err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(alive); err != nil { // blocks as long as it lives
		t.Error(err)
	}
}

type hostEnd struct{ plugin.NetRPCUnsupportedPlugin }

func (hostEnd) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("the host serves nothing")
}

func (hostEnd) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}
