package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// buildOurs makes the program with our benchmarks.
func buildOurs(ctx context.Context) (program string, remove func() error, err error) {
	dir, err := os.MkdirTemp("", "peers")
	if err != nil {
		return "", nil, err
	}
	remove = func() error { return os.RemoveAll(dir) }
	program = filepath.Join(dir, "sim.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", program, "./host/internal/sim")
	build.Dir, build.Stderr = "../..", os.Stderr
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := build.Run(); err != nil {
		return "", nil, errors.Join(fmt.Errorf("build our benchmarks: %w", err), remove())
	}
	return program, remove, nil
}

// ours runs one of our benchmarks and returns what it reports, by unit.
func ours(ctx context.Context, program, name, times string) (map[string]float64, error) {
	bench := exec.CommandContext(ctx, program, "-test.run=^$", "-test.bench=^Benchmark"+name+"$", "-test.benchtime="+times)
	bench.Dir, bench.Stderr = "../../host/internal/sim", os.Stderr
	out, err := bench.Output()
	if err != nil {
		return nil, fmt.Errorf("our benchmark %s: %w\n%s", name, err, out)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		metrics := map[string]float64{}
		for i := 2; i+1 < len(fields); i += 2 {
			if metrics[fields[i+1]], err = strconv.ParseFloat(fields[i], 64); err != nil {
				return nil, err
			}
		}
		return metrics, nil
	}
	return nil, fmt.Errorf("our benchmark %s says nothing:\n%s", name, out)
}

// fdatasync is what the disk takes to overwrite one page of a file that has its
// size: the median of a hundred times.
func fdatasync(dir string) (time.Duration, error) {
	f, err := os.Create(filepath.Join(dir, "raw"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if _, err = f.Write(make([]byte, 4<<20)); err == nil {
		err = f.Sync()
	}
	var all []time.Duration
	for i := 0; i < 100 && err == nil; i++ {
		begun := time.Now()
		if _, err = f.WriteAt(make([]byte, 4096), int64(i)*4096); err == nil {
			err = syscall.Fdatasync(int(f.Fd()))
		}
		all = append(all, time.Since(begun))
	}
	return median(all), err
}

func median[T time.Duration | float64](list []T) T {
	if len(list) == 0 {
		return 0
	}
	list = slices.Clone(list)
	slices.Sort(list)
	return list[len(list)/2]
}
