package host

import (
	"errors"

	"github.com/palyra-go/palyra/host/internal/catalog"
	"github.com/palyra-go/palyra/host/internal/dispatch"
	"github.com/palyra-go/palyra/host/internal/journal"
	"github.com/palyra-go/palyra/host/internal/scheduler"
	"github.com/palyra-go/palyra/host/internal/server"
	"github.com/palyra-go/palyra/sdk"
)

// kinds tell the server what sort of failure the errors of the rooms are.
var kinds = []struct {
	err  error
	kind server.Kind
}{
	{scheduler.ErrInvalid, server.Invalid},
	{scheduler.ErrBackfill, server.Invalid},
	{scheduler.ErrUnknown, server.NotFound},
	{scheduler.ErrTaken, server.Exists},
	{scheduler.ErrConflict, server.Conflict},
	{dispatch.ErrTrouble, server.Busy},
	{dispatch.ErrDraining, server.Busy},
	{dispatch.ErrUnknown, server.State},
	{journal.ErrNotFound, server.NotFound},
	{journal.ErrAmbiguous, server.Invalid},
	{journal.ErrCheckpoint, server.Invalid},
	{journal.ErrExists, server.Exists},
	{journal.ErrConflict, server.Conflict},
	{journal.ErrGeneration, server.Conflict},
	{journal.ErrBusy, server.Busy},
	{journal.ErrGone, server.State},
	{journal.ErrRollback, server.Untrusted},
	{journal.ErrUnwritable, server.Busy},
	{journal.ErrClosed, server.Busy},
	{errSlowWatcher, server.Limit},
	{errNoMemory, server.NotFound},
}

var refusals = map[catalog.Kind]server.Kind{
	catalog.Untrusted:   server.Untrusted,
	catalog.Signature:   server.Untrusted,
	catalog.Rollback:    server.Untrusted,
	catalog.Altered:     server.Untrusted,
	catalog.BadArtifact: server.Untrusted,
	catalog.Denied:      server.Denied,
	catalog.NotFound:    server.NotFound,
	catalog.Conflict:    server.State,
	catalog.Invalid:     server.Invalid,
}

func kindOf(err error) server.Kind {
	if refusal, ok := errors.AsType[*catalog.Refusal](err); ok {
		return refusals[refusal.Kind]
	}
	if _, ok := errors.AsType[*deniedError](err); ok {
		return server.Denied
	}
	if answer, ok := errors.AsType[*sdk.Error](err); ok {
		if answer.Retryable {
			return server.Busy
		}
		return server.Invalid
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.kind
		}
	}
	return server.Internal
}
