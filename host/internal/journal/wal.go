package journal

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/palyra-go/palyra/host/internal/failpoint"
)

// A frame of the write-ahead log is a page and its header.
const (
	frameBytes = 4096 + 24
	someFrames = 4000 // after so many a checkpoint is due, where nothing is reserved
)

// reserve makes the write-ahead log as long as it is going to be, in real zeros,
// and keeps it so. A commit then overwrites, which a disk syncs twice as fast as
// what grows a file; and a full disk leaves room for what must be written all
// the same.
func (j *Journal) reserve(bytes int64) error {
	j.frames = someFrames
	if bytes <= 0 {
		return nil
	}
	err := j.conn.Raw(func(c any) error {
		_, err := c.(interface {
			FileControlPersistWAL(db string, mode int) (int, error)
		}).FileControlPersistWAL("main", 1)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep the write-ahead log: %w", err)
	}
	// The index of the log has 32 KiB for every 4096 frames.
	index := (bytes/frameBytes/4096 + 2) * 32 << 10
	for suffix, size := range map[string]int64{"-wal": bytes, "-shm": index} {
		f, err := grow(j.path+suffix, size)
		if f != nil {
			j.grown = append(j.grown, f)
		}
		if err != nil {
			j.log.Warn("journal has no space in reserve", "err", err)
			return nil
		}
	}
	j.frames = max(1, bytes/frameBytes*3/4)
	return nil
}

// grow makes a file that long. It is SQLite's: what is there stays, and zeros
// behind it are not valid frames. The file stays open as long as SQLite has it:
// to close it would drop the locks that SQLite holds on it, for a lock belongs to
// the process and not to the descriptor (fcntl(2)), and the next process to come
// would cut the index under our feet.
func grow(path string, size int64) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	at, err := f.Seek(0, io.SeekEnd)
	if err != nil || at >= size {
		return f, err
	}
	zeros := make([]byte, 1<<20)
	for at < size {
		n, err := f.Write(zeros[:min(int64(len(zeros)), size-at)])
		if err != nil {
			return f, err
		}
		at += int64(n)
	}
	return f, f.Sync()
}

// tidy moves the write-ahead log into the database when that is due. The caller
// has the turn, and nobody waits for it but who commits next.
func (j *Journal) tidy(ctx context.Context) {
	if j.broken != nil || j.full == nil && j.wrote < j.frames/4 {
		return // to ask costs as much as a small write
	}
	j.wrote = 0
	if frames, err := j.checkpoint(ctx, "NOOP"); err != nil || frames < j.frames && j.full == nil {
		return
	}
	failpoint.At("journal.move")
	_, err := j.checkpoint(ctx, "PASSIVE")
	failpoint.At("journal.moved")
	switch {
	case err == nil || code(err) == busy: // who reads makes it wait; the log grows meanwhile
		if j.full != nil {
			j.log.Info("journal has space again")
		}
		j.full = nil
		return
	case j.full == nil:
		j.log.Error("journal cannot move its log into the database, only quarantines are written until it can", "err", err)
	}
	j.full = explain(err)
	j.endIfBroken(err)
}

// admit splits a batch: while there is no space but what is reserved, only
// operations are committed that cannot wait for some. The others are refused.
func (j *Journal) admit(batch []*op) []*op {
	if j.full != nil && j.broken == nil {
		j.tidy(context.WithoutCancel(batch[0].ctx))
	}
	why := j.broken
	if why == nil {
		why = j.full
	}
	if why == nil {
		return batch
	}
	var urgent []*op
	for _, o := range batch {
		if o.urgent && j.broken == nil {
			urgent = append(urgent, o)
		} else {
			o.err = fmt.Errorf("%w: %w", ErrUnwritable, why)
		}
	}
	return urgent
}

// endIfBroken ends all writing if err says that the disk lost what it was given.
// What is in memory and on disk may differ from then on, and a sync that failed
// does not fail a second time: only a new process knows what it has.
func (j *Journal) endIfBroken(err error) {
	if j.broken != nil || !broke(err) {
		return
	}
	j.broken = fmt.Errorf("%w: %w", ErrBroken, err)
	j.log.Error("journal cannot go on after an input/output error, palyrad must be started again", "err", err)
	close(j.ended)
}

// Broken is closed when the journal can never be written again by this process.
func (j *Journal) Broken() <-chan struct{} { return j.ended }

func (j *Journal) checkpoint(ctx context.Context, mode string) (frames int64, err error) {
	var busy, moved int64
	err = j.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &frames, &moved)
	return frames - moved, err
}
