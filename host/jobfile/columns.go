package jobfile

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/palyra-go/palyra/host/api"
)

// Reserved begins the labels that are no part of what a file says.
const Reserved = "palyra."

// kind says how a key is written.
type kind int

const (
	text kind = iota + 1
	span      // a length of time; milliseconds in the message
	count
	retries // one less than the attempts of the message
	flag
	names // a list of text
	instant
	labels
	input // a table, or text that is JSON
)

// column is a key of a job, and the field of the message that it sets.
type column struct {
	key   string
	kind  kind
	field string // of Job; with inSchedule, of its Schedule
}

const inSchedule = "schedule."

// columns lists the keys in the order in which they are written. The name and
// what says when are not among them: see whens.
func columns() []column {
	return []column{
		{"tz", text, "schedule.zone"},
		{"jitter", text, "schedule.jitter"},
		{"start", instant, "schedule.start"},
		{"end", instant, "schedule.end"},
		{"max_runs", count, "schedule.max_runs"},
		{"except", text, "schedule.except"},
		{"on_excluded", text, "schedule.on_excluded"},
		{"dst_gap", text, "schedule.dst_gap"},
		{"dst_overlap", text, "schedule.dst_overlap"},
		{"action", text, "action"},
		{"input", input, "input"},
		{"group", text, "group"},
		{"labels", labels, "labels"},
		{"concurrency", text, "concurrency"},
		{"max", count, "max_concurrent"},
		{"priority", count, "priority"},
		{"misfire", text, "misfire"},
		{"grace", span, "misfire_grace_ms"},
		{"window", span, "catch_up_window_ms"},
		{"coalesce", text, "coalesce"},
		{"catch_up_max", count, "catch_up_max"},
		{"timeout", span, "timeout_ms"},
		{"run_timeout", span, "run_timeout_ms"},
		{"retries", retries, "attempts"},
		{"backoff", span, "backoff_ms"},
		{"backoff_cap", span, "backoff_cap_ms"},
		{"at_least_once", flag, "at_least_once"},
		{"pause_after", count, "pause_after"},
		{"on_success", names, "on_success"},
		{"on_failure", names, "on_failure"},
		{"on_recovery", names, "on_recovery"},
		{"paused", flag, "paused"},
		{"pause_reason", text, "pause_reason"},
	}
}

// whens are the keys that say when, of which a job has one.
func whens() []string { return []string{"schedule", "cron", "every", "at", "delay", "manual"} }

// keys are all keys of a job.
func keys() []string {
	all := append([]string{"name"}, whens()...)
	for _, c := range columns() {
		all = append(all, c.key)
	}
	return all
}

// find returns where the value of a column is, making the schedule if need be.
func (c column) find(j *api.Job) (protoreflect.Message, protoreflect.FieldDescriptor) {
	m, name := j.ProtoReflect(), c.field
	if rest, ok := strings.CutPrefix(name, inSchedule); ok {
		if j.GetSchedule() == nil {
			j.Schedule = &api.Schedule{}
		}
		m, name = j.GetSchedule().ProtoReflect(), rest
	}
	return m, m.Descriptor().Fields().ByName(protoreflect.Name(name))
}
