package jobfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/near"
	"github.com/palyra-go/palyra/host/schedule"
)

// top is the one key of a file.
const top = "job"

// Job is a job as a file says it.
type Job struct {
	*api.Job        // without what the file does not say
	Phrase   string // of schedule, which is English or cron; the Schedule then lacks kind and expression
	Says     map[string]bool

	file  string
	path  []string
	lines lines
}

// At says where the key is, or the job if the key is not in the file: "jobs.toml:7".
func (j *Job) At(key string) string {
	return fmt.Sprintf("%s:%d", j.file, j.lines.of(append(slices.Clone(j.path), key)...))
}

// Parse reads the jobs of a file, in its order, and says all that is wrong.
func Parse(file string, data []byte) ([]*Job, []error) {
	var document map[string]any
	if err := toml.Unmarshal(data, &document); err != nil {
		if e, ok := errors.AsType[*toml.DecodeError](err); ok {
			line, _ := e.Position()
			return nil, []error{fmt.Errorf("%s:%d: %s", file, line, strings.TrimPrefix(e.Error(), "toml: "))}
		}
		return nil, []error{fmt.Errorf("%s: %v", file, err)}
	}
	r := &reader{file: file, lines: scan(data)}
	for _, key := range slices.Sorted(maps.Keys(document)) {
		if key != top {
			r.complain([]string{key}, "unknown key %q; jobs are tables: [[job]], or [job.NAME]", key)
		}
	}
	switch list := document[top].(type) {
	case nil:
	case []any:
		for i, item := range list {
			r.job("", item, top, number(i))
		}
	case map[string]any:
		for name, item := range list {
			r.job(name, item, top, name)
		}
	default:
		r.complain([]string{top}, "job: want tables: [[job]], or [job.NAME]")
	}
	slices.SortStableFunc(r.jobs, func(a, b *Job) int { return a.lines.of(a.path...) - b.lines.of(b.path...) })
	slices.SortStableFunc(r.faults, func(a, b fault) int { return a.line - b.line })
	var errs []error
	for _, f := range r.faults {
		errs = append(errs, fmt.Errorf("%s:%d: %s", file, f.line, f.text))
	}
	return r.jobs, errs
}

func number(i int) string { return strconv.Itoa(i) }

type fault struct {
	line int
	text string
}

// reader collects the jobs of a file and what is wrong with them.
type reader struct {
	file   string
	lines  lines
	jobs   []*Job
	faults []fault
}

func (r *reader) complain(path []string, format string, args ...any) {
	r.faults = append(r.faults, fault{r.lines.of(path...), fmt.Sprintf(format, args...)})
}

// job reads one table. name is empty if it is inside.
func (r *reader) job(name string, item any, path ...string) {
	j := &Job{Job: &api.Job{Name: name, Schedule: &api.Schedule{}}, Says: map[string]bool{}, file: r.file, path: path, lines: r.lines}
	table, ok := item.(map[string]any)
	if !ok {
		r.complain(path, "job: want a table, with name, schedule and action")
		return
	}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		j.Says[key] = true
		if err := r.key(j, name, key, table[key]); err != nil {
			r.complain(append(slices.Clone(path), key), "%v", err)
		}
	}
	if j.Name == "" && !j.Says["name"] {
		r.complain(path, "a job without name")
	}
	if !j.Says["action"] {
		r.complain(path, "job %s: action is missing: SKILL/ENTRYPOINT", j.Name)
	}
	if given := slices.DeleteFunc(whens(), func(key string) bool { return !j.Says[key] }); len(given) != 1 {
		what := "when? give one"
		if len(given) > 1 {
			what = strings.Join(given, " and ") + ": give one"
		}
		r.complain(path, "job %s: %s of schedule, cron, every, at, delay and manual", j.Name, what)
	}
	if j.Says["pause_reason"] && !j.Paused {
		r.complain(append(slices.Clone(path), "pause_reason"), "pause_reason goes with paused = true")
	}
	r.jobs = append(r.jobs, j)
}

func (r *reader) key(j *Job, name, key string, value any) error {
	switch {
	case key == "name" && name != "":
		return fmt.Errorf("name: the job is called %s already, by [job.%s]", name, name)
	case key == "name":
		return readText(key, value, &j.Name)
	case key == "schedule":
		return readText(key, value, &j.Phrase)
	case key == "at":
		expr, err := instantText(key, value)
		j.Schedule.Kind, j.Schedule.Expr = string(schedule.At), expr
		return err
	case key == string(schedule.Manual):
		if value != true {
			return fmt.Errorf("%s: want true, or another schedule", key)
		}
		j.Schedule.Kind = key
		return nil
	case slices.Contains(whens(), key):
		j.Schedule.Kind = key
		return readText(key, value, &j.Schedule.Expr)
	}
	for _, c := range columns() {
		if c.key == key {
			return c.read(j.Job, value)
		}
	}
	if meant := near.Name(strings.ToLower(strings.ReplaceAll(key, "-", "_")), keys()); meant != "" {
		return fmt.Errorf("unknown key %q; did you mean %q?", key, meant)
	}
	return fmt.Errorf("unknown key %q", key)
}

// Twins says which jobs have the name of one before them.
func Twins(jobs []*Job) []error {
	var errs []error
	first := map[string]*Job{}
	for _, j := range jobs {
		if before := first[j.Name]; before != nil {
			errs = append(errs, fmt.Errorf("%s: job %s is in %s already", j.At("name"), j.Name, before.At("name")))
			continue
		}
		first[j.Name] = j
	}
	return errs
}

// line is a key and its value as TOML writes them.
func line(key string, value any) string {
	var b bytes.Buffer
	enc := toml.NewEncoder(&b)
	enc.SetTablesInline(true)
	if err := enc.Encode(map[string]any{key: value}); err != nil {
		return ""
	}
	return b.String()
}
