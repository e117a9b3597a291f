package schedule

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// maxShift is how many days a time moves to a working day at most.
const maxShift = 31

// closed are the days on which a schedule does not fire.
type closed struct {
	ranges []dates // by their first day
	days   *fields // an expression, or nil
	shift  *fields // what is written, if it moves to the next working day
}

// dates are days since 1970-01-01, both ends included.
type dates struct{ first, last int64 }

// parseClosed reads a list of dates, ranges and at most one expression, and
// returns it in canonical form too; an empty list is nil.
func parseClosed(text string) (*closed, string, error) {
	c := &closed{}
	var forms []string
	for item := range strings.SplitSeq(text, ";") {
		item = strings.TrimSpace(item)
		if item == "" && strings.TrimSpace(text) == "" {
			return nil, "", nil
		}
		form, err := c.item(item)
		if err != nil {
			return nil, "", fmt.Errorf("schedule: except %s: %w", quote(item), err)
		}
		forms = append(forms, form)
		if len(forms) > 366 {
			return nil, "", errors.New("schedule: except: more than 366 items")
		}
	}
	slices.SortFunc(c.ranges, func(a, b dates) int { return int(a.first - b.first) })
	return c, strings.Join(forms, "; "), nil
}

func (c *closed) item(text string) (string, error) {
	if strings.ContainsAny(text, " \t@*") {
		return c.expression(text)
	}
	from, to, ranged := strings.Cut(text, "/")
	if !ranged {
		to = from
	}
	a, err1 := time.Parse(time.DateOnly, from)
	b, err2 := time.Parse(time.DateOnly, to)
	if err1 != nil || err2 != nil || a.Year() < 1 {
		return "", errors.New("want a date such as 2026-12-24, a range 2026-12-24/2026-12-31, or an expression for whole days such as * * * * SAT,SUN")
	}
	r := dates{a.Unix() / day, b.Unix() / day}
	if r.last < r.first || r.last-r.first > 366 {
		return "", errors.New("want a range that runs forward and is at most 366 days")
	}
	c.ranges = append(c.ranges, r)
	return text, nil
}

func (c *closed) expression(text string) (string, error) {
	form, texts, err := canonical(text)
	if err != nil {
		return "", err
	}
	p, err := compile(texts, "")
	switch {
	case err != nil:
		return "", err
	case !strings.HasPrefix(form, "* * ") || p.second != 1 || strings.Count(form, " ") != 4:
		return "", errors.New("whole days are left out: write * * for minute and hour, then the days, in five fields")
	case c.days != nil:
		return "", errors.New("one expression is enough, join them")
	case p.hash:
		return "", errors.New("no H here: it does not choose days to leave out")
	case p.everyDay() && p.month == allMonths:
		return "", errors.New("that leaves out every day")
	}
	if err := p.possible(); err != nil {
		return "", err
	}
	c.days = &p.fields
	return form, nil
}

// of returns the closed days of a month.
func (c *closed) of(first int64, length int) uint64 {
	set := uint64(0)
	if c.days != nil {
		if _, m, _ := civil(first); c.days.month>>m&1 != 0 {
			set = c.days.written(first, length)
		}
	}
	i, _ := slices.BinarySearchFunc(c.ranges, first-367, func(r dates, day int64) int { return int(r.first - day) })
	for ; i < len(c.ranges) && c.ranges[i].first < first+int64(length); i++ {
		from := max(c.ranges[i].first-first, 0)
		to := min(c.ranges[i].last-first, int64(length-1))
		if from <= to {
			set |= (upTo(int(to)) &^ upTo(int(from-1))) << 1
		}
	}
	return set
}

// close leaves the closed days out of f. If times move, they move into months
// and years that f does not name.
func (f *fields) close(c *closed, shift bool) {
	if c != nil && shift {
		written := *f
		c.shift = &written
		f.month, f.least = allMonths, 0
		for i := len(f.years) - 1; i >= 0; i-- {
			f.years[i] |= f.years[i] << 1
			if i > 0 {
				f.years[i] |= f.years[i-1] >> 63
			}
		}
	}
	f.closed = c
}

// apply leaves the closed days out of those that match in a month, and adds
// those to which closed ones move.
func (c *closed) apply(f *fields, first int64, length int) uint64 {
	shut := c.of(first, length)
	if c.shift == nil {
		return f.written(first, length) &^ shut
	}
	match := c.matching(first, length)
	open := workdays(first, length) &^ shut
	kept := match &^ shut
	if open != 0 && c.carried(first, bits.TrailingZeros64(open)) {
		kept |= open & -open
	}
	for moved := match & shut; moved != 0; moved &= moved - 1 {
		later := open &^ upTo(bits.TrailingZeros64(moved))
		kept |= later & -later // less than maxShift later: it is the same month
	}
	return kept
}

// workdays are the days from Monday to Friday of a month.
func workdays(first int64, length int) uint64 {
	return uint64(working) >> weekday(first) << 1 & (1<<(length+1) - 2)
}

// matching are the written days of a month, closed or not.
func (c *closed) matching(first int64, length int) uint64 {
	if y, m, _ := civil(first); c.shift.month>>m&1 == 0 || !c.shift.hasYear(y) {
		return 0
	}
	return c.shift.written(first, length)
}

// carried reports whether a closed day of a month before moves to the first
// working day d of this one.
func (c *closed) carried(first int64, d int) bool {
	for back := 1; back+d-1 <= maxShift; {
		y, m, last := civil(first - int64(back))
		start, length := first-int64(back)-int64(last-1), monthLength(y, m)
		match, shut := c.matching(start, length), c.of(start, length)
		open := workdays(start, length) &^ shut
		for ; last >= 1 && back+d-1 <= maxShift; last, back = last-1, back+1 {
			switch {
			case open>>last&1 != 0:
				return false
			case match&shut>>last&1 != 0:
				return true
			}
		}
	}
	return false
}
