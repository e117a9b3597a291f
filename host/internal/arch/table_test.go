package arch

// A room is a package of ours: what it is for, and which of our packages its
// code imports. The table is what is used; design.md is the ceiling. A package
// that is not in the table fails, and so does a permission that nobody uses.
type room struct {
	sentence string   // the package comment starts with it; "" for programs
	imports  []string // below the module path
}

const module = "github.com/palyra-go/palyra"

var rooms = map[string]room{
	// contract
	"sdk":              {"the contract between host and skill", nil},
	"sdk/bundle":       {"the signed on-disk form of a skill", nil},
	"sdk/bundle/audit": {"the security checks of an artifact", []string{"sdk/bundle"}},
	"sdk/stdio":        {"the guest ABI", []string{"sdk"}},
	"sdk/pluginmain":   {"turns an Action into a program", []string{"sdk", "sdk/proto/palyra/plugin/v1", "sdk/stdio"}},
	"sdk/plugintest":   {"runs an Action in its author's test as the host would", []string{"sdk", "sdk/pluginmain", "sdk/proto/palyra/plugin/v1"}},

	// values
	"host/schedule":         {"says when, as pure functions of time", nil},
	"host/schedule/english": {"reads schedules as people write them", []string{"host/schedule"}},
	"host/internal/job":     {"the vocabulary of scheduled work", []string{"host/schedule", "sdk/bundle"}},
	"host/internal/skill":   {"an installed skill: manifest and state", []string{"sdk/bundle"}},

	"host/internal/near": {"finds the name that was probably meant", nil},

	"host/internal/failpoint": {"kills the process at an exact point of the code", nil},

	// judgement
	"host/internal/policy": {"decides with Cedar and the built-in invariants whether a principal may act", []string{"host/internal/job", "host/internal/skill", "sdk/bundle"}},

	// mechanisms
	"host/internal/journal":    {"the durable record; alone knows SQL", []string{"host/internal/failpoint", "host/internal/job", "host/internal/skill", "sdk/bundle"}},
	"host/internal/artifact":   {"bytes by SHA-256, re-hashed whenever opened", []string{"sdk/bundle"}},
	"host/internal/runner":     {"runs an admitted artifact in a child process over the plugin protocol", []string{"host/internal/failpoint", "host/internal/policy", "host/internal/skill", "sdk", "sdk/bundle", "sdk/proto/palyra/plugin/v1"}},
	"host/internal/capability": {"performs host calls", []string{"host/internal/skill", "sdk"}},
	"host/internal/server":     {"serves the control API", []string{"host/api", "host/internal/job", "host/internal/near", "host/internal/policy", "host/internal/skill", "host/schedule", "sdk/bundle"}},
	"host/internal/wasm":       {"runs a WASI guest in wazero, a fresh instance per run", []string{"sdk", "sdk/bundle/audit", "sdk/stdio"}},

	// flows
	"host/internal/scheduler": {"owns time", []string{"host/internal/job", "host/schedule"}},
	"host/internal/dispatch":  {"takes an occurrence through the gate and the journal to the runner", []string{"host/internal/failpoint", "host/internal/job", "host/internal/policy", "host/internal/skill", "sdk", "sdk/bundle"}},
	"host/internal/catalog":   {"knows which skills exist and which may run", []string{"host/internal/job", "host/internal/policy", "host/internal/skill", "sdk/bundle"}},

	// host
	"host/api":     {"the control API from outside", nil},
	"host/jobfile": {"reads and writes jobs as files say them", []string{"host/api", "host/internal/near", "host/schedule"}},
	"host": {"assembles the rooms and owns their lifetime", []string{
		"host/api", "host/schedule", "sdk", "sdk/bundle",
		"host/internal/artifact", "host/internal/capability", "host/internal/catalog", "host/internal/dispatch", "host/internal/failpoint",
		"host/internal/job", "host/internal/journal", "host/internal/near", "host/internal/policy", "host/internal/runner",
		"host/internal/scheduler", "host/internal/server", "host/internal/skill",
	}},
	"host/worker": {"serves one WASM digest, or the audit, as a native skill would", []string{"host/internal/wasm", "sdk", "sdk/bundle", "sdk/bundle/audit", "sdk/pluginmain"}},

	// programs
	"cmd/palyrad":     {"", []string{"host", "host/api", "host/worker"}},
	"cmd/palyra":      {"", []string{"host/api", "host/jobfile", "host/schedule", "host/schedule/english", "sdk/bundle"}},
	"plugins/shell":   {"", []string{"sdk", "sdk/pluginmain"}},
	"plugins/memory":  {"", []string{"sdk", "sdk/pluginmain"}},
	"plugins/notify":  {"", []string{"sdk", "sdk/pluginmain"}},
	"plugins/reaudit": {"", []string{"sdk", "sdk/bundle", "sdk/bundle/audit", "sdk/pluginmain"}},
	"skills/hello":    {"", []string{"sdk", "sdk/pluginmain"}},
	"skills/health":   {"", []string{"sdk", "sdk/pluginmain"}},
}

// owners are the rooms that may import a library; nobody else may.
var owners = map[string][]string{
	"database/sql":                  {"host/internal/journal", "plugins/memory"},
	"modernc.org/sqlite":            {"host/internal/journal", "plugins/memory"},
	"github.com/cedar-policy":       {"host/internal/policy"},
	"github.com/tetratelabs/wazero": {"host/internal/wasm"},
	"github.com/hashicorp":          {"host/internal/runner", "sdk/pluginmain"},
	"google.golang.org/grpc":        {"host/internal/runner", "sdk/pluginmain", "sdk/plugintest"},
	"github.com/adhocore/gronx":     {"host/schedule"},
	"net/http":                      {"host/internal/server", "host/api", "plugins/memory", "plugins/notify"},
	"connectrpc.com/connect/v2":     {"host/internal/server", "host/api", "cmd/palyra"},
	"filippo.io/edwards25519":       {"sdk/bundle"},
	"golang.org/x/mod":              {"host/internal/journal", "sdk/bundle"},
}

// pure rooms are values and judgement: no I/O, no clock, no goroutine.
var pure = []string{
	"host/schedule", "host/schedule/english", "host/jobfile",
	"host/internal/job", "host/internal/near", "host/internal/skill", "host/internal/policy",
}

// concurrent rooms may start goroutines.
var concurrent = []string{
	"host", "host/internal/scheduler", "host/internal/dispatch", "host/internal/server",
	"host/internal/runner", "host/internal/wasm", "sdk/pluginmain", "sdk/plugintest",
	"cmd/palyra", "plugins/shell",
}

// guests are built for wasip1 too.
var guests = []string{"sdk", "sdk/stdio", "sdk/pluginmain", "skills/hello", "skills/health"}
