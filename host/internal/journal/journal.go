// Package journal is the durable record; alone knows SQL.
//
// It keeps jobs, runs, attempts, skills, publishers and the audit trail in one
// SQLite file, in write-ahead mode with every commit synced. What a method has
// acknowledged survives a kill at any instruction and, with synchronous FULL, a
// power loss.
//
// # Writing
//
// Every write is an operation: a closure that runs in a transaction it may share
// with others. There is no goroutine. Whoever writes joins a queue; the first to
// take the turn commits the operations of everybody who waits, and so one sync
// serves them all. An operation that is refused leaves no trace and does not
// disturb its neighbours: as a rule it is refused before it writes anything; if
// not, the transaction is undone and done again with a savepoint for each. Rows of
// a transaction are inserted many to a statement. How jobs stand and which runs
// are open is remembered by who writes, until something is undone. A context that
// has ended
// stops a write that is not queued yet; from then on its result is waited for,
// because it is decided with others.
//
// The write-ahead log is moved into the database between transactions, when no
// caller waits for one. Config.Reserve has it take its full length in advance,
// since to overwrite is synced twice as fast as to append.
//
// A refusal is one of the errors below that say so. An error that is
// [ErrUnwritable] means that nothing was acknowledged, and that nothing may be
// started until [Journal.Writable] answers nil.
//
// A disk that is full is noticed where it does no harm, when the write-ahead log is
// to be moved into the database: everything is refused then but [Journal.SetSkill],
// for which the rest of the reserved log is kept, and every refused write tries
// again whether there is space. After an error of input or output, a failed sync
// above all, nothing is written any more and [Journal.Broken] is closed: the
// process has to end and its supervisor to start another.
//
// # Runs
//
// A scheduled run is one row for one (job, due); a unique index sees to it. A run
// that did not run (denied, skipped, missed or expired at birth, not manual) may
// be a range: due is its first nominal time, last its last, count how many. If it
// is like the latest scheduled row of its job in state, reason and terms, that
// row is extended and the run gets its id.
//
// The terms of a run are what it has in common with those before and after it:
// the name, generation and concurrency of its job, principal, action, input, digest
// and decision. They are a row of their own, which goes with the last run that has
// it. The view runs has both. The last attempt of a run that ended as the run did,
// and logged nothing, is told by the row of the run.
//
// [Journal.Begin] refuses a claim whose nominal times are not all after the
// cursor of the job, whose generation is not the job's, or which would be a
// second live run (a second waiting one of queue-one) where the policy of the
// job allows only one, or a second run of one job that the end of another run
// starts. Begin and [Journal.Advance] refuse with [ErrTrust] to let a
// run be live whose artifact is of a skill that is known here and not active: a
// quarantine that is committed comes before every start that is not. The cursor never goes back, not by an edit, and not when a
// job is deleted and made again under the same id.
//
// The transaction that ends a run also writes what that owes: an effect for the
// host, and one for each job that is to be started. They stay in the outbox until
// [Journal.EffectDone]. Which success is a recovery is decided there: one before
// which the run of the job that ended last, of those that succeeded or failed, had
// failed.
//
// A run of a backfill is written with the cursor of its backfill, which has one
// run of each nominal time at most; one that has ended begins no more ([ErrGone]).
//
// # Entries
//
// Every transaction that changes something appends entries: one for each kind and
// actor among its operations. An entry is canonical JSON (RFC 8785):
//
//	{"actor":"System::\"daemon\"","at":1893456000000000,
//	 "data":{"facts":[{…},…]},"kind":"run.begin","subject":"run_01…","v":1}
//
// at is microseconds UTC; actor is the principal as Cedar writes it; subject
// names what all facts are about, and is empty if they are about several things;
// each fact carries what it is about under "run", "job", "skill" or "publisher".
// Binary values are SHA-256 in hexadecimal: of the output and log of a run, of
// the specification of a job. The kinds:
//
//	run.begin run.advance run.finish effect.done
//	skill.admit skill.remove publisher.trust
//	backfill.create backfill.end
//	journal.trim journal.cut journal.restore schedule.repair
//	job.delete, and what the callers of PutJob and SetSkill say
//
// What facts about runs have in common is said once, where there are several:
//
//	"data":{"alike":[{"all":{…},"facts":[{…},…]},…],"facts":[{…},…]}
//
// Entries are numbered without gaps by seq. Those of one transaction share a leaf
// number, which also has no gaps: the leaves of the history tree are
// concatenations of the canonical bytes in order of seq, each followed by a
// newline.
//
// # History
//
// The leaves make a tree as in RFC 6962. The hashes that a leaf completes are kept
// beside its last entry. From time to time, and at a close, the tree is signed with
// a key that is made at the first open and kept with the journal: a checkpoint (see
// [Journal.Checkpoint]). [Journal.Verify] and [VerifyFile] compute the tree anew and
// say which leaves were altered, added or taken away. That is evidence against
// accidents and clumsy hands. Who can write the file can also compute the hashes and
// sign: that one is found only by a checkpoint that was exported before, out of
// reach.
//
// # Backup and restore
//
// A [Journal.Backup] is the whole journal but for the key that signs. [Restore]
// verifies one, every page and the history, and makes a journal of it: jobs of users
// are paused and their cursors moved to now, since nobody knows what became of the
// nominal times after the backup; states and marks of skills are taken as they are;
// an entry journal.restore says why, by whom, and of which tree. A new key signs from
// then on, and what the one before has signed goes on counting. A checkpoint that was
// exported after the backup was made tells that its history was replaced.
//
// # Retention
//
// [Journal.Trim] takes away the oldest runs beyond limits of count, age and bytes,
// in slices of a transaction each, and then whole leaves from the beginning of the
// entries: up to the last checkpoint that is older than the runs that are kept. The
// peaks of the tree at the cut stay, so that what follows can be verified still.
// Open runs, runs whose effect is due and the latest run of each job stay; so do
// all cursors.
//
// # Values
//
// Instants are kept in microseconds UTC; what is finer is cut off. No instant is
// 0, so the first microsecond of 1970 reads back as none. Text is made valid
// UTF-8 without NUL and cut at [MaxLog] and [MaxText] with a visible mark; an
// output over [MaxOutput] is left out and the error of its run says so.
package journal

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/sumdb/note"
)

// What the journal refuses, and why it cannot be used.
var (
	ErrClaimed    = errors.New("occurrence already accounted for")
	ErrGeneration = errors.New("job was edited or deleted")
	ErrBusy       = errors.New("another run of the job is active")
	ErrTrust      = errors.New("the skill is not active any more")
	ErrGone       = errors.New("run has ended or is unknown")
	ErrConflict   = errors.New("job was edited meanwhile")
	ErrExists     = errors.New("name is taken")
	ErrNotFound   = errors.New("not found")
	ErrAmbiguous  = errors.New("ambiguous")
	ErrRollback   = errors.New("older than what was admitted before")

	ErrCheckpoint = errors.New("not a checkpoint of a journal")

	ErrUnwritable = errors.New("journal not writable")
	ErrBroken     = errors.New("input/output error")
	ErrNewer      = errors.New("journal written by a newer palyrad")
	ErrClosed     = errors.New("journal closed")
)

// What is kept at most, in bytes.
const (
	MaxOutput = 4 << 20
	MaxLog    = 256 << 10
	MaxText   = 16 << 10 // summary, error
)

// Config says where the journal is and how it is kept.
type Config struct {
	Path        string       // of the database file; its directory exists
	Synchronous string       // FULL (default) or NORMAL: a power loss may take the last commits along
	Reserve     int64        // bytes of disk that the write-ahead log takes in advance; 0: none
	Log         *slog.Logger // nil: none
}

// Journal is an open journal. It is safe for concurrent use.
type Journal struct {
	ctx  context.Context // of Open, without its end: for the last checkpoint
	path string
	log  *slog.Logger
	id   string

	readers *sql.DB // read-only
	writers *sql.DB // of one connection, which is conn

	commits atomic.Int64         // transactions since it was opened
	turn    chan struct{}        // holds one token while somebody commits
	conn    *sql.Conn            // owned by who has the turn
	stmts   map[string]*sql.Stmt // owned by who has the turn
	execs   map[string]statement // the same
	known   known                // the same
	frames  int64                // of the write-ahead log that make a checkpoint due
	full    error                // why the last checkpoint of the log did not succeed; owned by who has the turn

	wrote int64         // about how many frames since the length of the log was asked for; owned by who has the turn
	ended chan struct{} // closed when broken is set
	grown []*os.File    // SQLite's files that were made longer; closed after SQLite has closed them

	// Owned by who has the turn.
	broken   error // it can never be written again
	tail     tail
	signer   note.Signer
	signed   int64 // leaves that the last checkpoint covers
	signedAt int64

	mu     sync.Mutex    // guards what follows
	last   int64         // seq of the last entry
	looked int64         // seq of the run at which a trim broke off
	fresh  chan struct{} // closed when there is another
	queue  []*op
	closed bool
}

// Open opens the journal, makes it if there is none, and brings an older one up
// to date. The caller keeps other processes away from the file.
func Open(ctx context.Context, config Config) (*Journal, error) {
	j := &Journal{
		ctx:   context.WithoutCancel(ctx),
		path:  config.Path,
		log:   config.Log,
		turn:  make(chan struct{}, 1),
		fresh: make(chan struct{}),
		ended: make(chan struct{}),
		stmts: map[string]*sql.Stmt{},
		execs: map[string]statement{},
	}
	j.known.forget()
	if j.log == nil {
		j.log = slog.New(slog.DiscardHandler)
	}
	if err := j.open(ctx, config); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", config.Path, err), j.Close())
	}
	return j, nil
}

func (j *Journal) open(ctx context.Context, config Config) error {
	synchronous := config.Synchronous
	switch synchronous {
	case "":
		synchronous = "FULL"
	case "FULL", "NORMAL":
	default:
		return fmt.Errorf("synchronous %q: want FULL or NORMAL", synchronous)
	}
	if err := touch(j.path); err != nil {
		return err
	}
	var err error
	if j.writers, err = openSQLite(writerDSN(j.path, synchronous), 1); err != nil {
		return err
	}
	if j.conn, err = j.writers.Conn(ctx); err != nil {
		return explain(err)
	}
	if err := j.migrate(ctx); err != nil {
		return err
	}
	if j.readers, err = openSQLite(readerDSN(j.path), readerConns); err != nil {
		return err
	}
	if j.id, err = j.identity(ctx); err != nil {
		return err
	}
	return j.reserve(config.Reserve)
}

// touch makes the file with tight permissions, which its companions inherit, and
// reports early and plainly what is wrong with the path.
func touch(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("its directory does not exist: %w", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the user who runs palyrad must own the file and its directory: %w", err)
	case err != nil:
		return err
	}
	return f.Close()
}

// identity returns the id of this state, made at the first open.
func (j *Journal) identity(ctx context.Context) (string, error) {
	var id string
	err := j.write(ctx, func(t *tx) error {
		var fresh [16]byte
		rand.Read(fresh[:]) // never fails
		if _, err := t.exec(`INSERT INTO meta (key, value) VALUES ('id', $1) ON CONFLICT (key) DO NOTHING`,
			hex.EncodeToString(fresh[:])); err != nil {
			return err
		}
		if err := t.row(`SELECT value FROM meta WHERE key = 'id'`).Scan(&id); err != nil {
			return err
		}
		if err := t.loadKey(id); err != nil {
			return err
		}
		end, err := t.loadTail()
		if err != nil {
			return err
		}
		j.announce(end.seq)
		if j.tail = end; j.signedAt == 0 {
			j.signedAt = t.at
		}
		return nil
	})
	return id, err
}

// ID returns the random id of this state. Children are marked with it.
func (j *Journal) ID(context.Context) string { return j.id }

// Writable answers nil if a write can be committed now; it commits one.
func (j *Journal) Writable(ctx context.Context) error {
	return j.write(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO meta (key, value) VALUES ('probe', $1)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value`, fmt.Sprint(t.at))
		return err
	})
}

// Close waits for the writes that are queued and closes the journal. Later
// writes are refused with [ErrClosed].
func (j *Journal) Close() error {
	j.mu.Lock()
	again := j.closed
	j.closed = true
	j.mu.Unlock()
	if again {
		return nil
	}
	j.turn <- struct{}{}
	defer func() { <-j.turn }()
	for j.lead() {
	}
	if j.id != "" {
		j.signDue(j.ctx, true)
	}
	var errs []error
	errs = append(errs, j.finalize())
	if j.readers != nil {
		errs = append(errs, j.readers.Close())
	}
	if j.conn != nil {
		errs = append(errs, j.conn.Close())
	}
	if j.writers != nil {
		errs = append(errs, j.writers.Close())
	}
	for _, f := range j.grown {
		errs = append(errs, f.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close journal %s: %w", j.path, err)
	}
	return nil
}
