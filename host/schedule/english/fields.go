package english

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// timeFields writes the fields for seconds (if needed), minutes and hours.
func (d *draft) timeFields() (string, error) {
	if len(d.clocks) > 0 {
		if d.unit != "" || d.step.d != 0 || d.minutes != 0 || len(d.windows) > 0 {
			return "", errors.New("times of day and an interval: say one of the two; hours are from 9:00 to 17:00, minutes at :15")
		}
		return d.clockFields()
	}
	every, second, minute, err := d.within()
	if err != nil {
		return "", err
	}
	hour, err := d.hourField(every, minute == "0" && second == "")
	if err != nil {
		return "", err
	}
	return second + minute + " " + hour, nil
}

// within writes the second, if needed, and the minute; every is the step in
// hours.
func (d *draft) within() (every int, second, minute string, err error) {
	minute = "0"
	if d.minutes != 0 {
		minute = strings.Join(runs(d.minutes, strconv.Itoa), ",")
	}
	unit, n := d.unit, 1
	if d.step.d != 0 {
		unit, n = d.step.unit, d.step.n
		size := 60
		if unit == "hour" {
			size = 24
		}
		if unit == "" || n < 1 || n >= size || size%n != 0 {
			return 0, "", "", fmt.Errorf("with days or hours, an interval must divide %s: write %s; or leave out the days and hours", container(size), divisors(size))
		}
	}
	switch {
	case unit == "" && d.minutes == 0:
		return 0, "", "", errors.New("at which time? add for example at 9:00")
	case unit == "" && len(d.windows) == 0:
		return 0, "", "", errors.New("at that minute of which hour? write every hour at :15, or at 9:15")
	case unit == "hour" || unit == "":
		return n, "", minute, nil
	case d.minutes != 0:
		return 0, "", "", fmt.Errorf("every %s, and only some minutes: leave out one of the two", unit)
	case unit == "minute":
		return 1, "", stars(n), nil
	}
	return 1, stars(n) + " ", "*", nil
}

func container(size int) string {
	if size == 24 {
		return "the day"
	}
	return "the hour (or the minute)"
}

func divisors(size int) string {
	if size == 24 {
		return "1, 2, 3, 4, 6, 8 or 12 hours"
	}
	return "1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30"
}

func stars(n int) string {
	if n == 1 {
		return "*"
	}
	return "*/" + strconv.Itoa(n)
}

// hourField writes the hours. onHour says that nothing fires but at minute 0.
func (d *draft) hourField(every int, onHour bool) (string, error) {
	if len(d.windows) == 0 {
		return stars(every), nil
	}
	set := uint64(0)
	for _, w := range d.windows {
		switch {
		case w.from.minute != 0 || w.from.second != 0:
			return "", fmt.Errorf("from %s: it must start on the hour", w.from)
		case w.to.second != 0 || w.to.minute != 59 && w.to.minute != 0:
			return "", fmt.Errorf("to %s: it must end with an hour, such as 17:59", w.to)
		case w.to.minute == 0 && !onHour && w.to.hour == 0:
			return "", errors.New("to 00:00: does something fire then too? write to 23:59 if not")
		case w.to.minute == 0 && !onHour:
			return "", fmt.Errorf("to %s: does the hour from then on count? write to %02d:59 if not, to %02d:59 if so", w.to, w.to.hour-1, w.to.hour)
		case w.to.hour < w.from.hour && d.restricted():
			return "", fmt.Errorf("from %s to %s goes beyond midnight, into a day that may not be named: write two windows", w.from, w.to)
		}
		for h := w.from.hour; ; h = (h + every) % 24 {
			set |= 1 << h
			left := (w.to.hour - h + 24) % 24
			if left < every {
				break
			}
		}
	}
	if len(d.windows) == 1 && every > 1 && d.windows[0].from.hour <= d.windows[0].to.hour {
		return fmt.Sprintf("%d-%d/%d", d.windows[0].from.hour, highest(set), every), nil
	}
	return strings.Join(runs(set, strconv.Itoa), ","), nil
}

// clockFields writes times of day, if they are all pairs of their hours and
// minutes.
func (d *draft) clockFields() (string, error) {
	var hours, minutes, seconds uint64
	seen := map[clock]bool{}
	for _, c := range d.clocks {
		hours |= 1 << c.hour
		minutes |= 1 << c.minute
		seconds |= 1 << c.second
		seen[c] = true
	}
	if len(seen) != bits.OnesCount64(hours)*bits.OnesCount64(minutes)*bits.OnesCount64(seconds) {
		return "", errors.New("these times do not fit into one schedule, as their minutes differ: make a job for each")
	}
	text := strings.Join(runs(minutes, strconv.Itoa), ",") + " " + strings.Join(runs(hours, strconv.Itoa), ",")
	if seconds != 1 {
		text = strings.Join(runs(seconds, strconv.Itoa), ",") + " " + text
	}
	return text, nil
}

func dayOfWeek(d int) string { return dayName(d % 7) }
