package main

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/adhocore/gronx"
	supercronic "github.com/aptible/supercronic/cronexpr"
	hashicorp "github.com/hashicorp/cronexpr"
	netresearch "github.com/netresearch/go-cron"
	"github.com/palyra-go/palyra/host/schedule"
	robfig "github.com/robfig/cron/v3"
)

var expressions = []string{
	"* * * * *", "*/15 * * * *", "5 * * * *", "30 2 * * *", "0 9-17 * * 1-5", "*/5 8-18/2 1,15 * *",
	"0 0 1 * *", "0 12 15 * 1", "0 0 31 12 *", "0 0 29 2 *", "15 3 * * 1#1", "0 0 L * *",
}

// next returns the first time after another.
type next func(time.Time) time.Time

type library struct {
	name  string
	parse func(expr string, loc *time.Location) (next, error)
}

var libraries = []library{
	{"palyra", func(expr string, loc *time.Location) (next, error) {
		s, err := schedule.Parse(schedule.Spec{Kind: schedule.Cron, Expr: expr, Zone: loc.String()})
		if err != nil {
			return nil, err
		}
		return s.Next, nil
	}},
	{"robfig", func(expr string, _ *time.Location) (next, error) {
		s, err := robfig.ParseStandard(expr)
		if err != nil {
			return nil, err
		}
		return s.Next, nil
	}},
	{"netresearch", func(expr string, _ *time.Location) (next, error) {
		s, err := netresearch.ParseStandard(expr)
		if err != nil {
			return nil, err
		}
		return s.Next, nil
	}},
	{"supercronic", func(expr string, _ *time.Location) (next, error) {
		s, err := supercronic.Parse(expr)
		if err != nil {
			return nil, err
		}
		return s.Next, nil
	}},
	{"hashicorp", func(expr string, _ *time.Location) (next, error) {
		s, err := hashicorp.Parse(expr)
		if err != nil {
			return nil, err
		}
		return s.Next, nil
	}},
	{"gronx", func(expr string, _ *time.Location) (next, error) {
		step := func(t time.Time) time.Time {
			at, err := gronx.NextTickAfter(expr, t, false)
			if err != nil {
				return time.Time{}
			}
			return at
		}
		_, err := gronx.NextTickAfter(expr, time.Now(), false)
		return step, err
	}},
}

// cron measures Next of host/schedule beside the cron libraries of others, in one
// process, and prints how many times longer they take.
func cron(args []string) error {
	flags := flag.NewFlagSet("cron", flag.ContinueOnError)
	length := flags.Duration("for", 20*time.Millisecond, "how long to measure each")
	rounds := flags.Int("rounds", 5, "how often; the fastest counts")
	if err := flags.Parse(args); err != nil {
		return err
	}
	testing.Init()
	if err := flag.Set("test.benchtime", length.String()); err != nil {
		return err
	}
	for _, zone := range []string{"UTC", "America/New_York"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			return err
		}
		table(zone, loc, *rounds)
	}
	fmt.Println("ns for one Next, and times ours; - is refused, ! differs from ours in the first ten years.")
	return nil
}

func table(zone string, loc *time.Location, rounds int) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s\t", zone)
	for _, l := range libraries {
		fmt.Fprintf(w, "%s\t", l.name)
	}
	fmt.Fprintln(w, "fastest peer\t")
	for _, expr := range expressions {
		row(w, expr, loc, rounds)
	}
	if err := w.Flush(); err != nil {
		os.Exit(1)
	}
	fmt.Println()
}

func row(w *tabwriter.Writer, expr string, loc *time.Location, rounds int) {
	steps := make([]next, len(libraries))
	best := make([]float64, len(libraries))
	for i, l := range libraries {
		steps[i], _ = l.parse(expr, loc) // refused: nil
	}
	for range rounds { // in turn, so that other work on the machine meets all
		for i, step := range steps {
			if step == nil {
				continue
			}
			if ns := measure(step, loc); best[i] == 0 || ns < best[i] {
				best[i] = ns
			}
		}
	}
	fmt.Fprintf(w, "%s\t%.0f ns\t", expr, best[0])
	fastest := 0.0
	for i, step := range steps[1:] {
		if step == nil {
			fmt.Fprint(w, "-\t")
			continue
		}
		ns, mark := best[i+1], ""
		if fastest == 0 || ns < fastest {
			fastest = ns
		}
		if !agree(steps[0], step, loc) {
			mark = " !"
		}
		fmt.Fprintf(w, "%.0f (%.1f×)%s\t", ns, ns/best[0], mark)
	}
	fmt.Fprintf(w, "%.1f×\t\n", fastest/best[0])
}

func start(loc *time.Location) time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, loc) }

// measure walks from one time to the next, ten years long, and returns the
// nanoseconds that one step takes.
func measure(step next, loc *time.Location) float64 {
	begin := start(loc)
	end := begin.AddDate(10, 0, 0)
	result := testing.Benchmark(func(b *testing.B) {
		t := begin
		for b.Loop() {
			if t = step(t); t.IsZero() || t.After(end) {
				t = begin
			}
		}
	})
	return float64(result.T.Nanoseconds()) / float64(result.N)
}

// agree compares the first times, ten years or some thousand.
func agree(a, b next, loc *time.Location) bool {
	s, t := start(loc), start(loc)
	for range 5000 {
		s, t = a(s), b(t)
		if !s.Equal(t) {
			return false
		}
		if s.IsZero() || s.Year() > 2036 {
			break
		}
	}
	return true
}
