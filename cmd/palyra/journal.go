package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
)

func (a *app) journalCommand() *cobra.Command {
	journal := noun("journal", "The record of all that was decided and done")
	journal.AddCommand(a.journalTail(), a.journalVerify(), a.journalCheckpoint(), a.journalBackup())
	return journal
}

func (a *app) journalTail() *cobra.Command {
	request := &api.TailRequest{}
	cmd := a.command("tail", "Print the last entries, and with -f those that come", cobra.NoArgs, func(ctx context.Context, c *api.Client, _ []string) error {
		if request.GetLimit() < 1 {
			return fmt.Errorf("-n %d: want at least 1", request.GetLimit())
		}
		stream, err := c.Journal.Tail(ctx, request)
		if err != nil {
			return err
		}
		var all []*api.JournalEntry
		for {
			e, err := stream.Receive()
			switch {
			case errors.Is(err, io.EOF) || request.GetFollow() && ctx.Err() != nil:
				if a.output != "json" {
					return nil
				}
				return list(a, all, nil, nil)
			case err != nil:
				return err
			case a.output == "json":
				all = append(all, e)
			case a.output == "jsonl":
				if err := a.show(e, nil); err != nil {
					return err
				}
			default:
				if _, err := fmt.Fprintln(a.out, clean(entryLine(e))); err != nil {
					return err
				}
			}
		}
	})
	cmd.Flags().Int32VarP(&request.Limit, "lines", "n", 20, "how many")
	cmd.Flags().BoolVarP(&request.Follow, "follow", "f", false, "go on with those that are written from now on")
	return cmd
}

// entryLine is an entry for people: number, time, kind, who, about what.
func entryLine(e *api.JournalEntry) string {
	return fmt.Sprintf("%d  %s  %-16s %-18s %s", e.GetSeq(), e.GetAt().AsTime().Local().Format("2006-01-02 15:04:05.000"),
		e.GetKind(), actorName(e.GetActor()), gist(e))
}

// actorName is alice for User::"alice".
func actorName(actor string) string {
	_, name, ok := strings.Cut(actor, "::")
	if !ok {
		return actor
	}
	return strings.Trim(name, `"`)
}

// gist says what an entry is about: its facts if they are few, else how many.
func gist(e *api.JournalEntry) string {
	type fact = map[string]any
	var data struct {
		Alike []struct {
			All   fact
			Facts []fact
		}
		Facts []fact
	}
	if err := json.Unmarshal([]byte(e.GetData()), &data); err != nil {
		return e.GetSubject()
	}
	for _, alike := range data.Alike {
		for _, fact := range alike.Facts {
			maps.Copy(fact, alike.All)
			data.Facts = append(data.Facts, fact)
		}
	}
	var parts []string
	for i, fact := range data.Facts {
		if i == 3 {
			parts = append(parts, fmt.Sprintf("and %d more", len(data.Facts)-i))
			break
		}
		parts = append(parts, factLine(fact))
	}
	return strings.Join(parts, "; ")
}

// factKeys are what is told of a fact, in this order.
var factKeys = []string{"run", "skill", "publisher", "name", "job", "effect", "target", "state", "reason", "error", "runs", "leaf", "by", "digest"}

func factLine(fact map[string]any) string {
	var words []string
	for _, key := range factKeys {
		value, ok := fact[key]
		if !ok || key == "job" && fact["name"] != nil {
			continue
		}
		text := fmt.Sprint(value)
		if f, ok := value.(float64); ok {
			text = fmt.Sprintf("%s=%.0f", key, f)
		}
		if key == "digest" {
			text = short(text)
		}
		words = append(words, text)
	}
	return strings.Join(words, " ")
}

func (a *app) journalVerify() *cobra.Command {
	var files []string
	cmd := a.command("verify", "Compute the history anew and say what was altered", cobra.NoArgs, func(ctx context.Context, c *api.Client, _ []string) error {
		request := &api.VerifyRequest{}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			request.Checkpoints = append(request.Checkpoints, text)
		}
		v, err := c.Journal.Verify(ctx, request)
		if err != nil {
			return err
		}
		if err := a.show(v, func(w io.Writer) {
			for _, p := range v.GetProblems() {
				fmt.Fprintln(w, clean(p))
			}
		}); err != nil {
			return err
		}
		if n := len(v.GetProblems()); n > 0 {
			return fail(exitData, "compare with a backup; what was exported cannot have been altered here", "the history was altered: %d problems", n)
		}
		cut := ""
		if v.GetCut() > 0 {
			cut = fmt.Sprintf(" (the first %d were cut off by retention)", v.GetCut())
		}
		fmt.Fprintf(a.err, "%d entries in %d leaves%s agree with %d checkpoints\n", v.GetEntries(), v.GetLeaves(), cut, v.GetCheckpoints())
		return nil
	})
	cmd.Flags().StringArrayVar(&files, "checkpoint", nil, "compare with this `file` that `palyra journal checkpoint` wrote (may be repeated)")
	return cmd
}

func (a *app) journalCheckpoint() *cobra.Command {
	return a.command("checkpoint", "Sign the history as it is; keep the output where the daemon cannot write", cobra.NoArgs, func(ctx context.Context, c *api.Client, _ []string) error {
		answer, err := c.Journal.Checkpoint(ctx, &api.CheckpointRequest{})
		if err != nil {
			return err
		}
		return a.show(answer, func(w io.Writer) { fmt.Fprintf(w, "%s", answer.GetNote()) })
	})
}

func (a *app) journalBackup() *cobra.Command {
	return a.command("backup FILE", "Copy the journal as it is now; overwrites nothing", cobra.ExactArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		path := args[0]
		if _, err := os.Lstat(path); err == nil {
			return fail(exitData, "choose another name, or move it away", "%s exists; a backup overwrites nothing", path)
		}
		size, err := fetchBackup(ctx, c, path)
		if errors.Is(err, fs.ErrExist) {
			return fail(exitData, "choose another name, or move it away", "%s exists; a backup overwrites nothing", path)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(a.err, "%d bytes in %s\n", size, path)
		return nil
	})
}

// fetchBackup writes a backup beside path, syncs it, and gives it its name only
// when it is whole.
func fetchBackup(ctx context.Context, c *api.Client, path string) (size int64, err error) {
	stream, err := c.Journal.Backup(ctx, &api.BackupRequest{})
	if err != nil {
		return 0, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".palyra-backup-*") // mode 0600
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	for {
		piece, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		n, err := f.Write(piece.GetPiece())
		if size += int64(n); err != nil {
			return 0, err
		}
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	if err := os.Link(f.Name(), path); err != nil { // refuses what a rename would overwrite
		return 0, err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return 0, err
	}
	return size, errors.Join(dir.Sync(), dir.Close())
}
