package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/bundle"
	pluginv1 "github.com/palyra-go/palyra/sdk/proto/palyra/plugin/v1"
)

// spec is what a child is made from.
type spec struct {
	digest    bundle.Digest
	manifest  bundle.Manifest
	audit     bool
	mark      string // value of PALYRA_HOST, its own
	data      string // granted directories
	artifacts string
}

// child is one process that serves runs. It is started once and ends once.
type child struct {
	runner  *Runner
	pool    *pool
	spec    spec
	process *process
	output  *output
	log     *slog.Logger

	refs   int         // runs that use it; guarded by Runner.mu
	reason string      // why it ends; "": it may be used; guarded by Runner.mu
	timer  *time.Timer // lets it go when idle; guarded by Runner.mu

	client      *plugin.Client // set by start, before its process begins
	service     pluginv1.PluginClient
	entrypoints []string
	cleanup     sync.Once
	gone        chan struct{} // closed when nothing of it is left
}

// newChild makes a child that is yet to be started.
func (r *Runner) newChild(p policy.Permit, po *pool, number uint64) (*child, error) {
	s := spec{digest: p.Digest(), manifest: p.Manifest(), audit: p.Audit()}
	s.mark = fmt.Sprintf("%s/%d", r.config.Host, number)
	if !s.audit && p.Grants().Data {
		dir, err := r.dataDir(p.Skill())
		if err != nil {
			return nil, &skill.Fault{Kind: skill.StartFailed, Detail: err.Error()}
		}
		s.data = dir
	}
	if !s.audit && p.Grants().Artifacts {
		s.artifacts = r.config.Store
	}
	log := r.config.Log.With("skill", s.manifest.ID, "digest", s.digest.Short())
	return &child{
		runner:  r,
		pool:    po,
		spec:    s,
		process: newProcess(r.nursery),
		output:  &output{log: log},
		log:     log,
		gone:    make(chan struct{}),
	}, nil
}

// start starts the child and learns what it serves. After an error nothing of
// it is left.
func (c *child) start(ctx context.Context) error {
	stop := context.AfterFunc(ctx, c.process.kill)
	defer stop()
	go c.watch()
	err := c.connect(ctx)
	if err == nil {
		return nil
	}
	c.process.abandon()
	<-c.gone
	if _, ok := errors.AsType[*skill.Fault](err); ok {
		return err
	}
	return &skill.Fault{Kind: skill.StartFailed, Detail: c.startDetail(err)}
}

// startDetail says how a child that has ended failed to start.
func (c *child) startDetail(err error) string {
	if exit := c.process.exit; exit != "" && exit != "signal: killed" { // not by us, then
		return c.withHint("it ended before it served: " + exit)
	}
	line := firstLine(err.Error())
	if said, ok := strings.CutPrefix(line, "Unrecognized remote plugin message:"); ok { // go-plugin's words
		line = fmt.Sprintf("it does not speak the plugin protocol but says %q", strings.TrimSpace(said))
	}
	return c.withHint(line)
}

func (c *child) connect(ctx context.Context) error {
	file, err := c.prepare()
	if err != nil {
		return err
	}
	defer dispose(file)
	c.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  pluginv1.Version,
			MagicCookieKey:   pluginv1.CookieKey,
			MagicCookieValue: pluginv1.CookieValue,
		},
		Plugins:          plugin.PluginSet{pluginv1.PluginName: transport{}},
		RunnerFunc:       c.process.prepare,
		StartTimeout:     c.runner.config.StartTimeout,
		Stderr:           c.output,
		SyncStdout:       c.output,
		SyncStderr:       c.output,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(),
		AutoMTLS:         true,
		SkipHostEnv:      true,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: c.runner.dir.path},
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDefaultCallOptions(
				grpc.MaxCallRecvMsgSize(pluginv1.MaxMessage), grpc.MaxCallSendMsgSize(pluginv1.MaxMessage)),
			grpc.WithStaticStreamWindowSize(pluginv1.Window),
			grpc.WithStaticConnWindowSize(pluginv1.Window),
		},
	})
	if err := c.dial(ctx); err != nil {
		return err
	}
	c.log.Debug("child started", "pid", c.process.ID())
	return nil
}

// dial starts the process and asks it what it serves.
func (c *child) dial(ctx context.Context) error {
	protocol, err := c.client.Client()
	if err != nil {
		return err
	}
	service, err := protocol.Dispense(pluginv1.PluginName)
	if err != nil {
		return err
	}
	c.service = service.(pluginv1.PluginClient)
	ctx, cancel := context.WithTimeout(ctx, c.runner.config.StartTimeout)
	defer cancel()
	description, err := c.service.Describe(ctx, &pluginv1.DescribeRequest{})
	if err != nil {
		return fmt.Errorf("describe: %w", err)
	}
	if v := description.GetProtocol(); v != sdk.Protocol {
		return fmt.Errorf("it speaks version %d of the contract, this host %d", v, sdk.Protocol)
	}
	c.entrypoints = description.GetEntrypoints()
	return nil
}

// prepare says what to execute. The file that it returns must stay until the
// process has begun.
func (c *child) prepare() (*os.File, error) {
	l := launch{env: []string{hostVariable + "=" + c.spec.mark}}
	if c.spec.data != "" {
		if err := os.MkdirAll(c.spec.data, 0o700); err != nil {
			return nil, err
		}
	}
	file, err := c.program(&l)
	if err != nil {
		return nil, err
	}
	if c.spec.manifest.Capabilities.Process && !c.spec.audit {
		l.env = append(l.env, "PATH="+cmp.Or(os.Getenv("PATH"), "/usr/local/bin:/usr/bin:/bin"), "HOME="+cmp.Or(os.Getenv("HOME"), "/"))
	}
	c.process.launch = l
	return file, nil
}

func (c *child) program(l *launch) (*os.File, error) {
	r, m := c.runner, c.spec.manifest
	if c.spec.audit {
		data, err := r.config.Artifacts.Read(c.spec.digest)
		if err != nil {
			return nil, unopened(err)
		}
		l.path, l.args = r.config.Exe, []string{r.config.Exe, "worker", "audit"}
		l.file, err = sealed("artifact", data)
		return l.file, err
	}
	artifact, err := r.config.Artifacts.Open(c.spec.digest)
	if err != nil {
		return nil, unopened(err)
	}
	program, err := artifact.Program(runtime.GOOS, runtime.GOARCH)
	if errors.Is(err, bundle.ErrProgram) {
		return nil, &skill.Fault{Kind: skill.Unsupported, Detail: err.Error()}
	}
	if err != nil {
		return nil, unopened(err)
	}
	if m.Kind == bundle.WASM {
		l.path, l.args = r.config.Exe, []string{r.config.Exe, "worker"}
		l.env = append(l.env, "PALYRA_ENTRYPOINTS="+strings.Join(m.EntrypointNames(), ","))
		l.file, err = sealed(m.Program, program)
		return l.file, err
	}
	l.dir, l.args = c.spec.data, []string{m.Program}
	file, path, err := r.executable(m.Program, program)
	l.path = path
	return file, err
}

// unopened is the failure of the artifact store, for those who look for it, as
// one to start.
func unopened(err error) error {
	return fmt.Errorf("%w: %w", &skill.Fault{Kind: skill.StartFailed, Detail: "artifact"}, err)
}

// serves says whether the child serves an entrypoint.
func (c *child) serves(entrypoint string) bool { return slices.Contains(c.entrypoints, entrypoint) }

// watch waits for the end of the process and clears up after it.
func (c *child) watch() {
	<-c.process.done
	c.runner.discard(c.pool, c)
	if c.client != nil {
		c.cleanup.Do(c.client.Kill)
	}
	if c.process.dir != "" {
		_ = os.RemoveAll(c.process.dir)
	}
	if c.spec.manifest.Capabilities.Process && !c.spec.audit {
		if _, err := killMarked(func(mark string) bool { return mark == c.spec.mark }); err != nil {
			c.log.Warn("child left processes behind", "err", err)
		}
	}
	c.log.Debug("child ended", "reason", c.why(), "exit", c.process.exit)
	close(c.gone)
}

// letGo ends an unused child gently: it may finish what its main does after
// serving.
func (c *child) letGo() {
	timer := time.AfterFunc(c.runner.config.Grace, c.process.kill)
	defer timer.Stop()
	c.cleanup.Do(c.client.Kill)
}

// why returns why the child ends, if the runner wanted it to.
func (c *child) why() string {
	c.runner.mu.Lock()
	defer c.runner.mu.Unlock()
	return c.reason
}

func (c *child) withHint(detail string) string {
	if hint := c.output.hint(); hint != "" {
		detail += ": " + hint
	}
	return detail
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// transport is what go-plugin makes a client with.
type transport struct {
	plugin.NetRPCUnsupportedPlugin
}

func (transport) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("the host serves no skill")
}

func (transport) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return pluginv1.NewPluginClient(conn), nil
}
