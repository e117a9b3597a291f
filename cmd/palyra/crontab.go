package main

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/palyra-go/palyra/host/schedule"
)

// What became of a line of a crontab.
const (
	lineJob     = "job"
	lineSetting = "setting" // of what follows it
	lineIgnored = "ignored" // has no meaning here
	lineComment = "comment"
	lineBlank   = "blank"
	lineRefused = "refused"
)

// cronLine is a line of a crontab and what became of it.
type cronLine struct {
	Line     int    `json:"line"`
	Text     string `json:"text"`
	Became   string `json:"became"`
	Job      string `json:"job,omitempty"`
	Schedule string `json:"schedule,omitempty"`
	English  string `json:"english,omitempty"`
	Zone     string `json:"zone,omitempty"`
	Note     string `json:"note,omitempty"`

	task task
}

// task is the input of palyra.shell/run, and who was to run it.
type task struct {
	Argv  []string          `json:"argv"`
	Dir   string            `json:"dir,omitempty"`
	Env   map[string]string `json:"env,omitempty"`
	Stdin string            `json:"stdin,omitempty"`

	user string
}

// crontab reads a file of crontab(5), line by line.
type crontab struct {
	system bool   // the sixth field is a user
	tz     string // where no CRON_TZ says otherwise
	prefix string // of names

	zone  string
	env   map[string]string
	names map[string]bool
}

// read returns what becomes of each line.
func (c *crontab) read(text string) []cronLine {
	c.zone, c.env, c.names = c.tz, map[string]string{}, map[string]bool{}
	var lines []cronLine
	for raw := range strings.Lines(text) {
		raw = strings.TrimRight(raw, "\r\n")
		l := cronLine{Line: len(lines) + 1, Text: raw}
		c.line(&l)
		lines = append(lines, l)
	}
	return lines
}

var setting = regexp.MustCompile(`^\s*("[^"]*"|'[^']*'|[^\s"'=]+)\s*=\s*(.*?)\s*$`)

func (c *crontab) line(l *cronLine) {
	text := strings.TrimLeft(l.Text, " \t")
	switch {
	case text == "":
		l.Became = lineBlank
	case text[0] == '#':
		l.Became = lineComment
	case strings.ContainsRune(text, 0) || len(text) > 8<<10:
		l.refuse("not a line of text up to 8 KiB")
	default:
		if m := setting.FindStringSubmatch(text); m != nil && !strings.ContainsAny(text[:1], "*@0123456789") {
			c.set(l, unquote(m[1]), unquote(m[2]))
			return
		}
		c.job(l, text)
	}
}

func unquote(s string) string {
	if n := len(s); n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return s
}

// set reads NAME=value, which holds for the lines after it.
func (c *crontab) set(l *cronLine, name, value string) {
	l.Became = lineSetting
	switch {
	case name == "CRON_TZ":
		if value == "" {
			value = c.tz
		}
		if _, err := schedule.Parse(schedule.Spec{Kind: schedule.Cron, Expr: "@daily", Zone: value}); err != nil {
			l.refuse(strings.TrimPrefix(err.Error(), "schedule: ") + "; jobs below would fire at other times, so they are refused too")
			c.zone = ""
			return
		}
		c.zone, l.Zone, l.Note = value, value, "zone of the jobs below"
		return
	case name == "MAILTO" || name == "MAILFROM" || strings.HasPrefix(name, "CONTENT_"):
		l.Became, l.Note = lineIgnored, "no mail is sent: what a run printed is in `palyra run show`"
		return
	case name == "RANDOM_DELAY" || name == "START_HOURS_RANGE":
		l.Became, l.Note = lineIgnored, "jobs below fire at their exact times"
		return
	case strings.HasPrefix(name, "PALYRA_"):
		l.refuse("PALYRA_ names are the host's own")
		return
	}
	c.env[name] = value
	l.Note = "environment of the jobs below"
	switch {
	case name == "SHELL":
		l.Note = "runs the commands below"
	case name == "TZ":
		l.Note += "; it does not move their times: that is CRON_TZ"
	case strings.Contains(value, "$"):
		l.Note += "; $ stands for itself, as in cron"
	}
}

// job reads a line with a schedule and a command.
func (c *crontab) job(l *cronLine, text string) {
	count := 5
	if text[0] == '@' {
		count = 1
	}
	var fields []string
	for range count {
		var field string
		field, text = cutField(text)
		fields = append(fields, field)
	}
	expr := strings.Join(fields, " ")
	if c.system {
		l.task.user, text = cutField(text)
	}
	switch {
	case c.zone == "":
		l.refuse("the zone above is unknown")
	case strings.EqualFold(expr, "@reboot"):
		l.refuse("a start of the machine is no time: let the service manager run it, as a systemd unit with WantedBy=multi-user.target")
	case text == "":
		l.refuse(fmt.Sprintf("%q is no schedule with a command behind it, nor NAME=value", strings.TrimSpace(expr)))
	default:
		c.accept(l, expr, text)
	}
}

// cutField cuts the first word from a line.
func cutField(text string) (field, rest string) {
	n := strings.IndexAny(text, " \t")
	if n < 0 {
		return text, ""
	}
	return text[:n], strings.TrimLeft(text[n:], " \t")
}

func (c *crontab) accept(l *cronLine, expr, text string) {
	s, err := schedule.Parse(schedule.Spec{Kind: schedule.Cron, Expr: expr, Zone: c.zone})
	if err != nil {
		l.refuse(strings.TrimPrefix(err.Error(), "schedule: "))
		return
	}
	command, stdin := cutStdin(text)
	if strings.TrimSpace(command) == "" {
		l.refuse("no command")
		return
	}
	env := maps.Clone(c.env)
	shell, dir := "/bin/sh", env["HOME"]
	if env["SHELL"] != "" {
		shell = env["SHELL"]
	}
	l.Became, l.Job = lineJob, c.name(command, l.Line)
	l.Schedule, l.English, l.Zone = s.Spec().Expr, s.English(), s.Spec().Zone
	l.task.Argv, l.task.Dir, l.task.Env, l.task.Stdin = []string{shell, "-c", command}, dir, env, stdin
	l.Note = strings.Join(c.notes(l, s), "; ")
}

// notes are what a person should look at before the job is resumed.
func (c *crontab) notes(l *cronLine, s *schedule.Schedule) []string {
	var notes []string
	if l.task.user != "" {
		notes = append(notes, "was to run as "+l.task.user+", runs as the user of palyrad")
	}
	if first, _ := cutField(l.task.Argv[2]); !c.system && first == "root" {
		notes = append(notes, "root is taken for a command: a crontab with users needs --system")
	}
	if l.task.Stdin != "" {
		notes = append(notes, "what follows % is standard input")
	}
	return append(notes, s.Hints()...)
}

// cutStdin splits a command as cron does: up to the first % that has no
// backslash; the rest is standard input, where % ends lines.
func cutStdin(text string) (command, stdin string) {
	var b strings.Builder
	found := false
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && text[i+1] == '%':
			b.WriteByte('%')
			i++
		case text[i] != '%':
			b.WriteByte(text[i])
		case found:
			b.WriteByte('\n')
		default:
			found, command = true, b.String()
			b.Reset()
		}
	}
	if !found {
		return b.String(), ""
	}
	if stdin = b.String(); stdin != "" && !strings.HasSuffix(stdin, "\n") {
		stdin += "\n"
	}
	return command, stdin
}

// plain are words of a command that say nothing about what it is for.
var plain = []string{
	"cd", "test", "if", "then", "exec", "command", "sudo", "doas", "env", "nice", "ionice", "nohup", "timeout", "flock",
	"setsid", "time", "chronic", "sh", "bash", "dash", "zsh", "python", "python3", "perl", "ruby", "node", "php",
}

// name derives the name of a job from its command: the first program in it that
// is not there for another one's sake.
func (c *crontab) name(command string, line int) string {
	name := fmt.Sprintf("cron-line-%d", line)
	after := ""
	for word := range strings.FieldsFuncSeq(command, func(r rune) bool { return strings.ContainsRune(" \t;&|()<>\"'`[]{}!", r) }) {
		argument := after == "cd" || after == "flock"
		after = path.Base(word)
		candidate := nameOf(after)
		switch {
		case argument || strings.HasPrefix(word, "-") || strings.ContainsAny(word, "=$"):
		case slices.Contains(plain, after) || !strings.ContainsAny(candidate, "abcdefghijklmnopqrstuvwxyz"):
		default:
			return c.unique(candidate)
		}
	}
	return c.unique(name)
}

// nameOf is a word as the name of a job: a-z 0-9 . _ -.
func nameOf(word string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', strings.ContainsRune("._-", r):
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, word), ".-_")
}

func (c *crontab) unique(name string) string {
	name = c.prefix + name
	name = name[:min(len(name), 56)]
	for n, base := 2, name; c.names[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	c.names[name] = true
	return name
}

func (l *cronLine) refuse(why string) {
	l.Became, l.Note = lineRefused, why
	l.Job, l.Schedule, l.English = "", "", ""
}
