package scheduler

import (
	"cmp"
	"slices"
)

// dues says for when jobs are armed, by their keys. Its heart is a table of
// instants; lists of keys by time tell where to look. What is due within a slot
// or two is near, and ordered by a heap small enough for the caches; what comes
// later lies unordered in the slot of its time, to be moved when that comes: soon,
// for the slots of this hour, late, for the hours of these days, or far. That is
// 8 bytes for a key and 4, and the growth of slices, for one that is armed; and
// to move a job costs the same however many there are.
//
// A list is not searched: a job that was armed anew or disarmed leaves its key
// behind, which is known by its instant not being of that list.
type dues struct {
	at   []int64 // of each key, in microseconds since 1970; 0: it is not armed
	n    int     // keys that are armed
	kept int     // keys in the lists

	base  int64 // the last slot whose keys are near
	near  nearest
	soon  [wheel][]uint32 // by slot, of the wheel of slots that base is in
	late  [wheel][]uint32 // by wheel, of the wheel of wheels that base is in
	far   []uint32
	soons int // keys in soon
	lates int // keys in late
}

const (
	slotBits  = 24 // a slot is 17 seconds
	wheelBits = 8  // a wheel is 71 minutes, a wheel of wheels 12 days
	wheel     = 1 << wheelBits
)

func slotOf(at int64) int64 { return at >> slotBits }

// armed says for when a job is armed.
func (d *dues) armed(key uint32) (at int64, ok bool) {
	if int(key) >= len(d.at) || d.at[key] == 0 {
		return 0, false
	}
	return d.at[key], true
}

// set arms a job, or moves it.
func (d *dues) set(key uint32, at int64) {
	at = max(at, 1)
	for int(key) >= len(d.at) {
		d.at = append(d.at, 0)
	}
	switch d.at[key] {
	case at:
		return // its key is where it belongs
	case 0:
		d.n++
	}
	d.at[key] = at
	d.place(key)
	d.sweep()
}

// remove disarms a job.
func (d *dues) remove(key uint32) {
	if _, ok := d.armed(key); ok {
		d.at[key] = 0
		d.n--
		d.sweep()
	}
}

// sweep makes the lists anew when most of them is left behind.
func (d *dues) sweep() {
	if d.kept > 2*d.n+1024 {
		d.rebuild()
	}
}

// place puts a key into the list of its instant.
func (d *dues) place(key uint32) {
	at := d.at[key]
	slot := slotOf(at)
	d.kept++
	switch {
	case slot <= d.base:
		d.near.push(due{at, key})
	case slot>>wheelBits == d.base>>wheelBits:
		d.soon[slot%wheel] = append(d.soon[slot%wheel], key)
		d.soons++
	case slot>>(2*wheelBits) == d.base>>(2*wheelBits):
		d.late[slot>>wheelBits%wheel] = append(d.late[slot>>wheelBits%wheel], key)
		d.lates++
	default:
		d.far = append(d.far, key)
	}
}

// advance makes near what is due until the end of the slot after now's.
func (d *dues) advance(now int64) {
	to := slotOf(now) + 1
	if to < d.base-2 { // the clock went back: too much is near
		d.base = to
		d.rebuild()
	}
	for d.base < to {
		switch {
		case d.soons+d.lates+len(d.far) == 0:
			d.base = to
		case d.soons+d.lates == 0:
			d.base = min(to, d.base|(wheel*wheel-1))
		case d.soons == 0:
			d.base = min(to, d.base|(wheel-1))
		}
		if d.base < to {
			d.step()
		}
	}
}

// step makes the next slot near.
func (d *dues) step() {
	d.base++
	if d.base%(wheel*wheel) == 0 {
		d.spread(&d.far, 2*wheelBits)
	}
	if d.base%wheel == 0 {
		list := &d.late[d.base>>wheelBits%wheel]
		d.lates -= len(*list)
		d.spread(list, wheelBits)
	}
	list := &d.soon[d.base%wheel]
	d.soons -= len(*list)
	d.spread(list, 0)
}

// spread places anew the keys of a list whose time has come. What has been moved
// to before that time has another key elsewhere.
func (d *dues) spread(list *[]uint32, bits int) {
	keys := *list
	*list = nil
	d.kept -= len(keys)
	for _, key := range keys {
		if at := d.at[key]; at != 0 && belongs(slotOf(at), d.base, bits) {
			d.place(key)
		}
	}
}

// belongs reports whether a key with its instant in a slot is one of the list
// that begins with from, and not left behind by it. The last list has no end.
func belongs(slot, from int64, bits int) bool {
	slot, from = slot>>bits, from>>bits
	return slot == from || bits == 2*wheelBits && slot > from
}

// rebuild makes all lists anew.
func (d *dues) rebuild() {
	*d = dues{at: d.at, n: d.n, base: d.base}
	for key := range d.at {
		if d.at[key] != 0 {
			d.place(uint32(key))
		}
	}
}

// first returns the job that is due first, of those that are near.
func (d *dues) first() (key uint32, at int64, ok bool) {
	for len(d.near) > 0 {
		top := d.near[0]
		if d.at[top.key] == top.at {
			return top.key, top.at, true
		}
		d.drop()
	}
	return 0, 0, false
}

// drop takes the first of what is near out of its list.
func (d *dues) drop() {
	d.near.pop()
	d.kept--
}

// soonest returns the jobs that are due next, up to until and at most so many, in
// order. Its work is that of what is due in the same slot or hour.
func (d *dues) soonest(most int, until int64) []uint32 {
	var found []uint32
	take := func(some *first) {
		slices.SortFunc(some.kept, func(a, b due) int { return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(a.key, b.key)) })
		for i, k := range some.kept {
			if i == 0 || some.kept[i-1] != k {
				found = append(found, k.key)
			}
		}
	}
	list := func(keys []uint32, from int64, bits int) {
		if len(keys) == 0 || len(found) >= most || from<<slotBits > until {
			return
		}
		some := &first{most: most - len(found)}
		for _, key := range keys {
			if at := d.at[key]; at != 0 && at <= until && belongs(slotOf(at), from, bits) {
				some.offer(due{at, key})
			}
		}
		take(some)
	}
	near := &first{most: most}
	for _, k := range d.near {
		if d.at[k.key] == k.at && k.at <= until {
			near.offer(k)
		}
	}
	take(near)
	for slot := d.base + 1; slot%wheel != 0; slot++ {
		list(d.soon[slot%wheel], slot, 0)
	}
	for hour := d.base>>wheelBits + 1; hour%wheel != 0; hour++ {
		list(d.late[hour%wheel], hour<<wheelBits, wheelBits)
	}
	list(d.far, (d.base>>(2*wheelBits)+1)<<(2*wheelBits), 2*wheelBits)
	return found
}

// lost returns the jobs that are armed and that no list would bring forth.
func (d *dues) lost() []uint32 {
	held := make([]bool, len(d.at))
	for _, k := range d.near {
		held[k.key] = held[k.key] || d.at[k.key] == k.at
	}
	list := func(keys []uint32, from int64, bits int) {
		for _, key := range keys {
			held[key] = held[key] || belongs(slotOf(d.at[key]), from, bits)
		}
	}
	for slot := d.base + 1; slot%wheel != 0; slot++ {
		list(d.soon[slot%wheel], slot, 0)
	}
	for hour := d.base>>wheelBits + 1; hour%wheel != 0; hour++ {
		list(d.late[hour%wheel], hour<<wheelBits, wheelBits)
	}
	list(d.far, (d.base>>(2*wheelBits)+1)<<(2*wheelBits), 2*wheelBits)
	var lost []uint32
	for key, at := range d.at {
		if at != 0 && !held[key] {
			lost = append(lost, uint32(key))
		}
	}
	return lost
}
