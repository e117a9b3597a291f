package schedule

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// PALYRA_ORACLE=full plays every expression around every change of every zone
// below; without it a sample is played.
var full = os.Getenv("PALYRA_ORACLE") == "full"

// places are forty zones with all kinds of changes.
var places = strings.Fields(`
	UTC Europe/Prague Europe/London Europe/Dublin Europe/Lisbon Europe/Moscow Europe/Istanbul Europe/Minsk
	America/New_York America/Los_Angeles America/Chicago America/Anchorage America/St_Johns America/Sao_Paulo
	America/Santiago America/Caracas America/Havana America/Asuncion America/Nuuk America/Metlakatla
	Asia/Beirut Asia/Gaza Asia/Tehran Asia/Kolkata Asia/Kathmandu Asia/Pyongyang Asia/Amman Asia/Tokyo Asia/Hovd
	Africa/Cairo Africa/Casablanca Africa/Windhoek Australia/Lord_Howe Australia/Sydney Pacific/Apia
	Pacific/Kwajalein Pacific/Fiji Pacific/Chatham Antarctica/Troll Antarctica/Casey`)

// transitions are the changes of a zone from 1970 to 2040.
func transitions(loc *time.Location) []time.Time {
	var list []time.Time
	for at := time.Unix(0, 0); at.Year() <= 2040; {
		p := ask(loc, at.Unix())
		end := time.Unix(p.end, 0)
		if end.Year() <= 2040 && ask(loc, p.end).offset != p.offset {
			list = append(list, end)
		}
		at = end
	}
	return list
}

// TestEveryTransition plays the daemon around changes of forty zones, and at
// random instants.
func TestEveryTransition(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	if len(places) != 40 || len(expressions) < 150 {
		t.Fatalf("%d zones, %d expressions", len(places), len(expressions))
	}
	for _, name := range places {
		t.Run(name, func(t *testing.T) {
			var p Parser
			z, err := p.zone(name)
			if err != nil {
				t.Fatal(err)
			}
			moments := transitions(z.loc)
			if !full && len(moments) > 3 {
				random.Shuffle(len(moments), func(i, j int) { moments[i], moments[j] = moments[j], moments[i] })
				moments = moments[:3]
			}
			for range 1 + len(moments)/4 {
				moments = append(moments, time.Unix(random.Int64N(71*365*day), 0).Truncate(time.Minute))
			}
			schedules, oracles := compileAll(t, &p, name)
			for _, at := range moments {
				around(t, at, z, schedules, oracles, random)
			}
		})
	}
}

func compileAll(t *testing.T, p *Parser, zone string) (list []*Schedule, oracles []*oracle) {
	for _, expr := range expressions {
		s, err := p.Parse(Spec{Kind: Cron, Expr: expr, Zone: zone})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
		oracles = append(oracles, read(expr))
	}
	return list, oracles
}

// around compares the window about an instant, if the clock shows whole minutes
// in it: others are in TestSecondsAgainstOracle.
func around(t *testing.T, at time.Time, z *zone, schedules []*Schedule, oracles []*oracle, random *rand.Rand) {
	for s := at.Unix() - 5*day; s < at.Unix()+5*day; s = z.at(s).end {
		if z.at(s).offset%60 != 0 {
			return
		}
	}
	w := watch(z.loc, at.Add(-26*time.Hour), at.Add(26*time.Hour), time.Minute)
	for i, s := range schedules {
		if len(strings.Fields(s.Spec().Expr)) > 5 && s.rule.(*cron).wall.second != 1 || !full && random.IntN(8) > 0 {
			continue
		}
		compare(t, s, w, oracles[i].fires(w))
		modes(t, s, w, oracles[i], random)
	}
}

// modes compares a fixed-time schedule with another rule for changes.
func modes(t *testing.T, s *Schedule, w ticks, o *oracle, random *rand.Rand) {
	spec := s.Spec()
	if s.rule.(*cron).class == wildcard {
		return
	}
	gaps, overlaps := []string{"", "skip"}, []string{"", "second", "both"}
	n := 1 + random.IntN(5)
	spec.DSTGap, spec.DSTOverlap = gaps[n%2], overlaps[n/2]
	other := &cron{wall: s.rule.(*cron).wall, zone: s.zone}
	if err := other.choose(true, &spec); err != nil {
		t.Fatal(err)
	}
	compare(t, &Schedule{rule: other, zone: s.zone, spec: spec}, w, o.firesWith(w, spec.DSTGap, spec.DSTOverlap))
}

// The table of a zone says what package time says, also before and after it.
func TestTableOfZones(t *testing.T) {
	for _, name := range places {
		z, err := newZone(name)
		if err != nil {
			t.Fatal(err)
		}
		for s := int64(tableStart - 400*day); s < tableEnd+400*day; s += 5*day + 7*3600 + 7 {
			_, offset := time.Unix(s, 0).In(z.loc).Zone()
			p := z.at(s)
			if p.offset != int64(offset) || p.end <= s {
				t.Fatalf("%s at %d: offset %d until %d, want %d", name, s, p.offset, p.end, offset)
			}
			if _, before := time.Unix(p.end-1, 0).In(z.loc).Zone(); p.end < maxUnix && before != offset {
				t.Fatalf("%s at %d: %d is not of this period", name, s, p.end-1)
			}
		}
	}
}

// Days left out, and moved, agree with a calendar that is looked up day by day.
func TestExceptAgainstOracle(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	lists := []string{
		"2026-12-24", "2026-12-24/2026-12-31; 2027-01-01", "* * * * SAT,SUN", "2026-01-01/2026-02-15", "* * 1-10 * *",
		"* * L * *; 2026-05-29", "* * * 8 *", "* * * * FRI#2; 2026-04-03/2026-04-06", "2026-01-01/2026-12-31", "* * */2 * *",
	}
	for range 150 {
		expr := expressions[random.IntN(len(expressions))]
		list := lists[random.IntN(len(lists))]
		spec := Spec{Kind: Cron, Expr: expr, Except: list, OnExcluded: []string{"skip", nextWorkday}[random.IntN(2)]}
		s, err := Parse(spec)
		if err != nil {
			continue // nothing is left
		}
		o := read(expr)
		o.shut, o.shift = reader(list), spec.OnExcluded == nextWorkday
		c := s.rule.(*cron)
		o.dates = map[[3]int]bool{}
		for d := int64(20300); d < 21300; d++ {
			y, m, dom := civil(d)
			want := o.date(int(y), m, dom)
			if got := c.wall.countDays(d, d+1) == 1; got != want {
				t.Fatalf("%+v: fires on %d-%02d-%02d is %v, want %v", spec, y, m, dom, got, want)
			}
			if !want {
				continue
			}
			noon, ok := c.wall.next(d * day)
			if at, _ := floorDiv(noon, day); !ok || at != d {
				t.Fatalf("%+v: the first from %d-%02d-%02d on is on day %d", spec, y, m, dom, at)
			}
		}
	}
}

// reader reads a list of days left out once more.
func reader(list string) func(time.Time) bool {
	days := map[string]*oracle{}
	for item := range strings.SplitSeq(list, "; ") {
		if strings.Contains(item, "*") {
			days[item] = read(item)
		}
	}
	return func(at time.Time) bool {
		for item := range strings.SplitSeq(list, "; ") {
			if o, ok := days[item]; ok {
				if o.written(at) {
					return true
				}
				continue
			}
			from, to, ranged := strings.Cut(item, "/")
			if !ranged {
				to = from
			}
			if date := at.Format(time.DateOnly); date >= from && date <= to {
				return true
			}
		}
		return false
	}
}

func TestLatest(t *testing.T) {
	s := cronIn(t, "30 2 * * *", "Europe/Prague")
	from, to := clock(t, "2026-03-01T00:00:00Z"), clock(t, "2026-04-01T00:00:00Z")
	all := s.NextN(from, 31)
	if got := s.Latest(from, to, 100); !slices.EqualFunc(got, all, time.Time.Equal) {
		t.Errorf("all: %v\nwant %v", got, all)
	}
	if got := s.Latest(from, to, 3); !slices.EqualFunc(got, all[28:], time.Time.Equal) {
		t.Errorf("three: %v\nwant %v", got, all[28:])
	}
	if got := s.Latest(from, all[1], 3); !slices.EqualFunc(got, all[:2], time.Time.Equal) {
		t.Errorf("until is included: %v", got)
	}
	if got := s.Latest(all[0], to, 1000); len(got) != 30 {
		t.Errorf("after is not included: %v", got)
	}
	if got := s.Latest(from, to, 0); got != nil {
		t.Errorf("none: %v", got)
	}
}
