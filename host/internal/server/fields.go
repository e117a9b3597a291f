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
	}
}

// copyFields sets the named fields of dst to those of src; unset ones become
// unset, which means the default.
func copyFields(dst, src *api.Job, fields []string) error {
	if len(fields) == 0 {
		return problem(Invalid, "", "nothing to update: name a field: %s", strings.Join(editable(), ", "))
	}
	before := dst.GetSchedule()
	to, from := dst.ProtoReflect(), src.ProtoReflect()
	for _, name := range fields {
		if !slices.Contains(editable(), name) {
			return problem(Invalid, "", "field %q cannot be updated; those that can: %s", name, strings.Join(editable(), ", "))
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
	if slices.Contains(fields, "concurrency") && !slices.Contains(fields, "max_concurrent") {
		dst.MaxConcurrent = 0 // the default depends on the policy
	}
	return nil
}

// mergeSchedule keeps of a schedule what the change does not say: the expression
// if only a zone is given, the zone of a cron job if only an expression is.
func mergeSchedule(before, change *api.Schedule) *api.Schedule {
	merged := &api.Schedule{Kind: change.GetKind(), Expr: change.GetExpr(), Zone: change.GetZone(), Anchor: change.GetAnchor()}
	if merged.Kind == "" && merged.Expr == "" {
		merged.Kind, merged.Expr, merged.Anchor = before.GetKind(), before.GetExpr(), before.GetAnchor()
	}
	if merged.Zone == "" && merged.Kind == before.GetKind() {
		merged.Zone = before.GetZone()
	}
	return merged
}
