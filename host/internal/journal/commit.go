package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// maxBatch is how many operations share a transaction at most: enough to hide
// the sync, few enough to keep the first of them from waiting long.
const maxBatch = 1000

// op is one write that somebody waits for.
type op struct {
	ctx  context.Context
	do   func(*tx) error
	err  error         // set before done is closed
	done chan struct{} // closed when the write is committed or refused
}

// write has do committed, together with what others write at the same time, and
// returns what became of it. When do returns an error, it leaves no trace.
func (j *Journal) write(ctx context.Context, do func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := &op{ctx: ctx, do: do, done: make(chan struct{})}
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
	defer func() {
		for _, o := range batch {
			close(o.done)
		}
	}()
	j.commit(batch)
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
	err = t.batch(batch)
}

// abort undoes a transaction that failed as a whole and tells everybody.
func (j *Journal) abort(t *tx, batch []*op, err error) {
	if _, undo := j.conn.ExecContext(t.ctx, "ROLLBACK"); undo != nil {
		j.log.Debug("rollback after a failed commit", "err", undo) // SQLite had done it
	}
	j.log.Warn("journal write failed", "err", err)
	for _, o := range batch {
		if o.err == nil || unwritable(o.err) {
			o.err = fmt.Errorf("%w: %w", ErrUnwritable, err)
		}
	}
}

// tx is a transaction under way. Whoever has the turn owns it.
type tx struct {
	j     *Journal
	ctx   context.Context // without cancellation
	at    int64           // when, in microseconds
	notes []note          // of the operations that went well
}

// batch returns an error if the transaction as a whole failed.
func (t *tx) batch(batch []*op) error {
	if _, err := t.exec(sqlite.begin); err != nil {
		return err
	}
	for _, o := range batch {
		before := len(t.notes)
		if o.err = t.one(o.do, len(batch) > 1); o.err == nil {
			continue
		}
		t.notes = t.notes[:before]
		if unwritable(o.err) {
			return o.err
		}
		if len(batch) == 1 {
			_, err := t.exec("ROLLBACK")
			return err
		}
	}
	if err := t.appendEntries(); err != nil {
		return err
	}
	_, err := t.exec("COMMIT")
	return err
}

// one runs an operation, in a savepoint if it is not alone.
func (t *tx) one(do func(*tx) error, shared bool) error {
	if !shared {
		return do(t)
	}
	if _, err := t.exec("SAVEPOINT op"); err != nil {
		return errors.Join(ErrUnwritable, err)
	}
	err := do(t)
	if unwritable(err) {
		return err // the transaction may be gone, and with it the savepoint
	}
	if err != nil {
		if _, undo := t.exec("ROLLBACK TO op"); undo != nil {
			return errors.Join(ErrUnwritable, undo)
		}
	}
	if _, end := t.exec("RELEASE op"); end != nil {
		return errors.Join(ErrUnwritable, end)
	}
	return err
}

// stmt returns the prepared form of a constant query.
func (t *tx) stmt(query string) (*sql.Stmt, error) {
	if s := t.j.stmts[query]; s != nil {
		return s, nil
	}
	s, err := t.j.conn.PrepareContext(t.ctx, query)
	if err == nil {
		t.j.stmts[query] = s
	}
	return s, err
}

// exec runs a constant statement and returns how many rows it touched.
func (t *tx) exec(query string, args ...any) (int64, error) {
	s, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// row runs a constant query for one row.
func (t *tx) row(query string, args ...any) scanner {
	s, err := t.stmt(query)
	if err != nil {
		return broken{err}
	}
	return s.QueryRowContext(t.ctx, args...)
}

// scanner is one row of a result.
type scanner interface{ Scan(...any) error }

// broken is a row that could not be asked for.
type broken struct{ err error }

func (b broken) Scan(...any) error { return b.err }
