package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/palyra-go/palyra/sdk"
	pluginv1 "github.com/palyra-go/palyra/sdk/proto/palyra/plugin/v1"
)

// TestMain makes the test binary a worker, if it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		os.Exit(Main(os.Args[2:]))
	}
	var err error
	if dir, err = os.MkdirTemp("", "palyra-worker-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// dir holds the guest that the tests of this package build.
var dir string

var rude = sync.OnceValues(func() (string, error) {
	file := filepath.Join(dir, "rude.wasm")
	command := exec.Command("go", "build", "-o", file, "./testdata/wasm/rude")
	command.Dir = filepath.Join("..", "..")
	command.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %v\n%s", err, out)
	}
	return file, nil
})

// child is a worker process and the host's end of its connection.
type child struct {
	t       *testing.T
	process *exec.Cmd
	plugin  pluginv1.PluginClient
}

// start starts a worker whose descriptor 3 is the file, as the runner does.
func start(t *testing.T, file, entrypoints string, args ...string) *child {
	t.Helper()
	artifact, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer artifact.Close()
	if _, err := artifact.Seek(0, 2); err != nil { // the offset is shared and may be anywhere
		t.Fatal(err)
	}
	process := exec.Command(os.Args[0], append([]string{"worker"}, args...)...)
	process.ExtraFiles = []*os.File{artifact}
	process.Env = []string{"PALYRA_ENTRYPOINTS=" + entrypoints}
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  pluginv1.Version,
			MagicCookieKey:   pluginv1.CookieKey,
			MagicCookieValue: pluginv1.CookieValue,
		},
		Plugins:          plugin.PluginSet{pluginv1.PluginName: hostEnd{}},
		Cmd:              process,
		SkipHostEnv:      true,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(),
		AutoMTLS:         true,
	})
	t.Cleanup(client.Kill)
	protocol, err := client.Client()
	watchdog := time.AfterFunc(3*time.Minute, func() { _ = process.Process.Kill() }) // rather than hang
	t.Cleanup(func() { watchdog.Stop() })
	if err != nil {
		t.Fatal(err)
	}
	service, err := protocol.Dispense(pluginv1.PluginName)
	if err != nil {
		t.Fatal(err)
	}
	return &child{t, process, service.(pluginv1.PluginClient)}
}

// run starts a run and hands each of its messages to each, until that returns
// false or the run ends.
func (c *child) run(req sdk.Request, each func(*pluginv1.RunResponse) bool) error {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	stream, err := c.plugin.Run(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&pluginv1.RunRequest{Message: &pluginv1.RunRequest_Start{Start: pluginv1.NewStart(req)}}); err != nil {
		return err
	}
	for {
		message, err := stream.Recv()
		if err != nil {
			return err
		}
		if !each(message) {
			return nil
		}
	}
}

// outcome runs to the end.
func (c *child) outcome(req sdk.Request) (sdk.Result, error) {
	c.t.Helper()
	var result sdk.Result
	var failure error
	err := c.run(req, func(m *pluginv1.RunResponse) bool {
		if m.GetResult() != nil {
			result = m.GetResult().Value()
		}
		if m.GetError() != nil {
			failure = m.GetError().Value()
		}
		return m.GetResult() == nil && m.GetError() == nil
	})
	return result, errors.Join(err, failure)
}

type hostEnd struct{ plugin.NetRPCUnsupportedPlugin }

func (hostEnd) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("the host serves nothing")
}

func (hostEnd) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return pluginv1.NewPluginClient(conn), nil
}
