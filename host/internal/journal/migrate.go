package journal

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/palyra-go/palyra/host/internal/failpoint"
)

// migrations/NNNN.sql brings a journal of version NNNN-1 to version NNNN.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date, one transaction a version.
func (j *Journal) migrate(ctx context.Context) error {
	steps, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	if _, err := j.conn.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version (
		version BIGINT PRIMARY KEY,
		applied BIGINT NOT NULL
	)`); err != nil {
		return explain(err)
	}
	var version int
	if err := j.conn.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM schema_version`).Scan(&version); err != nil {
		return explain(err)
	}
	if version > len(steps) {
		return fmt.Errorf("%w: its schema is %d, this palyrad knows %d; start the newer palyrad, or restore a backup made before",
			ErrNewer, version, len(steps))
	}
	for ; version < len(steps); version++ {
		if err := j.step(ctx, version+1); err != nil {
			return fmt.Errorf("migrate to schema %d: %w", version+1, explain(err))
		}
		j.log.Info("journal schema migrated", "version", version+1)
	}
	return nil
}

// treeVersion is the schema that has a history tree.
const treeVersion = 3

func (j *Journal) step(ctx context.Context, version int) error {
	script, err := migrations.ReadFile(fmt.Sprintf("migrations/%04d.sql", version))
	if err != nil {
		return err
	}
	failpoint.At("journal.migrate")
	if _, err := j.conn.ExecContext(ctx, sqlite.begin); err != nil {
		return err
	}
	if _, err = j.conn.ExecContext(ctx, string(script)); err == nil && version == treeVersion {
		err = (&tx{j: j, ctx: ctx}).plant()
	}
	if err == nil {
		_, err = j.conn.ExecContext(ctx, `INSERT INTO schema_version (version, applied) VALUES ($1, $2)`,
			version, time.Now().UnixMicro())
	}
	if err == nil {
		failpoint.At("journal.migrating")
		_, err = j.conn.ExecContext(ctx, "COMMIT")
		failpoint.At("journal.migrated")
	}
	if err != nil {
		_, undo := j.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(err, undo)
	}
	return nil
}
