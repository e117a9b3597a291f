package journal

import (
	"context"
	"fmt"
	"os"
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
	if err := grow(j.path+"-wal", bytes); err != nil {
		j.log.Warn("journal has no space in reserve", "err", err)
		return nil
	}
	j.frames = max(1, bytes/frameBytes*3/4)
	return nil
}

// grow makes a file that long. It is SQLite's: what is there stays, and zeros
// behind it are not valid frames.
func grow(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	at, err := f.Seek(0, 2)
	if err != nil || at >= size {
		return err
	}
	zeros := make([]byte, 1<<20)
	for at < size {
		n, err := f.Write(zeros[:min(int64(len(zeros)), size-at)])
		if err != nil {
			return err
		}
		at += int64(n)
	}
	return f.Sync()
}

// tidy moves the write-ahead log into the database when that is due. The caller
// has the turn, and nobody waits for it but who commits next.
func (j *Journal) tidy(ctx context.Context) {
	if frames, err := j.checkpoint(ctx, "NOOP"); err != nil || frames < j.frames {
		return
	}
	_, err := j.checkpoint(ctx, "PASSIVE")
	if err == nil || code(err) == 5 { // who reads makes it wait; it grows meanwhile
		j.full = nil
		return
	}
	if j.full == nil {
		j.log.Error("journal cannot move its log into the database", "err", err)
	}
	j.full = explain(err)
}

func (j *Journal) checkpoint(ctx context.Context, mode string) (frames int64, err error) {
	var busy, moved int64
	err = j.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &frames, &moved)
	return frames - moved, err
}
