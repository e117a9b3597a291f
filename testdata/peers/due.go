package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/go-co-op/gocron/v2"
	robfig "github.com/robfig/cron/v3"
)

// period is between two instants at which all jobs are due.
const period = 4 * time.Second

// everyPeriod is it, as cron with seconds writes it.
const everyPeriod = "*/4 * * * * *"

// due measures how late runs start that are due in the same second. Ours are
// decided, and their claims on the disk, before they start.
func due(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("due", flag.ContinueOnError)
	rounds := flags.Int("rounds", 5, "how many seconds; the median counts")
	if err := flags.Parse(args); err != nil {
		return err
	}
	program, remove, err := buildOurs(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "due in one second\tp50 ms\tp99 ms\tp99 of ours\t")
	for _, jobs := range []int{1000, 10_000} {
		m, err := ours(ctx, program, fmt.Sprintf("Due/%d", jobs), "1x")
		if err != nil {
			return err
		}
		best := m["ms/p99"]
		fmt.Fprintf(w, "palyra, %d\t%.1f\t%.1f\t1.0×\t\n", jobs, m["ms/p50"], best)
		for _, peer := range []struct {
			name string
			run  func(context.Context, int, func()) error
		}{{"robfig/cron", dueRobfig}, {"gocron", dueGocron}} {
			p50, p99, err := lateness(ctx, jobs, *rounds, peer.run)
			if err != nil {
				return fmt.Errorf("%s: %w", peer.name, err)
			}
			fmt.Fprintf(w, "%s, %d\t%.1f\t%.1f\t%.2f×\t\n", peer.name, jobs, p50, p99, p99/best)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	m, err := ours(ctx, program, "Lonely", "500x")
	if err != nil {
		return err
	}
	fmt.Printf("One run alone: %.0f µs from claim to start, one fdatasync %.0f µs: %.2f×.\n", m["µs/start"], m["µs/fdatasync"], m["syncs/start"])
	fmt.Println("robfig/cron and gocron keep nothing; palyra's claims are on the disk before a run starts.")
	return nil
}

// lateness has a scheduler run so many jobs in so many seconds, and returns how
// late half of them, and one in a hundred, started: the medians over the seconds.
func lateness(ctx context.Context, jobs, rounds int, run func(context.Context, int, func()) error) (p50, p99 float64, err error) {
	var mu sync.Mutex
	starts := map[time.Time][]float64{}
	complete := 0
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	job := func() {
		now := time.Now()
		due := now.Truncate(period)
		mu.Lock()
		defer mu.Unlock()
		starts[due] = append(starts[due], float64(now.Sub(due).Microseconds())/1000)
		if len(starts[due]) == jobs {
			if complete++; complete == rounds {
				enough()
			}
		}
	}
	if err := run(ctx, jobs, job); err != nil {
		return 0, 0, err
	}
	mu.Lock()
	defer mu.Unlock()
	var half, most []float64
	for _, late := range starts {
		if len(late) == jobs {
			slices.Sort(late)
			half, most = append(half, late[jobs/2]), append(most, late[jobs*99/100])
		}
	}
	return median(half), median(most), nil
}

func dueRobfig(ctx context.Context, jobs int, job func()) error {
	c := robfig.New(robfig.WithSeconds())
	for range jobs {
		if _, err := c.AddFunc(everyPeriod, job); err != nil {
			return err
		}
	}
	c.Start()
	<-ctx.Done()
	<-c.Stop().Done()
	return nil
}

func dueGocron(ctx context.Context, jobs int, job func()) error {
	s, err := gocron.NewScheduler()
	if err != nil {
		return err
	}
	for range jobs {
		if _, err := s.NewJob(gocron.CronJob(everyPeriod, true), gocron.NewTask(job)); err != nil {
			return err
		}
	}
	s.Start()
	<-ctx.Done()
	return s.Shutdown()
}
