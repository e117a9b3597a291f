package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// Restoration says which backup becomes the journal, and why.
type Restoration struct {
	From    string // the backup
	Path    string // where the journal is to be, which nobody has open
	Reason  string
	By      job.Principal
	Replace bool // keep a journal that is there aside
}

// Restored is what a restoration did.
type Restored struct {
	Verdict
	Last   time.Time // when the last entry of the backup was written
	Paused int       // jobs
	Aside  string    // where the journal is that was there; empty if there was none
}

// ErrAltered says that a backup is not what was written.
var ErrAltered = errors.New("the backup was altered or is damaged")

const kindRestore = "journal.restore"

// restoreFact is what an entry says about a restoration. The history before it is
// the backup's.
type restoreFact struct {
	Reason string `json:"reason"`
	Leaves int64  `json:"leaves"` // of the backup
	Root   string `json:"root"`   // of the tree of the backup
	Last   int64  `json:"last"`   // when its last entry was written
	Paused int    `json:"paused"`
	Aside  string `json:"aside,omitempty"`
}

// Restore makes a journal of a backup. The backup is verified first; then every
// job of a user is paused and accounted for up to now, because what became of its
// nominal times since the backup is not known. Marks and states of skills are
// those of the backup. The journal that was there, if it may be replaced, is kept
// beside it. What is at Path is at every moment the one or the other, whole.
func Restore(ctx context.Context, r Restoration) (Restored, error) {
	done, err := r.restore(ctx)
	if err != nil {
		return done, fmt.Errorf("restore %s: %w", r.From, err)
	}
	return done, nil
}

func (r *Restoration) restore(ctx context.Context) (done Restored, err error) {
	if err := r.admissible(); err != nil {
		return done, err
	}
	f, err := os.CreateTemp(filepath.Dir(r.Path), ".palyra-restore-*") // mode 0600
	if err != nil {
		return done, err
	}
	defer func() {
		for _, name := range withCompanions(f.Name()) {
			err = errors.Join(err, removeIf(name))
		}
	}()
	if err := errors.Join(copyInto(f, r.From), f.Close()); err != nil {
		return done, err
	}
	if _, err := os.Lstat(r.Path); err == nil {
		done.Aside = r.Path + ".replaced-" + time.Now().UTC().Format("20060102T150405Z")
	}
	if err := r.prepare(ctx, f.Name(), &done); err != nil {
		return done, err
	}
	return done, r.install(ctx, f.Name(), done.Aside)
}

// admissible refuses before anything is read.
func (r *Restoration) admissible() error {
	if r.Reason == "" {
		return errors.New("a reason is missing")
	}
	info, err := os.Stat(r.From)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("not a file")
	}
	if log, err := os.Stat(r.From + "-wal"); err == nil && log.Size() > 0 {
		return fmt.Errorf("%w: with %s beside it, it is the journal of a daemon and no backup", ErrExists, filepath.Base(r.From+"-wal"))
	}
	there, err := os.Stat(r.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case os.SameFile(info, there):
		return fmt.Errorf("%w: it is the journal itself", ErrExists)
	case !r.Replace:
		return fmt.Errorf("%w: there is a journal at %s", ErrExists, r.Path)
	}
	return nil
}

// prepare verifies the copy, and writes into it that it was restored.
func (r *Restoration) prepare(ctx context.Context, path string, done *Restored) error {
	if err := sound(ctx, path); err != nil {
		return err
	}
	j, err := Open(ctx, Config{Path: path})
	if err != nil {
		return err
	}
	err = r.mark(ctx, j, done)
	return errors.Join(err, j.Close())
}

func (r *Restoration) mark(ctx context.Context, j *Journal, done *Restored) error {
	var err error
	if done.Verdict, err = j.Verify(ctx); err != nil {
		return err
	}
	if len(done.Problems) > 0 {
		return fmt.Errorf("%w: %s", ErrAltered, done.Problems[0])
	}
	last, err := j.Entries(ctx, j.Last()-1, 1)
	if err != nil {
		return err
	}
	for _, e := range last {
		done.Last = e.At
	}
	jobs, err := j.Jobs(ctx)
	if err != nil {
		return err
	}
	return j.write(ctx, func(t *tx) error {
		done.Paused = 0
		for _, v := range jobs {
			if v.System() {
				continue
			}
			if err := r.pause(t, *v); err != nil {
				return fmt.Errorf("pause job %s: %w", v.Name, err)
			}
			done.Paused++
		}
		root := j.tail.tree.root()
		return t.record(kindRestore, r.By.String(), "", restoreFact{
			Reason: clean(r.Reason), Leaves: done.Leaves, Root: root.String(), Last: micros(done.Last), Paused: done.Paused,
			Aside: filepath.Base(done.Aside),
		})
	})
}

// pause writes the job as it is from now on. One that is paused for good keeps
// its reason.
func (r *Restoration) pause(t *tx, v job.Job) error {
	if !v.Paused || !v.PauseUntil.IsZero() {
		v.Paused, v.PauseUntil, v.PauseReason = true, time.Time{}, "restored from a backup: "+r.Reason
	}
	v.Generation++
	v.Updated = instant(t.at)
	if v.Cursor.Before(v.Updated) {
		v.Cursor = v.Updated
	}
	spec, err := encodeSpec(&v)
	if err != nil {
		return err
	}
	return t.putJob(&v, spec, r.By, "job.pause")
}

// sound has SQLite look at every page: the history tree knows the entries alone.
func sound(ctx context.Context, path string) error {
	db, err := openSQLite(readerDSN(path), 1)
	if err != nil {
		return err
	}
	defer db.Close() // it only read
	var found string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&found); err != nil {
		if unwritable(err) {
			return fmt.Errorf("%w: %w", ErrAltered, explain(err))
		}
		return err
	}
	if found != "ok" {
		return fmt.Errorf("%w: %s", ErrAltered, clean(found))
	}
	var tables int
	err = db.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_master WHERE name IN ('schema_version', 'entries', 'meta')`).Scan(&tables)
	if err == nil && tables < 3 {
		err = fmt.Errorf("%w: it is no journal", ErrAltered)
	}
	return err
}

// install gives the new journal its name. The old one is whole at every moment,
// without its log, under one name or two.
func (r *Restoration) install(ctx context.Context, path, aside string) error {
	if aside != "" {
		if err := r.setAside(ctx, aside); err != nil {
			return err
		}
	}
	if err := syncFile(path); err != nil {
		return err
	}
	if err := os.Rename(path, r.Path); err != nil {
		return err
	}
	return syncFile(filepath.Dir(r.Path))
}

// setAside gives the old journal its second name, and takes away its log, which
// would be taken for that of the new one. The log is moved into the old journal,
// or kept beside it if that is damaged.
func (r *Restoration) setAside(ctx context.Context, aside string) error {
	if err := os.Link(r.Path+"-wal", aside+"-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if fold(ctx, r.Path) == nil {
		if err := removeIf(aside + "-wal"); err != nil {
			return err
		}
	}
	if err := os.Link(r.Path, aside); err != nil {
		return err
	}
	if err := errors.Join(removeIf(r.Path+"-wal"), removeIf(r.Path+"-shm")); err != nil {
		return err
	}
	return syncFile(filepath.Dir(r.Path))
}

// removeIf removes a file that may be there.
func removeIf(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// fold moves the log of a journal into it.
func fold(ctx context.Context, path string) error {
	db, err := openSQLite(dsn(path, map[string][]string{"_busy_timeout": {"5000"}, "_synchronous": {"FULL"}}), 1)
	if err != nil {
		return err
	}
	var blocked, frames, moved int
	err = db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&blocked, &frames, &moved)
	if err == nil && blocked != 0 {
		err = errors.New("somebody has the journal open")
	}
	return errors.Join(err, db.Close())
}

func copyInto(f *os.File, from string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	if _, err := io.Copy(f, source); err != nil {
		return err
	}
	return f.Sync()
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// withCompanions are a database file and those that SQLite lays beside it.
func withCompanions(path string) []string { return []string{path, path + "-wal", path + "-shm"} }
