// Package english reads schedules as people write them, and guesses nothing.
//
// [Parse] turns a phrase into a [schedule.Spec] in canonical form. What it
// does not understand, or could understand in two ways, it refuses, and says
// what to write instead. Show the canonical form before it is used.
//
// # Grammar
//
//	phrase   = clause { [ "," ] clause } [ zone ] | ( delay | demand ) [ zone ]
//	clause   = interval | unit | times | days | months | hours | once
//	delay    = ( number units | duration ) "after each" ( "completion" | "run" )
//	demand   = "on demand" | "by hand" | "manually"
//	interval = "every" ( number units | duration | "half hour" )
//	unit     = "every" ( "second" | "minute" | "hour" ) | "hourly"
//	times    = "at" clock { and clock }
//	         | "at" ( ":" MM { and ":" MM } | "minute" number { and number } ) [ "of every hour" ]
//	clock    = H ":" MM [ ":" SS ] [ am ] | H am | "noon" | "midnight"
//	hours    = "from" clock "to" clock { "and from" clock "to" clock } | "between" clock "and" clock
//	days     = [ "every" | "on" ] day
//	day      = "day" | "daily" | weekdays
//	         | ordinal { and ordinal } [ "of" month ]
//	         | nth { and nth } "of" month
//	         | ( "day" | "days" ) number { and number } "of" month
//	         | monthname ordinal | number monthname
//	nth      = ordinal { and ordinal } ( weekday | "weekday" | "working day" | "day" )
//	weekdays = weekday [ "to" weekday ] { and weekday … } | "weekday" | "weekends"
//	months   = ( "in" | "every" ) monthname [ "to" monthname ] { and monthname … }
//	month    = ( "the" | "every" ) "month" | monthname …
//	ordinal  = "1st" … "31st" | "first" … "fifth" | "last"
//	once     = "in" length | ( "today" | "tomorrow" | "in" number "days" | date ) [ "at" ] clock
//	date     = [ "on" ] ( YYYY-MM-DD | monthname ordinal YYYY | number monthname YYYY )
//	zone     = [ "," ] [ "in" ] ( IANA name | "utc" | "local time" )
//	and      = "," | "and" | ", and"
//	am       = "am" | "pm"
//
// Letter case does not matter, but in IANA names. Days and months may be
// written with three letters, days in the plural; numbers up to twelve in
// words. Day clauses may be joined by "or" (the 13th or on friday), as a cron
// expression means it.
//
// # Meaning
//
// What names no date, and does not start with in, recurs: "at midnight" is
// every day, "monday at 9:00" every Monday. "weekday" is Monday to Friday.
// Midnight is 00:00, the start of the day.
//
// An interval alone is a schedule of kind every, anchored at now: "every 5
// minutes", "every 90 minutes". With days or hours it becomes a cron
// expression, and must divide the hour (or the day). A unit alone is the
// clock's: "every hour" is at minute 0.
//
// Hours include both ends, as far as something fires then: "every hour from
// 9:00 to 17:00" fires at 17:00. Where that could mislead, the end is to be
// written as 17:59 or 16:59.
//
// Without a zone the phrase is read in the given one. A date and time that its
// zone skips or shows twice, or that is past, is refused.
//
//	every weekday at 9am Europe/Prague       0 9 * * MON-FRI
//	every day at 9:00 and 17:00              0 9,17 * * *
//	every hour at :15                        15 * * * *
//	every 10 minutes from 8:00 to 17:59      */10 8-17 * * *
//	on the 1st and 15th at 6:00              0 6 1,15 * *
//	every january 1st at 00:00               0 0 1 1 *
//	on the last friday of the month at 18:00 0 18 * * FRIL
//	every 90 minutes                         every 1h30m
//	5 minutes after each completion          delay 5m
//	on demand                                manual
//	tomorrow 7:30; in 2h; on 2027-01-05 at 12:00
//
// # Errors
//
// They quote the phrase, name what was not understood and end with what to
// write. No input panics.
package english
