package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/palyra-go/palyra/host/internal/failpoint"
)

// maxBatch is how many operations share a transaction at most: enough to hide
// the sync, few enough to keep the first of them from waiting long.
const maxBatch = 2000

// op is one write that somebody waits for.
type op struct {
	ctx    context.Context
	do     func(*tx) error // may be done again after it was undone
	end    *ending         // instead of do
	urgent bool            // may use what is reserved for it
	err    error           // set before done is closed
	done   chan struct{}   // closed when the write is committed or refused
}

// write has do committed, together with what others write at the same time, and
// returns what became of it. When do returns an error, it leaves no trace.
func (j *Journal) write(ctx context.Context, do func(*tx) error) error {
	return j.enqueue(ctx, &op{do: do})
}

func (j *Journal) enqueue(ctx context.Context, o *op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o.ctx, o.done = ctx, make(chan struct{})
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return ErrClosed
	}
	j.queue = append(j.queue, o)
	j.mu.Unlock()
	for {
		select {
		case <-o.done:
			return o.err
		case j.turn <- struct{}{}:
			j.leadAndYield()
		}
	}
}

func (j *Journal) leadAndYield() {
	defer func() { <-j.turn }()
	j.lead()
}

// lead commits the next batch of the queue. Its caller has the turn. It reports
// whether there was one.
func (j *Journal) lead() bool {
	j.mu.Lock()
	batch := j.queue[:min(len(j.queue), maxBatch)]
	j.queue = j.queue[len(batch):]
	if len(j.queue) == 0 {
		j.queue = nil
	}
	j.mu.Unlock()
	if len(batch) == 0 {
		return false
	}
	func() {
		defer func() {
			for _, o := range batch {
				close(o.done)
			}
		}()
		if some := j.admit(batch); len(some) > 0 {
			j.commit(some)
		}
	}()
	failpoint.At("journal.told")
	ctx := context.WithoutCancel(batch[0].ctx)
	j.wrote += int64(10 * len(batch))
	j.signDue(ctx, false)
	j.tidy(ctx)
	return true
}

// errPanic is what the others of a batch are told when an operation panics. The
// panic itself is its caller's, who may well survive it.
var errPanic = errors.New("an operation of the batch panicked")

// commit runs the batch in one transaction and sets the error of each of its
// operations.
func (j *Journal) commit(batch []*op) {
	t := &tx{j: j, ctx: context.WithoutCancel(batch[0].ctx), at: time.Now().UnixMicro()}
	err := errPanic
	defer func() {
		if err != nil {
			j.abort(t, batch, err)
		}
	}()
	if err = t.batch(batch); errors.Is(err, errSpoilt) {
		t.careful, t.notes = true, nil
		err = t.batch(batch)
	}
}

// errSpoilt is what a batch ends with when an operation was refused after it had
// written something, which had no savepoint.
var errSpoilt = errors.New("an operation was refused late")

// abort undoes a transaction that failed as a whole and tells everybody.
func (j *Journal) abort(t *tx, batch []*op, err error) {
	j.known.forget()
	if _, undo := j.conn.ExecContext(t.ctx, "ROLLBACK"); undo != nil {
		j.log.Debug("rollback after a failed commit", "err", undo) // SQLite had done it
	}
	j.log.Warn("journal write failed", "err", err)
	j.endIfBroken(err)
	for _, o := range batch {
		if o.err == nil || unwritable(o.err) {
			o.err = fmt.Errorf("%w: %w", ErrUnwritable, err)
		}
	}
}

// tx is a transaction under way. Whoever has the turn owns it.
type tx struct {
	j       *Journal
	ctx     context.Context // without cancellation
	at      int64           // when, in microseconds
	careful bool            // each operation has a savepoint
	bytes   int             // of text that was written
	writes  int             // statements so far that changed something
	notes   []noted         // of the operations that went well
	runs    []runFact       // of these, the last
	facts   []byte          // where facts are encoded
	tail    tail            // of the entries, once it is committed; none if seq is 0
}

// batch returns an error if the transaction as a whole failed.
func (t *tx) batch(batch []*op) error {
	failpoint.At("journal.begin")
	if _, err := t.exec(sqlite.begin); err != nil {
		return err
	}
	failpoint.At("journal.begun")
	var ends []*op
	for _, o := range batch {
		o.err = nil
		if o.end != nil && !t.careful {
			ends = append(ends, o)
			continue
		}
		if err := t.one(o, len(batch) > 1); err != nil {
			return err
		}
	}
	if err := t.finish(ends); err != nil {
		return t.spoilt(err)
	}
	if len(batch) == 1 && batch[0].err != nil {
		t.j.known.forget()
		_, err := t.exec("ROLLBACK")
		return err
	}
	if err := t.appendEntries(); err != nil {
		return err
	}
	failpoint.At("journal.written")
	_, err := t.exec("COMMIT")
	failpoint.At("journal.committed")
	t.j.wrote += int64(4*len(t.notes) + t.bytes/2048)
	if err == nil && t.tail.seq != 0 {
		t.j.tail = t.tail
		t.j.announce(t.tail.seq)
	}
	if err == nil {
		t.j.commits.Add(1)
	}
	return err
}

// one runs an operation. What it returns is of the transaction as a whole.
func (t *tx) one(o *op, shared bool) error {
	do := o.do
	if o.end != nil {
		do = func(t *tx) error { return errors.Join(t.finish([]*op{o}), o.err) }
	}
	notes, writes := len(t.notes), t.writes
	if shared && t.careful {
		o.err = t.apart(do)
	} else {
		o.err = do(t)
	}
	if o.err == nil {
		return nil
	}
	t.notes = t.notes[:notes]
	if unwritable(o.err) {
		return o.err
	}
	if shared && !t.careful && t.writes > writes {
		return t.spoilt(o.err)
	}
	return nil
}

// spoilt undoes a transaction that is to be done again, carefully.
func (t *tx) spoilt(err error) error {
	if unwritable(err) {
		return err
	}
	t.j.known.forget()
	if _, undo := t.exec("ROLLBACK"); undo != nil {
		return errors.Join(ErrUnwritable, undo)
	}
	return errSpoilt
}

// apart runs an operation in a savepoint.
func (t *tx) apart(do func(*tx) error) error {
	if _, err := t.exec("SAVEPOINT op"); err != nil {
		return errors.Join(ErrUnwritable, err)
	}
	err := do(t)
	if unwritable(err) {
		return err // the transaction may be gone, and with it the savepoint
	}
	if err != nil {
		t.j.known.forget()
		if _, undo := t.exec("ROLLBACK TO op"); undo != nil {
			return errors.Join(ErrUnwritable, undo)
		}
	}
	if _, end := t.exec("RELEASE op"); end != nil {
		return errors.Join(ErrUnwritable, end)
	}
	return err
}
