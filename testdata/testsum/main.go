// Command testsum runs `go test -json` with its arguments, shows a line for each
// package and the output of what failed or was skipped, and ends with one line
// that counts tests: "N passed, N failed, N skipped". It exits 1 if any failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// event is one line of `go test -json` (go doc test2json).
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

func main() {
	cmd := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
	count := map[string]int{}
	output := map[string]*strings.Builder{}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text()) // a build error is not JSON
			continue
		}
		take(e, count, output)
	}
	broken := cmd.Wait() != nil || lines.Err() != nil
	if broken && count["fail"] == 0 {
		count["fail"]++ // a package did not build, or a process died outside a test
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", count["pass"], count["fail"], count["skip"])
	if count["fail"] > 0 {
		os.Exit(1)
	}
}

func take(e event, count map[string]int, output map[string]*strings.Builder) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		if output[key] == nil {
			output[key] = &strings.Builder{}
		}
		output[key].WriteString(e.Output)
		if e.Action == "build-output" {
			fmt.Print(e.Output)
		}
	case "pass", "fail", "skip":
		if e.Test != "" {
			count[e.Action]++
		} else if e.Action != "skip" {
			fmt.Printf("%-4s %6.1fs %s\n", e.Action, e.Elapsed, e.Package)
		}
		if e.Action == "fail" || e.Action == "skip" && e.Test != "" {
			if text := output[key]; text != nil {
				fmt.Print(text)
			}
		}
		delete(output, key)
	}
}
