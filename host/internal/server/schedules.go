package server

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/schedule"
)

func fromSpec(s schedule.Spec) *api.Schedule {
	return &api.Schedule{
		Kind: string(s.Kind), Expr: s.Expr, Zone: s.Zone, Anchor: fromTime(s.Anchor),
		DstGap: s.DSTGap, DstOverlap: s.DSTOverlap,
		Start: fromTime(s.Start), End: fromTime(s.End), MaxRuns: s.MaxRuns,
		Except: s.Except, OnExcluded: s.OnExcluded, Jitter: s.Jitter, Key: s.Key,
	}
}

func toSpec(p *api.Schedule) (schedule.Spec, error) {
	s := schedule.Spec{
		Kind: schedule.Kind(p.GetKind()), Expr: p.GetExpr(), Zone: p.GetZone(),
		DSTGap: p.GetDstGap(), DSTOverlap: p.GetDstOverlap(), MaxRuns: p.GetMaxRuns(),
		Except: p.GetExcept(), OnExcluded: p.GetOnExcluded(), Jitter: p.GetJitter(), Key: p.GetKey(),
	}
	for _, t := range []struct {
		name string
		from *timestamppb.Timestamp
		to   *time.Time
	}{{"anchor", p.GetAnchor(), &s.Anchor}, {"start", p.GetStart(), &s.Start}, {"end", p.GetEnd(), &s.End}} {
		at, err := toTime(t.from)
		if err != nil {
			return s, fmt.Errorf("schedule: %s: %w", t.name, err)
		}
		*t.to = at
	}
	return s, nil
}

// inSchedule begins the name of a field of a schedule, among those of a job.
const inSchedule = "schedule."

// scheduleOptions are the fields of a Schedule that an update may name one by
// one; the others go together.
func scheduleOptions() []string {
	return []string{"dst_gap", "dst_overlap", "start", "end", "max_runs", "except", "on_excluded", "jitter"}
}

// mergeSchedule keeps of a schedule what the change does not say: the expression
// if only a zone is given, the zone of a cron job if only an expression is. What
// has no meaning for another kind goes with the old one.
func mergeSchedule(before, change *api.Schedule) *api.Schedule {
	merged := &api.Schedule{Kind: change.GetKind(), Expr: change.GetExpr(), Zone: change.GetZone(), Anchor: change.GetAnchor(), Key: change.GetKey()}
	if merged.Kind == "" && merged.Expr == "" {
		merged.Kind, merged.Expr, merged.Anchor = before.GetKind(), before.GetExpr(), before.GetAnchor()
	}
	same := merged.Kind == before.GetKind()
	if merged.Zone == "" && same {
		merged.Zone = before.GetZone()
	}
	if merged.Key == "" && same {
		merged.Key = before.GetKey()
	}
	to := merged.ProtoReflect()
	for _, name := range scheduleOptions() {
		field := to.Descriptor().Fields().ByName(protoreflect.Name(name))
		switch {
		case change != nil && change.ProtoReflect().Has(field):
			to.Set(field, change.ProtoReflect().Get(field))
		case before == nil || !before.ProtoReflect().Has(field):
		case same || !strings.HasPrefix(name, "dst_") && name != "except" && name != "on_excluded":
			to.Set(field, before.ProtoReflect().Get(field))
		}
	}
	return merged
}
