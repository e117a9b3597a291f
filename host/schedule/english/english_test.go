package english

import (
	"bufio"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/schedule"
)

// noon is a Sunday, four weeks before Prague goes to summer time.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// TestPhrases reads testdata/phrases.txt: a phrase a line, and behind = the
// kind, expression and zone that it means, behind ! a part of why it is refused.
func TestPhrases(t *testing.T) {
	file, err := os.Open("testdata/phrases.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	n := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "#") || line == "" {
			continue
		}
		n++
		at := strings.IndexAny(line, "=!")
		if at < 0 {
			t.Fatalf("no = and no !: %s", line)
		}
		phrase, want := strings.TrimSpace(line[:at]), strings.TrimSpace(line[at+1:])
		spec, err := Parse(phrase, noon, "utc")
		got := string(spec.Kind) + " " + spec.Expr + " " + spec.Zone
		switch refused := line[at] == '!'; {
		case refused && err == nil:
			t.Errorf("%s: is %s; want it refused: %s", phrase, got, want)
		case refused && (want == "" || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: refused with %v; want %s", phrase, err, want)
		case !refused && err != nil:
			t.Errorf("%s: %v; want %s", phrase, err, want)
		case !refused && got != want:
			t.Errorf("%s: is %s; want %s", phrase, got, want)
		}
	}
	if n < 200 {
		t.Errorf("only %d phrases", n)
	}
}

func TestZoneOfTheCaller(t *testing.T) {
	for _, c := range []struct{ phrase, zone, want string }{
		{"every weekday at 9am", "Europe/Prague", "0 9 * * MON-FRI Europe/Prague"},
		{"every weekday at 9am Asia/Tokyo", "Europe/Prague", "0 9 * * MON-FRI Asia/Tokyo"},
		{"every weekday at 9am utc", "Europe/Prague", "0 9 * * MON-FRI utc"},
		{"every weekday at 9am", "", "0 9 * * MON-FRI utc"},
		{"every weekday at 9am", "local", "0 9 * * MON-FRI local"},
		{"every 5 minutes", "Europe/Prague", "5m Europe/Prague"},
		// In Tokyo it is Sunday 21:00, in Kiritimati Monday.
		{"today at 23:00", "Asia/Tokyo", "2026-03-01T23:00:00+09:00 Asia/Tokyo"},
		{"tomorrow at 9:00", "Pacific/Kiritimati", "2026-03-03T09:00:00+14:00 Pacific/Kiritimati"},
		{"in 2h", "Europe/Prague", "2026-03-01T15:00:00+01:00 Europe/Prague"},
	} {
		spec, err := Parse(c.phrase, noon, c.zone)
		if got := spec.Expr + " " + spec.Zone; err != nil || got != c.want {
			t.Errorf("%s in %s: %s, %v; want %s", c.phrase, c.zone, got, err, c.want)
		}
	}
	if _, err := Parse("tomorrow 7:30", noon, "Mars/Olympus"); err == nil || !strings.Contains(err.Error(), "Mars/Olympus") {
		t.Errorf("an unknown zone of the caller: %v", err)
	}
}

// An interval counts from now, and an instant is a whole second.
func TestNow(t *testing.T) {
	now := noon.Add(3*time.Second + 700*time.Millisecond)
	spec, err := Parse("every 5 minutes", now, "")
	if err != nil || !spec.Anchor.Equal(noon.Add(3*time.Second)) {
		t.Errorf("anchor %s, %v", spec.Anchor, err)
	}
	spec, err = Parse("in 90 minutes", now, "")
	if err != nil || spec.Expr != "2026-03-01T13:30:03Z" {
		t.Errorf("in 90 minutes: %s, %v", spec.Expr, err)
	}
}

// What a schedule says about itself is understood, in the common forms, as the
// same schedule again.
func TestRoundTrip(t *testing.T) {
	for _, expr := range []string{
		"* * * * *", "0 * * * *", "15 * * * *", "5,20,50 * * * *", "1-10 * * * *", "15 */6 * * *",
		"0 9-17 * * *", "0 9-12,14-17 * * MON-FRI", "30 9-17 * * MON-FRI", "*/5 9-17 * * MON-FRI", "*/5 9 * * *",
		"* 9 * * *", "0 0 * * *", "30 9 * * MON-FRI", "0 9,12,18 * * *", "0,30 9,17 * * *", "0 12 * * SUN",
		"0 12 * * SAT,SUN", "0 12 * * MON,WED,FRI", "0 0 1 * *", "0 0 1 1 *", "0 0 1,15 * *", "0 0 1-7 * *",
		"0 0 1 1,4,7,10 *", "0 0 29 2 *", "0 0 * 6-8 *", "*/5 * * 6 *", "0 8 * 1 MON", "0 0 13 * FRI",
		"0 9 * * MON#1", "0 9 * * MON#1,MON#3", "0 9 * * FRIL", "0 9 L * *", "0 9 LW * *", "0 9 15,L * *", "0 9 * 1 MON#1",
		"0 0 13 1 FRI", "* * * * * *", "15 30 9 * * *", "*/10 * 9 * * *",
	} {
		want, err := schedule.Parse(schedule.Spec{Kind: schedule.Cron, Expr: expr, Zone: "Europe/Prague"})
		if err != nil {
			t.Fatal(err)
		}
		spec, err := Parse(want.English(), noon, "Europe/Prague")
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		got, err := schedule.Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		a, b := noon, noon
		for range 1000 {
			if a, b = want.Next(a), got.Next(b); !a.Equal(b) {
				t.Errorf("%s says %q, which is %s: %s and %s", expr, want.English(), spec.Expr, a, b)
				break
			}
		}
	}
	for _, want := range []schedule.Spec{
		{Kind: schedule.Every, Expr: "1h30m", Zone: "utc", Anchor: noon},
		{Kind: schedule.Delay, Expr: "5m", Zone: "utc"},
		{Kind: schedule.Manual, Zone: "utc"},
		{Kind: schedule.At, Expr: "2030-01-31T09:00:00Z", Zone: "utc"},
		{Kind: schedule.At, Expr: "2030-01-31T10:00:05+01:00", Zone: "Europe/Prague"},
	} {
		s, err := schedule.Parse(want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Parse(s.English(), noon, "utc"); err != nil || got != want {
			t.Errorf("%+v says %q, which is %+v, %v", want, s.English(), got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	raw, err := os.ReadFile("testdata/phrases.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if at := strings.IndexAny(line, "=!"); at > 0 {
			f.Add(strings.TrimSpace(line[:at]), "Europe/Prague")
		}
	}
	f.Fuzz(func(t *testing.T, phrase, zone string) {
		spec, err := Parse(phrase, noon, zone)
		if err != nil {
			if len(err.Error()) > 600 || strings.ContainsAny(err.Error(), "\n\x00") || spec != (schedule.Spec{}) {
				t.Errorf("untidy refusal %q", err)
			}
			return
		}
		s, err := schedule.Parse(spec)
		if err != nil || s.Spec() != spec {
			t.Fatalf("%q is %+v, which is not its own canonical form: %v", phrase, spec, err)
		}
		if s.Next(noon).IsZero() && spec.Kind != schedule.Manual {
			t.Errorf("%q is %+v, which never fires", phrase, spec)
		}
	})
}

// BenchmarkParseZone reads the zone anew each time.
func BenchmarkParseZone(b *testing.B) {
	for b.Loop() {
		_, _ = Parse("every weekday at 9am Europe/Prague", noon, "utc")
	}
}

func BenchmarkParse(b *testing.B) {
	for _, phrase := range []string{
		"every 5 minutes", "every weekday at 9am", "every weekday at 9am Europe/Prague",
		"every hour from 09:00 to 12:00 and from 14:00 to 17:00 on monday to friday",
		"on 2027-01-05 at 12:00 Europe/Prague", "every other day",
	} {
		b.Run(strings.ReplaceAll(phrase, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			schedules := new(schedule.Parser)
			for b.Loop() {
				_, _ = ParseWith(schedules, phrase, noon, "utc")
			}
		})
	}
}
