// Package schedule says when, as pure functions of time.
//
// A [Spec] is what is written down, a [Schedule] what it means: a set of
// nominal times. Nothing here asks what time it is.
//
// # Cron
//
// The dialect is vixie5, the crontab(5) of Vixie and ISC cron, with an
// optional field for seconds in front:
//
//	[second] minute hour day-of-month month day-of-week
//
//	expr  = macro | field 4*5( blank field )
//	field = item *( "," item )
//	item  = ( "*" | value "-" value ) [ "/" step ] | value
//	macro = "@hourly" | "@daily" | "@midnight" | "@weekly" | "@monthly" | "@yearly" | "@annually"
//
// Values are numbers of one or two digits: seconds and minutes 0–59, hours
// 0–23, days 1–31, months 1–12 or JAN–DEC, days of the week 0–7 or SUN–SAT,
// where 0 and 7 are Sunday. Letter case does not matter, a name stands
// wherever its number may. Ranges run forward and include both ends. A step
// takes every n-th value of its range, from the first on, and is at most the
// number of values the field has: "*/7" is 0, 7, … 56 and then 0 again. Five
// fields mean second 0.
//
// A date matches if its month matches and its day does. If both day-of-month
// and day-of-week are restricted, one of the two is enough; else both must
// match. A field that starts with * is no restriction in this sense, even as
// "*/2": so "0 0 */2 * MON" are the Mondays with an odd date, as in ISC cron,
// and "0 0 1,15 * MON" the 1st, the 15th and every Monday.
//
// An expression that can never match, such as 30 February, is refused.
// Years, L, W, #, H, ?, ranges that wrap around and a step after a single
// value are refused too: nothing is guessed.
//
// # Cron and the clock
//
// The fields speak of the clock and calendar on the wall of the zone, which
// skip and repeat some times. As in ISC and Debian cron there are two classes:
//
//   - A schedule is wildcard if its minute or its hour field starts with *.
//     It fires at each second at which the wall clock shows a matching time:
//     "*/10 * * * *" keeps firing every ten minutes of elapsed time through
//     each change, never less and never twice at an instant. A matching time
//     that is skipped does not exist, one that is repeated fires both times:
//     so "*/30 2 * * *" is silent in a night without 02:00–02:59.
//   - All others are fixed-time ("30 2 * * *"). They fire, for each matching
//     wall time, at the first instant at which the clock shows it or something
//     later. A time in a gap thus fires when the gap ends, a time in a repeated
//     stretch the first time only; times that come to the same instant are one.
//
// The class does not depend on the seconds field. Size and reason of a change
// do not matter: half an hour on Lord Howe Island, the midnight that Beirut
// skips, the 30 December 2011 that Samoa never had. (Debian cron treats
// changes of three hours and more as corrections of the clock.)
//
// # Every, at
//
// Every is a Go duration of at least 1s in whole milliseconds. Nominal times
// are anchor + 1, 2, 3, … intervals of elapsed time; the anchor itself, cut to
// the second, is none. Without an anchor the counting starts at 1970-01-01
// 00:00 UTC.
//
// At is one instant, in RFC 3339 with its offset, from 1970 on, cut to the
// millisecond.
//
// # Zones
//
// A zone is utc (the default), local (that of the process), or an IANA name
// such as Europe/Prague, from the system or the embedded database. It decides
// what cron means; for every and at it only says how times are shown. Times
// are returned in it, but what identifies a nominal time is its instant.
//
// # Canonical form
//
// [Schedule.Spec] trims and collapses blanks, writes names in upper and macros
// in lower case, durations without zeros at their end, utc for an empty zone,
// the anchor of every in UTC, and no anchor for others. It is its own
// canonical form.
//
// # Errors
//
// The errors of [Parse] name the field, the text and what is allowed. No
// input panics. Nominal times lie in the years 1 to 9999; the zero time stands
// for none.
package schedule
