package schedule

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestEnglishGolden compares what every case of the oracle says with the file
// that was read and found right. PALYRA_GOLDEN=update writes it anew.
func TestEnglishGolden(t *testing.T) {
	const name = "../../testdata/cron/english.golden"
	var b strings.Builder
	fmt.Fprintln(&b, "# What the cases of host/schedule say; see TestEnglishGolden.")
	for _, expr := range expressions {
		fmt.Fprintf(&b, "%s | %s\n", expr, cronIn(t, expr, "Europe/Prague").English())
	}
	if os.Getenv("PALYRA_GOLDEN") == "update" {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(string(text), "\n")
	for i, line := range strings.Split(b.String(), "\n") {
		if i >= len(want) || line != want[i] {
			t.Fatalf("line %d:\n got %s\nwant %s", i+1, line, strings.Join(want[min(i, len(want)):min(i+1, len(want))], ""))
		}
	}
}
