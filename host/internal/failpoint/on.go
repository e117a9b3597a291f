//go:build failpoint

package failpoint

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// trap is the point at which this process dies.
type trap struct {
	name string
	left atomic.Int64
}

var armed = sync.OnceValue(func() *trap {
	name, count, _ := strings.Cut(os.Getenv("PALYRA_FAILPOINT"), ":")
	d := &trap{name: name}
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil || n < 1 {
		n = 1
	}
	d.left.Store(n)
	return d
})

// At kills the process if this is where it is to die. It does not return then.
func At(name string) {
	d := armed()
	if d.name != name || d.left.Add(-1) != 0 {
		return
	}
	p, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		panic("failpoint " + name + ": " + err.Error())
	}
	select {}
}
