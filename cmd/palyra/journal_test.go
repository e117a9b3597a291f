package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
)

type fakeJournal struct {
	api.UnimplementedJournalServiceHandler
	problems []string
}

func (j *fakeJournal) Tail(_ context.Context, r *api.TailRequest, stream api.JournalServiceTailServerStream) error {
	for _, e := range []*api.JournalEntry{
		{Seq: 7, Kind: "run.begin", Actor: `System::"daemon"`, Data: `{"alike":[{"all":{"state":"running"},"facts":[{"run":"run_3"},{"run":"run_4"}]}],"facts":[{"run":"run_1","job":"job_1","state":"running"},{"run":"run_2","state":"denied","reason":"policy"}]}`},
		{Seq: 8, Kind: "skill.quarantine", Actor: `User::"alice"`, Subject: "acme.tar", Data: `{"facts":[{"skill":"acme.tar","state":"quarantined","reason":"bad\u001b[31m"}]}`},
	} {
		e.At = timestamppb.New(noon)
		if err := stream.Send(e); err != nil {
			return err
		}
	}
	return nil
}

func (j *fakeJournal) Verify(_ context.Context, r *api.VerifyRequest) (*api.VerifyResponse, error) {
	return &api.VerifyResponse{Entries: 9, Leaves: 8, Checkpoints: int32(len(r.GetCheckpoints())), Problems: j.problems}, nil
}

func (j *fakeJournal) Checkpoint(context.Context, *api.CheckpointRequest) (*api.CheckpointResponse, error) {
	return &api.CheckpointResponse{Note: []byte("signed\n")}, nil
}

func (j *fakeJournal) Backup(_ context.Context, _ *api.BackupRequest, stream api.JournalServiceBackupServerStream) error {
	for _, piece := range []string{"all ", "of it"} {
		if err := stream.Send(&api.BackupResponse{Piece: []byte(piece)}); err != nil {
			return err
		}
	}
	return nil
}

func TestJournalCommands(t *testing.T) {
	c := newCLI(t)
	out, errs, code := c.palyra(t, "journal", "tail")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) != 2 || !strings.HasPrefix(lines[0], "7  ") ||
		!strings.Contains(lines[0], "run.begin        daemon             run_1 job_1 running; run_2 denied policy; run_3 running; and 1 more") ||
		!strings.Contains(lines[1], "skill.quarantine alice              acme.tar quarantined bad") || strings.Contains(out, "\x1b") {
		t.Errorf("tail: %d %q %q", code, out, errs)
	}
	if out, _, code = c.palyra(t, "journal", "tail", "-o", "jsonl"); code != 0 || strings.Count(out, "\n") != 2 || !strings.Contains(out, `"seq":"8"`) {
		t.Errorf("tail as jsonl: %d %q", code, out)
	}
	if out, _, code = c.palyra(t, "journal", "tail", "-o", "json"); code != 0 || !strings.HasPrefix(out, "[") {
		t.Errorf("tail as json: %d %q", code, out)
	}
	if _, _, code = c.palyra(t, "journal", "tail", "-n", "0"); code == 0 {
		t.Error("no lines were asked for, and it went well")
	}
	dir := t.TempDir()
	exported := filepath.Join(dir, "checkpoint")
	if out, _, code = c.palyra(t, "journal", "checkpoint"); code != 0 || out != "signed\n" {
		t.Errorf("checkpoint: %d %q", code, out)
	}
	if err := os.WriteFile(exported, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code = c.palyra(t, "journal", "verify", "--checkpoint", exported); code != 0 || errs != "9 entries in 8 leaves agree with 1 checkpoints\n" {
		t.Errorf("verify: %d %q", code, errs)
	}
	c.journal.problems = []string{"leaf 5 was altered"}
	if out, errs, code = c.palyra(t, "journal", "verify"); code != exitData || out != "leaf 5 was altered\n" || !strings.Contains(errs, "1 problems") {
		t.Errorf("verify what was altered: %d %q %q", code, out, errs)
	}
	path := filepath.Join(dir, "copy.db")
	for _, want := range []int{0, exitData} { // the second time it is there
		if _, errs, code = c.palyra(t, "journal", "backup", path); code != want {
			t.Errorf("backup: %d %q", code, errs)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != "all of it" {
			t.Errorf("backup: %q, %v", text, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
