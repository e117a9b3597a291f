package runner

import (
	"log/slog"
	"path/filepath"
	"time"

	"github.com/palyra-go/palyra/sdk/bundle"
)

// Artifacts is where artifacts come from. Both methods fail if the bytes are no
// longer those of the digest.
type Artifacts interface {
	Open(bundle.Digest) (*bundle.Artifact, error)
	Read(bundle.Digest) ([]byte, error)
}

// Config is what a Runner needs. Zero durations and numbers are the defaults.
type Config struct {
	Exe       string // the daemon's own binary, for workers
	Dir       string // private directory for sockets; replaced by a shorter one where too long
	Data      string // directory of the skills' data directories
	Store     string // directory that the capability artifacts lets a skill read
	Host      string // id of this state; no two daemons on a machine share one
	Artifacts Artifacts
	Log       *slog.Logger

	Grace        time.Duration // between cancel and kill; 2 s
	Idle         time.Duration // how long an unused child is kept; 2 min
	StartTimeout time.Duration // 10 s
	MaxWorkers   int           // for each WASM skill; 2
	MaxOutput    int           // bytes of a result; 1 MiB
}

func (c Config) withDefaults() Config {
	c.Grace = positive(c.Grace, 2*time.Second)
	c.Idle = positive(c.Idle, 2*time.Minute)
	c.StartTimeout = positive(c.StartTimeout, 10*time.Second)
	c.MaxWorkers = positive(c.MaxWorkers, 2)
	c.MaxOutput = positive(c.MaxOutput, 1<<20)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func positive[N ~int | ~int64](n, otherwise N) N {
	if n > 0 {
		return n
	}
	return otherwise
}

// absolute makes the paths independent of the working directory, which a child
// does not share.
func (c *Config) absolute() error {
	for _, path := range []*string{&c.Exe, &c.Dir, &c.Data, &c.Store} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = absolute
	}
	return nil
}
