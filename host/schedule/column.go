package schedule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	monthNames   = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"
	weekdayNames = "SUN MON TUE WED THU FRI SAT"
	minYear      = 1970
	maxYear      = 2199
	lastYear     = minYear + 255 // of the set of years: days move past maxYear
)

// The places of the columns in a full expression.
const (
	secondColumn = iota
	minuteColumn
	hourColumn
	domColumn
	monthColumn
	dowColumn
	yearColumn
)

// column is one field of the dialect.
type column struct {
	name     string
	min, max int
	names    string // three letters each, one blank between
}

func columns() [7]column {
	return [7]column{
		{name: "second", max: 59},
		{name: "minute", max: 59},
		{name: "hour", max: 23},
		{name: "day of month", min: 1, max: 31},
		{name: "month", min: 1, max: 12, names: monthNames},
		{name: "day of week", max: 7, names: weekdayNames},
		{name: "year", min: minYear, max: maxYear},
	}
}

// size is how many values a column has; its ranges wrap around after so many.
func (c *column) size() int {
	if c.max == 7 {
		return 7 // 7 is 0 once more
	}
	return c.max - c.min + 1
}

func (c *column) spellAll(list string) error {
	for more := true; more; {
		var item string
		item, list, more = strings.Cut(list, ",")
		if err := c.spell(item); err != nil {
			return err
		}
	}
	return nil
}

// spell checks the words of an item: only names, and only where they belong.
func (c *column) spell(item string) error {
	if item == "" {
		return fmt.Errorf("%s: empty item in the list", c.name)
	}
	for i := 0; i < len(item); {
		j := i
		for j < len(item) && strings.IndexByte("*-/#()", item[j]) < 0 {
			j++
		}
		if word := item[i:j]; word != "" && !c.known(word) {
			return c.misspelt(word, item)
		}
		i = j + 1
	}
	return nil
}

func (c *column) known(word string) bool {
	switch {
	case c.number(word) || c.index(word) >= 0 || word == "H":
		return true
	case c.max == 31:
		return word == "L" || word == "LW" || word[len(word)-1] == 'W' && c.number(word[:len(word)-1])
	case c.max == 7 && word[len(word)-1] == 'L':
		day := word[:len(word)-1]
		return day != "" && c.number(day) || c.index(day) >= 0
	}
	return false
}

func (c *column) misspelt(word, item string) error {
	switch {
	case strings.Contains(word, "?"):
		return fmt.Errorf("%s %s: ? is not supported, write *", c.name, quote(item))
	case c.max == 7 && word == "L":
		return fmt.Errorf("%s %s: which day? write 5L for the last Friday of the month, or 6 for Saturday", c.name, quote(item))
	case c.max == 7 && len(word) == 4 && strings.Trim(word, "0123456789") == "":
		return fmt.Errorf("%s %s: %s; a year needs all seven fields, seconds in front", c.name, quote(item), c.want())
	case strings.Trim(word, "0123456789LW") == "" && strings.ContainsAny(word, "LW"):
		return fmt.Errorf("%s %s: %s; L, L-3, LW and 15W are days of the month, 5L is a day of the week", c.name, quote(item), c.want())
	}
	return fmt.Errorf("%s %s: %s", c.name, quote(item), c.want())
}

// number reports whether the word is up to three digits. The tokenizer would
// take four for a year, where there is none too.
func (c *column) number(word string) bool {
	if len(word) > 3 && (len(word) > 4 || c.max != maxYear) {
		return false
	}
	for i := range len(word) {
		if word[i] < '0' || word[i] > '9' {
			return false
		}
	}
	return true
}

// index returns the position of a name in the column's names, or -1.
func (c *column) index(word string) int {
	if len(word) != 3 || c.names == "" {
		return -1
	}
	return strings.Index(c.names, word)
}

// run is the values first, first+step, … up to last, around the end if last
// comes before first.
type run struct{ first, last, step int }

// values reads an item made of values: *, a value or a range, with its step.
func (c *column) values(item string) (run, error) {
	span, stepText, stepped := strings.Cut(item, "/")
	low, high, ranged := strings.Cut(span, "-")
	r := run{first: c.min, last: c.max, step: 1}
	if span != "*" {
		var ok1, ok2 bool
		r.first, ok1 = c.value(low)
		r.last, ok2 = r.first, true
		if ranged {
			r.last, ok2 = c.value(high)
		}
		if !ok1 || !ok2 {
			return r, errors.New(c.want())
		}
	}
	if stepped {
		if span != "*" && !ranged {
			return r, fmt.Errorf("a step needs * or a range, write %s-%d/%s", span, c.max, stepText)
		}
		n, ok := c.step(stepText)
		if !ok {
			return r, fmt.Errorf("want a step of 1 to %d", c.max-c.min+1)
		}
		r.step = n
	}
	if r.first > r.last && c.max == maxYear {
		return r, errors.New("the range runs backwards, and years do not come again")
	}
	return r, nil
}

func (c *column) step(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 1 && n <= c.max-c.min+1
}

func (c *column) value(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && (len(text) <= 2 || c.max == maxYear) && n >= c.min && n <= c.max
}

// each calls add with the values of the run, once around at most.
func (c *column) each(r run, add func(v int)) {
	size := c.size()
	length := r.last - r.first
	if length < 0 {
		length = (length%size + size) % size
	}
	for n := 0; n <= length; n += r.step {
		if v := r.first + n; v <= c.max {
			add(v)
		} else {
			add(c.min + (v-c.min)%size)
		}
	}
}

func (c *column) want() string {
	if c.names == "" {
		return fmt.Sprintf("want %d to %d", c.min, c.max)
	}
	return fmt.Sprintf("want %d to %d or %s to %s", c.min, c.max, c.names[:3], c.names[len(c.names)-3:])
}

// quote quotes a piece of input, shortened for a message.
func quote(text string) string {
	if len(text) > 60 {
		text = text[:57] + "..."
	}
	return strconv.Quote(text)
}
