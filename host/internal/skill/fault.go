package skill

// Fault is how a child failed its host, as opposed to an action that answered
// with an error.
type Fault struct {
	Kind   FaultKind
	Detail string // for people
}

// FaultKind is one way in which a child fails.
type FaultKind string

// The faults of children.
const (
	Crashed     FaultKind = "crashed"      // it died, or broke the protocol
	StartFailed FaultKind = "start_failed" // it did not start
	OutputLimit FaultKind = "output_limit" // it answered more than it may
	Unsupported FaultKind = "unsupported"  // the artifact has no program for this machine
)

func (f *Fault) Error() string { return string(f.Kind) + ": " + f.Detail }

// Retryable reports whether another attempt may succeed.
func (f *Fault) Retryable() bool { return f.Kind == Crashed || f.Kind == StartFailed }
