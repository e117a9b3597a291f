package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Backup writes a copy of the journal as it is at this moment to a file that does
// not exist yet. Reads and writes go on meanwhile. The key that signs the history
// is left out: a journal that goes on from the copy makes one of its own.
func (j *Journal) Backup(ctx context.Context, path string) error {
	if err := j.backup(ctx, path); err != nil {
		return fmt.Errorf("backup to %s: %w", path, err)
	}
	return nil
}

// errOverwrite is a refusal.
var errOverwrite = errors.New("the file exists; a backup overwrites nothing")

func (j *Journal) backup(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return errOverwrite
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".palyra-backup-*") // mode 0600
	if err != nil {
		return err
	}
	defer f.Close()
	defer os.Remove(f.Name())
	if err := j.copyTo(ctx, f.Name()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	// A link refuses what a rename would overwrite.
	if err := os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return errOverwrite
	} else if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// copyTo fills an empty file.
func (j *Journal) copyTo(ctx context.Context, path string) error {
	from, err := openSQLite(dsn(j.path, map[string][]string{"_busy_timeout": {"5000"}}), 1)
	if err != nil {
		return err
	}
	_, err = from.ExecContext(ctx, `VACUUM INTO $1`, path)
	if err := errors.Join(err, from.Close()); err != nil {
		return err
	}
	to, err := openSQLite(dsn(path, map[string][]string{"_journal_mode": {"DELETE"}, "_synchronous": {"FULL"}}), 1)
	if err != nil {
		return err
	}
	_, err = to.ExecContext(ctx, `PRAGMA secure_delete = on; DELETE FROM meta WHERE key = 'signer'`)
	return errors.Join(err, to.Close())
}
