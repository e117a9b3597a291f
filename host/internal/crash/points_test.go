//go:build linux

package crash

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// point is a place in the code where a daemon can be told to die (package
// failpoint).
type point struct {
	most  int               // the daemon dies when it comes there for the 1st to this time
	needs func(*world) bool // whether a daemon that starts now would come there; nil: yes
	trims bool              // it comes there while it trims its journal
	first bool              // it comes there on a journal that is not of today's schema
}

// points are all there are.
var points = map[string]point{
	"journal.begin":     {most: 80},
	"journal.begun":     {most: 80},
	"journal.written":   {most: 80},
	"journal.committed": {most: 80},
	"journal.told":      {most: 80},
	"journal.move":      {most: 2},
	"journal.moved":     {most: 2},
	"journal.migrate":   {first: true},
	"journal.migrating": {first: true},
	"journal.migrated":  {first: true},
	"journal.trim":      {most: 4, needs: plenty, trims: true},
	"journal.trimmed":   {most: 4, needs: plenty, trims: true},

	"dispatch.judged":    {most: 25},
	"dispatch.begun":     {most: 25},
	"dispatch.start":     {most: 25},
	"dispatch.answered":  {most: 25},
	"dispatch.finished":  {most: 25},
	"dispatch.advanced":  {most: 4},
	"dispatch.recover":   {most: 1, needs: interrupted},
	"dispatch.recovered": {most: 1, needs: interrupted},

	"runner.spawned": {most: 3},
	"host.recover":   {most: 1},
	"host.recovered": {most: 1},
	"host.effect":    {most: 1},
	"host.applied":   {most: 1},
}

// forgetful is how many runs a daemon that trims takes away, about.
const forgetful = 20

func plenty(w *world) bool { return w.rows > 4*forgetful }

func interrupted(w *world) bool {
	return slices.ContainsFunc(w.open, func(r run) bool { return r.state == "running" && r.retry == 0 })
}

// TestPoints holds the table against the code.
func TestPoints(t *testing.T) {
	call := regexp.MustCompile(`failpoint\.At\("([^"]+)"\)`)
	found := map[string]bool{}
	check(t, filepath.WalkDir("../../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range call.FindAllSubmatch(text, -1) {
			found[string(m[1])] = true
			if _, known := points[string(m[1])]; !known {
				t.Errorf("%s: no daemon is killed at the point %s", path, m[1])
			}
		}
		return err
	}))
	for name := range points {
		if !found[name] {
			t.Errorf("there is no point %s in the code", name)
		}
	}
}

// order draws the order in which the points are come to, all of them or those of
// $PALYRA_CRASH_POINTS.
func order(r *rand.Rand) []string {
	var names []string
	for name, p := range points {
		if only := os.Getenv("PALYRA_CRASH_POINTS"); !p.first && (only == "" || slices.Contains(strings.Split(only, ","), name)) {
			names = append(names, name)
		}
	}
	slices.Sort(names) // the same seed, the same order
	r.Shuffle(len(names), func(i, k int) { names[i], names[k] = names[k], names[i] })
	return names
}

// next takes the first point of the list that a daemon would come to now; "" if
// there is none.
func (w *world) next(names *[]string) string {
	i := slices.IndexFunc(*names, func(name string) bool { needs := points[name].needs; return needs == nil || needs(w) })
	if i < 0 {
		return ""
	}
	name := (*names)[i]
	*names = slices.Delete(*names, i, i+1)
	return name
}

// missed are the points that no daemon has come to.
func (w *world) missed() []string {
	var names []string
	for name := range points {
		if w.reached[name] == 0 {
			names = append(names, name)
		}
	}
	return names
}

// at is the trap of a point.
func (w *world) at(name string, r *rand.Rand) trap {
	p := points[name]
	dwell := max(0, r.IntN(400)-100)
	d := trap{point: fmt.Sprintf("%s:%d:%dms", name, 1+r.IntN(p.most), dwell)}
	if p.trims {
		d.keep = w.rows - forgetful
	}
	return d
}

// migrate has daemons bring the journal of the state up to date that are killed
// before, while and after they commit each version. The last one is ready.
func (w *world) migrate(t *testing.T) {
	t.Helper()
	for {
		for i, name := range []string{"journal.migrate", "journal.migrating", "journal.migrated"} {
			if !w.life(t, "migration", trap{point: name + ":1:0s", from: ready, counts: ended}) {
				if i > 0 {
					t.Fatalf("%s is not come to, journal.migrate is", name)
				}
				return
			}
			w.reached[name]++
			db := openDatabase(t, filepath.Join(w.state, "palyra.db"))
			if got := texts(t, db, `PRAGMA integrity_check`); len(got) != 1 || got[0] != "ok" {
				t.Fatalf("killed at %s: integrity: %q", name, got)
			}
			check(t, db.Close())
		}
	}
}

// TestMigration kills daemons on a journal of schema 1; nothing of it is lost.
func TestMigration(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	w := newWorld(t)
	w.jobs = nil
	path := filepath.Join(w.state, "palyra.db")
	w.life(t, "first start", trap{point: "journal.migrate:1:0s"})
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(path + suffix)
	}
	duplicate(t, "../../../testdata/journals/v1.db", path)
	before := remains(t, path)
	w.migrate(t)
	for i, was := range remains(t, path) {
		if len(was) == 0 || !contains(was, before[i]) {
			t.Errorf("before the migration %d were there, now %d", len(before[i]), len(was))
		}
	}
	w.sound(t, openDatabase(t, path), t.Errorf)
}

// remains are the jobs, runs, entries and skills of a journal.
func remains(t *testing.T, path string) [][]string {
	t.Helper()
	db := openDatabase(t, path)
	defer db.Close()
	return [][]string{
		texts(t, db, `SELECT id || name || owner FROM jobs`),
		texts(t, db, `SELECT id || job || due || last FROM runs`),
		texts(t, db, `SELECT id || state || reason FROM runs WHERE ended <> 0`),
		texts(t, db, `SELECT seq || entry FROM entries`),
		texts(t, db, `SELECT digest FROM skills`),
	}
}

func contains(all, some []string) bool {
	there := map[string]bool{}
	for _, s := range all {
		there[s] = true
	}
	return !slices.ContainsFunc(some, func(s string) bool { return !there[s] })
}
