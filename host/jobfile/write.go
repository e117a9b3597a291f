package jobfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/schedule"
)

// Format writes a job as a [[job]] table, without what is as in defaults; all
// that is set is written if that is nil.
func Format(j, defaults *api.Job) string {
	j = proto.CloneOf(j)
	if defaults != nil {
		defaults = proto.CloneOf(defaults)
	}
	var b strings.Builder
	b.WriteString("[[job]]\n" + line("name", j.GetName()))
	if kind := j.GetSchedule().GetKind(); kind == string(schedule.Manual) {
		b.WriteString(line(kind, true))
	} else {
		b.WriteString(line(kind, j.GetSchedule().GetExpr()))
	}
	for _, c := range columns() {
		if c.key == "tz" && j.GetSchedule().GetKind() != string(schedule.Cron) || c.key == "pause_reason" && !j.GetPaused() {
			continue
		}
		value := c.value(j)
		if value == nil || defaults != nil && c.key != "tz" && c.words(j) == c.words(defaults) {
			continue
		}
		b.WriteString(line(c.key, value))
	}
	return b.String()
}

// Change is one difference between two jobs.
type Change struct {
	Key  string `json:"key"`
	From string `json:"from"`
	To   string `json:"to"`
}

// Changes says how next differs from old, in the words of a file.
func Changes(old, next *api.Job) []Change {
	old, next = proto.CloneOf(old), proto.CloneOf(next)
	var list []Change
	if from, to := when(old), when(next); from != to {
		list = append(list, Change{"schedule", from, to})
	}
	for _, c := range columns() {
		if c.key == "tz" && (old.GetSchedule().GetKind() != string(schedule.Cron) || next.GetSchedule().GetKind() != string(schedule.Cron)) ||
			c.key == "pause_reason" && !next.GetPaused() {
			continue
		}
		if from, to := c.words(old), c.words(next); from != to {
			list = append(list, Change{c.key, from, to})
		}
	}
	return list
}

func when(j *api.Job) string { return j.GetSchedule().GetKind() + " " + j.GetSchedule().GetExpr() }

// value is what a file would say, nil if nothing.
func (c column) value(j *api.Job) any {
	m, field := c.find(j)
	if !m.Has(field) {
		return nil
	}
	v := m.Get(field)
	switch c.kind {
	case text:
		return v.String()
	case flag:
		return v.Bool()
	case count:
		return v.Int()
	case retries:
		return v.Int() - 1
	case span:
		return schedule.Length(time.Duration(v.Int()) * time.Millisecond)
	case instant:
		return v.Message().Interface().(*timestamppb.Timestamp).AsTime()
	case input:
		if object, ok := table(v.String()); ok {
			return object
		}
		return v.String()
	case names:
		var list []string
		for i := range v.List().Len() {
			list = append(list, v.List().Get(i).String())
		}
		return list
	case labels:
		kept := map[string]string{}
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			if !strings.HasPrefix(k.String(), Reserved) {
				kept[k.String()] = v.String()
			}
			return true
		})
		if len(kept) > 0 {
			return kept
		}
	}
	return nil
}

// words is a value for people, and for comparison.
func (c column) words(j *api.Job) string {
	value := c.value(j)
	switch v := value.(type) {
	case nil:
		switch c.kind {
		case count, retries:
			return "0"
		case flag:
			return "false"
		default:
			return ""
		}
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case []string:
		return strings.Join(v, ", ")
	case map[string]string:
		var pairs []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, key+"="+v[key])
		}
		return strings.Join(pairs, " ")
	}
	if c.kind == input {
		return canonical(j.GetInput())
	}
	return fmt.Sprint(value)
}
