package schedule

import (
	"testing"
	"time"
)

func TestEnglish(t *testing.T) {
	for _, c := range []struct{ expr, zone, want string }{
		{"* * * * *", "utc", "every minute"},
		{"*/5 * * * *", "Europe/Prague", "every 5 minutes"},
		{"*/15 * * * *", "Asia/Kathmandu", "every 15 minutes"},
		{"*/20 * * * *", "utc", "every 20 minutes, UTC"},
		{"*/30 * * * *", "Asia/Kolkata", "every 30 minutes, Asia/Kolkata"},
		{"*/7 * * * *", "utc", "at every 7th minute from 0 to 56 of every hour, UTC"},
		{"0,30 * * * *", "utc", "every 30 minutes, UTC"},
		{"5,20,50 * * * *", "utc", "at minutes 5, 20 and 50 of every hour, UTC"},
		{"1-10 * * * *", "utc", "at minutes 1 to 10 of every hour, UTC"},
		{"10-50/10 * * * *", "utc", "at every 10th minute from 10 to 50 of every hour, UTC"},
		{"0 * * * *", "utc", "every hour, UTC"},
		{"@hourly", "Asia/Kathmandu", "every hour, Asia/Kathmandu"},
		{"15 * * * *", "local", "at minute 15 of every hour, local time"},
		{"0 */2 * * *", "utc", "every 2 hours, UTC"},
		{"15 */6 * * *", "Europe/Prague", "every 6 hours at minute 15, Europe/Prague"},
		{"0 */5 * * *", "utc", "at 00:00, 05:00, 10:00, 15:00 and 20:00 every day, UTC"},
		{"0 1-23/2 * * *", "utc", "at minute 0 of every 2nd hour from 1 to 23, UTC"},
		{"0 9-17 * * *", "Europe/Prague", "every hour from 09:00 to 17:00, Europe/Prague"},
		{"0 9-12,14-17 * * MON-FRI", "Europe/Prague", "every hour from 09:00 to 12:00 and from 14:00 to 17:00 on Monday to Friday, Europe/Prague"},
		{"30 9-17 * * MON-FRI", "Europe/Prague", "at minute 30 from 09:00 to 17:59 on Monday to Friday, Europe/Prague"},
		{"*/5 9-17 * * MON-FRI", "America/New_York", "every 5 minutes from 09:00 to 17:59 on Monday to Friday, America/New_York"},
		{"*/5 9 * * *", "utc", "every 5 minutes from 09:00 to 09:59, UTC"},
		{"* 9 * * *", "utc", "every minute from 09:00 to 09:59, UTC"},
		{"* 22,23,0-4 * * *", "utc", "every minute from 00:00 to 04:59 and from 22:00 to 23:59, UTC"},
		{"*/10 */2 * * *", "utc", "every 10 minutes of every 2nd hour from 0 to 22, UTC"},
		{"3-50/7 8 * * *", "utc", "at every 7th minute from 3 to 45 from 08:00 to 08:59, UTC"},
		{"0 0 * * *", "utc", "at 00:00 every day, UTC"},
		{"@daily", "Europe/Prague", "at 00:00 every day, Europe/Prague"},
		{"30 9 * * MON-FRI", "Europe/Prague", "at 09:30 on Monday to Friday, Europe/Prague"},
		{"30 9 * * 1-5", "local", "at 09:30 on Monday to Friday, local time"},
		{"0 9,12,18 * * *", "utc", "at 09:00, 12:00 and 18:00 every day, UTC"},
		{"0,30 9,17 * * *", "utc", "at 09:00, 09:30, 17:00 and 17:30 every day, UTC"},
		{"0 12 * * 0", "utc", "at 12:00 on Sunday, UTC"},
		{"0 12 * * 7", "utc", "at 12:00 on Sunday, UTC"},
		{"0 12 * * SAT,SUN", "utc", "at 12:00 on Saturday and Sunday, UTC"},
		{"0 12 * * 5-7", "utc", "at 12:00 on Friday to Sunday, UTC"},
		{"0 12 * * MON,WED,FRI", "utc", "at 12:00 on Monday, Wednesday and Friday, UTC"},
		{"0 12 * * */2", "utc", "at 12:00 on Tuesday, Thursday, Saturday and Sunday, UTC"},
		{"@weekly", "utc", "at 00:00 on Sunday, UTC"},
		{"@monthly", "utc", "at 00:00 on day 1 of the month, UTC"},
		{"@yearly", "utc", "at 00:00 on 1 January, UTC"},
		{"0 0 1,15 * *", "utc", "at 00:00 on days 1 and 15 of the month, UTC"},
		{"0 0 1-7 * *", "utc", "at 00:00 on days 1 to 7 of the month, UTC"},
		{"0 0 */2 * *", "utc", "at 00:00 on every 2nd day from 1 to 31 of the month, UTC"},
		{"0 0 31 * *", "utc", "at 00:00 on day 31 of the month, UTC"},
		{"0 0 1 */3 *", "utc", "at 00:00 on day 1 of January, April, July and October, UTC"},
		{"0 0 29 2 *", "utc", "at 00:00 on 29 February, UTC"},
		{"0 0 * 6-8 *", "utc", "at 00:00 every day in June to August, UTC"},
		{"*/5 * * 6 *", "utc", "every 5 minutes in June, UTC"},
		{"0 8 * JAN MON", "utc", "at 08:00 on Monday in January, UTC"},
		{"0 0 13 * FRI", "utc", "at 00:00 on day 13 of the month or on Friday, UTC"},
		{"0 0 13 1 FRI", "utc", "at 00:00 on day 13 of the month or on Friday, in January, UTC"},
		{"0 0 1-7 * MON", "utc", "at 00:00 on days 1 to 7 of the month or on Monday, UTC"},
		{"0 0 */2 * MON", "utc", "at 00:00 on every 2nd day from 1 to 31 of the month if that is a Monday, UTC"},
		{"0 0 */10 6 SAT,SUN", "utc", "at 00:00 on every 10th day from 1 to 31 of the month if that is a Saturday or Sunday, in June, UTC"},
		{"0 0 5,* * 1", "utc", "at 00:00 every day, UTC"},
		{"0 0 5 * 0-7", "utc", "at 00:00 every day, UTC"},
		{"* * * * * *", "utc", "every second"},
		{"*/10 * * * * *", "Europe/Prague", "every 10 seconds"},
		{"*/7 * * * * *", "utc", "at every 7th second from 0 to 56 of every minute"},
		{"30 * * * * *", "utc", "at second 30 of every minute"},
		{"5,35 * * * * *", "utc", "at seconds 5 and 35 of every minute"},
		{"15 30 9 * * *", "utc", "at 09:30:15 every day, UTC"},
		{"* 30 9 * * *", "utc", "every second of minute 30 from 09:00 to 09:59, UTC"},
		{"*/10 */5 9-17 * * *", "utc", "every 10 seconds of every 5th minute from 09:00 to 17:59, UTC"},
		{"*/20 0 * * * *", "utc", "every 20 seconds of minute 0 of every hour, UTC"},
		{"0-29 15,45 8 * * MON", "utc", "at seconds 0 to 29 of minutes 15 and 45 from 08:00 to 08:59 on Monday, UTC"},
		{"0 0 0 1 1 *", "utc", "at 00:00 on 1 January, UTC"},
		{"0 0 L * *", "utc", "at 00:00 on the last day of the month, UTC"},
		{"0 0 L 2 *", "utc", "at 00:00 on the last day of February, UTC"},
		{"0 0 L-1 * *", "utc", "at 00:00 on the 1st day before the last of the month, UTC"},
		{"0 0 L-3,L * *", "utc", "at 00:00 on the last day and the 3rd day before the last of the month, UTC"},
		{"0 0 1,15,L * *", "utc", "at 00:00 on days 1 and 15 and the last day of the month, UTC"},
		{"0 9 LW * *", "utc", "at 09:00 on the last working day of the month, UTC"},
		{"0 9 15W * *", "utc", "at 09:00 on the working day nearest day 15 of the month, UTC"},
		{"0 9 1W,15W 1-6 *", "utc", "at 09:00 on the working day nearest day 1 and the working day nearest day 15 of January to June, UTC"},
		{"0 18 * * FRIL", "Europe/Prague", "at 18:00 on the last Friday of the month, Europe/Prague"},
		{"0 18 * * 5L", "Europe/Prague", "at 18:00 on the last Friday of the month, Europe/Prague"},
		{"15 3 * * 1#1", "utc", "at 03:15 on the 1st Monday of the month, UTC"},
		{"15 3 * * MON#1,MON#3", "utc", "at 03:15 on the 1st Monday and the 3rd Monday of the month, UTC"},
		{"15 3 * 6 7#5", "utc", "at 03:15 on the 5th Sunday of the month in June, UTC"},
		{"0 0 * * WED,FRI#2", "utc", "at 00:00 on Wednesday and the 2nd Friday of the month, UTC"},
		{"0 0 13 * FRI#2", "utc", "at 00:00 on day 13 of the month or on the 2nd Friday of the month, UTC"},
		{"0 0 L * MON", "utc", "at 00:00 on the last day of the month or on Monday, UTC"},
		{"0 0 */2 * MON#1", "utc", "at 00:00 on every 2nd day from 1 to 31 of the month if that is the 1st Monday of the month, UTC"},
		{"0 22-2 * * *", "utc", "at 00:00, 01:00, 02:00, 22:00 and 23:00 every day, UTC"},
		{"0 21-5 * * *", "utc", "every hour from 00:00 to 05:00 and from 21:00 to 23:00, UTC"},
		{"0 0 * * FRI-MON", "utc", "at 00:00 on Monday and Friday to Sunday, UTC"},
		{"0 0 1 NOV-FEB *", "utc", "at 00:00 on day 1 of January, February, November and December, UTC"},
		{"50-10/10 6 * * *", "utc", "at 06:00, 06:10 and 06:50 every day, UTC"},
		{"0 0 0 1 1 * 2030", "utc", "at 00:00 on 1 January, only in 2030, UTC"},
		{"0 */5 * * * * 2030", "utc", "every 5 minutes, only in 2030, UTC"},
		{"0 0 9 * * MON 2026-2030", "utc", "at 09:00 on Monday, only in 2026 to 2030, UTC"},
		{"0 0 9 * 6 MON 2026,2027,2030", "utc", "at 09:00 on Monday in June, only in 2026, 2027 and 2030, UTC"},
		{"0 0 9 1 * * 2000-2100/4", "utc", "at 09:00 on day 1 of the month, only in every 4th year from 2000 to 2100, UTC"},
		{"0 0 9 * * * *", "utc", "at 09:00 every day, UTC"},
	} {
		if got := cronIn(t, c.expr, c.zone).English(); got != c.want {
			t.Errorf("%s in %s:\n got %q\nwant %q", c.expr, c.zone, got, c.want)
		}
	}
}

func TestEnglishOfEveryAndAt(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{Kind: Every, Expr: "30s"}, "every 30s"},
		{Spec{Kind: Every, Expr: "3600s", Zone: "Europe/Prague", Anchor: time.Unix(1, 0)}, "every 1h"},
		{Spec{Kind: At, Expr: "2030-01-31T09:00:00+01:00"}, "once at 2030-01-31 08:00, UTC"},
		{Spec{Kind: At, Expr: "2030-01-31T09:00:05Z", Zone: "Europe/Prague"}, "once at 2030-01-31 10:00:05, Europe/Prague"},
		{Spec{Kind: At, Expr: "2030-01-31T09:00:00.250Z"}, "once at 2030-01-31 09:00:00.250, UTC"},
		{Spec{Kind: Delay, Expr: "90s"}, "1m30s after each completion"},
		{Spec{Kind: Every, Expr: "5m", Jitter: "30s"}, "every 5m, up to 30s later"},
		{Spec{Kind: Every, Expr: "5m", Start: time.Unix(1<<30, 0), MaxRuns: 12, Zone: "Asia/Tokyo"}, "every 5m, from 2004-01-10 22:37:04, 12 times, Asia/Tokyo"},
		{Spec{Kind: Cron, Expr: "0 9 * * *", Start: time.Unix(1e9, 0), End: time.Unix(2e9, 0)}, "at 09:00 every day, from 2001-09-09 01:46:40 until 2033-05-18 03:33:20, UTC"},
		{Spec{Kind: Cron, Expr: "0 9 * * *", Start: time.Unix(1e9, 0), MaxRuns: 1}, "at 09:00 every day, from 2001-09-09 01:46:40, once, UTC"},
		{Spec{Kind: Cron, Expr: "* * * * *", End: time.Unix(2e9, 0)}, "every minute, until 2033-05-18 03:33:20, UTC"},
		{Spec{Kind: Cron, Expr: "30 2 * * *", DSTGap: "skip"}, "at 02:30 every day, not if the clock skips it, UTC"},
		{Spec{Kind: Cron, Expr: "30 2 * * *", DSTOverlap: "both"}, "at 02:30 every day, both times if the clock repeats it, UTC"},
		{Spec{Kind: Cron, Expr: "30 2 * * *", DSTGap: "skip", DSTOverlap: "second"}, "at 02:30 every day, not if the clock skips it, the second time if the clock repeats it, UTC"},
		{Spec{Kind: Cron, Expr: "0 9 * * *", Except: "2026-12-24;2026-12-27/2026-12-31"}, "at 09:00 every day, except on 2026-12-24 and from 2026-12-27 to 2026-12-31, UTC"},
		{Spec{Kind: Cron, Expr: "0 9 * * *", Except: "* * * * SAT,SUN; 2026-12-24"}, "at 09:00 every day, except on Saturday and Sunday and on 2026-12-24, UTC"},
		{Spec{Kind: Cron, Expr: "* * * * *", Except: "* * * 8 *"}, "every minute, except in August, UTC"},
		{Spec{Kind: Cron, Expr: "0 9 1 * *", Except: "* * * * SAT,SUN", OnExcluded: "next-workday"}, "at 09:00 on day 1 of the month, moved to the next working day if on Saturday and Sunday, UTC"},
	} {
		s, err := Parse(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.English(); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.spec, got, c.want)
		}
	}
}
