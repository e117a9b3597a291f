package dispatch

import (
	"context"

	"github.com/palyra-go/palyra/host/internal/job"
)

// tape is what can be read of a live run. Guarded by Dispatch.mu.
type tape struct {
	session *session      // of the attempt that executes, nil while none does
	kept    int           // attempts whose logs are in the journal
	turned  chan struct{} // closed when either has changed; nil while nobody waits
}

// written says that the journal has the logs of the attempts up to number, and
// forgets them here.
func (t *tape) written(number int) {
	t.session, t.kept = nil, number
	t.turn()
}

func (t *tape) turn() {
	if t.turned != nil {
		close(t.turned)
		t.turned = nil
	}
}

// next returns what is closed when the tape has turned.
func (t *tape) next() <-chan struct{} {
	if t.turned == nil {
		t.turned = make(chan struct{})
	}
	return t.turned
}

// show lets the log of an attempt be read while it executes, and tells of a start.
func (d *Dispatch) show(l *live, s *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l.tape.session = s
	l.tape.turn()
	if s.number == 1 && d.cfg.Started != nil {
		d.cfg.Started(l.run)
	}
}

// Read returns what an attempt (from 1) of a live run has logged beyond offset,
// as soon as there is something. No text means that the attempt is not live any
// more and the journal has what it logged; on tells whether the run goes on. A
// reader holds up nobody, and costs nothing while it waits: what it reads is the
// log that the attempt keeps anyway.
func (d *Dispatch) Read(ctx context.Context, id job.RunID, attempt, offset int) (text string, on bool, err error) {
	for {
		text, wait, on := d.heard(id, attempt, offset)
		if text != "" || wait == nil {
			return text, on, nil
		}
		select {
		case <-wait.more:
		case <-wait.turned:
		case <-wait.done:
		case <-ctx.Done():
			return "", on, context.Cause(ctx)
		}
	}
}

// wait is what a reader waits for: each is closed when there may be more.
type wait struct{ more, turned, done <-chan struct{} }

// heard returns what can be read now, else what to wait for, else neither; and
// whether the run is live.
func (d *Dispatch) heard(id job.RunID, attempt, offset int) (text string, w *wait, on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.runs[id]
	if l == nil || attempt <= l.tape.kept {
		return "", nil, l != nil
	}
	w = &wait{done: l.done}
	if s := l.tape.session; s != nil && s.number == attempt {
		text, w.more = s.since(offset)
	}
	w.turned = l.tape.next()
	return text, w, true
}
