package schedule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/adhocore/gronx"
)

// maxExpr bounds what is looked at; the longest sensible expression, every
// field a list of all its values, is shorter.
const maxExpr = 1000

const (
	monthNames   = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"
	weekdayNames = "SUN MON TUE WED THU FRI SAT"
)

// column is one field of the dialect.
type column struct {
	name     string
	min, max int
	names    string // three letters each, one blank between
}

func columns() [6]column {
	return [6]column{
		{name: "second", max: 59},
		{name: "minute", max: 59},
		{name: "hour", max: 23},
		{name: "day of month", min: 1, max: 31},
		{name: "month", min: 1, max: 12, names: monthNames},
		{name: "day of week", max: 7, names: weekdayNames},
	}
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

// canonical returns the expression in canonical form, and its five or six
// fields in that form; of a macro the fields that it stands for.
func canonical(expr string) (string, []string, error) {
	if len(expr) > maxExpr {
		return "", nil, fmt.Errorf("longer than %d bytes", maxExpr)
	}
	for _, c := range []byte(expr) {
		if (c < ' ' && c != '\t') || c > '~' {
			return "", nil, errors.New("want one line of ASCII characters")
		}
	}
	form := strings.ToUpper(strings.Join(strings.Fields(expr), " "))
	if form == "" {
		return "", nil, errors.New("empty, want 5 fields (minute hour day-of-month month day-of-week), 6 with seconds in front, or a macro such as @daily")
	}
	text := form
	if form[0] == '@' {
		form = strings.ToLower(form)
		stands, ok := macro(form)
		if strings.HasPrefix(form, "@every") {
			return "", nil, errors.New("an interval is a schedule of kind every, not cron")
		}
		if !ok {
			return "", nil, errors.New("unknown macro, want @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually")
		}
		text = stands
	}
	texts := strings.Split(text, " ")
	switch len(texts) {
	case 5, 6:
		return form, texts, nil
	case 7:
		return "", nil, errors.New("7 fields, want 5, or 6 with seconds in front; a year field is not supported")
	}
	return "", nil, fmt.Errorf("%d fields, want 5 (minute hour day-of-month month day-of-week), or 6 with seconds in front", len(texts))
}

// compile turns the canonical fields into sets. Of gronx it takes the
// tokenizer, which puts numbers for names and a zero for missing seconds. It
// does so wherever the letters stand, so names are checked before.
func compile(texts []string) (f fields, fixed bool, err error) {
	columns := columns()
	used := columns[len(columns)-len(texts):]
	for i, text := range texts {
		for item := range strings.SplitSeq(text, ",") {
			if err := used[i].spell(item); err != nil {
				return f, false, err
			}
		}
	}
	tokens, err := gronx.Segments(strings.Join(texts, " "))
	if err != nil || len(tokens) != len(columns) {
		return f, false, fmt.Errorf("not %d fields for the tokenizer: %v", len(columns), err)
	}
	texts = append(tokens[:len(tokens)-len(texts):len(tokens)-len(texts)], texts...)
	var sets [len(columns)]uint64
	for i, token := range tokens {
		if sets[i], err = columns[i].list(token, texts[i]); err != nil {
			return f, false, err
		}
	}
	star := func(i int) bool { return tokens[i][0] == '*' }
	f = fields{second: sets[0], minute: sets[1], hour: sets[2], dom: sets[3], month: sets[4]}
	f.dow = (sets[5] | sets[5]>>7) & upTo(6)
	f.either = !star(3) && !star(5)
	return f, !star(1) && !star(2), nil
}

// spell checks the words of an item: only names, and only where they belong.
func (c column) spell(item string) error {
	if item == "" {
		return fmt.Errorf("%s: empty item in the list", c.name)
	}
	if strings.Contains(item, "?") {
		return fmt.Errorf("%s %s: ? is not supported, write *", c.name, quote(item))
	}
	for word := range strings.FieldsFuncSeq(item, func(r rune) bool { return strings.ContainsRune("*-/", r) }) {
		if number(word) || c.index(word) >= 0 {
			continue
		}
		if extension(word) {
			return fmt.Errorf("%s %s: L, W, # and H are not supported, %s", c.name, quote(item), c.want())
		}
		return fmt.Errorf("%s %s: %s", c.name, quote(item), c.want())
	}
	return nil
}

// number reports whether the word is up to three digits. The tokenizer would
// take four for a year.
func number(word string) bool {
	return len(word) <= 3 && strings.Trim(word, "0123456789") == ""
}

// extension reports whether other dialects give the word a meaning.
func extension(word string) bool {
	return strings.Contains(word, "#") || strings.HasPrefix(word, "H") || strings.Trim(word, "LW0123456789") == "" && strings.ContainsAny(word, "LW") ||
		len(word) == 4 && word[3] == 'L' && strings.Contains(weekdayNames, word[:3])
}

// index returns the position of a name in the column's names, or -1.
func (c column) index(word string) int {
	if len(word) != 3 || c.names == "" {
		return -1
	}
	return strings.Index(c.names, word)
}

// list returns the set of a token, whose names are numbers by now; text is
// what was written.
func (c column) list(token, text string) (uint64, error) {
	set, items := uint64(0), strings.Split(text, ",")
	for i, item := range strings.Split(token, ",") {
		values, err := c.values(item)
		if err != nil {
			return 0, fmt.Errorf("%s %s: %w", c.name, quote(items[i]), err)
		}
		set |= values
	}
	return set, nil
}

func (c column) values(item string) (uint64, error) {
	span, stepText, stepped := strings.Cut(item, "/")
	low, high, ranged := strings.Cut(span, "-")
	first, last := c.min, c.max
	if span != "*" {
		var ok1, ok2 bool
		first, ok1 = c.value(low)
		last, ok2 = first, true
		if ranged {
			last, ok2 = c.value(high)
		}
		if !ok1 || !ok2 {
			return 0, errors.New(c.want())
		}
	}
	step := 1
	if stepped {
		if span != "*" && !ranged {
			return 0, fmt.Errorf("a step needs * or a range, write %s-%d/%s", span, c.max, stepText)
		}
		n, err := strconv.Atoi(stepText)
		if limit := c.max - c.min + 1; err != nil || n < 1 || n > limit {
			return 0, fmt.Errorf("want a step of 1 to %d", limit)
		}
		step = n
	}
	if first > last {
		return 0, errors.New("the range runs backwards, write it as two or as a list")
	}
	set := uint64(0)
	for v := first; v <= last; v += step {
		set |= 1 << v
	}
	return set, nil
}

func (c column) value(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && len(text) <= 2 && n >= c.min && n <= c.max
}

func (c column) want() string {
	if c.names == "" {
		return fmt.Sprintf("want %d to %d", c.min, c.max)
	}
	return fmt.Sprintf("want %d to %d or %s to %s", c.min, c.max, c.names[:3], c.names[len(c.names)-3:])
}

// possible says why no date can match, or nothing if one can. Every date of
// a leap year that exists falls on every weekday in some year, so only days
// that no allowed month has are impossible.
func (f *fields) possible() error {
	if f.either {
		return nil
	}
	longest := 0
	for m := 1; m <= 12; m++ {
		if f.month>>m&1 != 0 {
			longest = max(longest, monthLength(2000, m))
		}
	}
	if f.dom&upTo(longest) != 0 {
		return nil
	}
	return fmt.Errorf("never matches: %s has no day %s", join(names(f.month, longMonth), "or"), join(runs(f.dom, strconv.Itoa), "or"))
}

// quote quotes a piece of input, shortened for a message.
func quote(text string) string {
	if len(text) > 60 {
		text = text[:57] + "..."
	}
	return strconv.Quote(text)
}
