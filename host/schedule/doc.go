// Package schedule says when, as pure functions of time.
//
// A [Spec] is what is written down, a [Schedule] what it means: a set of
// nominal times. Nothing here asks what time it is.
//
// # Cron
//
// The dialect is vixie5, the crontab(5) of Vixie and ISC cron, with extensions
// that change the meaning of none of its expressions:
//
//	[second] minute hour day-of-month month day-of-week [year]
//
//	expr  = macro | field 4*6( blank field )
//	field = item *( "," item )
//	item  = ( "*" | value "-" value ) [ "/" step ] | value | spread | special
//	spread  = "H" [ "(" value "-" value ")" ] [ "/" step ]
//	special = "L" | "L-" n | "LW" | value "W"     in day of month
//	        | value "L" | value "#" n             in day of week
//	macro = "@hourly" | "@daily" | "@midnight" | "@weekly" | "@monthly" | "@yearly" | "@annually"
//
// Values are numbers of one or two digits: seconds and minutes 0–59, hours
// 0–23, days 1–31, months 1–12 or JAN–DEC, days of the week 0–7 or SUN–SAT,
// where 0 and 7 are Sunday; and years 1970–2199. Letter case does not matter, a
// name stands wherever its number may. Five fields mean second 0, six have
// seconds in front, seven have years behind too.
//
// Ranges include both ends. One that runs backwards goes around the end: 22-6
// are the hours 22, 23, 0, … 6, FRI-MON the days 5, 6, 0, 1; years do not come
// again. A step takes every n-th value of its range, from the first on, around
// the end too, and is at most the number of values the field has: "*/7" is 0,
// 7, … 56 and then 0 again.
//
// L is the last day of the month, L-3 the third before it, LW the last from
// Monday to Friday. 15W is the day from Monday to Friday that is nearest the
// 15th within its month; months without such a day (31W) have none. 5L is the
// last Friday of the month, 5#2 the second. All may stand in lists.
//
// H is a value that is chosen by a hash of [Spec] Key, so that many jobs do not
// fire at once: any value of the field (of days 1 to 28), one from a to b, or
// with a step every n-th from a first one that the hash chooses. The same key
// chooses the same for ever. The hash of a text and a number is FNV-1a, 64 bits
// wide, of the text, a zero byte and the number in eight bytes, the highest
// first, and then the finalizer of splitmix64 (shifts 30, 27, 31); the number
// is the place of the field, from 0 for seconds.
//
// A date matches if its year and month match and its day does. If both
// day-of-month and day-of-week are restricted, one of the two is enough; else
// both must match. A field that starts with * is no restriction in this sense,
// even as "*/2": so "0 0 */2 * MON" are the Mondays with an odd date, as in ISC
// cron, and "0 0 1,15 * MON" the 1st, the 15th and every Monday.
//
// An expression that can never match, such as 30 February, is refused. A ?, a
// step after a single value, and what Quartz and AWS write are refused with
// what they are here: nothing is guessed.
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
// A fixed-time schedule may wish otherwise. DSTGap skip leaves out times that
// the clock jumps over. DSTOverlap both fires whenever the clock shows a time,
// second at the last instant after which it shows only later ones.
//
// # Days left out
//
// Except is a list, with semicolons, of dates, of ranges of dates (with / and
// both ends, 366 days at most) and of at most one cron expression of five
// fields that starts with "* *": the days it matches. They are days of the
// calendar on the wall. A schedule does not fire for times of these days; or,
// with OnExcluded next-workday, it does so at the same times of the next day
// from Monday to Friday that is not left out, unless that is more than 31 days
// away. What falls on a day twice happens once. What is left out entirely is
// refused.
//
// # Every, at, delay, manual
//
// Every is a Go duration of at least 1s in whole milliseconds. Nominal times
// are anchor + 1, 2, 3, … intervals of elapsed time; the anchor itself, cut to
// the second, is none. Without an anchor the counting starts at 1970-01-01
// 00:00 UTC.
//
// At is one instant, in RFC 3339 with its offset, from 1970 on, cut to the
// millisecond.
//
// Delay is a duration like that of every, which counts from the completion of
// a run: Next of the completion is the next nominal time, cut to the
// millisecond. Nothing is known about what was before and what follows: there
// is no Prev, NextN and Latest have one time at most, and Count is 0 or 1.
//
// Manual has no expression and no nominal times, and so no bounds and no jitter:
// what has it is started by hand, or by the end of a run of another job.
//
// # Bounds
//
// No nominal time is before Start or after End; both may be one. MaxRuns keeps
// the first n nominal times from Start on (of every, from its anchor if there
// is no Start), whether or not they ran: so it does not depend on what
// happened. A delay, which cannot be counted in advance, refuses it; and until
// its Start a delay has that as its next time. A schedule that its bounds leave
// without any time is refused.
//
// # Jitter
//
// Jitter is a duration in whole milliseconds. [Schedule.Fire] puts an
// occurrence off by a number of milliseconds that is the hash described above
// of job and nominal time (in milliseconds since 1970), modulo Jitter or the
// time to the next nominal time, whichever is less. Nominal times know nothing
// of it.
//
// # Zones
//
// A zone is utc (the default), local (that of the process), or an IANA name
// such as Europe/Prague, from the system or the embedded database ([TZData]).
// It decides what cron means; for the other kinds it only says how times are
// shown. Times are returned in it, but what identifies a nominal time is its
// instant. Schedules of one [Parser] share their zones, each of which takes
// some kilobytes and some 50 µs to read.
//
// # Canonical form
//
// [Schedule.Spec] trims and collapses blanks, writes names in upper and macros
// in lower case, durations without zeros at their end, utc for an empty zone,
// instants in UTC, nothing for what is the default, no anchor but of every, and
// no key unless an H needs it. It is its own canonical form.
//
// # Errors
//
// The errors of [Parse] name the field, the text and what is allowed. No
// input panics. Nominal times lie in the years 1 to 9999; the zero time stands
// for none.
package schedule
