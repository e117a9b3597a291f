package schedule

import (
	"strings"
	"testing"
)

func TestParseRefuses(t *testing.T) {
	const five = "want 5 (minute hour day-of-month month day-of-week), 6 with seconds in front, 7 with years behind too"
	for _, c := range []struct {
		kind Kind
		expr string
		zone string
		want string
	}{
		{Cron, "", "", `schedule: cron "": empty, want 5 fields (minute hour day-of-month month day-of-week), 6 with seconds in front, or a macro such as @daily`},
		{Cron, "* * * *", "", `schedule: cron "* * * *": 4 fields, ` + five},
		{Cron, "* * * * * * * *", "", `schedule: cron "* * * * * * * *": 8 fields, ` + five},
		{Cron, "0 0 1 1 * 2030", "", `schedule: cron "0 0 1 1 * 2030": day of week "2030": want 0 to 7 or SUN to SAT; a year needs all seven fields, seconds in front`},
		{Cron, "0 0 1 1 0001 1", "", `schedule: cron "0 0 1 1 0001 1": month "0001": want 1 to 12 or JAN to DEC`},
		{Cron, "60 * * * *", "", `schedule: cron "60 * * * *": minute "60": want 0 to 59`},
		{Cron, "61 * * * * *", "", `schedule: cron "61 * * * * *": second "61": want 0 to 59`},
		{Cron, "0 24 * * *", "", `schedule: cron "0 24 * * *": hour "24": want 0 to 23`},
		{Cron, "0 0 0 * *", "", `schedule: cron "0 0 0 * *": day of month "0": want 1 to 31`},
		{Cron, "0 0 1 13 *", "", `schedule: cron "0 0 1 13 *": month "13": want 1 to 12 or JAN to DEC`},
		{Cron, "0 0 * * 8", "", `schedule: cron "0 0 * * 8": day of week "8": want 0 to 7 or SUN to SAT`},
		{Cron, "13,99 * * * *", "", `schedule: cron "13,99 * * * *": minute "99": want 0 to 59`},
		{Cron, "1-2-3 * * * *", "", `schedule: cron "1-2-3 * * * *": minute "1-2-3": want 0 to 59`},
		{Cron, "-5 * * * *", "", `schedule: cron "-5 * * * *": minute "-5": want 0 to 59`},
		{Cron, "5- * * * *", "", `schedule: cron "5- * * * *": minute "5-": want 0 to 59`},
		{Cron, "+5 * * * *", "", `schedule: cron "+5 * * * *": minute "+5": want 0 to 59`},
		{Cron, "1.5 * * * *", "", `schedule: cron "1.5 * * * *": minute "1.5": want 0 to 59`},
		{Cron, "007 * * * *", "", `schedule: cron "007 * * * *": minute "007": want 0 to 59`},
		{Cron, "** * * * *", "", `schedule: cron "** * * * *": minute "**": want 0 to 59`},
		{Cron, "1,,2 * * * *", "", `schedule: cron "1,,2 * * * *": minute: empty item in the list`},
		{Cron, "1, * * * *", "", `schedule: cron "1, * * * *": minute: empty item in the list`},
		{Cron, "*/0 * * * *", "", `schedule: cron "*/0 * * * *": minute "*/0": want a step of 1 to 60`},
		{Cron, "*/61 * * * *", "", `schedule: cron "*/61 * * * *": minute "*/61": want a step of 1 to 60`},
		{Cron, "*/100 * * * *", "", `schedule: cron "*/100 * * * *": minute "*/100": want a step of 1 to 60`},
		{Cron, "*/ * * * *", "", `schedule: cron "*/ * * * *": minute "*/": want a step of 1 to 60`},
		{Cron, "*/2/3 * * * *", "", `schedule: cron "*/2/3 * * * *": minute "*/2/3": want a step of 1 to 60`},
		{Cron, "10/15 * * * *", "", `schedule: cron "10/15 * * * *": minute "10/15": a step needs * or a range, write 10-59/15`},
		{Cron, "FEB * * * *", "", `schedule: cron "FEB * * * *": minute "FEB": want 0 to 59`},
		{Cron, "0 0 1 MON *", "", `schedule: cron "0 0 1 MON *": month "MON": want 1 to 12 or JAN to DEC`},
		{Cron, "0 0 * * MONDAY", "", `schedule: cron "0 0 * * MONDAY": day of week "MONDAY": want 0 to 7 or SUN to SAT`},
		{Cron, "0 0 1 1FEB *", "", `schedule: cron "0 0 1 1FEB *": month "1FEB": want 1 to 12 or JAN to DEC`},
		{Cron, "0 0 * * N M", "", `schedule: cron "0 0 * * N M": month "N": want 1 to 12 or JAN to DEC`},
		{Cron, "0 0 ? * *", "", `schedule: cron "0 0 ? * *": day of month "?": ? is not supported, write *`},
		{Cron, "0 0 30 2 *", "", `schedule: cron "0 0 30 2 *": 30 February never comes; last possible: 29 February`},
		{Cron, "0 0 30,31 feb */2", "", `schedule: cron "0 0 30,31 FEB */2": 30 or 31 February never comes; last possible: 29 February`},
		{Cron, "0 0 31 4,6,9,11 *", "", `schedule: cron "0 0 31 4,6,9,11 *": day 31 of April, June, September or November never comes; last possible: day 30`},
		{Cron, "0 0 0 1 1 * 2200", "", `schedule: cron "0 0 0 1 1 * 2200": year "2200": want 1970 to 2199`},
		{Cron, "0 0 0 1 1 * 99", "", `schedule: cron "0 0 0 1 1 * 99": year "99": want 1970 to 2199`},
		{Cron, "0 0 0 1 1 * 2030-2026", "", `schedule: cron "0 0 0 1 1 * 2030-2026": year "2030-2026": the range runs backwards, and years do not come again`},
		{Cron, "0 0 0 1 1 * H", "", `schedule: cron "0 0 0 1 1 * H": year "H": no H here: it does not choose years`},
		{Cron, "0 0 0 29 2 * 2026,2027", "", `schedule: cron "0 0 0 29 2 * 2026,2027": 29 February never comes in those years, none is a leap year; last possible: 28 February`},
		{Cron, "0 0 0 * 2 MON#5 2026", "", `schedule: cron "0 0 0 * 2 MON#5 2026": never matches: no date is such a day; look at day of month, month, day of week and year together`},
		{Cron, "0 0 30W 2 *", "", `schedule: cron "0 0 30W 2 *": never matches: no date is such a day; look at day of month, month, day of week and year together`},
		{Cron, "L * * * *", "", `schedule: cron "L * * * *": minute "L": want 0 to 59; L, L-3, LW and 15W are days of the month, 5L is a day of the week`},
		{Cron, "0 0 L-31 * *", "", `schedule: cron "0 0 L-31 * *": day of month "L-31": want L-1 to L-30, days before the last of the month`},
		{Cron, "0 0 32W * *", "", `schedule: cron "0 0 32W * *": day of month "32W": want 1W to 31W for the weekday nearest that day, L, L-1 to L-30, or LW`},
		{Cron, "0 0 1-15W * *", "", `schedule: cron "0 0 1-15W * *": day of month "1-15W": want 1W to 31W for the weekday nearest that day, L, L-1 to L-30, or LW`},
		{Cron, "0 0 W * *", "", `schedule: cron "0 0 W * *": day of month "W": want 1W to 31W for the weekday nearest that day, L, L-1 to L-30, or LW`},
		{Cron, "0 0 * * L", "", `schedule: cron "0 0 * * L": day of week "L": which day? write 5L for the last Friday of the month, or 6 for Saturday`},
		{Cron, "0 0 * * 5#6", "", `schedule: cron "0 0 * * 5#6": day of week "5#6": want 0 to 7 or SUN to SAT, and #1 to #5 for which of the month`},
		{Cron, "0 0 * * 5#", "", `schedule: cron "0 0 * * 5#": day of week "5#": want 0 to 7 or SUN to SAT, and #1 to #5 for which of the month`},
		{Cron, "0 0 * * 8L", "", `schedule: cron "0 0 * * 8L": day of week "8L": want 0 to 7 or SUN to SAT, L behind it for the last of the month`},
		{Cron, "H(5-3) * * * *", "", `schedule: cron "H(5-3) * * * *": minute "H(5-3)": want H, H/n, H(a-b) or H(a-b)/n with 0 to 59`},
		{Cron, "H(0-70) * * * *", "", `schedule: cron "H(0-70) * * * *": minute "H(0-70)": want H, H/n, H(a-b) or H(a-b)/n with 0 to 59`},
		{Cron, "H/61 * * * *", "", `schedule: cron "H/61 * * * *": minute "H/61": want a step of 1 to 60`},
		{Cron, "1#2 * * * *", "", `schedule: cron "1#2 * * * *": minute "1#2": want 0 to 59`},
		{Cron, "0 0 12 ? * MON-FRI", "", `schedule: cron "0 0 12 ? * MON-FRI": this is an expression of Quartz (with ?, and the days of the week from 1 for Sunday): here ? is *, and 0 is Sunday; write "0 12 * * MON-FRI"`},
		{Cron, "0 0/15 8 ? * 6#3 2030", "", `schedule: cron "0 0/15 8 ? * 6#3 2030": this is an expression of Quartz (with ?, and the days of the week from 1 for Sunday): here ? is *, and 0 is Sunday; write "0 0-59/15 8 * * 5#3 2030"`},
		{Cron, "cron(0 10 ? * 2-6 *)", "", `schedule: cron "CRON(0 10 ? * 2-6 *)": this is an expression of AWS (with ?, and the days of the week from 1 for Sunday): here ? is *, and 0 is Sunday; write "0 10 * * 1-5"`},
		{Cron, "0 10 * * ? *", "", `schedule: cron "0 10 * * ? *": this is an expression of AWS (with ?, and the days of the week from 1 for Sunday): here ? is *, and 0 is Sunday; write "0 10 * * *"`},
		{Cron, "cron(nonsense)", "", `schedule: cron "CRON(NONSENSE)": this is an expression of AWS (with ?, and the days of the week from 1 for Sunday): here ? is *, and 0 is Sunday`},
		{Cron, "rate(2 days)", "", `schedule: cron "RATE(2 DAYS)": this is a rate of AWS: an interval is a schedule of kind every here, write 48h`},
		{Cron, "rate(soon)", "", `schedule: cron "RATE(SOON)": this is a rate of AWS: an interval is a schedule of kind every here, such as 5m`},
		{Cron, "@reboot", "", `schedule: cron "@reboot": a start is an event, not a time: let the unit that starts the machine or the daemon run "palyra job run", or choose an interval of kind every`},
		{Cron, "@5minutes", "", `schedule: cron "@5minutes": unknown macro, want @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually`},
		{Cron, "@every 5m", "", `schedule: cron "@every 5m": an interval is a schedule of kind every, not cron`},
		{Cron, "0 0 * * ſun", "", `schedule: cron "0 0 * * ſun": want one line of ASCII characters`},
		{Cron, "0 0 * *\n*", "", `schedule: cron "0 0 * *\n*": want one line of ASCII characters`},
		{Cron, strings.Repeat("1,", 600), "", `schedule: cron "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1...": longer than 1000 bytes`},
		{Every, "", "", `schedule: every "": want a duration such as 30s, 5m or 1h30m (units ms, s, m, h)`},
		{Every, "30", "", `schedule: every "30": no unit, write 30s or 30m`},
		{Every, "5 minutes", "", `schedule: every "5 minutes": want a duration such as 30s, 5m or 1h30m (units ms, s, m, h)`},
		{Every, "1d", "", `schedule: every "1d": want a duration such as 30s, 5m or 1h30m (units ms, s, m, h)`},
		{Every, "999ms", "", `schedule: every "999ms": want at least 1s`},
		{Every, "-5m", "", `schedule: every "-5m": want at least 1s`},
		{Every, "0", "", `schedule: every "0": want at least 1s`},
		{Every, "1s1us", "", `schedule: every "1s1us": want whole milliseconds`},
		{At, "", "", `schedule: at "": want an RFC 3339 time with its offset, such as 2030-01-31T09:00:00Z or 2030-01-31T09:00:00+01:00`},
		{At, "2030-01-01 00:00", "", `schedule: at "2030-01-01 00:00": want an RFC 3339 time with its offset, such as 2030-01-31T09:00:00Z or 2030-01-31T09:00:00+01:00`},
		{At, "2030-02-30T00:00:00Z", "", `schedule: at "2030-02-30T00:00:00Z": want an RFC 3339 time with its offset, such as 2030-01-31T09:00:00Z or 2030-01-31T09:00:00+01:00`},
		{At, "0001-01-01T00:00:00Z", "", `schedule: at "0001-01-01T00:00:00Z": want a time from 1970 to 9999`},
		{"", "* * * * *", "", `schedule: kind "": want cron, every, at, delay or manual`},
		{"Cron", "* * * * *", "", `schedule: kind "Cron": want cron, every, at, delay or manual`},
		{Cron, "* * * * *", "Mars/Olympus", `schedule: zone "Mars/Olympus": unknown, want an IANA name such as Europe/Prague, or utc, or local`},
		{Cron, "* * * * *", "europe/prague", `schedule: zone "europe/prague": unknown, want an IANA name such as Europe/Prague, or utc, or local (did you mean Europe/Prague?)`},
		{Cron, "* * * * *", "../etc/passwd", `schedule: zone "../etc/passwd": unknown, want an IANA name such as Europe/Prague, or utc, or local`},
		{Cron, "* * * * *", "UTC+2", `schedule: zone "UTC+2": unknown, want an IANA name such as Europe/Prague, or utc, or local`},
		{Every, "5m", "x\x00y", `schedule: zone "x\x00y": unknown, want an IANA name such as Europe/Prague, or utc, or local`},
	} {
		s, err := Parse(Spec{Kind: c.kind, Expr: c.expr, Zone: c.zone})
		if err == nil {
			t.Errorf("%s %q: parsed as %+v, want error %s", c.kind, c.expr, s.Spec(), c.want)
		} else if err.Error() != c.want {
			t.Errorf("%s %q:\n got %s\nwant %s", c.kind, c.expr, err, c.want)
		}
	}
}
