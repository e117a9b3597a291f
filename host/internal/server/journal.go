package server

import (
	"context"
	"errors"

	"github.com/palyra-go/palyra/host/api"
)

// journal serves the JournalService.
type journal struct{ *Server }

const (
	defaultTail = 20
	tailPage    = 500
)

func (s journal) Tail(ctx context.Context, req *api.TailRequest, stream api.JournalServiceTailServerStream) error {
	limit := int64(req.GetLimit())
	if limit < 0 || req.GetAfter() < 0 {
		return problem(Invalid, "", "tail: limit and after are not negative")
	}
	if limit == 0 {
		limit = defaultTail
	}
	after, end := req.GetAfter(), s.Entries.Last()
	if after == 0 {
		after = max(0, end-limit)
	}
	watching, cancel := s.untilStop(ctx)
	defer cancel()
	if err := stream.SendHeaders(); err != nil {
		return err
	}
	for {
		for after < end {
			page, err := s.Entries.Entries(watching, after, tailPage)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				after = end // they were cut off
			}
			for _, e := range page {
				if err := stream.Send(fromEntry(e)); err != nil {
					return err
				}
				after = e.Seq
			}
		}
		if !req.GetFollow() {
			return nil
		}
		if err := s.Entries.Wait(watching, after); err != nil {
			if errors.Is(err, context.Canceled) {
				return nil // the caller left, or the daemon stops
			}
			return err
		}
		end = s.Entries.Last()
	}
}

// untilStop is ctx, until the server stops.
func (s *Server) untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	watching, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-s.stopping:
			cancel()
		case <-watching.Done():
		}
	}()
	return watching, cancel
}

func fromEntry(e Entry) *api.JournalEntry {
	return &api.JournalEntry{
		Seq: e.Seq, Leaf: e.Leaf, At: fromTime(e.At), Kind: e.Kind, Actor: e.Actor, Subject: e.Subject, Data: e.Data,
	}
}

func (s journal) Verify(ctx context.Context, req *api.VerifyRequest) (*api.VerifyResponse, error) {
	v, err := s.History.Verify(ctx, req.GetCheckpoints()...)
	if err != nil {
		return nil, err
	}
	return &api.VerifyResponse{
		Entries: v.Entries, Leaves: v.Leaves, Cut: v.Cut, Checkpoints: int32(v.Checkpoints),
		Signed: fromTime(v.Signed), Problems: v.Problems,
	}, nil
}

func (s journal) Checkpoint(ctx context.Context, _ *api.CheckpointRequest) (*api.CheckpointResponse, error) {
	signed, err := s.History.Checkpoint(ctx)
	return &api.CheckpointResponse{Note: signed}, err
}

func (s journal) Backup(ctx context.Context, _ *api.BackupRequest, stream api.JournalServiceBackupServerStream) error {
	return s.History.Backup(ctx, func(piece []byte) error {
		return stream.Send(&api.BackupResponse{Piece: piece})
	})
}
