//go:build linux

package crash

import (
	"database/sql"
	"fmt"
	"testing"
)

// link is the job that the ends of others start.
const link = "link"

// linked checks that each end that starts a job has started it, or will, and that
// none did twice.
func (w *world) linked(t *testing.T, db *sql.DB, keep int, fault faulter) {
	t.Helper()
	if twice := texts(t, db, `SELECT parent FROM runs WHERE trigger = 'chain' GROUP BY parent, job_name HAVING COUNT(*) > 1`); len(twice) > 0 {
		fault("started twice by %q", twice)
	}
	if orphans := texts(t, db, `SELECT id FROM runs WHERE trigger = 'chain' AND parent = ''`); len(orphans) > 0 {
		fault("started by nobody: %q", orphans)
	}
	if keep > 0 {
		return // what was started may be gone, and who started it not
	}
	for _, j := range w.jobs {
		ends := ""
		switch {
		case j.onSuccess != "":
			ends = `'succeeded'`
		case j.onFailure != "":
			ends = `'failed', 'timed_out', 'interrupted'`
		default:
			continue
		}
		if lost := texts(t, db, fmt.Sprintf(`SELECT id FROM runs r WHERE job_name = '%s' AND state IN (%s)
			AND NOT EXISTS (SELECT 1 FROM runs WHERE parent = r.id AND job_name = '%s')
			AND NOT EXISTS (SELECT 1 FROM effects WHERE run = r.id AND target = '%s')`, j.name, ends, link, link)); len(lost) > 0 {
			fault("%s has ended and started nothing: %q", j.name, lost)
		}
	}
}
