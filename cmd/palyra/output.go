package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// encode is a message as JSON: keys as in the proto, zero values shown, the same
// bytes each time (protojson varies its spaces on purpose).
func encode(m proto.Message) (json.RawMessage, error) {
	raw, err := protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = json.Compact(&b, raw)
	return b.Bytes(), err
}

// show prints one message: table draws it for people.
func (a *app) show(m proto.Message, table func(io.Writer)) error {
	if a.output == "table" {
		table(a.out)
		return nil
	}
	raw, err := encode(m)
	if err != nil {
		return err
	}
	return a.printJSON(raw)
}

// printJSON prints one JSON value, indented or on a line.
func (a *app) printJSON(raw json.RawMessage) error {
	var b bytes.Buffer
	var err error
	if a.output == "json" {
		err = json.Indent(&b, raw, "", "  ")
	} else {
		err = json.Compact(&b, raw)
	}
	if err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err = a.out.Write(b.Bytes())
	return err
}

// list prints messages: a table for people, an array, or a line each.
func list[M proto.Message](a *app, items []M, head []string, row func(M) []string) error {
	switch a.output {
	case "table":
		rows := make([][]string, 0, len(items))
		for _, item := range items {
			rows = append(rows, row(item))
		}
		table(a.out, head, rows)
		return nil
	case "jsonl":
		for _, item := range items {
			if err := a.show(item, nil); err != nil {
				return err
			}
		}
		return nil
	}
	all := make([]json.RawMessage, 0, len(items))
	for _, item := range items {
		raw, err := encode(item)
		if err != nil {
			return err
		}
		all = append(all, raw)
	}
	raw, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return a.printJSON(raw)
}

// table prints rows under a head; nothing but the head if there are none.
func table(w io.Writer, head []string, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, cells := range append([][]string{head}, rows...) {
		for i := range cells {
			if cells[i] = clean(cells[i]); cells[i] == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	_ = t.Flush()
}

// facts prints names and values below each other, without those that are empty.
func facts(w io.Writer, pairs ...string) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			fmt.Fprintf(t, "%s\t%s\n", pairs[i], clean(pairs[i+1]))
		}
	}
	_ = t.Flush()
}

// clean makes one line of text that others wrote: what a terminal would obey is
// shown as a mark instead.
func clean(s string) string {
	return strings.TrimRight(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return '\uFFFD'
		}
		return r
	}, s), " ")
}

// cleanLines is clean for text of many lines.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = clean(strings.ReplaceAll(lines[i], "\t", "    "))
	}
	return strings.Join(lines, "\n")
}

// brief cuts a line to at most n characters.
func brief(s string, n int) string {
	runes := []rune(clean(s))
	if len(runes) <= n {
		return string(runes)
	}
	return string(runes[:n-1]) + "…"
}

// short is as much of a digest as a person needs, and as a command takes.
func short(digest string) string { return clean(digest[:min(12, len(digest))]) }
