package schedule

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"github.com/adhocore/gronx"
)

// maxExpr bounds what is looked at; the longest sensible expression, every
// field a list of all its values, is shorter (years are better ranges).
const maxExpr = 1000

// pattern is what an expression means on the wall.
type pattern struct {
	fields
	fixed bool     // fixed-time; else wildcard
	steps [7]uint8 // the n of fields that are */n
	hash  bool     // some H is in it
}

// macro returns the fields that a macro stands for.
func macro(name string) (string, bool) {
	switch name {
	case "@yearly", "@annually":
		return "0 0 1 1 *", true
	case "@monthly":
		return "0 0 1 * *", true
	case "@weekly":
		return "0 0 * * 0", true
	case "@daily", "@midnight":
		return "0 0 * * *", true
	case "@hourly":
		return "0 * * * *", true
	}
	return "", false
}

// canonical returns the expression in canonical form, and its five to seven
// fields in that form; of a macro the fields that it stands for.
func canonical(expr string) (form, text string, err error) {
	if len(expr) > maxExpr {
		return "", "", fmt.Errorf("longer than %d bytes", maxExpr)
	}
	for i := range len(expr) {
		if c := expr[i]; (c < ' ' && c != '\t') || c > '~' {
			return "", "", errors.New("want one line of ASCII characters")
		}
	}
	form = tidy(expr)
	if form == "" {
		return "", "", errors.New("empty, want 5 fields (minute hour day-of-month month day-of-week), 6 with seconds in front, or a macro such as @daily")
	}
	if form[0] != '@' {
		return form, form, nil
	}
	form = strings.ToLower(form)
	text, ok := macro(form)
	switch {
	case ok:
		return form, text, nil
	case strings.HasPrefix(form, "@every"):
		return "", "", errors.New("an interval is a schedule of kind every, not cron")
	case form == "@reboot":
		return "", "", errors.New(`a start is an event, not a time: let the unit that starts the machine or the daemon run "palyra job run", or choose an interval of kind every`)
	}
	return "", "", errors.New("unknown macro, want @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually")
}

// tidy trims, collapses blanks and writes capitals, if there is need.
func tidy(expr string) string {
	blank := true
	for i := range len(expr) {
		c := expr[i]
		if c == '\t' || c == ' ' && blank || 'a' <= c && c <= 'z' {
			return strings.ToUpper(strings.Join(strings.Fields(expr), " "))
		}
		blank = c == ' '
	}
	return strings.TrimSuffix(expr, " ")
}

// compile turns canonical fields into sets; key is for H. Of gronx it takes the
// tokenizer, which puts numbers for names and a zero for missing seconds. It
// does so wherever the letters stand, so names are checked before.
func compile(text, key string) (p pattern, err error) {
	n := strings.Count(text, " ") + 1
	if err := foreign(text, n); err != nil {
		return p, err
	}
	if n < 5 || n > 7 {
		return p, fmt.Errorf("%d fields, want 5 (minute hour day-of-month month day-of-week), 6 with seconds in front, 7 with years behind too", n)
	}
	columns := columns()
	c := compiler{pattern: &p, key: key}
	var texts [7]string
	rest := text
	for i := max(0, 6-n); i < max(6, n); i++ {
		texts[i], rest, _ = strings.Cut(rest, " ")
		if err := columns[i].spellAll(texts[i]); err != nil {
			return p, err
		}
	}
	tokens, err := gronx.Segments(text)
	if err != nil || len(tokens) != max(6, n) {
		return p, fmt.Errorf("not %d fields for the tokenizer: %v", len(columns), err)
	}
	for i, token := range tokens {
		if err := c.list(i, &columns[i], token, texts[i]); err != nil {
			return p, err
		}
	}
	p.dow = (p.dow | p.dow>>7) & upTo(6)
	p.plain = p.last|p.near|p.nth == 0
	star := func(i int) bool { return tokens[i][0] == '*' }
	p.either = !star(domColumn) && !star(dowColumn)
	if !p.either && p.plain {
		p.least = bits.TrailingZeros64(p.dom)
	}
	p.fixed = !star(minuteColumn) && !star(hourColumn)
	return p, nil
}

// compiler collects the items of all fields.
type compiler struct {
	*pattern
	key string
}

// list adds the items of a token, whose names are numbers by now; text is what
// was written.
func (c compiler) list(place int, col *column, token, text string) error {
	if token == "*" && place == yearColumn {
		return nil
	}
	for more := true; more; {
		var item, written string
		item, token, more = strings.Cut(token, ",")
		written, text, _ = strings.Cut(text, ",")
		if err := c.item(place, col, item); err != nil {
			return fmt.Errorf("%s %s: %w", col.name, quote(written), err)
		}
	}
	return nil
}

func (c compiler) item(place int, col *column, item string) error {
	switch {
	case place == domColumn && strings.ContainsAny(item, "LW"):
		return c.monthEnd(item)
	case place == dowColumn && strings.ContainsAny(item, "L#"):
		return c.nthWeekday(col, item)
	case strings.Contains(item, "H"):
		return c.spread(place, col, item)
	}
	r, err := col.values(item)
	if err != nil {
		return err
	}
	if item[0] == '*' && r.step > 1 {
		c.steps[place] = uint8(r.step)
	}
	col.each(r, func(v int) { c.add(place, v) })
	return nil
}

func (c compiler) add(place, v int) {
	if place == yearColumn {
		c.addYear(v)
		return
	}
	*c.set(place) |= 1 << v
}

func (c compiler) set(place int) *uint64 {
	f := &c.fields
	return [...]*uint64{&f.second, &f.minute, &f.hour, &f.dom, &f.month, &f.dow}[place]
}
