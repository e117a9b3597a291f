package jobfile

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
)

// full is a job of which all is said that a file can say.
func full() *api.Job {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	return &api.Job{
		Name: "full",
		Schedule: &api.Schedule{
			Kind: "cron", Expr: "H 9 * * *", Zone: "Europe/Prague", DstGap: "skip", DstOverlap: "both", Start: timestamppb.New(at),
			End: timestamppb.New(at.Add(time.Hour)), MaxRuns: 7, Except: "2030-12-24", OnExcluded: "next-workday", Jitter: "30s",
		},
		Action: "a.b/c", Input: `{"argv":["sh","-c","it's \"odd\"\n"],"deep":{"n":[1,2.5,true]}}`, Group: "g", Labels: map[string]string{"team/x": "a = b"},
		Concurrency: "allow", MaxConcurrent: 3, Priority: -5, Misfire: "catch-up", MisfireGraceMs: 90_500, CatchUpWindowMs: 3_600_000,
		Coalesce: "all", CatchUpMax: 4, TimeoutMs: 300_000, RunTimeoutMs: 7_200_000, Attempts: 4, BackoffMs: 250, BackoffCapMs: 60_000,
		AtLeastOnce: true, PauseAfter: 2, OnSuccess: []string{"x", "y"}, OnFailure: []string{"z"}, OnRecovery: []string{"w"},
		Paused: true, PauseReason: "later",
	}
}

func parseOne(t *testing.T, text string) *api.Job {
	t.Helper()
	jobs, errs := Parse("jobs.toml", []byte(text))
	if len(errs) > 0 || len(jobs) != 1 {
		t.Fatalf("%d jobs, %v of\n%s", len(jobs), errs, text)
	}
	return jobs[0].Job
}

// What Format writes, Parse reads, for every field.
func TestRoundTrip(t *testing.T) {
	want := full()
	got := parseOne(t, Format(want, nil))
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
	for kind, expr := range map[string]string{"every": "1h", "at": "2030-01-01T00:00:00Z", "delay": "1h", "manual": ""} {
		want := &api.Job{Name: "n", Action: "a/b", Schedule: &api.Schedule{Kind: kind, Expr: expr}}
		if got := parseOne(t, Format(want, nil)); !proto.Equal(got, want) {
			t.Errorf("%s: %v", kind, got)
		}
	}
}

// A file can say every field of a job that is not the daemon's own.
func TestEveryFieldHasAKey(t *testing.T) {
	daemons := []string{
		"id", "generation", "owner", "system", "created", "updated", "next", "english", "last_state", "last_reason", "last_due",
		"schedule_hints", "idle", "paused_until", "warnings",
		"schedule", "name", // not columns, but keys
		"schedule.kind", "schedule.expr", "schedule.anchor", "schedule.key",
	}
	var have []string
	for _, c := range columns() {
		have = append(have, c.field)
	}
	check := func(prefix string, fields protoreflect.FieldDescriptors) {
		for i := range fields.Len() {
			name := prefix + string(fields.Get(i).Name())
			if slices.Contains(daemons, name) == slices.Contains(have, name) {
				t.Errorf("field %s: it is either the daemon's, or a key of a file", name)
			}
		}
	}
	check("", (&api.Job{}).ProtoReflect().Descriptor().Fields())
	check("schedule.", (&api.Schedule{}).ProtoReflect().Descriptor().Fields())
	j := full()
	for _, c := range columns() {
		if m, field := c.find(j); !m.Has(field) {
			t.Errorf("%s is not tested", c.key)
		}
	}
}

func TestFormatLeavesOutDefaults(t *testing.T) {
	j := &api.Job{
		Name: "n", Action: "a/b", Schedule: &api.Schedule{Kind: "every", Expr: "1h0m0s", Anchor: timestamppb.Now(), Key: "job_1"},
		Labels: map[string]string{"palyra.apply": "x"}, Attempts: 1, TimeoutMs: 300_000, MisfireGraceMs: 60_000,
	}
	want := "[[job]]\nname = 'n'\nevery = '1h0m0s'\naction = 'a/b'\ntimeout = '5m'\n"
	if got := Format(j, &api.Job{Attempts: 1, TimeoutMs: 60_000, MisfireGraceMs: 60_000}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestParse(t *testing.T) {
	head := "[[job]]\nname = \"n\"\naction = \"a/b\"\nevery = \"1h\"\n"
	for _, tt := range []struct {
		name, text string
		says       []string // nothing: it is good
	}{
		{"nothing", "", nil},
		{"comments", "# none\n", nil},
		{"instants", head + "start = 2030-01-01T00:00:00+01:00\nend = \"2031-01-01T00:00:00Z\"\n", nil},
		{"label tables", head + "labels.a = \"b\"\n[job.input]\nx = 1\n", nil},
		{"case twin", head + "Name = \"m\"\n", []string{`f:5: unknown key "Name"; did you mean "name"?`}},
		{"dashes", head + "run-timeout = \"1h\"\n", []string{`f:5: unknown key "run-timeout"; did you mean "run_timeout"?`}},
		{"nothing near", head + "quux = 1\n", []string{`f:5: unknown key "quux"`}},
		{"key twice", head + "name = \"m\"\n", []string{"f:5: "}},
		{"instant without offset", head + "start = 2030-01-01T00:00:00\n", []string{"f:5: start 2030-01-01T00:00:00: want the offset"}},
		{"microseconds", head + "timeout = \"5us\"\n", []string{"f:5: timeout"}},
		{"too large", head + "priority = 3000000000\n", []string{"f:5: priority 3000000000: too large"}},
		{"negative", head + "retries = -1\n", []string{"f:5: retries -1"}},
		{"infinite", head + "input = { n = inf }\n", []string{"f:5: input: not representable"}},
		{
			"wrong types", head + "paused = 1\ntimeout = 5\non_success = \"x\"\non_failure = [1]\nlabels = { a = 1 }\n",
			[]string{"f:5: paused: want true or false", "f:6: timeout: want text", "f:7: on_success: want a list", "f:8: on_failure: want a list", "f:9: labels: a: want text"},
		},
		{"no table", "job = 3\n", []string{"f:1: job: want tables"}},
		{"named twice", "[job.x]\nname = \"y\"\naction = \"a/b\"\nat = \"z\"\n", []string{"f:2: name: the job is called x already"}},
		{
			"all of several jobs", "[[job]]\nname = \"a\"\n[[job]]\naction = \"a/b\"\ndelay = \"1h\"\n",
			[]string{"f:1: job a: action is missing", "f:1: job a: when? give one of schedule", "f:3: a job without name"},
		},
		{"manual and not", "[job.n]\naction = \"a/b\"\nmanual = false\n", []string{"f:3: manual: want true"}},
		{"reason without pause", head + "pause_reason = \"x\"\n", []string{"f:5: pause_reason goes with"}},
		{"empty name", "[[job]]\nname = \"\"\naction = \"a/b\"\ndelay = \"1h\"\n", []string{"f:2: name is empty"}},
	} {
		_, errs := Parse("f", []byte(tt.text))
		var got []string
		for _, err := range errs {
			got = append(got, err.Error())
		}
		if !slices.EqualFunc(got, tt.says, strings.HasPrefix) {
			t.Errorf("%s: says %q, want %q", tt.name, got, tt.says)
		}
	}
}

// The jobs come in the order of the file, however they are written.
func TestOrder(t *testing.T) {
	jobs, errs := Parse("f", []byte("[job.b]\nevery = \"1h\"\naction = \"a/b\"\n[job.a]\nevery = \"1h\"\naction = \"a/b\"\n"))
	if len(errs) > 0 || len(jobs) != 2 || jobs[0].Name != "b" || jobs[1].At("every") != "f:5" || jobs[1].At("group") != "f:4" {
		t.Errorf("%v %v", jobs, errs)
	}
	if errs := Twins(append(jobs, jobs[0])); len(errs) != 1 || !strings.Contains(errs[0].Error(), "job b is in f:1 already") {
		t.Errorf("twins: %v", errs)
	}
}

func TestChanges(t *testing.T) {
	old, next := full(), full()
	next.Input = `{"deep": {"n": [1, 2.5, true]}, "argv": ["sh", "-c", "it's \"odd\"\n"]}`
	next.Generation, next.Labels["palyra.apply"] = 3, "x"
	if got := Changes(old, next); len(got) != 0 {
		t.Errorf("what says the same differs: %v", got)
	}
	next.TimeoutMs, next.Schedule.Expr, next.OnSuccess, next.AtLeastOnce = 600_000, "0 9 * * *", nil, false
	want := []Change{
		{"schedule", "cron H 9 * * *", "cron 0 9 * * *"}, {"timeout", "5m", "10m"}, {"at_least_once", "true", "false"}, {"on_success", "x, y", ""},
	}
	if diff := cmp.Diff(want, Changes(old, next)); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Format(full(), nil))
	f.Add("[job.x]\nat = 2030-01-01\n")
	f.Add("job = [[1]]\n")
	f.Fuzz(func(t *testing.T, text string) {
		jobs, errs := Parse("f", []byte(text))
		for _, j := range jobs {
			if j.At("name") == "" {
				t.Error("a job is nowhere")
			}
			if len(errs) > 0 || j.Phrase != "" {
				continue
			}
			again, errs := Parse("f", []byte(Format(j.Job, nil)))
			if len(errs) > 0 || len(again) != 1 || len(Changes(j.Job, again[0].Job)) > 0 {
				t.Errorf("%v, %v\n%s\nfrom\n%s", errs, again, Format(j.Job, nil), text)
			}
		}
	})
}
