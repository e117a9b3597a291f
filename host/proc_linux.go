package host

import (
	"os"
	"strconv"
	"strings"
)

// load1 is the load average over a minute (proc(5), /proc/loadavg); 0 if it
// cannot be read.
func load1() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, _ := strconv.ParseFloat(first, 64)
	return load
}

// resident is how many bytes of this process are in memory (proc(5),
// /proc/self/statm); 0 if it cannot be read.
func resident() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseUint(fields[1], 10, 64)
	return pages * uint64(os.Getpagesize())
}
