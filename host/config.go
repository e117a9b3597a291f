package host

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

// Config is palyra.toml. Zero fields of what [Defaults] sets are not valid;
// start from there.
type Config struct {
	Cron    CronConfig    `toml:"cron"`
	Memory  MemoryConfig  `toml:"memory"`
	Skills  SkillsConfig  `toml:"skills"`
	Policy  PolicyConfig  `toml:"policy"`
	API     APIConfig     `toml:"api"`
	Journal JournalConfig `toml:"journal"`
	Plugins PluginsConfig `toml:"plugins"`
}

// CronConfig is the section [cron].
type CronConfig struct {
	Timezone          string   `toml:"timezone"`            // of cron jobs that name none: IANA, "utc" or "local"
	MaxConcurrentRuns int      `toml:"max_concurrent_runs"` // over all jobs
	GroupLimits       Limits   `toml:"group_limits"`        // of these, by the group of the job
	SkillLimits       Limits   `toml:"skill_limits"`        // and by the skill
	MisfireGrace      Duration `toml:"misfire_grace"`       // of jobs that name none
	CatchUpWindow     Duration `toml:"catch_up_window"`     // of jobs that name none
	CatchUpRate       int      `toml:"catch_up_rate"`       // caught-up occurrences that start in a minute, over all jobs
	OnFailure         []string `toml:"on_failure"`          // jobs to start when a run of a user's job fails that names none
	OnRecovery        []string `toml:"on_recovery"`         // and when the first run after that succeeds
	IdleSleep         Duration `toml:"idle_sleep"`          // longest sleep of the scheduler, at most 15s
	Drain             Duration `toml:"drain"`               // how long a stop waits for runs
	RetentionRuns     int64    `toml:"retention_runs"`      // ended runs that are kept; 0: all
	RetentionAge      Duration `toml:"retention_age"`       // how long they are kept; 0: for ever
	RetentionBytes    int64    `toml:"retention_bytes"`     // of the journal, before runs go; 0: without limit
}

// Limits are how many runs execute at once, by name: those that are not named are
// not limited. In the environment they are one list: "backup=2,reports=1".
type Limits map[string]int

// MemoryConfig is the section [memory].
type MemoryConfig struct {
	MaintainInterval Duration        `toml:"maintain_interval"`
	BackfillInterval Duration        `toml:"backfill_interval"`
	Retention        RetentionConfig `toml:"retention"`
	Model            ModelConfig     `toml:"model"`
}

// RetentionConfig is the section [memory.retention].
type RetentionConfig struct {
	MaxEntries     int64  `toml:"max_entries"`
	MaxBytes       int64  `toml:"max_bytes"`
	TTLDays        int    `toml:"ttl_days"`        // of nodes that have no time to live of their own; 0: for ever
	VacuumSchedule string `toml:"vacuum_schedule"` // cron, in the zone of [cron]
}

// ModelConfig is the section [memory.model].
type ModelConfig struct {
	Endpoint string `toml:"endpoint"` // base URL of an OpenAI-compatible API; empty: the built-in lexical-hash-v1
	Name     string `toml:"name"`
}

// SkillsConfig is the section [skills].
type SkillsConfig struct {
	Dir             string   `toml:"dir"` // where artifacts lie; default: skills in the state directory
	ReauditInterval Duration `toml:"reaudit_interval"`
}

// PolicyConfig is the section [policy].
type PolicyConfig struct {
	Dir string `toml:"dir"` // where *.cedar lie; default: policies in the state directory
}

// APIConfig is the section [api].
type APIConfig struct {
	Operators []string `toml:"operators"` // login names, besides root and the daemon's own user
}

// JournalConfig is the section [journal].
type JournalConfig struct {
	Synchronous string `toml:"synchronous"` // full, or normal (a power cut may lose the last commits)
}

// PluginsConfig is the section [plugins].
type PluginsConfig struct {
	Idle  Duration `toml:"idle"`  // an idle child is stopped after this
	Grace Duration `toml:"grace"` // between asking a run to stop and killing it
}

// Duration is a time.Duration written as text: "5m".
type Duration struct{ time.Duration }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration; write for example \"90s\", \"5m\" or \"6h\"", text)
	}
	d.Duration = parsed
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// ReauditGrace is how long after the re-audit interval a skill may still run.
const ReauditGrace = 30 * time.Minute

// Defaults returns the configuration of an empty palyra.toml.
func Defaults() Config {
	return Config{
		Cron: CronConfig{
			Timezone:          "local",
			MaxConcurrentRuns: 64,
			MisfireGrace:      Duration{time.Minute},
			CatchUpWindow:     Duration{24 * time.Hour},
			CatchUpRate:       60,
			IdleSleep:         Duration{15 * time.Second},
			Drain:             Duration{10 * time.Second},
			RetentionRuns:     5_000_000,
			RetentionAge:      Duration{366 * 24 * time.Hour},
			RetentionBytes:    8 << 30,
		},
		Memory: MemoryConfig{
			MaintainInterval: Duration{5 * time.Minute},
			BackfillInterval: Duration{10 * time.Minute},
			Retention: RetentionConfig{
				MaxEntries:     1_000_000,
				MaxBytes:       1 << 30,
				VacuumSchedule: "0 0 * * 0",
			},
		},
		Skills:  SkillsConfig{ReauditInterval: Duration{6 * time.Hour}},
		Journal: JournalConfig{Synchronous: "full"},
		Plugins: PluginsConfig{Idle: Duration{2 * time.Minute}, Grace: Duration{2 * time.Second}},
	}
}

// ConfigError says what is wrong with the configuration and where.
type ConfigError struct {
	Where   string // "palyra.toml:12" or the name of a variable
	Message string
}

func (e *ConfigError) Error() string { return e.Where + ": " + e.Message }

// LoadConfig reads a palyra.toml over the defaults, and the environment
// (PALYRA_*, as "KEY=value") over it. An empty path reads no file. Every error
// is a *ConfigError, or says why the file cannot be read.
func LoadConfig(path string, environ []string) (Config, error) {
	cfg := Defaults()
	if path != "" {
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return cfg, &ConfigError{Where: path, Message: "no such file"}
		}
		if err != nil {
			return cfg, fmt.Errorf("config: %w", err)
		}
		if err := decodeConfig(path, text, &cfg); err != nil {
			return cfg, err
		}
	}
	if err := applyEnviron(&cfg, environ); err != nil {
		return cfg, err
	}
	return cfg, cfg.validate(path)
}

func decodeConfig(path string, text []byte, cfg *Config) error {
	if err := checkKeys(path, text); err != nil {
		return err
	}
	err := toml.Unmarshal(text, cfg)
	if bad, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, _ := bad.Position()
		message := strings.TrimPrefix(bad.Error(), "toml: ")
		if key := strings.Join(bad.Key(), "."); key != "" {
			message = key + ": " + message
		}
		return &ConfigError{Where: fmt.Sprintf("%s:%d", path, line), Message: message}
	}
	if err != nil {
		return &ConfigError{Where: path, Message: err.Error()}
	}
	return nil
}

// validate checks what no single value can say of itself.
func (c Config) validate(path string) error {
	if path == "" {
		path = "configuration"
	}
	bad := func(key, format string, args ...any) error {
		return &ConfigError{Where: path, Message: key + ": " + fmt.Sprintf(format, args...)}
	}
	for _, d := range []struct {
		key       string
		value     Duration
		low, high time.Duration
	}{
		{"[skills] reaudit_interval", c.Skills.ReauditInterval, 5 * time.Second, 24 * time.Hour},
		{"[cron] misfire_grace", c.Cron.MisfireGrace, time.Second, 24 * time.Hour},
		{"[cron] catch_up_window", c.Cron.CatchUpWindow, time.Second, 366 * 24 * time.Hour},
		{"[cron] idle_sleep", c.Cron.IdleSleep, time.Second, 15 * time.Second},
		{"[cron] drain", c.Cron.Drain, 0, 10 * time.Minute},
		{"[cron] retention_age", c.Cron.RetentionAge, 0, 100 * 366 * 24 * time.Hour},
		{"[memory] maintain_interval", c.Memory.MaintainInterval, time.Second, 24 * time.Hour},
		{"[memory] backfill_interval", c.Memory.BackfillInterval, time.Second, 24 * time.Hour},
		{"[plugins] idle", c.Plugins.Idle, time.Second, 24 * time.Hour},
		{"[plugins] grace", c.Plugins.Grace, 0, time.Minute},
	} {
		if v := d.value.Duration; v < d.low || v > d.high {
			return bad(d.key, "%v is out of range, want %v to %v", v, d.low, d.high)
		}
	}
	if n := c.Cron.MaxConcurrentRuns; n < 1 || n > 10_000 {
		return bad("[cron] max_concurrent_runs", "%d is out of range, want 1 to 10000", n)
	}
	if err := c.Cron.GroupLimits.check("[cron.group_limits]", bad); err != nil {
		return err
	}
	if err := c.Cron.SkillLimits.check("[cron.skill_limits]", bad); err != nil {
		return err
	}
	for _, names := range []struct {
		key  string
		jobs []string
	}{{"[cron] on_failure", c.Cron.OnFailure}, {"[cron] on_recovery", c.Cron.OnRecovery}} {
		if err := (job.Chain{OnFailure: names.jobs}).Validate(); err != nil {
			return bad(names.key, "%v", err)
		}
	}
	if n := c.Cron.CatchUpRate; n < 1 || n > 1_000_000 {
		return bad("[cron] catch_up_rate", "%d is out of range, want 1 to 1000000 starts a minute", n)
	}
	if n := c.Cron.RetentionRuns; n < 0 {
		return bad("[cron] retention_runs", "%d is out of range, want 0 (all are kept) or more", n)
	}
	if n := c.Cron.RetentionBytes; n != 0 && n < 1<<20 {
		return bad("[cron] retention_bytes", "%d is out of range, want 0 (no limit) or at least 1048576", n)
	}
	if r := c.Memory.Retention; r.MaxEntries < 1 || r.MaxBytes < 1<<20 || r.TTLDays < 0 {
		return bad("[memory.retention]", "want max_entries of at least 1, max_bytes of at least 1048576, ttl_days of at least 0")
	}
	if _, err := schedule.Parse(schedule.Spec{Kind: schedule.Cron, Expr: "@daily", Zone: c.Cron.Timezone}); err != nil {
		return bad("[cron] timezone", "%v", err)
	}
	if _, err := schedule.Parse(c.vacuumSchedule()); err != nil {
		return bad("[memory.retention] vacuum_schedule", "%v", err)
	}
	if s := c.Journal.Synchronous; s != "full" && s != "normal" {
		return bad("[journal] synchronous", "%q, want \"full\" or \"normal\"", s)
	}
	if (c.Memory.Model.Endpoint == "") != (c.Memory.Model.Name == "") {
		return bad("[memory.model]", "endpoint and name go together")
	}
	return nil
}

func (l Limits) check(key string, bad func(key, format string, args ...any) error) error {
	for _, name := range slices.Sorted(maps.Keys(l)) {
		if n := l[name]; n < 1 || n > 10_000 {
			return bad(key, "%q = %d is out of range, want 1 to 10000; to stop its jobs, pause them", name, n)
		}
	}
	return nil
}

// withDefaults fills in what a job leaves to the configuration.
func (c Config) withDefaults(j job.Job) job.Job {
	if j.Misfire.Grace == 0 {
		j.Misfire.Grace = c.Cron.MisfireGrace.Duration
	}
	if j.Misfire.Window == 0 {
		j.Misfire.Window = c.Cron.CatchUpWindow.Duration
	}
	return j
}

func (c Config) vacuumSchedule() schedule.Spec {
	return schedule.Spec{Kind: schedule.Cron, Expr: c.Memory.Retention.VacuumSchedule, Zone: c.Cron.Timezone}
}

// lease is for how long an audit entitles a skill to run.
func (c Config) lease() time.Duration {
	return c.Skills.ReauditInterval.Duration + ReauditGrace
}
