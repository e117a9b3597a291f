package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/palyra-go/palyra/host/internal/journal"
	"github.com/palyra-go/palyra/host/internal/server"
)

// entries are the journal's, in the server's words.
type entries struct{ *journal.Journal }

func (e entries) Entries(ctx context.Context, after int64, limit int) ([]server.Entry, error) {
	page, err := e.Journal.Entries(ctx, after, limit)
	all := make([]server.Entry, 0, len(page))
	for _, p := range page {
		all = append(all, server.Entry{
			Seq: p.Seq, Leaf: p.Leaf, At: p.At, Kind: p.Kind, Actor: p.Actor, Subject: p.Subject, Data: string(p.Data),
		})
	}
	return all, err
}

// history is the journal's, in the server's words.
type history struct{ h *host }

func (s history) Verify(ctx context.Context, exported ...[]byte) (server.Verdict, error) {
	v, err := s.h.journal.Verify(ctx, exported...)
	return server.Verdict(v), err
}

func (s history) Checkpoint(ctx context.Context) ([]byte, error) { return s.h.journal.Checkpoint(ctx) }

// backupPiece is how much of a backup goes into one message.
const backupPiece = 256 << 10

// Backup hands over a copy of the journal in pieces. It lies in the state
// directory meanwhile.
func (s history) Backup(ctx context.Context, f func([]byte) error) error {
	dir, err := os.MkdirTemp(s.h.state.dir, ".backup-*")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "palyra.db")
	if err := s.h.journal.Backup(ctx, path); err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer file.Close()
	for piece := make([]byte, backupPiece); ; {
		n, err := io.ReadFull(file, piece)
		if n > 0 {
			if err := f(piece[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return fmt.Errorf("backup: %w", err)
		}
	}
}

// VerifyJournal verifies the journal of a state directory that no daemon works
// on, and says what was altered. It changes nothing.
func VerifyJournal(ctx context.Context, dir string, exported ...[]byte) (journal.Verdict, error) {
	return journal.VerifyFile(ctx, filepath.Join(dir, "palyra.db"), exported...)
}
