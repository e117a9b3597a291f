package schedule

import (
	"encoding/binary"
	"hash/fnv"
	"strings"
	"testing"
	"time"
)

// Jitter is stable, stays below its maximum and before the next nominal time,
// and spreads jobs; what follows is computed without it.
func TestJitter(t *testing.T) {
	at := clock(t, "2026-07-01T10:00:00Z")
	for _, c := range []struct {
		expr   string
		jitter string
		below  time.Duration
	}{{"0 * * * *", "90s", 90 * time.Second}, {"* * * * *", "10m", time.Minute}} {
		s := compiled(t, Spec{Kind: Cron, Expr: c.expr, Jitter: c.jitter})
		seen := map[time.Duration]bool{}
		late := 0
		for i := range 400 {
			job := strings.Repeat("j", i%20) + string(rune('a'+i/20))
			fire := s.Fire(job, at)
			d := fire.Sub(at)
			if !fire.Equal(s.Fire(job, at)) || d < 0 || d >= c.below {
				t.Fatalf("%s fires at %s, then %s", job, fire, s.Fire(job, at))
			}
			if d > c.below/2 {
				late++
			}
			seen[d] = true
		}
		if len(seen) < 380 || late < 150 || late > 250 {
			t.Errorf("%s: %d different delays, %d in the later half", c.jitter, len(seen), late)
		}
		if s.Fire("a", at).Add(time.Hour).Equal(s.Fire("a", at.Add(time.Hour))) {
			t.Errorf("%s: the same delay for each occurrence", c.jitter)
		}
	}
	plain := compiled(t, Spec{Kind: Cron, Expr: "0 * * * *"})
	if got := plain.Fire("a", at); got != at {
		t.Errorf("without jitter it fires at %s", got)
	}
	// Written down: a change of the hash would move every job there is.
	s := compiled(t, Spec{Kind: Cron, Expr: "0 * * * *", Jitter: "10m"})
	if got := s.Fire("backup", at).Format(time.RFC3339Nano); got != "2026-07-01T10:01:20.664Z" {
		t.Errorf("backup fires at %s", got)
	}
}

// The hash is what its comment says.
func TestHashIsFNV(t *testing.T) {
	for _, text := range []string{"", "backup", "a\x00b"} {
		h := fnv.New64a()
		h.Write(binary.BigEndian.AppendUint64([]byte(text+"\x00"), 1234567890123))
		want := h.Sum64()
		want = (want ^ want>>30) * 0xbf58476d1ce4e5b9
		want = (want ^ want>>27) * 0x94d049bb133111eb
		if got := hash(text, 1234567890123); got != want^want>>31 {
			t.Errorf("%q: %x", text, got)
		}
	}
}

// H is spread by the key, over all values, and stays.
func TestHash(t *testing.T) {
	count := map[uint64]int{}
	for i := range 600 {
		key := strings.Repeat("k", i%30) + string(rune('A'+i/30))
		s := compiled(t, Spec{Kind: Cron, Expr: "H H(1-5) H * *", Key: key})
		f := s.rule.(*cron).wall
		if f.hour&^0x3e != 0 || f.dom&^(1<<29-2) != 0 || len(members(f.minute)) != 1 {
			t.Fatalf("%s: %+v", key, f)
		}
		count[f.minute]++
	}
	if len(count) != 60 {
		t.Errorf("%d minutes of 60", len(count))
	}
	s := compiled(t, Spec{Kind: Cron, Expr: "H/15 H * * *", Key: "backup"})
	if f := s.rule.(*cron).wall; len(members(f.minute)) != 4 || s.rule.(*cron).class != standard {
		t.Errorf("H/15 is %v", members(f.minute))
	}
	if got, want := s.English(), "at 14:04, 14:19, 14:34 and 14:49 every day, UTC"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if s := compiled(t, Spec{Kind: Cron, Expr: "0 0 * * *", Key: "backup"}); s.Spec().Key != "" {
		t.Error("a key without an H stays")
	}
}
