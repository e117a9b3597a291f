package schedule

import "time"

// wall is what the clock shows at t, written as if it were UTC.
func wallOf(t time.Time) time.Time {
	y, m, d := t.Date()
	h, n, s := t.Clock()
	return time.Date(y, m, d, h, n, s, 0, time.UTC)
}

// ticks is a window of instants in a zone, what the clock shows at each and,
// in passed, what it jumped over just before, with what it shows as the last.
type ticks struct {
	at     []time.Time
	shown  []reading
	passed [][]reading // nil where the clock shows what it has shown before
	again  []bool      // whether the clock will show it, or something earlier, later on
}

func watch(loc *time.Location, from, to time.Time, tick time.Duration) ticks {
	var w ticks
	mark := time.Time{}
	for t := from.Add(-48 * time.Hour); t.Before(from); t = t.Add(tick) {
		if wall := wallOf(t.In(loc)); wall.After(mark) {
			mark = wall
		}
	}
	var walls []time.Time
	for t := from; !t.After(to); t = t.Add(tick) {
		local := t.In(loc)
		var passed []reading
		for wall := wallOf(local); mark.Before(wall); {
			mark = mark.Add(tick)
			passed = append(passed, readingOf(mark))
		}
		walls = append(walls, wallOf(local))
		w.at = append(w.at, t)
		w.shown = append(w.shown, readingOf(local))
		w.passed = append(w.passed, passed)
	}
	least := wallOf(to.Add(tick).In(loc))
	for t := to.Add(tick); t.Before(to.Add(48 * time.Hour)); t = t.Add(tick) {
		if wall := wallOf(t.In(loc)); wall.Before(least) {
			least = wall
		}
	}
	w.again = make([]bool, len(walls))
	for i := len(walls) - 1; i >= 0; i-- {
		w.again[i] = !least.After(walls[i])
		if walls[i].Before(least) {
			least = walls[i]
		}
	}
	return w
}

// fires plays the daemon with the default rules.
func (o *oracle) fires(w ticks) []time.Time { return o.firesWith(w, "", "") }

// firesWith plays the daemon. It has no more of the rules than this.
func (o *oracle) firesWith(w ticks, gap, overlap string) []time.Time {
	var times []time.Time
	for i, t := range w.at {
		shows := o.matches(w.shown[i])
		fire := shows
		if !o.star[1] && !o.star[2] {
			switch overlap {
			case "":
				fire = shows && w.passed[i] != nil
			case "second":
				fire = shows && !w.again[i]
			}
			for j, r := range w.passed[i] {
				fire = fire || gap == "" && j < len(w.passed[i])-1 && o.matches(r)
			}
		}
		if fire {
			times = append(times, t)
		}
	}
	return times
}
