package journal

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
)

// Statements that write go to the driver past package sql, which would convert
// and check each value once more. The connection is the same.

// exec runs a constant statement and returns how many rows it touched.
func (t *tx) exec(query string, args ...any) (int64, error) {
	all := make(values, 0, len(args))
	for _, arg := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return 0, err
		}
		all.add(v)
	}
	return t.run(query, all)
}

// run is exec of arguments that the driver knows.
func (t *tx) run(query string, args []driver.NamedValue) (int64, error) {
	for i := range args {
		t.weigh(args[i].Value)
	}
	var n int64
	err := t.j.conn.Raw(func(c any) error {
		s, err := t.j.prepared(t.ctx, c, query)
		if err != nil {
			return err
		}
		result, err := s.ExecContext(t.ctx, args)
		if err != nil {
			return err
		}
		n, err = result.RowsAffected()
		return err
	})
	if n > 0 {
		t.writes++
	}
	return n, err
}

// weigh counts text that a statement writes.
func (t *tx) weigh(arg any) {
	if text, ok := arg.(string); ok {
		t.bytes += len(text)
	}
}

// statement is the prepared form of a query that writes.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
}

// prepared returns the prepared form of a constant query that writes. Its caller
// has the turn, and c from the connection.
func (j *Journal) prepared(ctx context.Context, c any, query string) (statement, error) {
	if s := j.execs[query]; s != nil {
		return s, nil
	}
	p, err := c.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s := p.(statement)
	j.execs[query] = s
	return s, nil
}

// finalize frees the prepared statements.
func (j *Journal) finalize() error {
	var errs []error
	for _, s := range j.stmts {
		errs = append(errs, s.Close())
	}
	if len(j.execs) > 0 {
		errs = append(errs, j.conn.Raw(func(any) error {
			var errs []error
			for _, s := range j.execs {
				errs = append(errs, s.Close())
			}
			return errors.Join(errs...)
		}))
	}
	return errors.Join(errs...)
}

// stmt returns the prepared form of a constant query that answers.
func (t *tx) stmt(query string) (*sql.Stmt, error) {
	if s := t.j.stmts[query]; s != nil {
		return s, nil
	}
	s, err := t.j.conn.PrepareContext(t.ctx, query)
	if err == nil {
		t.j.stmts[query] = s
	}
	return s, err
}

// row runs a constant query for one row.
func (t *tx) row(query string, args ...any) scanner {
	s, err := t.stmt(query)
	if err != nil {
		return broken{err}
	}
	if !strings.HasPrefix(query, "SELECT") {
		t.writes++ // perhaps
		for _, arg := range args {
			t.weigh(arg)
		}
	}
	return s.QueryRowContext(t.ctx, args...)
}

// each runs a constant query and hands over its rows.
func (t *tx) each(query string, args []any, row func(scanner) error) error {
	s, err := t.stmt(query)
	if err != nil {
		return err
	}
	found, err := s.QueryContext(t.ctx, args...)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		if err := row(found); err != nil {
			return err
		}
	}
	return found.Err()
}

// scanner is one row of a result.
type scanner interface{ Scan(...any) error }

// broken is a row that could not be asked for.
type broken struct{ err error }

func (b broken) Scan(...any) error { return b.err }
