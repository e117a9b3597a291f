package main

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
)

func TestCrontabLines(t *testing.T) {
	for _, c := range []struct {
		line, became, job, schedule, note string
		system                            bool
	}{
		{line: "", became: lineBlank},
		{line: " \t", became: lineBlank},
		{line: "  # 0 9 * * * x", became: lineComment},
		{line: "0 9 * * 1-5 /usr/bin/backup --all", became: lineJob, job: "backup", schedule: "0 9 * * 1-5"},
		{line: "\t0\t9  * * mon\tx\r", became: lineJob, job: "x", schedule: "0 9 * * MON"},
		{line: "@daily x", became: lineJob, job: "x", schedule: "@daily"},
		{line: "@Hourly x", became: lineJob, job: "x", schedule: "@hourly"},
		{line: "@reboot x", became: lineRefused, note: "systemd unit"},
		{line: "@every_minute x", became: lineRefused, note: "kind every"},
		{line: "@daily", became: lineRefused, note: "no schedule with a command"},
		{line: "5 4 * * sun", became: lineRefused, note: "no schedule with a command"},
		{line: "61 * * * * x", became: lineRefused, note: "61"},
		{line: "0 0 30 2 * x", became: lineRefused, note: "never"},
		{line: "nonsense", became: lineRefused, note: "nor NAME=value"},
		{line: "0 9 * * * %only input", became: lineRefused, note: "no command"},
		{line: "0 0 13 * 5 x", became: lineJob, job: "x", schedule: "0 0 13 * 5", note: "one of the two"},
		{line: "0 9 * * * root x", became: lineJob, job: "root", schedule: "0 9 * * *", note: "--system"},
		{line: "0 9 * * * root x", became: lineJob, job: "x", schedule: "0 9 * * *", note: "was to run as root", system: true},
		{line: "0 9 * * * root", became: lineRefused, note: "no schedule with a command", system: true},
		{line: "MAILTO=me@example.org", became: lineIgnored, note: "no mail"},
		{line: "RANDOM_DELAY=5", became: lineIgnored, note: "exact"},
		{line: ` "A" = 'b c' `, became: lineSetting, note: "environment"},
		{line: "PATH=$HOME/bin", became: lineSetting, note: "stands for itself"},
		{line: "TZ=Europe/Prague", became: lineSetting, note: "CRON_TZ"},
		{line: "PALYRA_RUN=1", became: lineRefused, note: "the host's own"},
		{line: "CRON_TZ=Europe/Prague", became: lineSetting, note: "zone"},
		{line: "CRON_TZ=Mars/X", became: lineRefused, note: "Mars/X"},
		{line: "0 9 * * * x\x00", became: lineRefused, note: "not a line of text"},
	} {
		lines := (&crontab{system: c.system, tz: "utc"}).read(c.line + "\n")
		if len(lines) != 1 {
			t.Fatalf("%q: %d lines", c.line, len(lines))
		}
		l := lines[0]
		if l.Became != c.became || l.Job != c.job || l.Schedule != c.schedule || !strings.Contains(l.Note, c.note) {
			t.Errorf("%q: %s, job %q, schedule %q, note %q; want %s, %q, %q, %q",
				c.line, l.Became, l.Job, l.Schedule, l.Note, c.became, c.job, c.schedule, c.note)
		}
	}
}

// What a setting says holds from its line on.
func TestCrontabSettings(t *testing.T) {
	lines := (&crontab{tz: "utc"}).read(strings.Join([]string{
		"0 1 * * * a", "A=1", "HOME=/srv", "SHELL=/bin/bash", "CRON_TZ=Asia/Tokyo", "0 1 * * * b",
		"A=2", "CRON_TZ=", "0 1 * * * c", "CRON_TZ=Mars/X", "0 1 * * * d", "CRON_TZ=utc", "0 1 * * * e",
	}, "\n"))
	type want struct {
		zone, shell, dir string
		env              map[string]string
	}
	for i, w := range map[int]want{
		0:  {"utc", "/bin/sh", "", map[string]string{}},
		5:  {"Asia/Tokyo", "/bin/bash", "/srv", map[string]string{"A": "1", "HOME": "/srv", "SHELL": "/bin/bash"}},
		8:  {"utc", "/bin/bash", "/srv", map[string]string{"A": "2", "HOME": "/srv", "SHELL": "/bin/bash"}},
		12: {"utc", "/bin/bash", "/srv", map[string]string{"A": "2", "HOME": "/srv", "SHELL": "/bin/bash"}},
	} {
		l := lines[i]
		if l.Became != lineJob || l.Zone != w.zone || l.task.Argv[0] != w.shell || l.task.Dir != w.dir || !maps.Equal(l.task.Env, w.env) {
			t.Errorf("line %d: %s in %s: %+v; want %+v", l.Line, l.Became, l.Zone, l.task, w)
		}
	}
	if l := lines[10]; l.Became != lineRefused || !strings.Contains(l.Note, "zone above") {
		t.Errorf("a job under an unknown zone: %+v", l)
	}
}

func TestCrontabStdin(t *testing.T) {
	for _, c := range []struct{ text, command, stdin string }{
		{"date", "date", ""},
		{`date +\%F`, "date +%F", ""},
		{`mail me%hello%world`, "mail me", "hello\nworld\n"},
		{`mail me%hello%`, "mail me", "hello\n"},
		{`cat%100\% sure`, "cat", "100% sure\n"},
		{`cat%`, "cat", ""},
		{`echo a\\b`, `echo a\\b`, ""},
	} {
		if command, stdin := cutStdin(c.text); command != c.command || stdin != c.stdin {
			t.Errorf("%s: %q, %q; want %q, %q", c.text, command, stdin, c.command, c.stdin)
		}
	}
}

func TestCrontabNames(t *testing.T) {
	c := &crontab{names: map[string]bool{}, prefix: "old-"}
	for _, tt := range []struct{ command, want string }{
		{"/usr/local/bin/Backup.sh --full > /dev/null 2>&1", "old-backup.sh"},
		{"FOO=bar /usr/local/bin/backup.sh", "old-backup.sh-2"},
		{"cd / && run-parts --report /etc/cron.hourly", "old-run-parts"},
		{"cd /srv/app; ./tick", "old-tick"},
		{"test -x /usr/sbin/anacron || ( cd / && run-parts /etc/cron.daily )", "old-anacron"},
		{"[ -x /usr/bin/apt ] && apt update", "old-apt"},
		{"sudo -n nice python3 /opt/report.py", "old-report.py"},
		{"flock /tmp/lock sync", "old-sync"},
		{"$HOME/x", "old-cron-line-7"},
		{"../..", "old-cron-line-7-2"},
		{strings.Repeat("long", 40), "old-" + strings.Repeat("long", 13)},
	} {
		if got := c.name(tt.command, 7); got != tt.want {
			t.Errorf("%s: %s; want %s", tt.command, got, tt.want)
		}
	}
}

// Whatever the file holds, each line of it is in the report, and all names differ.
func FuzzCrontab(f *testing.F) {
	f.Add("# a\nA=1\n\n0 9 * * * x%y\n@daily root z\n", false)
	f.Add("CRON_TZ=Europe/Prague\r\n*/5 * * * * root x", true)
	f.Fuzz(func(t *testing.T, text string, system bool) {
		lines := (&crontab{system: system, tz: "utc"}).read(text)
		if want := strings.Count(text, "\n"); len(lines) != want && len(lines) != want+1 {
			t.Fatalf("%d lines of %d", len(lines), want)
		}
		names := map[string]bool{}
		for _, l := range lines {
			if l.Became == "" || (l.Became == lineJob) == (l.Job == "") || names[l.Job] && l.Job != "" {
				t.Errorf("%+v", l)
			}
			names[l.Job] = true
		}
	})
}

func TestJobImport(t *testing.T) {
	c := newCLI(t)
	c.stdin = "A=1\n0 9 * * 1-5 /bin/backup%in\n@reboot y\n"
	out, errs, code := c.palyra(t, "job", "import", "-", "--tz", "Europe/Prague", "-o", "json")
	if code != exitData || !strings.Contains(errs, "imported 1 jobs of 3 lines") {
		t.Fatalf("code %d, %s", code, errs)
	}
	var lines []map[string]any
	if err := json.Unmarshal([]byte(out), &lines); err != nil || len(lines) != 3 || lines[2]["became"] != "refused" {
		t.Errorf("report %s, %v", out, err)
	}
	if len(c.daemon.created) != 1 {
		t.Fatalf("%d jobs were created", len(c.daemon.created))
	}
	j := c.daemon.created[0].GetJob()
	var input map[string]any
	if err := json.Unmarshal([]byte(j.GetInput()), &input); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"argv": []any{"/bin/sh", "-c", "/bin/backup"}, "env": map[string]any{"A": "1"}, "stdin": "in\n"}
	if !reflect.DeepEqual(input, want) {
		t.Errorf("input %v; want %v", input, want)
	}
	if j.GetName() != "backup" || j.GetAction() != "palyra.shell/run" || !j.GetPaused() || !strings.Contains(j.GetPauseReason(), "line 2") ||
		j.GetSchedule().GetZone() != "Europe/Prague" || j.GetTimeoutMs() != 86_400_000 {
		t.Errorf("job %v", j)
	}

	// What the daemon does not take is a refused line.
	c.stdin = "@daily x\n@daily y\n"
	c.daemon.created, c.daemon.err = nil, connect.NewError(connect.CodeAlreadyExists, "a job called x exists already")
	out, _, code = c.palyra(t, "job", "import", "-")
	if code != exitData || len(c.daemon.created) != 2 || strings.Count(out, "exists already") != 2 {
		t.Errorf("code %d, %d calls, %s", code, len(c.daemon.created), out)
	}
	c.stdin = "@daily x\n@daily y\n"
	c.daemon.created, c.daemon.err = nil, connect.NewError(connect.CodePermissionDenied, "you may not")
	if out, _, code = c.palyra(t, "job", "import", "-"); code != exitDenied || len(c.daemon.created) != 1 || out != "" {
		t.Errorf("code %d, %d calls, %q", code, len(c.daemon.created), out)
	}
}
