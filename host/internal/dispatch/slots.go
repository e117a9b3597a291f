package dispatch

import (
	"container/heap"
	"fmt"
	"maps"

	"github.com/palyra-go/palyra/host/internal/job"
)

// class is what runs have in common that need the same places: a group and a
// skill, empty where there is no limit. There are as many as limits allow to tell
// apart, however many runs wait.
type class struct{ group, skill string }

// slots are the places in which attempts execute, and the lines of those who wait
// for one: one line a class, so that a class without room holds up no other.
// Guarded by the mu of Dispatch. Whenever that is free and starts are allowed,
// nobody waits who has room.
type slots struct {
	limit, taken       int
	groups, skills     map[string]int // limits
	inGroup, withSkill map[string]int // taken, of those that have a limit
	lines              map[class]*queue
	arrivals           uint64
}

func newSlots(limit int, groups, skills map[string]int) slots {
	return slots{
		limit: limit, groups: maps.Clone(groups), skills: maps.Clone(skills),
		inGroup: map[string]int{}, withSkill: map[string]int{}, lines: map[class]*queue{},
	}
}

// class returns what a run of the job needs.
func (s *slots) class(j *job.Job, r *job.Run) (c class) {
	if s.groups[j.Group] > 0 {
		c.group = j.Group
	}
	if s.skills[r.Action.Skill] > 0 {
		c.skill = r.Action.Skill
	}
	return c
}

// room reports whether one more of c may execute.
func (s *slots) room(c class) bool {
	return s.taken < s.limit && s.roomIn(c) && s.roomWith(c)
}

func (s *slots) roomIn(c class) bool { return c.group == "" || s.inGroup[c.group] < s.groups[c.group] }

func (s *slots) roomWith(c class) bool {
	return c.skill == "" || s.withSkill[c.skill] < s.skills[c.skill]
}

func (s *slots) take(c class) { s.count(c, 1) }
func (s *slots) give(c class) { s.count(c, -1) }

func (s *slots) count(c class, n int) {
	s.taken += n
	if c.group != "" {
		s.inGroup[c.group] += n
	}
	if c.skill != "" {
		s.withSkill[c.skill] += n
	}
}

// enter puts l at the end of those of its class and priority.
func (s *slots) enter(l *live) {
	l.class, l.rank = s.class(l.job, l.run), l.job.Priority
	s.arrivals++
	l.since = s.arrivals
	in := s.lines[l.class]
	if in == nil {
		in = &queue{}
		s.lines[l.class] = in
	}
	heap.Push(in, l)
}

// leave takes l out of its line, if it is in one.
func (s *slots) leave(l *live) {
	if l.place == 0 {
		return
	}
	in := s.lines[l.class]
	heap.Remove(in, l.place-1)
	if len(*in) == 0 {
		delete(s.lines, l.class)
	}
}

// next takes out who starts next: the first of the classes that have room. Nil if
// nobody has.
func (s *slots) next() *live {
	if s.taken >= s.limit {
		return nil
	}
	var first *live
	for c, in := range s.lines {
		if head := (*in)[0]; s.room(c) && (first == nil || head.before(first)) {
			first = head
		}
	}
	if first != nil {
		s.leave(first)
	}
	return first
}

// before is the order among those who wait: the greater priority first, equal
// ones as they came.
func (l *live) before(other *live) bool {
	if l.rank != other.rank {
		return l.rank > other.rank
	}
	return l.since < other.since
}

// queue is a heap, the first of it at its head. A place in it counts from 1.
type queue []*live

func (n queue) Len() int           { return len(n) }
func (n queue) Less(i, k int) bool { return n[i].before(n[k]) }
func (n queue) Swap(i, k int) {
	n[i], n[k] = n[k], n[i]
	n[i].place, n[k].place = i+1, k+1
}

func (n *queue) Push(x any) {
	l := x.(*live)
	*n = append(*n, l)
	l.place = len(*n)
}

func (n *queue) Pop() any {
	end := len(*n) - 1
	l := (*n)[end]
	(*n)[end] = nil
	*n = (*n)[:end]
	l.place = 0
	return l
}

// Waits says what a run waits for that could start now, for people; empty if it
// does not wait.
func (d *Dispatch) Waits(id job.RunID) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, s := d.runs[id], &d.slots
	switch {
	case l == nil || l.phase != parked || l.timer != nil:
		return ""
	case d.stuck > 0:
		return "the journal to take writes again"
	case l.place == 0:
		return "the end of another run of its job"
	case !s.roomIn(l.class):
		return fmt.Sprintf("a slot of group %s, which has %d", l.class.group, s.groups[l.class.group])
	case !s.roomWith(l.class):
		return fmt.Sprintf("a slot of skill %s, which has %d", l.class.skill, s.skills[l.class.skill])
	}
	return fmt.Sprintf("one of %d slots", s.limit)
}
