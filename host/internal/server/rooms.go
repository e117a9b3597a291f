package server

import (
	"context"
	"io"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// Authorizer judges whether a principal may act.
type Authorizer interface {
	Authorize(policy.Request) job.Decision
}

// Jobs are the jobs there are. What it returns is not changed.
type Jobs interface {
	List(after string, limit int) ([]*job.Job, error) // in order of names: those after one, at most so many
	Get(nameOrID string) (*job.Job, error)            // nil: there is none
	Count() (all, paused int)
}

// Edits change the jobs there are. Check says what Put would store, and stores
// nothing. Put makes a job whose ID nobody has, and else edits. Kind says how the change goes into the
// journal: job.create, job.update, job.pause or job.resume.
type Edits interface {
	Put(ctx context.Context, j job.Job, by job.Principal, kind string) (*job.Job, error)
	Check(j job.Job, by job.Principal) (*job.Job, error)
	Delete(ctx context.Context, id job.ID, by job.Principal) error
}

// Fire says that a job fires, when, and in which zone it is written down.
type Fire struct {
	Job  *job.Job
	At   time.Time // nominal
	Fire time.Time // with jitter
	Zone string
}

// Times tells when jobs fire.
type Times interface {
	Next(job.ID) time.Time             // the zero time: it is paused, or Idle
	CatchUp(job.ID) string             // why what was missed and is to run has not yet; empty if there is none
	Idle(job.ID) string                // why it has no next, if that is not a pause
	Fires(id job.ID, limit int) []Fire // of one job, soonest first
	Upcoming(limit int) []Fire         // of all jobs, soonest first
}

// Runs finds runs.
type Runs interface {
	Runs(context.Context, job.Filter) ([]*job.Run, error) // newest first
	Run(ctx context.Context, idOrPrefix string) (*job.Run, error)
	Latest(context.Context, ...job.ID) (map[job.ID]*job.Run, error) // of each of the jobs
}

// Records tell more about runs.
type Records interface {
	Attempts(context.Context, job.RunID) ([]job.Attempt, error)
	AttemptLog(ctx context.Context, run job.RunID, attempt int) (log string, ended bool, err error)
	Tallies(ctx context.Context, since time.Time) ([]job.Tally, error)
	Chained(ctx context.Context, parent job.RunID) ([]*job.Run, error) // what the end of a run started
	Past
}

// Past tells what is known of an instant: the runs of the last nominal time up
// to it and of the first after it, nil where there is none; and until when runs
// had ended that are beyond the retention.
type Past interface {
	Around(ctx context.Context, id job.ID, t time.Time) (before, after *job.Run, err error)
	TrimmedTo(context.Context) (time.Time, error)
}

// Dispatch starts and stops runs by hand.
type Dispatch interface {
	Trigger(ctx context.Context, j *job.Job, by job.Principal) (*job.Run, error)
	Cancel(ctx context.Context, run job.RunID, by job.Principal) error
}

// Live reads the runs that have not ended: what an attempt (from 1) logged beyond
// offset, as soon as there is something. No text: its log is in the journal; on
// tells whether the run goes on.
type Live interface {
	Read(ctx context.Context, run job.RunID, attempt, offset int) (text string, on bool, err error)
}

// Backfills run nominal times of the past.
type Backfills interface {
	Draft(ctx context.Context, j *job.Job, want job.Backfill) (*BackfillPlan, error)
	Start(ctx context.Context, plan *BackfillPlan, by job.Principal) (*job.Backfill, error)
	Cancel(ctx context.Context, id job.BackfillID, by job.Principal) error
}

// BackfillPlan is what a backfill would do: of so many nominal times run these.
type BackfillPlan struct {
	Backfill    job.Backfill
	Nominal     int64
	First, Last []time.Time
}

// Backfilled finds backfills and their runs.
type Backfilled interface {
	Backfills(ctx context.Context, limit int) ([]*job.Backfill, error) // newest first
	Backfill(ctx context.Context, idOrPrefix string) (*job.Backfill, error)
	Backfilled(ctx context.Context, id job.ID, due time.Time) (*job.Run, error) // nil: none
}

// Skills are the installed skills.
type Skills interface {
	List() []*skill.Skill
	Lookup(id string) *skill.Skill // the current one of that id; nil: there is none
	Strays() []string              // artifacts in the skills directory that are not installed
}

// Installer brings skills in and takes them out.
type Installer interface {
	Install(ctx context.Context, artifact io.Reader, expect bundle.Digest, by job.Principal) (s *skill.Skill, unchanged bool, err error)
	Remove(ctx context.Context, digest bundle.Digest, by job.Principal) error
}

// Keeper says which installed skills may run.
type Keeper interface {
	Audit(ctx context.Context, digest bundle.Digest, by job.Principal) (*skill.Skill, error)
	Quarantine(ctx context.Context, digest bundle.Digest, reason string, by job.Principal) (*skill.Skill, error)
	Enable(ctx context.Context, digest bundle.Digest, reason string, by job.Principal) (*skill.Skill, error)
}

// Publishers are those whose signatures count.
type Publishers interface {
	Publishers() []skill.Publisher
	Trust(ctx context.Context, key bundle.NamedKey, prefixes []string, by job.Principal) (skill.Publisher, error)
}

// Entry is a line of the audit trail.
type Entry struct {
	Seq, Leaf            int64
	At                   time.Time
	Kind, Actor, Subject string
	Data                 string // JSON
}

// Entries are the audit trail.
type Entries interface {
	Last() int64                                                          // seq of the last one
	Entries(ctx context.Context, after int64, limit int) ([]Entry, error) // in order
	Wait(ctx context.Context, after int64) error                          // until there is one after
}

// Verdict is what became of a verification of the history.
type Verdict struct {
	Entries, Leaves, Cut int64
	Checkpoints          int
	Signed               time.Time
	Problems             []string
}

// History proves that the audit trail is what it was, and copies it.
type History interface {
	Verify(ctx context.Context, exported ...[]byte) (Verdict, error)
	Checkpoint(context.Context) ([]byte, error)
	Backup(ctx context.Context, f func(piece []byte) error) error
}

// Status is how the host is.
type Status struct {
	Version   string
	Started   time.Time
	StateDir  string
	PID       int
	Running   int64
	Queued    int64
	Succeeded int64 // since the start
	Failed    int64
	Denied    int64
	Skipped   int64
	Missed    int64
	PolicySet string
	Trouble   string // empty: all is well
	Memory    string // of the memory skill, one line; empty if it is not active
}
