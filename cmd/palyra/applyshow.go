package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/palyra-go/palyra/host/jobfile"
)

// showPlan prints a plan: in words, or as a list of steps.
func (a *app) showPlan(p *plan) error {
	switch a.output {
	case "table":
		a.tellPlan(a.out, p)
		return nil
	case "jsonl":
		for _, s := range p.steps {
			raw, err := json.Marshal(s)
			if err == nil {
				err = a.printJSON(raw)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	raw, err := json.Marshal(append([]*step{}, p.steps...))
	if err != nil {
		return err
	}
	return a.printJSON(raw)
}

func (a *app) tellPlan(w io.Writer, p *plan) {
	for _, s := range p.steps {
		switch s.Action {
		case actCreate:
			fmt.Fprintf(w, "+ create %s: %s%s\n", s.Job, clean(s.English), a.firstFire(s))
			for _, hint := range s.draft.GetScheduleHints() {
				fmt.Fprintf(w, "    note: %s\n", clean(hint))
			}
		case actChange:
			fmt.Fprintf(w, "~ change %s%s\n", s.Job, changesLine(s))
		case actDelete:
			fmt.Fprintf(w, "- delete %s: %s; its runs stay\n", s.Job, clean(s.English))
		}
		for _, note := range s.Notes {
			fmt.Fprintf(w, "    %s\n", clean(note))
		}
		if s.Action == actChange && slices.ContainsFunc(s.Changes, movesFires) {
			var b bytes.Buffer
			a.compareFires(&b, s.have, s.draft)
			for line := range strings.Lines(b.String()) {
				fmt.Fprint(w, "    "+line)
			}
		}
	}
	if n := p.count(actNone); n > 0 {
		fmt.Fprintf(w, "= %d unchanged\n", n)
	}
	var left []string
	for _, s := range p.steps {
		if s.Action == actLeave {
			left = append(left, s.Job)
		}
	}
	if len(left) > 0 {
		fmt.Fprintf(a.err, "not in the files any more: %s; they stay without --prune\n", strings.Join(left, ", "))
	}
}

// firstFire says when a job that is to be made fires first.
func (a *app) firstFire(s *step) string {
	switch {
	case s.draft.GetPaused():
		return "; paused"
	case s.draft.GetNext() == nil:
		return ""
	}
	zone := zoneOf(s.draft.GetSchedule())
	return "; next " + s.draft.GetNext().AsTime().In(zone).Format("Mon ") + a.when(s.draft.GetNext(), zone)
}

func movesFires(c jobfile.Change) bool {
	return slices.Contains([]string{"schedule", "tz", "start", "end", "max_runs", "except", "on_excluded", "dst_gap", "dst_overlap"}, c.Key)
}

// changesLine is ": timeout 5m -> 10m; schedule every day … -> …".
func changesLine(s *step) string {
	var parts []string
	for _, c := range s.Changes {
		from, to := c.From, c.To
		if c.Key == "schedule" {
			from, to = s.have.GetEnglish(), s.draft.GetEnglish()
		}
		parts = append(parts, fmt.Sprintf("%s %s -> %s", c.Key, wordOr(from), wordOr(to)))
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, "; ")
}

func wordOr(s string) string {
	if s == "" {
		return "none"
	}
	return brief(s, 80)
}
