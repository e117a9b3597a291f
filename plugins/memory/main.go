// Command memory is the skill palyra.memory: a store of text nodes with its own
// SQLite database in the skill's data directory.
//
// Entrypoints for people and guests: put, search, list, status. Entrypoints for
// the system jobs of the daemon: maintain (expiry, capacity, incremental
// vacuum), backfill (embeddings, in batches of 64) and vacuum (a full VACUUM).
package main

import (
	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/pluginmain"
)

func main() { pluginmain.Serve(entrypoints()) }

// entrypoints serves all of them over one store, which is opened by the first.
func entrypoints() sdk.Skill {
	m := new(memory)
	return sdk.Skill{
		"put":      sdk.Handle(m.put),
		"search":   sdk.Handle(m.search),
		"list":     sdk.Handle(m.list),
		"status":   sdk.Handle(m.status),
		"maintain": sdk.Handle(m.maintain),
		"backfill": sdk.Handle(m.backfill),
		"vacuum":   sdk.Handle(m.vacuum),
	}
}
