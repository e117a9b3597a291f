package scheduler

import (
	"context"
	"time"
)

// warmth is when jobs were last read ahead, and old ones let go.
type warmth struct{ read, turned time.Time }

// near is how close the next fire may be while something else is done.
const near = 20 * time.Millisecond

// ahead reads the jobs that are due within the next two sleeps, unless they are
// compiled already, so that as many as may be due at one instant fire without
// being read first. It stops when something is due. The caller holds the turn.
func (s *Scheduler) ahead(ctx context.Context) {
	for keys := s.cold(time.Now()); len(keys) > 0; {
		if s.untilNext(time.Now()) < near {
			return
		}
		some := keys[:min(portion, len(keys))]
		keys = keys[len(some):]
		if _, _, err := s.entries(ctx, some); err != nil {
			s.cfg.Log.Warn("jobs are not read ahead", "err", err)
			return
		}
	}
}

// cold returns the jobs that are due soon and not compiled, from time to time.
func (s *Scheduler) cold(now time.Time) (keys []uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if since := now.Sub(s.warmed.read); since >= 0 && since < s.cfg.MaxSleep/16 {
		return nil
	}
	s.warmed.read = now
	if now.Sub(s.warmed.turned) >= 4*s.cfg.MaxSleep || now.Before(s.warmed.turned) {
		s.cache.turn()
		s.warmed.turned = now
	}
	for _, key := range s.due.soonest(s.cfg.Cache, now.Add(2*s.cfg.MaxSleep).UnixMicro()) {
		if s.cache.byKey(key) == nil {
			keys = append(keys, key)
		}
	}
	return keys
}
