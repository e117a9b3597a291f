package english

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/palyra-go/palyra/host/schedule"
)

// draft is what a phrase has said so far.
type draft struct {
	now  time.Time
	zone string
	loc  *time.Location // of zone, once it was needed

	said     bool   // more than times without "at"
	once, or bool   // the words
	periodic string // every day, week, month or year
	unit     string // every second, minute or hour
	step     step
	after    bool // step is from completion to the next
	clocks   []clock
	minutes  uint64 // of the hour
	windows  []window

	dow, dom, months uint64
	domWords, nth    []string // L, LW; MON#1, FRIL

	offset time.Duration
	date   date
}

type date struct{ year, month, day int }

// recurs reports whether something was said that does not go with a date.
func (d *draft) recurs() bool {
	return d.or || d.periodic != "" || d.unit != "" || d.step.d != 0 || d.minutes != 0 || len(d.windows) > 0 ||
		d.restricted()
}

// restricted reports whether only some days were named.
func (d *draft) restricted() bool {
	return d.dow != 0 || d.dom != 0 || d.months != 0 || len(d.domWords) > 0 || len(d.nth) > 0
}

// spec turns the draft into a schedule.
func (p *parser) spec() (schedule.Spec, error) {
	spec, err := schedule.Spec{Kind: schedule.Cron, Zone: p.zone}, error(nil)
	switch {
	case p.offset != 0 || p.date != (date{}):
		return p.oneTime()
	case p.once:
		return spec, errors.New("once when? write once at 2030-01-31 9:00, or tomorrow at 9:00")
	case !p.said:
		return spec, fmt.Errorf("once or every day? write every day at %s, or tomorrow at %s", p.clocks[0], p.clocks[0])
	case p.after && !p.alone():
		return spec, errors.New("an interval after each completion goes with nothing else: leave out the days and times")
	case p.after:
		spec.Kind, spec.Expr = schedule.Delay, p.step.d.String()
	case p.step.d != 0 && p.alone():
		spec.Kind, spec.Expr, spec.Anchor = schedule.Every, p.step.d.String(), p.now
	default:
		if spec.Expr, err = p.expr(); err != nil {
			return spec, err
		}
	}
	s, err := p.schedules.Parse(spec)
	if err != nil {
		return spec, plain(err)
	}
	return s.Spec(), nil
}

// plain is an error of package schedule without its own prefix.
func plain(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "schedule: "))
}

// alone reports whether nothing but an interval was said.
func (d *draft) alone() bool {
	rest := *d
	rest.step = step{}
	return !rest.recurs() && len(d.clocks) == 0
}

// oneTime is the spec of one instant.
func (p *parser) oneTime() (schedule.Spec, error) {
	loc, err := p.location()
	if err != nil {
		return schedule.Spec{}, plain(err)
	}
	t, err := p.instant(loc)
	if err != nil {
		return schedule.Spec{}, err
	}
	if _, offset := t.Zone(); offset%60 != 0 {
		t = t.UTC() // RFC 3339 has no seconds in its offsets
	}
	spec := schedule.Spec{Kind: schedule.At, Expr: t.Format(time.RFC3339), Zone: p.zone}
	if y := t.Year(); y < 1970 || y > 9998 {
		return spec, fmt.Errorf("the year %d: want 1970 to 9998", y)
	}
	return spec, nil
}

const allWeek = 1<<7 - 1

// expr writes the cron expression.
func (d *draft) expr() (string, error) {
	if err := d.complete(); err != nil {
		return "", err
	}
	times, err := d.timeFields()
	if err != nil {
		return "", err
	}
	dom := append(runs(d.dom, strconv.Itoa), d.domWords...)
	if len(dom) == 0 {
		dom = []string{"*"}
	}
	week := d.dow&^1 | d.dow&1<<7 // from Monday on
	if d.dow == allWeek && !d.or {
		week = 0
	}
	dow := append(runs(week, dayOfWeek), d.nth...)
	if len(dow) == 0 {
		dow = []string{"*"}
	}
	months := runs(d.months, strconv.Itoa)
	if len(months) == 0 {
		months = []string{"*"}
	}
	return times + " " + strings.Join(dom, ",") + " " + strings.Join(months, ",") + " " + strings.Join(dow, ","), nil
}

// complete says what is missing about the days, or does not go together.
func (d *draft) complete() error {
	ofMonth, ofWeek := d.dom != 0 || len(d.domWords) > 0, d.dow != 0 || len(d.nth) > 0
	switch {
	case d.or && (!ofMonth || !ofWeek):
		return errors.New("or joins a day of the month and a day of the week: the 13th or on friday")
	case ofMonth && ofWeek && !d.or:
		return errors.New("a day of the month and a day of the week: write or between them if one of the two is enough; that both hold cannot be said")
	case d.periodic == "day" && (ofMonth || ofWeek):
		return errors.New("every day, and only some days: leave out one of the two")
	case d.periodic == "week" && d.dow == 0:
		return errors.New("on which day of the week? write every monday at 9:00")
	case d.periodic == "month" && !ofMonth && len(d.nth) == 0:
		return errors.New("on which day of the month? write on the 1st of the month at 9:00")
	case d.periodic == "year" && (d.months == 0 || !ofMonth && len(d.nth) == 0):
		return errors.New("on which day of the year? write every january 1st at 9:00")
	case d.months != 0 && d.periodic == "" && !ofMonth && !ofWeek && d.unit == "" && d.step.d == 0:
		return errors.New("on which days of those months? write every day in january at 9:00, or january 1st")
	}
	return nil
}

// runs writes the members of a set; three neighbours and more are a range.
func runs(set uint64, name func(int) string) []string {
	var list []string
	for set != 0 {
		first := bits.TrailingZeros64(set)
		n := bits.TrailingZeros64(^(set >> first))
		last := first + n - 1
		switch n {
		case 1:
			list = append(list, name(first))
		case 2:
			list = append(list, name(first), name(last))
		default:
			list = append(list, name(first)+"-"+name(last))
		}
		set &^= upTo(last)
	}
	return list
}

func members(set uint64) []int {
	var list []int
	for ; set != 0; set &= set - 1 {
		list = append(list, bits.TrailingZeros64(set))
	}
	return list
}

func highest(set uint64) int { return 63 - bits.LeadingZeros64(set) }

// upTo is the set of 0 to n.
func upTo(n int) uint64 { return 2<<n - 1 }
