package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func instant(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

const cutMark = "\n[cut here by the journal]"

// clean makes text fit for every database.
func clean(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return s
}

// capped returns s, clean and of at most limit bytes; a cut shows.
func capped(s string, limit int) string {
	s = clean(s)
	if len(s) <= limit {
		return s
	}
	cut := limit - len(cutMark)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + cutMark
}

// capOutput returns the output and the error of a run as they are kept.
func capOutput(output json.RawMessage, problem string) (string, string) {
	problem = capped(problem, MaxText/2)
	if len(output) <= MaxOutput {
		return string(output), problem
	}
	if problem != "" {
		problem += "; "
	}
	return "", problem + fmt.Sprintf("output of %d bytes left out, at most %d are kept", len(output), MaxOutput)
}

// sum is how an entry refers to content.
func sum(s string) string {
	if s == "" {
		return ""
	}
	d := sha256.Sum256([]byte(s))
	return hex.EncodeToString(d[:])
}

func encode(what string, v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", what, err)
	}
	return string(b), nil
}

func decode(what, text string, v any) error {
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("decode %s: %w", what, err)
	}
	return nil
}

func raw(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	return json.RawMessage(s)
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// collect reads all rows of a query.
func collect[T any](ctx context.Context, j *Journal, what string, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	all, err := gather(ctx, j.readers, scan, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return all, nil
}

func gather[T any](ctx context.Context, db asker, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}
