package server

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/palyra-go/palyra/host/api"
)

// editable are the fields of a Job that an update may name.
func editable() []string {
	return []string{
		"name", "group", "labels", "schedule", "action", "input", "concurrency", "max_concurrent",
		"misfire", "misfire_grace_ms", "catch_up_window_ms", "attempts", "backoff_ms", "backoff_cap_ms", "timeout_ms",
		"run_timeout_ms", "priority", "pause_after", "at_least_once", "catch_up_max", "coalesce", "on_success", "on_failure", "on_recovery",
	}
}

// copyFields sets the named fields of dst to those of src; unset ones become
// unset, which means the default.
func copyFields(dst, src *api.Job, fields []string) error {
	if len(fields) == 0 {
		return problem(Invalid, "", "nothing to update: name a field: %s", strings.Join(editable(), ", "))
	}
	before := dst.GetSchedule()
	options := map[string]bool{}
	to, from := dst.ProtoReflect(), src.ProtoReflect()
	for _, name := range fields {
		if option, ok := strings.CutPrefix(name, inSchedule); ok && slices.Contains(scheduleOptions(), option) {
			options[option] = true
			continue
		}
		if !slices.Contains(editable(), name) {
			return problem(Invalid, "", "field %q cannot be updated; those that can: %s; of a schedule: %s",
				name, strings.Join(editable(), ", "), strings.Join(scheduleOptions(), ", "))
		}
		field := to.Descriptor().Fields().ByName(protoreflect.Name(name))
		to.Clear(field)
		if from.Has(field) {
			to.Set(field, from.Get(field))
		}
	}
	if slices.Contains(fields, "schedule") {
		dst.Schedule = mergeSchedule(before, dst.GetSchedule())
	}
	copyOptions(dst, src.GetSchedule(), options)
	if slices.Contains(fields, "concurrency") && !slices.Contains(fields, "max_concurrent") {
		dst.MaxConcurrent = 0 // the default depends on the policy
	}
	return nil
}

// copyOptions sets the named options of the schedule of dst to those of src.
func copyOptions(dst *api.Job, src *api.Schedule, options map[string]bool) {
	if len(options) == 0 {
		return
	}
	if dst.GetSchedule() == nil {
		dst.Schedule = &api.Schedule{}
	}
	to, from := dst.GetSchedule().ProtoReflect(), src.ProtoReflect()
	for option := range options {
		field := to.Descriptor().Fields().ByName(protoreflect.Name(option))
		to.Clear(field)
		if from.Has(field) {
			to.Set(field, from.Get(field))
		}
	}
}
