package host

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T, text string, environ ...string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "palyra.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return LoadConfig(path, environ)
}

func TestConfigIsRead(t *testing.T) {
	cfg, err := load(t, `
[cron]
timezone = "Europe/Prague"
max_concurrent_runs = 7
group_limits = { backup = 9, reports = 1 }
[cron.skill_limits]
"palyra.shell" = 4
[memory.retention]
ttl_days = 30
vacuum_schedule = "15 3 * * SUN"
[memory.model]
endpoint = "http://127.0.0.1:1234/v1"
name = "some-model"
[skills]
reaudit_interval = "1h"
[api]
operators = ["alice"]
`, "PALYRA_CRON_MISFIRE_GRACE=90s", "PALYRA_CRON_MAX_CONCURRENT_RUNS=9", "PALYRA_API_OPERATORS=bob, carol",
		"PALYRA_SKILL_REAUDIT_INTERVAL_MS=5000", "PALYRA_CRON_GROUP_LIMITS=backup=2, mail=1", "PALYRA_STATE=elsewhere", "HOME=x")
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.Cron.Timezone = "Europe/Prague"
	want.Cron.MaxConcurrentRuns = 9
	want.Cron.GroupLimits = Limits{"backup": 2, "mail": 1}
	want.Cron.SkillLimits = Limits{"palyra.shell": 4}
	want.Cron.MisfireGrace = Duration{90 * time.Second}
	want.Memory.Retention.TTLDays = 30
	want.Memory.Retention.VacuumSchedule = "15 3 * * SUN"
	want.Memory.Model = ModelConfig{Endpoint: "http://127.0.0.1:1234/v1", Name: "some-model"}
	want.Skills.ReauditInterval = Duration{5 * time.Second}
	if got := strings.Join(cfg.API.Operators, " "); got != "bob carol" {
		t.Errorf("operators = %q; the environment goes over the file", got)
	}
	cfg.API.Operators = nil
	if !reflect.DeepEqual(cfg.Cron, want.Cron) || cfg.Memory != want.Memory || cfg.Skills != want.Skills {
		t.Errorf("config = %+v\nwant %+v", cfg, want)
	}
	if _, err := LoadConfig("", nil); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
}

func TestConfigRefusals(t *testing.T) {
	for _, c := range []struct {
		text, environ string
		where         string // suffix of ConfigError.Where
		message       string // part of the message
	}{
		{"[cron]\ntimezon = \"utc\"", "", ":2", `unknown key "cron.timezon"; did you mean "cron.timezone"?`},
		{"[cron]\nTimezone = \"utc\"", "", ":2", `unknown key "cron.Timezone"`},
		{"\n[crom]\n", "", ":2", `did you mean "cron"?`},
		{"[memory]\n[memory.retention]\nmax_entires = 1", "", ":3", `did you mean "memory.retention.max_entries"?`},
		{"zzzzzzzzzz = 1", "", ":1", `unknown key "zzzzzzzzzz"`},
		{"[cron]\nmax_concurrent_runs = \"many\"", "", ":2", "max_concurrent_runs"},
		{"[cron]\nmisfire_grace = \"soon\"", "", ":2", "not a duration"},
		{"[cron]\nmisfire_grace = 60", "", "palyra.toml", `"60" is not a duration`},
		{"[cron]\ntimezone = \"Europe/Pragu\"", "", "palyra.toml", `[cron] timezone: schedule: zone "Europe/Pragu"`},
		{"[cron]\ntimezone = \"utc\"\ntimezone = \"utc\"", "", ":3", "timezone"},
		{"[cron\n", "", ":1", ""},
		{"[cron]\nidle_sleep = \"16s\"", "", "palyra.toml", "out of range, want 1s to 15s"},
		{"[cron]\nmax_concurrent_runs = 0", "", "palyra.toml", "out of range"},
		{"[cron.group_limits]\nbackup = 0", "", "palyra.toml", `[cron.group_limits]: "backup" = 0 is out of range, want 1 to 10000`},
		{"[cron.skill_limits]\n\"palyra.shell\" = -1", "", "palyra.toml", "out of range"},
		{"[cron.skill_limits]\npalyra.shell = 4", "", ":2", `a name with dots is quoted: "palyra.shell"`},
		{"[cron.group_limits.backup]\nx = 1", "", ":1", `"backup" is not a table`},
		{"[cron.group_limit]\nbackup = 1", "", ":1", `did you mean "cron.group_limits"?`},
		{"[cron.group_limits]\nbackup = \"two\"", "", ":2", "backup"},
		{"cron.group_limits = 3", "", ":1", ""},
		{"", "PALYRA_CRON_SKILL_LIMITS=palyra.shell", "PALYRA_CRON_SKILL_LIMITS", "want NAME=NUMBER"},
		{"", "PALYRA_CRON_SKILL_LIMITS=palyra.shell=0", "palyra.toml", "out of range"},
		{"[skills]\nreaudit_interval = \"0s\"", "", "palyra.toml", "out of range, want 5s to 24h0m0s"},
		{"[skills]\nreaudit_interval = \"25h\"", "", "palyra.toml", "out of range"},
		{"[memory.retention]\nvacuum_schedule = \"0 0 30 2 *\"", "", "palyra.toml", "vacuum_schedule"},
		{"[memory.retention]\nmax_bytes = 0", "", "palyra.toml", "max_bytes"},
		{"[memory.model]\nname = \"x\"", "", "palyra.toml", "go together"},
		{"[journal]\nsynchronous = \"off\"", "", "palyra.toml", `"off"`},
		{"", "PALYRA_SKILL_REAUDIT_INTERVAL_MS=", "PALYRA_SKILL_REAUDIT_INTERVAL_MS", "5000 to 86400000"},
		{"", "PALYRA_SKILL_REAUDIT_INTERVAL_MS=0", "PALYRA_SKILL_REAUDIT_INTERVAL_MS", "5000 to 86400000"},
		{"", "PALYRA_CRON_MISFIRE_GRACE=1", "PALYRA_CRON_MISFIRE_GRACE", "not a duration"},
		{"", "PALYRA_CRON_MAX_CONCURRENT_RUNS=1\nx=2", "PALYRA_CRON_MAX_CONCURRENT_RUNS", ""},
	} {
		_, err := load(t, c.text, c.environ)
		bad, ok := errors.AsType[*ConfigError](err)
		if !ok {
			t.Errorf("%q %q: %v; want a ConfigError", c.text, c.environ, err)
			continue
		}
		if !strings.HasSuffix(bad.Where, c.where) || !strings.Contains(bad.Message, c.message) {
			t.Errorf("%q %q:\n  %v\n  want it at %q with %q", c.text, c.environ, bad, c.where, c.message)
		}
	}
}

func TestConfigFileMissing(t *testing.T) {
	_, err := LoadConfig(filepath.Join(t.TempDir(), "none.toml"), nil)
	if bad, ok := errors.AsType[*ConfigError](err); !ok || bad.Message != "no such file" {
		t.Errorf("LoadConfig = %v; want that there is no such file", err)
	}
}
