package journal

import (
	"encoding/json"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/palyra-go/palyra/host/internal/job"
)

// runFact is what an entry says about a run.
type runFact struct {
	Run      job.RunID       `json:"run"`
	Job      job.ID          `json:"job,omitempty"`
	Due      int64           `json:"due,omitempty"`
	Last     int64           `json:"last,omitempty"`
	Count    int64           `json:"count,omitempty"`
	Trigger  job.Trigger     `json:"trigger,omitempty"`
	Parent   job.RunID       `json:"parent,omitempty"`
	As       string          `json:"as,omitempty"` // principal for whom it runs
	State    job.State       `json:"state,omitempty"`
	Reason   job.Reason      `json:"reason,omitempty"`
	Attempt  int             `json:"attempt,omitempty"`
	Digest   string          `json:"digest,omitempty"`
	Decision json.RawMessage `json:"decision,omitempty"`
	Output   string          `json:"output,omitempty"` // SHA-256 of the row's
	Log      string          `json:"log,omitempty"`    // SHA-256 of the attempt's
	Error    string          `json:"error,omitempty"`
}

// part is a part of the members of a fact.
type part uint8

const (
	common part = 1 << iota // what facts about many runs may have in common
	own
	whole = common | own
)

// append appends the members of the fact that are of the part as canonical JSON
// (RFC 8785), keys in their order. It is what [canonicalize] makes of it, many times
// faster; a test compares them.
func (f *runFact) append(b []byte, of part) []byte {
	if b == nil {
		b = make([]byte, 0, 512)
	}
	o := object{b: append(b, '{')}
	if of&common != 0 {
		o.text("as", f.As)
		o.number("attempt", int64(f.Attempt))
	}
	if of&own != 0 {
		o.number("count", f.Count)
	}
	if of&common != 0 {
		if len(f.Decision) > 0 {
			o.key("decision")
			o.b = append(o.b, f.Decision...)
		}
		o.text("digest", f.Digest)
	}
	if of&own != 0 {
		o.number("due", f.Due)
		o.text("error", f.Error)
		o.text("job", string(f.Job))
		o.number("last", f.Last)
		o.text("log", f.Log)
		o.text("output", f.Output)
		o.text("parent", string(f.Parent))
	}
	if of&common != 0 {
		o.text("reason", string(f.Reason))
	}
	if of&own != 0 {
		o.key("run")
		o.b = quote(o.b, string(f.Run))
	}
	if of&common != 0 {
		o.text("state", string(f.State))
		o.text("trigger", string(f.Trigger))
	}
	return append(o.b, '}')
}

func (d *decision) append(b []byte) []byte {
	o := object{b: append(b, '{')}
	o.key("allow")
	o.b = strconv.AppendBool(o.b, d.Allow)
	o.list("errors", d.Errors)
	o.list("policies", d.Policies)
	o.text("set", d.Set)
	return append(o.b, '}')
}

// append appends the entry of the group.
func (g *group) append(b []byte, at int64) []byte {
	if b == nil {
		b = make([]byte, 0, g.size+256)
	}
	b = quote(append(b, `{"actor":`...), g.actor)
	b = integer(append(b, `,"at":`...), at)
	b = append(b, `,"data":{`...)
	for i, a := range g.alike {
		if i == 0 {
			b = append(b, `"alike":[`...)
		} else {
			b = append(b, ',')
		}
		b = append(append(b, `{"all":`...), a.all...)
		b = append(facts(append(b, ',', '"'), a.facts), '}')
	}
	if len(g.alike) > 0 {
		b = append(b, `],"`...)
	} else {
		b = append(b, '"')
	}
	b = facts(b, g.facts)
	b = quote(append(b, `},"kind":`...), g.kind)
	b = quote(append(b, `,"subject":`...), g.subject)
	return append(b, `,"v":1}`...)
}

func facts(b []byte, all [][]byte) []byte {
	b = append(b, `facts":[`...)
	for i, fact := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, fact...)
	}
	return append(b, ']')
}

// object is a JSON object under way. Members that are empty are left out.
type object struct {
	b    []byte
	some bool
}

// key begins a member; keys are ASCII and come in order.
func (o *object) key(name string) {
	if o.some {
		o.b = append(o.b, ',')
	}
	o.some = true
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

func (o *object) text(name, value string) {
	if value != "" {
		o.key(name)
		o.b = quote(o.b, value)
	}
}

func (o *object) number(name string, value int64) {
	if value != 0 {
		o.key(name)
		o.b = integer(o.b, value)
	}
}

func (o *object) list(name string, values []string) {
	if len(values) == 0 {
		return
	}
	o.key(name)
	o.b = append(o.b, '[')
	for i, v := range values {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = quote(o.b, v)
	}
	o.b = append(o.b, ']')
}

// quote appends a string; what is not UTF-8 becomes U+FFFD.
func quote(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

// integer appends a number as RFC 8785 has it: the shortest text of the nearest
// double, which beyond 2^53 is not that of the integer.
func integer(b []byte, n int64) []byte {
	if n >= -1<<53 && n <= 1<<53 {
		return strconv.AppendInt(b, n, 10)
	}
	return strconv.AppendFloat(b, float64(n), 'f', -1, 64)
}
