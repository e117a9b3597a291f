package scheduler

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// The model is the table alone, searched.
func TestDues(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	spans := []int64{1, 1e6, 60e6, 3600e6, 86400e6, 40 * 86400e6, 400 * 86400e6}
	now := int64(1_893_456_000e6)
	d := dues{base: slotOf(now)}
	model := map[uint32]int64{}
	ordered := func() []due {
		var all []due
		for key, at := range model {
			all = append(all, due{at, key})
		}
		slices.SortFunc(all, func(a, b due) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.key, b.key)) })
		return all
	}
	for step := range 30_000 {
		key := 1 + rng.Uint32N(300)
		switch rng.IntN(8) {
		case 0:
			d.remove(key)
			delete(model, key)
		case 1:
			span := spans[rng.IntN(len(spans))]
			if now += rng.Int64N(span); rng.IntN(50) == 0 {
				now -= 2 * rng.Int64N(span)
			}
			d.advance(now)
			for key, at, ok := d.first(); ok && at <= now; key, at, ok = d.first() {
				if want := ordered()[0].at; at != want || model[key] != at {
					t.Fatalf("step %d: key %d at %d is first, want one at %d", step, key, at, want)
				}
				d.remove(key)
				delete(model, key)
			}
			if all := ordered(); len(all) > 0 && all[0].at <= now {
				t.Fatalf("step %d: %v is due and was not brought forth", step, all[0])
			}
		default:
			at := now + rng.Int64N(spans[rng.IntN(len(spans))]) - 10
			d.set(key, at)
			model[key] = at
		}
		if d.n != len(model) || d.kept > 2*d.n+1025 {
			t.Fatalf("step %d: %d armed, %d kept, want %d armed", step, d.n, d.kept, len(model))
		}
		if step%500 == 0 {
			all := ordered()
			until := now + spans[rng.IntN(len(spans))]
			var got, want []int64
			for _, key := range d.soonest(20, until) {
				got = append(got, d.at[key])
			}
			for _, k := range all {
				if k.at <= until && len(want) < 20 {
					want = append(want, k.at)
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("step %d: soonest %v, want %v", step, got, want)
			}
			if lost := d.lost(); len(lost) != 0 {
				t.Fatalf("step %d: lost %v", step, lost)
			}
		}
	}
}

func TestDuesKnowWhatIsLost(t *testing.T) {
	now := int64(1_893_456_000e6)
	for name, lose := range map[string]func(*dues){
		"near": func(d *dues) { d.near = nil },
		"soon": func(d *dues) { clear(d.soon[:]) },
		"late": func(d *dues) { clear(d.late[:]) },
		"far":  func(d *dues) { d.far = nil },
	} {
		d := dues{base: slotOf(now)}
		for i := range uint32(400) {
			d.set(i+1, now+int64(i)*3*86400e6/(1+int64(i%2)*1000)+int64(i))
		}
		if lost := d.lost(); len(lost) != 0 {
			t.Errorf("%s: lost %d before any was", name, len(lost))
		}
		lose(&d)
		if lost := d.lost(); len(lost) == 0 || len(lost) == 400 {
			t.Errorf("%s: %d are lost, want some", name, len(lost))
		}
	}
}

// BenchmarkDues takes the first of so many jobs, each due once an hour, and arms
// it anew.
func BenchmarkDues(b *testing.B) {
	for name, n := range map[string]int{"1k": 1000, "1M": 1_000_000} {
		b.Run(name, func(b *testing.B) {
			const hour = 3600e6
			now := int64(1_893_456_000e6)
			d := dues{base: slotOf(now)}
			for i := range n {
				d.set(uint32(i+1), now+rand.Int64N(hour))
			}
			most := 0
			b.ResetTimer()
			for b.Loop() {
				key, at, ok := d.first()
				for !ok {
					now += 1 << slotBits
					d.advance(now)
					key, at, ok = d.first()
					most = max(most, d.bytes())
				}
				d.remove(key)
				d.drop()
				d.set(key, at+hour)
			}
			b.ReportMetric(float64(max(most, d.bytes()))/float64(n), "B/entry")
		})
	}
}

// bytes is what the table and the lists take.
func (d *dues) bytes() int {
	n := 8*cap(d.at) + 16*cap(d.near) + 4*cap(d.far)
	for i := range wheel {
		n += 4 * (cap(d.soon[i]) + cap(d.late[i]))
	}
	return n
}
