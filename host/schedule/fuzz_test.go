package schedule

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
)

// valid is the grammar of a field once more, without the bounds.
var valid = regexp.MustCompile(strings.ReplaceAll(`^(ITEM)(,(ITEM))*$`, "ITEM",
	`\*(/\d{1,3})?|[0-9A-Z]+(-[0-9A-Z]+(/\d{1,3})?)?|H(\([0-9A-Z]+-[0-9A-Z]+\))?(/\d{1,2})?|[0-9A-Z]+#[1-5]`))

func FuzzParse(f *testing.F) {
	for _, expr := range expressions {
		f.Add("cron", expr, "utc")
	}
	for _, seed := range [][3]string{
		{"cron", "*/10 0 9 1,15 JAN-MAR SUN", "Europe/Prague"},
		{"cron", "@daily", "local"},
		{"cron", "0 0 30 2 *", ""},
		{"cron", "5/7 * * L ?", "x"},
		{"cron", "H H(0-5)/2 H * H", ""},
		{"cron", "0 0 0 L-3,LW,15W 2-1 FRI#2,5L 2000-2100/3", "Asia/Beirut"},
		{"cron", "0 0 * * 2030", ""},
		{"cron", "1FEB * * * *", ""},
		{"cron", "0 0 31 2 */2", ""},
		{"every", "1h30m", ""},
		{"every", "-9223372036854775808ns", ""},
		{"at", "2030-01-31T09:00:00+01:00", ""},
		{"at", "9999-12-31T23:59:59-23:59", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, kind, expr, zone string) {
		s, err := Parse(Spec{Kind: Kind(kind), Expr: expr, Zone: zone})
		if err != nil {
			if len(err.Error()) > 600 || strings.ContainsAny(err.Error(), "\n\x00") {
				t.Errorf("untidy error %q", err)
			}
			return
		}
		again, err := Parse(s.Spec())
		if err != nil || again.Spec() != s.Spec() {
			t.Fatalf("%+v does not parse as itself: %v", s.Spec(), err)
		}
		if s.English() == "" || strings.Contains(s.English(), "%!") {
			t.Errorf("%+v: no words", s.Spec())
		}
		at := s.Next(time.Time{})
		if at.IsZero() {
			t.Errorf("%+v never fires", s.Spec())
		}
		if kind != "cron" || s.Spec().Expr[0] == '@' {
			return
		}
		texts := strings.Fields(s.Spec().Expr)
		for _, text := range texts {
			if !valid.MatchString(text) {
				t.Errorf("%q was accepted", text)
			}
		}
		if o := read(s.Spec().Expr); (s.rule.(*cron).class == standard) == (o.star[1] || o.star[2]) {
			t.Errorf("%+v: in the wrong class", s.Spec())
		}
	})
}

func FuzzNext(f *testing.F) {
	for i, expr := range expressions {
		if i%4 == 0 {
			f.Add(expr, uint8(i), int64(1774659600+i*3600))
		}
	}
	f.Add("*/7 59 1,2 * * *", uint8(1), int64(2240438400))
	f.Fuzz(func(t *testing.T, expr string, place uint8, unix int64) {
		name := windows[int(place)%len(windows)].zone
		s, err := Parse(Spec{Kind: Cron, Expr: expr, Zone: name})
		if err != nil || s.Spec().Expr[0] == '@' {
			return
		}
		// From 1990 on all these zones keep to whole minutes.
		from := time.Unix(631152000+(unix%(80*366*day)+80*366*day)%(80*366*day), 0)
		o := read(s.Spec().Expr)
		tick, length := time.Minute, 30*time.Hour
		if s.rule.(*cron).hash {
			return // the oracle does not know where it falls
		}
		if len(strings.Fields(s.Spec().Expr)) > 5 {
			tick, length = time.Second, 40*time.Minute
		}
		from = from.Truncate(tick)
		w := watch(s.Location(), from, from.Add(length), tick)
		compare(t, s, w, o.fires(w))
		until := from.AddDate(3, 0, 0)
		if next := s.Next(until); !next.IsZero() {
			if !next.After(until) || s.Count(until, next) != 1 {
				t.Errorf("%s: after %s comes %s, counted %d", expr, until, next, s.Count(until, next))
			}
			if got := s.Prev(next.Add(1)); !got.Equal(next) {
				t.Errorf("%s: Prev just after %s is %s", expr, next, got)
			}
		}
	})
}

// FuzzSpec checks what holds for whatever is written down.
func FuzzSpec(f *testing.F) {
	for _, seed := range []string{
		`{"kind":"cron","expr":"30 2 * * *","zone":"Europe/Prague","dst_gap":"skip","dst_overlap":"second"}`,
		`{"kind":"cron","expr":"0 9 1 * *","except":"* * * * SAT,SUN; 2027-01-01","on_excluded":"next-workday"}`,
		`{"kind":"cron","expr":"0 0 0 31 12 * 2030","except":"2030-12-31/2031-01-10","on_excluded":"next-workday","jitter":"90m"}`,
		`{"kind":"cron","expr":"*/7 * * * *","zone":"Pacific/Apia","start":"2011-12-29T00:00:00Z","max_runs":500}`,
		`{"kind":"every","expr":"90s","anchor":"2026-01-01T00:00:00Z","end":"2026-02-01T00:00:00Z","jitter":"10s"}`,
		`{"kind":"delay","expr":"90s","start":"2026-01-01T00:00:00Z"}`,
		`{"kind":"at","expr":"2030-01-01T00:00:00Z","jitter":"5m","max_runs":1}`,
		`{"kind":"cron","expr":"H H(1-5) * * H","key":"backup","dst_overlap":"both"}`,
	} {
		f.Add(seed, int64(1325203200))
		f.Add(seed, int64(1774659600))
	}
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		var spec Spec
		if json.Unmarshal([]byte(text), &spec) != nil {
			return
		}
		s, err := Parse(spec)
		if err != nil {
			return
		}
		again, err := Parse(s.Spec())
		if err != nil || again.Spec() != s.Spec() {
			t.Fatalf("%+v does not parse as itself: %v", s.Spec(), err)
		}
		if words := s.English(); words == "" || strings.Contains(words, "%!") {
			t.Errorf("%+v: %q", s.Spec(), words)
		}
		at := time.Unix(unix%(300*366*day), 0)
		next := s.Next(at)
		if next.IsZero() {
			return
		}
		if !next.After(at) || s.Count(at, next) != 1 || s.Count(at, next.Add(-1)) != 0 {
			t.Errorf("%+v: after %s comes %s, counted %d", s.Spec(), at, next, s.Count(at, next))
		}
		if prev := s.Prev(next.Add(1)); !prev.Equal(next) && spec.Kind != Delay {
			t.Errorf("%+v: Prev just after %s is %s", s.Spec(), next, prev)
		}
		fire, later := s.Fire("job", next), s.Next(next)
		if fire.Before(next) || spec.Kind != Delay && !later.IsZero() && !fire.Before(later) {
			t.Errorf("%+v: %s fires at %s, the next is %s", s.Spec(), next, fire, later)
		}
	})
}
