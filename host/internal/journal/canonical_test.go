package journal

import (
	"encoding/json"
	"testing"

	"github.com/palyra-go/palyra/host/internal/job"
)

// The fast encoder writes what RFC 8785 says, as jsontext understands it.
func FuzzRunFact(f *testing.F) {
	f.Add("run_1", "x", int64(1893456000000000), int64(2), uint8(0xff))
	f.Add("", "\x00\x1f\"\\/<é>\u2028\U0001F600\b\f\n\r\t\x7f", int64(1)<<53+1, int64(-1)<<63, uint8(0x55))
	f.Add("a\xffb\xed\xa0\x80", "", int64(253402300799999999), int64(-5), uint8(0))
	f.Fuzz(func(t *testing.T, a, b string, m, n int64, some uint8) {
		fact := runFact{Run: job.RunID(a), Due: m, Count: n, Attempt: int(n)}
		for i, set := range []func(){
			func() { fact.Job, fact.Log = job.ID(b), a },
			func() { fact.Last, fact.Output = m^n, b },
			func() { fact.As, fact.Trigger, fact.Parent = b, job.Trigger(a), job.RunID(a) },
			func() { fact.State, fact.Reason = job.State(b), job.Reason(a) },
			func() { fact.Digest, fact.Error = a, b },
			func() { fact.Decision = (&decision{Allow: n > 0}).append(nil) },
			func() { fact.Decision = (&decision{Errors: []string{a, b}, Set: b}).append(nil) },
			func() { fact.Decision = (&decision{Policies: []string{b, ""}, Set: a}).append(nil) },
		} {
			if some>>i&1 == 1 {
				set()
			}
		}
		got := fact.append(nil, whole)
		want, err := canonicalize(fact)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		g := group{kind: a, actor: b, subject: a, facts: [][]byte{got, got}}
		entry := g.append(nil, m)
		want, err = canonicalize(map[string]any{
			"actor": b, "at": m, "kind": a, "subject": a, "v": 1,
			"data": map[string]any{"facts": []any{json.RawMessage(want), json.RawMessage(want)}},
		})
		if err != nil || string(entry) != string(want) {
			t.Errorf("got  %s\nwant %s, %v", entry, want, err)
		}
	})
}
