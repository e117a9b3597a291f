package schedule

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTables runs what other projects document; testdata/cron/README.md says
// how the lines are written.
func TestTables(t *testing.T) {
	files, err := filepath.Glob("../../testdata/cron/*.txt")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d tables, %v", len(files), err)
	}
	lines := 0
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			file, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			for scan := bufio.NewScanner(file); scan.Scan(); {
				if line := scan.Text(); line != "" && line[0] != '#' {
					tableLine(t, line)
					lines++
				}
			}
		})
	}
	if lines < 150 {
		t.Errorf("only %d lines", lines)
	}
}

func tableLine(t *testing.T, line string) {
	t.Helper()
	text, differs := strings.CutPrefix(line, "! ")
	cells := strings.Split(text, " | ")
	if differs && len(cells) != 6 || !differs && len(cells) != 4 {
		t.Errorf("%s: %d cells", line, len(cells))
		return
	}
	want := cells[3]
	if differs {
		want = cells[4]
	}
	got := evaluated(t, cells[0], cells[1], cells[2], want)
	if got != "" {
		t.Errorf("%s:\n got %s", line, got)
	}
	if differs && evaluated(t, cells[0], cells[1], cells[2], cells[3]) == "" {
		t.Errorf("%s: is no difference", line)
	}
}

// evaluated returns what comes instead of what is wanted, or nothing.
func evaluated(t *testing.T, expr, zone, start, want string) string {
	t.Helper()
	s, err := Parse(Spec{Kind: Cron, Expr: expr, Zone: zone})
	if err != nil || want == "refused" {
		if err != nil && want == "refused" {
			return ""
		}
		return "parsed: " + errorText(err)
	}
	start, included := strings.CutPrefix(start, ">=")
	at := localTime(t, s, start)
	if included {
		at = at.Add(-1)
	}
	for cell := range strings.SplitSeq(want, ", ") {
		wanted := localTime(t, s, cell)
		if at = s.Next(at); !at.Equal(wanted) {
			return at.String()
		}
	}
	return ""
}

func errorText(err error) string {
	if err == nil {
		return "yes"
	}
	return err.Error()
}

func localTime(t *testing.T, s *Schedule, text string) time.Time {
	t.Helper()
	for _, form := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02 15:04 -07:00", "2006-01-02 15:04:05 -07:00"} {
		if at, err := time.ParseInLocation(form, text, s.Location()); err == nil {
			return at
		}
	}
	t.Fatalf("no time: %q", text)
	return time.Time{}
}
