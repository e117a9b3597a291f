package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/palyra-go/palyra/host/api"
)

// await looks again whenever a run ends; that is a signal of the daemon, so
// nothing is missed and nothing sleeps.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: await JOB STATE[:REASON] [N|+N]")
	}
	want, more := int64(1), false
	if len(args) == 3 {
		n, err := strconv.ParseInt(args[2], 10, 64)
		ts.Check(err)
		want, more = n, args[2][0] == '+'
	}
	client := storyOf(ts).client
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ended, err := client.Runs.Watch(ctx, &api.WatchRequest{})
	ts.Check(err)
	defer ended.Close()
	for {
		runs, err := client.Runs.List(ctx, &api.ListRunsRequest{Job: args[0], Limit: 1000})
		ts.Check(err)
		if more {
			want, more = want+count(runs.GetRuns(), args[1]), false
		}
		if got := count(runs.GetRuns(), args[1]); got >= want {
			return
		}
		if _, err := ended.Receive(); err != nil {
			ts.Fatalf("%s is %s %d times, want %d: %v\n%s", args[0], args[1], count(runs.GetRuns(), args[1]), want, err, told(runs.GetRuns()))
		}
	}
}

func count(runs []*api.Run, end string) (n int64) {
	state, reason, given := strings.Cut(end, ":")
	for _, r := range runs {
		if r.GetState() == state && (!given || r.GetReason() == reason) {
			n += r.GetCount()
		}
	}
	return n
}

func told(runs []*api.Run) string {
	var b strings.Builder
	for _, r := range runs {
		fmt.Fprintf(&b, "%s %s ×%d %s:%s %s\n", r.GetDue().AsTime().Format(time.RFC3339Nano), r.GetTrigger(), r.GetCount(),
			r.GetState(), r.GetReason(), r.GetError())
	}
	return b.String()
}

// accounted reads what a user would read, `palyra run list -o json`.
func accounted(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: accounted JOB STEP")
	}
	step, err := time.ParseDuration(args[1])
	ts.Check(err)
	ts.Check(ts.Exec("palyra", "run", "list", "--job", args[0], "--limit", "1000", "-o", "json"))
	var rows []struct {
		ID, Trigger, State string
		Due, Last          time.Time
		Count              int64 `json:",string"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &rows))
	var due []time.Time
	for _, r := range rows {
		if r.Trigger == "manual" {
			continue
		}
		n := int64(r.Last.Sub(r.Due)/step) + 1
		if n != r.Count || !r.Due.Add(time.Duration(n-1)*step).Equal(r.Last) {
			ts.Fatalf("%s: %d nominal times from %v to %v, %v apart?", r.ID, r.Count, r.Due, r.Last, step)
		}
		for i := range n {
			due = append(due, r.Due.Add(time.Duration(i)*step))
		}
	}
	if len(due) < 2 {
		ts.Fatalf("%d nominal times tell nothing", len(due))
	}
	slices.SortFunc(due, time.Time.Compare)
	for i, t := range due[1:] {
		if before := due[i]; !t.Equal(before.Add(step)) {
			ts.Fatalf("after %v comes %v", before, t)
		}
	}
}

func processes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: processes NAME=VALUE N")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	ts.Check(err)
	var found []string
	for _, file := range files {
		env, err := os.ReadFile(file)
		if err != nil || !slices.ContainsFunc(bytes.Split(env, []byte{0}), func(e []byte) bool { return string(e) == args[0] }) {
			continue
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		found = append(found, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
	}
	if len(found) != want {
		ts.Fatalf("%d processes have %s, want %d: %q", len(found), args[0], want, found)
	}
}

// embeddings is an endpoint that answers as OpenAI's would.
func embeddings(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	if neg {
		ts.Fatalf("usage: embeddings [N...]")
	}
	if s.asked == nil {
		s.serveEmbeddings(ts)
	}
	watchdog := time.After(patience)
	for got := []int{}; fmt.Sprint(got) != fmt.Sprint(numbers(ts, args)); {
		select {
		case n := <-s.asked:
			got = n
		case <-watchdog:
			ts.Fatalf("asked for batches of %v, want %v", got, args)
		}
		if len(got) > len(args) {
			ts.Fatalf("asked for batches of %v, want %v", got, args)
		}
	}
}

func numbers(ts *testscript.TestScript, args []string) []int {
	list := []int{}
	for _, arg := range args {
		n, err := strconv.Atoi(arg)
		ts.Check(err)
		list = append(list, n)
	}
	return list
}

func (s *story) serveEmbeddings(ts *testscript.TestScript) {
	asked := make(chan []int, 100) // the batches so far, after each
	s.asked = asked
	batches := []int{} // of the one client, which asks for one after the other
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			Model string
			Input []string
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(body, &request) != nil || r.URL.Path != "/v1/embeddings" || request.Model != "story" {
			http.Error(w, "not a request for embeddings", http.StatusBadRequest)
			return
		}
		type item struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		}
		answer := map[string]any{"data": []item{}}
		data := []item{}
		for i, text := range request.Input {
			data = append(data, item{i, []float32{float32(len(text)), 1, 2}})
		}
		answer["data"] = data
		_ = json.NewEncoder(w).Encode(answer)
		batches = append(batches, len(request.Input))
		asked <- slices.Clone(batches)
	}))
	ts.Defer(server.Close)
	ts.Setenv("EMBEDDINGS", server.URL+"/v1")
}
