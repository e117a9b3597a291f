package job

import (
	"fmt"
	"strconv"
	"strings"
)

// Principal is who asks, as Cedar names it: User::"alice", System::"daemon",
// Skill::"publisher.name".
type Principal struct {
	Type string // User, System or Skill
	ID   string
}

// Daemon is the principal of system jobs and of the host itself.
var Daemon = Principal{Type: "System", ID: "daemon"}

// User is a person, by login name.
func User(name string) Principal { return Principal{Type: "User", ID: name} }

func (p Principal) String() string { return p.Type + "::" + strconv.Quote(p.ID) }

// IsSystem reports whether p is the daemon.
func (p Principal) IsSystem() bool { return p == Daemon }

// ParsePrincipal reads what String writes.
func ParsePrincipal(s string) (Principal, error) {
	typ, quoted, ok := strings.Cut(s, "::")
	id, err := strconv.Unquote(quoted)
	if !ok || err != nil || id == "" {
		return Principal{}, fmt.Errorf("principal %q: want Type::\"id\"", s)
	}
	switch typ {
	case "User", "System", "Skill":
		return Principal{Type: typ, ID: id}, nil
	}
	return Principal{}, fmt.Errorf("principal %q: unknown type %s", s, typ)
}
