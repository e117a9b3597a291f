package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/bundle"
	"github.com/palyra-go/palyra/sdk/bundle/audit"
)

// The caps of a report: the answer of a run must not outgrow its limit because
// of one artifact that has very much wrong with it.
const (
	maxFindings = 20
	maxMessage  = 300 // bytes
)

// auditor audits artifacts.
type auditor struct {
	now  func() time.Time
	read func(store string, d bundle.Digest) ([]byte, error)
}

type input struct {
	Digests []bundle.Digest `json:"digests"`
}

type output struct {
	Reports []bundle.Report `json:"reports"`
}

// reaudit serves the entrypoint reaudit.
func (a auditor) reaudit(ctx context.Context, in input) (output, error) {
	store := sdk.RequestFrom(ctx).Artifacts
	if store == "" {
		return output{}, &sdk.Error{Code: "no_artifacts", Message: "no artifact store: the capability artifacts is not granted"}
	}
	out := output{Reports: []bundle.Report{}}
	for i, d := range in.Digests {
		if err := ctx.Err(); err != nil {
			return output{}, fmt.Errorf("reaudit: %w", err)
		}
		sdk.Progress(ctx, int64(i), int64(len(in.Digests)), d.Short())
		r := a.one(store, d)
		if !r.Passed() {
			sdk.HostFrom(ctx).Log(sdk.LevelWarn, d.Short()+": "+trouble(r))
		}
		out.Reports = append(out.Reports, r)
	}
	sdk.Progress(ctx, int64(len(in.Digests)), int64(len(in.Digests)), "")
	return out, nil
}

// one audits the artifact that is called d. An artifact that upsets its auditor
// upsets its own report alone.
func (a auditor) one(store string, d bundle.Digest) (r bundle.Report) {
	undone := func(why string) bundle.Report {
		return bundle.Report{Digest: d, Findings: []bundle.Finding{}, Error: shorten(why)}
	}
	defer func() {
		if cause := recover(); cause != nil {
			r = undone(fmt.Sprintf("panic: %v", cause))
		}
	}()
	data, err := a.read(store, d)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		data, err = a.read(store, d) // which may have been a passing trouble
	}
	if err != nil {
		return undone(err.Error())
	}
	r = audit.Audit(data, audit.Options{Now: a.now(), Expect: d})
	r.Digest = d // who altered the bytes must not make the report one about others
	r.Findings = capped(r.Findings)
	return r
}

// read reads an artifact, and a little more than the largest there may be: what
// is too large then is not what its name says.
func read(store string, d bundle.Digest) ([]byte, error) {
	root, err := os.OpenRoot(store)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	name := "sha256/" + d.String()
	st, err := root.Lstat(name) // first: to open a pipe is to wait for its other end
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a file", name)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, bundle.MaxSize+1))
}

// capped keeps the worst findings.
func capped(all []bundle.Finding) []bundle.Finding {
	kept := slices.Clone(all)
	slices.SortStableFunc(kept, func(a, b bundle.Finding) int { return cmp.Compare(rank(a), rank(b)) })
	if left := len(kept) - (maxFindings - 1); left > 1 {
		kept = append(kept[:maxFindings-1], bundle.Finding{
			Check: "findings.more", Severity: bundle.SeverityInfo, Message: fmt.Sprintf("%d more findings", left),
		})
	}
	for i := range kept {
		kept[i].Message = shorten(kept[i].Message)
	}
	return kept
}

// rank is low for what matters; an unknown severity matters.
func rank(f bundle.Finding) int {
	return slices.Index([]bundle.Severity{bundle.SeverityError, bundle.SeverityWarn, bundle.SeverityInfo}, f.Severity)
}

func shorten(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	return strings.ToValidUTF8(message[:maxMessage], "") + "…"
}

// trouble says in one line why a report does not pass.
func trouble(r bundle.Report) string {
	if r.Error != "" {
		return "not audited: " + r.Error
	}
	var lines []string
	for _, f := range r.Findings {
		if f.Severity == bundle.SeverityError {
			lines = append(lines, f.Check+": "+f.Message)
		}
	}
	return strings.Join(lines, "; ")
}

// Summary implements sdk.Summarizer.
func (o output) Summary() string {
	passed, failed, undone := 0, 0, 0
	for _, r := range o.Reports {
		switch {
		case r.Error != "":
			undone++
		case r.Passed():
			passed++
		default:
			failed++
		}
	}
	noun := "artifacts"
	if len(o.Reports) == 1 {
		noun = "artifact"
	}
	line := fmt.Sprintf("audited %d %s: %d passed", len(o.Reports), noun, passed)
	if failed > 0 {
		line += fmt.Sprintf(", %d failed", failed)
	}
	if undone > 0 {
		line += fmt.Sprintf(", %d could not be read", undone)
	}
	return line
}
