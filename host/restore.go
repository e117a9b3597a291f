package host

import (
	"context"
	"errors"
	"os"

	"github.com/palyra-go/palyra/host/internal/journal"
	"github.com/palyra-go/palyra/host/internal/server"
)

// What [RestoreJournal] refuses.
var (
	ErrExists  = journal.ErrExists  // there is a journal, or what was named is no backup
	ErrAltered = journal.ErrAltered // the backup is not what was written
	ErrNewer   = journal.ErrNewer   // the backup is of a newer palyrad
)

// RestoreJournal makes a backup the journal of a state directory that no daemon
// works on; see [journal.Restore]. It is done in the name of whoever calls. A
// journal that is there is kept aside if replace says so, else it is in the way.
func RestoreJournal(ctx context.Context, dir, backup, reason string, replace bool) (done journal.Restored, err error) {
	s, err := openState(dir)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return journal.Restore(ctx, journal.Restoration{
		From: backup, Path: s.path("palyra.db"), Reason: reason, By: server.PrincipalOf(uint32(os.Getuid())), Replace: replace,
	})
}
