package scheduler

import (
	"context"
	"fmt"

	"github.com/palyra-go/palyra/host/internal/job"
)

// cache holds the entries that were used lately: two shelves of so many, of which
// the older one is thrown away when the younger is full, or old.
type cache struct {
	limit      int
	young, old shelf
}

type shelf struct {
	key  map[uint32]*entry
	id   map[job.ID]*entry
	name map[string]*entry
}

func newShelf() shelf {
	return shelf{map[uint32]*entry{}, map[job.ID]*entry{}, map[string]*entry{}}
}

func (s *shelf) drop(e *entry) {
	if s.key[e.key] == e {
		delete(s.key, e.key)
		delete(s.id, e.job.ID)
		delete(s.name, e.job.Name)
	}
}

// byKey, byID and byName return an entry that is there, else nil.
func (c *cache) byKey(key uint32) *entry {
	if e := c.young.key[key]; e != nil {
		return e
	}
	return c.use(c.old.key[key])
}

func (c *cache) byID(id job.ID) *entry {
	if e := c.young.id[id]; e != nil {
		return e
	}
	return c.use(c.old.id[id])
}

func (c *cache) byName(name string) *entry {
	if e := c.young.name[name]; e != nil {
		return e
	}
	return c.use(c.old.name[name])
}

// use keeps an old entry for longer.
func (c *cache) use(e *entry) *entry {
	if e != nil {
		c.old.drop(e)
		c.add(e)
	}
	return e
}

func (c *cache) add(e *entry) {
	if c.young.key == nil || len(c.young.key) >= c.limit {
		c.turn()
	}
	c.young.key[e.key], c.young.id[e.job.ID], c.young.name[e.job.Name] = e, e, e
}

// turn throws away what was not used since the last turn.
func (c *cache) turn() { c.old, c.young = c.young, newShelf() }

// drop takes the entry of a job out.
func (c *cache) drop(key uint32) {
	for _, s := range []*shelf{&c.young, &c.old} {
		if e := s.key[key]; e != nil {
			s.drop(e)
		}
	}
}

// portion is how many jobs are read at once.
const portion = 512

// read returns the entries of jobs that are picked, and has the cache keep them.
func (s *Scheduler) read(ctx context.Context, p job.Pick) ([]*entry, error) {
	s.mu.Lock()
	edits := s.edits
	s.mu.Unlock()
	jobs, err := s.cfg.Store.FindJobs(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("read jobs: %w", err)
	}
	entries := make([]*entry, len(jobs))
	for i, j := range jobs {
		entries[i] = s.compile(j)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, e := range entries {
		switch known := s.cache.byKey(e.key); {
		case known != nil && known.job.ID == e.job.ID:
			entries[i] = known
		case edits == s.edits: // else it may be what it was before an edit
			s.cache.add(e)
		}
	}
	return entries, nil
}

// compile makes the entry of a job.
func (s *Scheduler) compile(j *job.Job) (e *entry) {
	e = &entry{key: j.Key, job: j}
	defer func() {
		if p := recover(); p != nil {
			e.problem = fmt.Sprintf("panic in its schedule: %v", p)
		}
	}()
	var err error
	if e.schedule, err = s.parser.Parse(j.Schedule); err != nil {
		e.problem = err.Error()
	}
	return e
}

// entries returns the entries of jobs by their keys, nil where there is none. The
// second result has what cannot be read, though others can.
func (s *Scheduler) entries(ctx context.Context, keys []uint32) (map[uint32]*entry, map[uint32]error, error) {
	found := make(map[uint32]*entry, len(keys))
	var missing []uint32
	s.mu.Lock()
	for _, key := range keys {
		if e := s.cache.byKey(key); e != nil {
			found[key] = e
		} else {
			missing = append(missing, key)
		}
	}
	s.mu.Unlock()
	var unread map[uint32]error
	for len(missing) > 0 {
		some := missing[:min(portion, len(missing))]
		missing = missing[len(some):]
		read, err := s.read(ctx, job.Pick{Keys: some})
		if err != nil {
			if read, unread, err = s.readEach(ctx, some, unread); err != nil {
				return nil, nil, err
			}
		}
		for _, e := range read {
			found[e.key] = e
		}
	}
	return found, unread, nil
}

// readEach reads jobs one by one, after one of them broke the reading of many. It
// fails if the store does.
func (s *Scheduler) readEach(ctx context.Context, keys []uint32, unread map[uint32]error) ([]*entry, map[uint32]error, error) {
	if _, err := s.cfg.Store.FindJobs(ctx, job.Pick{ID: "nobody"}); err != nil {
		return nil, nil, fmt.Errorf("read jobs: %w", err)
	}
	if unread == nil {
		unread = map[uint32]error{}
	}
	var all []*entry
	for _, key := range keys {
		read, err := s.read(ctx, job.Pick{Keys: []uint32{key}})
		if err != nil {
			unread[key] = err
		}
		all = append(all, read...)
	}
	return all, unread, nil
}

// lookup returns the entry of a job, nil if there is none.
func (s *Scheduler) lookup(id job.ID) (*entry, error) {
	s.mu.Lock()
	e := s.cache.byID(id)
	s.mu.Unlock()
	if e != nil || id == "" {
		return e, nil
	}
	return s.one(job.Pick{ID: id})
}

// holder returns the entry of the job that has a name, nil if there is none.
func (s *Scheduler) holder(name string) (*entry, error) {
	s.mu.Lock()
	e := s.cache.byName(name)
	s.mu.Unlock()
	if e != nil || name == "" {
		return e, nil
	}
	return s.one(job.Pick{Name: name})
}

func (s *Scheduler) one(p job.Pick) (*entry, error) {
	found, err := s.read(s.ctx, p)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}
