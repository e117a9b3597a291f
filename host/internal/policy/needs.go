package policy

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/cedar-policy/cedar-go"
)

// needs is which attributes of the context of job.run and of a job the conditions
// of rules look up, a bit each. To make a record costs more than to judge it, so
// that one is made only of what is asked for.
type needs uint32

const everything = ^needs(0)

// The attributes that a bit stands for, as in the schema: first those of the
// context, then those of a job.
func contextNames() [11]cedar.String {
	return [...]cedar.String{
		"via", "trigger", "manual", "due", "lateness_ms", "attempt", "skill", "entrypoint", "digest", "publisher", "capabilities",
	}
}

const jobBits = 16 // where those of a job start

func jobNames() [7]cedar.String {
	return [...]cedar.String{"name", "owner", "system", "group", "labels", "skill", "entrypoint"}
}

// context reports whether the i-th attribute of the context is needed.
func (n needs) context(i int) bool { return n&(1<<i) != 0 }

// job reports whether an attribute of a job is needed.
func (n needs) job(i int) bool { return n&(1<<(jobBits+i)) != 0 }

// needsOf reads off a policy what its conditions look up. What it does not
// understand needs everything.
func needsOf(p *cedar.Policy) (needs, error) {
	text, err := p.MarshalJSON()
	if err != nil {
		return 0, fmt.Errorf("policy: %w", err)
	}
	var form struct{ Conditions []any }
	if err := json.Unmarshal(text, &form); err != nil {
		return 0, fmt.Errorf("policy: %w", err)
	}
	return lookups(form.Conditions), nil
}

// lookups walks the JSON form of a condition (Cedar policies in JSON): every
// variable in it is either looked into for one attribute, or used as a whole.
func lookups(node any) needs {
	var n needs
	switch v := node.(type) {
	case []any:
		for _, child := range v {
			n |= lookups(child)
		}
	case map[string]any:
		for key, child := range v {
			n |= lookup(key, child)
		}
	}
	return n
}

func lookup(key string, child any) needs {
	switch key {
	case ".", "has":
		if of, attribute, ok := access(child); ok {
			return bit(of, attribute)
		}
	case "Var":
		if of, ok := child.(string); ok && of != "action" && of != "principal" {
			return everything
		}
	case "__entity":
		if literal, _ := child.(map[string]any); literal["type"] != string(typeRole) && literal["type"] != string(typeSystem) {
			return everything // it may be the job, or its owner
		}
		return 0
	}
	return lookups(child)
}

// access reads {"left": {"Var": of}, "attr": attribute}.
func access(node any) (of, attribute string, ok bool) {
	form, _ := node.(map[string]any)
	left, _ := form["left"].(map[string]any)
	of, isVar := left["Var"].(string)
	attribute, named := form["attr"].(string)
	return of, attribute, isVar && named && len(left) == 1
}

func bit(of, attribute string) needs {
	switch of {
	case "context":
		names := contextNames()
		if i := slices.Index(names[:], cedar.String(attribute)); i >= 0 {
			return 1 << i
		}
	case "resource":
		names := jobNames()
		if i := slices.Index(names[:], cedar.String(attribute)); i >= 0 {
			return 1 << (jobBits + i)
		}
	}
	return 0 // there is no such attribute, for whoever looks
}
