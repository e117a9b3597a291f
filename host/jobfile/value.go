package jobfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
)

// read sets the field of a column to a value of a file.
func (c column) read(j *api.Job, value any) error {
	m, field := c.find(j)
	switch c.kind {
	case text:
		return put(c, value, "text", func(s string) error { m.Set(field, protoreflect.ValueOfString(s)); return nil })
	case flag:
		return put(c, value, "true or false", func(b bool) error { m.Set(field, protoreflect.ValueOfBool(b)); return nil })
	case span:
		return put(c, value, `text, for example "90s" or "5m"`, func(s string) error {
			d, err := time.ParseDuration(s)
			if err != nil || d%time.Millisecond != 0 {
				return fmt.Errorf(`%s %q: want a length of time in milliseconds at the finest, for example "90s", "5m" or "6h"`, c.key, s)
			}
			m.Set(field, protoreflect.ValueOfInt64(d.Milliseconds()))
			return nil
		})
	case count, retries:
		return put(c, value, "a whole number", func(n int64) error { return c.setNumber(m, field, n) })
	case names:
		return put(c, value, "a list of names", func(list []any) error {
			to := m.Mutable(field).List()
			for _, item := range list {
				name, ok := item.(string)
				if !ok {
					return fmt.Errorf("%s: want a list of names", c.key)
				}
				to.Append(protoreflect.ValueOfString(name))
			}
			return nil
		})
	case instant:
		written, err := instantText(c.key, value)
		if err != nil {
			return err
		}
		at, err := time.Parse(time.RFC3339, written)
		if err != nil {
			return fmt.Errorf("%s %q: want an RFC 3339 time, with its offset", c.key, written)
		}
		m.Set(field, protoreflect.ValueOfMessage(timestamppb.New(at).ProtoReflect()))
		return nil
	case labels:
		return put(c, value, "a table of text", func(table map[string]any) error {
			to := m.Mutable(field).Map()
			for key, value := range table {
				s, ok := value.(string)
				if !ok {
					return fmt.Errorf("labels: %s: want text", key)
				}
				if strings.HasPrefix(key, Reserved) {
					return fmt.Errorf("labels: %s: labels that start with %s are not for files", key, Reserved)
				}
				to.Set(protoreflect.ValueOfString(key).MapKey(), protoreflect.ValueOfString(s))
			}
			return nil
		})
	case input:
		s, err := readInput(value)
		if err == nil {
			m.Set(field, protoreflect.ValueOfString(s))
		}
		return err
	}
	return fmt.Errorf("%s cannot be read", c.key)
}

// put hands over a value if it has the type that was wanted.
func put[T any](c column, value any, want string, set func(T) error) error {
	v, ok := value.(T)
	if !ok {
		return fmt.Errorf("%s: want %s", c.key, want)
	}
	return set(v)
}

func (c column) setNumber(m protoreflect.Message, field protoreflect.FieldDescriptor, n int64) error {
	if c.kind == retries {
		if n < 0 {
			return fmt.Errorf("%s %d: want 0 or more", c.key, n)
		}
		n++
	}
	if field.Kind() == protoreflect.Int64Kind {
		m.Set(field, protoreflect.ValueOfInt64(n))
		return nil
	}
	if n < math.MinInt32 || n > math.MaxInt32 {
		return fmt.Errorf("%s %d: too large", c.key, n)
	}
	m.Set(field, protoreflect.ValueOfInt32(int32(n)))
	return nil
}

func readText(key string, value any, to *string) error {
	s, ok := value.(string)
	if !ok {
		return fmt.Errorf("%s: want text", key)
	}
	if s == "" {
		return fmt.Errorf("%s is empty", key)
	}
	*to = s
	return nil
}

// instantText is an instant as text, RFC 3339.
func instantText(key string, value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case time.Time:
		return v.Format(time.RFC3339Nano), nil
	case toml.LocalDateTime, toml.LocalDate, toml.LocalTime:
		return "", fmt.Errorf("%s %v: want the offset too, for example 2030-01-01T00:00:00+01:00", key, v)
	}
	return "", fmt.Errorf("%s: want an RFC 3339 time, for example 2030-01-01T00:00:00+01:00", key)
}

// readInput is the input of an action as JSON.
func readInput(value any) (string, error) {
	if s, ok := value.(string); ok {
		if !json.Valid([]byte(s)) {
			return "", errors.New(`input: text must be JSON (a JSON string needs its own quotes: '"text"'); or write a table: { key = "value" }`)
		}
		return strings.TrimSpace(s), nil
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("input: not representable as JSON: %v", err)
	}
	return string(raw), nil
}

// canonical is JSON with sorted keys and no spaces; what is not JSON stays.
func canonical(text string) string {
	value, err := decode(text)
	if err != nil {
		return text
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return text
	}
	return string(raw)
}

// decode reads one JSON value, numbers as they are written.
func decode(text string) (any, error) {
	var value any
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	return value, errors.Join(d.Decode(&value), trailing(d))
}

func trailing(d *json.Decoder) error {
	if d.More() {
		return errors.New("more than one value")
	}
	return nil
}

// table is an input as TOML would say it, if it says the same.
func table(text string) (any, bool) {
	value, err := decode(text)
	if err != nil {
		return nil, false
	}
	object, ok := plain(value).(map[string]any)
	if !ok {
		return nil, false
	}
	var back map[string]any
	if err := toml.Unmarshal([]byte(line("v", object)), &back); err != nil || back["v"] == nil {
		return nil, false
	}
	again, err := readInput(back["v"])
	return object, err == nil && canonical(again) == canonical(text) // TOML has no null, JSON writes 1.0 as 1
}

// plain makes numbers of the numbers in a JSON value.
func plain(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = plain(v[key])
		}
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
	}
	return value
}
