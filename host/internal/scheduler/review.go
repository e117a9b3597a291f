package scheduler

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// reviewed is how far the review of all jobs has come. It is owned by who runs the
// loop.
type reviewed struct {
	at    time.Time
	above uint32
}

// review looks at some jobs of the store, the next ones each time, and at most
// once in a sleep: each is to be armed as it should be, or rightly not. What is not
// so is repaired, logged and recorded. What is due soon goes first.
func (s *Scheduler) review(ctx context.Context) {
	now := time.Now()
	if d := now.Sub(s.reviewed.at); d >= 0 && d < s.cfg.MaxSleep || s.untilNext(now) < 5*near {
		return
	}
	s.reviewed.at = now
	if s.take(ctx) != nil {
		return
	}
	defer s.give()
	jobs, err := s.cfg.Store.FindJobs(ctx, job.Pick{ByKey: true, Above: s.reviewed.above, Limit: portion})
	if err != nil {
		s.cfg.Log.Warn("jobs are not reviewed", "err", err)
		return
	}
	repairs := s.repair(jobs, now)
	if len(repairs) == 0 {
		return
	}
	for _, r := range repairs {
		s.cfg.Log.Warn("job was not armed as it should be", "job", r.Job, "was", r.Was, "now", r.Now, "reason", r.Reason)
	}
	if err := s.cfg.Store.Repaired(ctx, repairs); err != nil {
		s.cfg.Log.Error("repairs are not recorded", "err", err)
	}
}

// repair arms jobs that follow one another as they should be, and moves on.
func (s *Scheduler) repair(jobs []*job.Job, now time.Time) (repairs []job.Repair) {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, last := uint32(math.MaxUint32), len(jobs) < portion
	if !last {
		until = jobs[len(jobs)-1].Key
	}
	there := make(map[uint32]bool, len(jobs))
	for _, j := range jobs {
		there[j.Key] = true
		if r := s.repairOne(j, now); r != nil {
			repairs = append(repairs, *r)
		}
	}
	for key := s.reviewed.above + 1; key <= until && int(key) < len(s.roll.cursors); key++ {
		if s.roll.has(key) && !there[key] {
			s.due.remove(key)
			s.roll.vacate(key)
			repairs = append(repairs, job.Repair{Reason: fmt.Sprintf("the job with the number %d is gone", key)})
		}
	}
	s.reviewed.above = until
	if last {
		s.reviewed.above = 0
		for _, key := range s.due.lost() {
			s.due.place(key)
			repairs = append(repairs, job.Repair{
				Now: time.UnixMicro(s.due.at[key]), Reason: fmt.Sprintf("the job with the number %d was in no list", key),
			})
		}
	}
	return repairs
}

// repairOne arms a job as it should be; nil if it is. The caller holds mu.
func (s *Scheduler) repairOne(j *job.Job, now time.Time) *job.Repair {
	reason := "not armed as its schedule says"
	e := s.cache.byKey(j.Key)
	switch {
	case e == nil:
		e = s.compile(j)
	case e.job.ID != j.ID || e.job.Generation != j.Generation:
		reason = "an edit was not known"
		s.cache.drop(j.Key)
		s.edits++
		e = s.compile(j)
	}
	was, armed := s.due.armed(j.Key)
	switch {
	case !s.roll.has(j.Key):
		reason = "the job was not known"
		s.roll.move(j.Key, j.Cursor.UnixMicro())
		s.roll.rest(j.Key, j.Paused)
	case strings.HasPrefix(s.aside[j.Key], noRead):
		reason = "the job could not be read"
		delete(s.aside, j.Key)
	case s.why(e) != "" || armed && was <= now.UnixMicro():
		return nil // it is not planned, or will be looked at anyway
	case !armed && j.Paused && j.PauseUntil.IsZero():
		return nil // what comes while it is paused is accounted for at its end
	}
	s.advance(j.Key, j.Cursor)
	s.arm(e)
	if is, ok := s.due.armed(j.Key); ok != armed || is != was {
		return &job.Repair{Job: j.ID, Was: instantOf(was, armed), Now: instantOf(is, ok), Reason: reason}
	}
	return nil
}

func instantOf(at int64, armed bool) time.Time {
	if !armed {
		return time.Time{}
	}
	return time.UnixMicro(at).UTC()
}
