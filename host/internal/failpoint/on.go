//go:build failpoint

package failpoint

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// trap is the point at which this process dies.
type trap struct {
	name  string
	left  atomic.Int64
	dwell time.Duration
}

var armed = sync.OnceValue(func() *trap {
	d := &trap{}
	text := os.Getenv("PALYRA_FAILPOINT")
	if text == "" {
		return d
	}
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		panic(`PALYRA_FAILPOINT: want "NAME:COUNT:DWELL", not ` + strconv.Quote(text))
	}
	n, err := strconv.ParseInt(parts[1], 10, 64)
	if err == nil {
		d.dwell, err = time.ParseDuration(parts[2])
	}
	if err != nil {
		panic("PALYRA_FAILPOINT: " + err.Error())
	}
	d.name = parts[0]
	d.left.Store(n)
	return d
})

// At kills the process if this is where it is to die. It does not return then.
func At(name string) {
	d := armed()
	if d.name != name || d.left.Add(-1) != 0 {
		return
	}
	time.Sleep(d.dwell)
	p, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		panic("failpoint " + name + ": " + err.Error())
	}
	select {}
}
