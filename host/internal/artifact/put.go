package artifact

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/palyra-go/palyra/sdk/bundle"
)

// Put stores what r gives and returns its digest. Bytes that are there already
// are written once more, which repairs them if they were altered.
func (s *Store) Put(ctx context.Context, r io.Reader) (bundle.Digest, error) {
	name := incoming + rand.Text()
	d, err := s.receive(ctx, name, r)
	if err == nil {
		err = s.root.Rename(name, d.String())
	}
	if err == nil {
		err = syncDir(s.root.Name())
	}
	if err != nil {
		_ = s.root.Remove(name) // what is left over is cleared away by the next Open
		return bundle.Digest{}, fmt.Errorf("store artifact: %w", err)
	}
	return d, nil
}

// receive writes what r gives to a file and syncs it.
func (s *Store) receive(ctx context.Context, name string, r io.Reader) (d bundle.Digest, err error) {
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, hash), io.LimitReader(reading{ctx, r}, s.limit+1))
	if err != nil {
		return d, err
	}
	if n > s.limit {
		return d, ErrTooBig
	}
	return bundle.Digest(hash.Sum(nil)), f.Sync()
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
