package english

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/palyra-go/palyra/host/schedule"
)

// parser walks over the words of a phrase and fills in a draft of what it says.
type parser struct {
	words []string // lower case; a comma is a word
	raw   []string // as written
	pos   int

	schedules *schedule.Parser
	draft
}

// scan cuts the phrase into words.
func (p *parser) scan(text string) error {
	if len(text) > maxPhrase {
		return fmt.Errorf("longer than %d bytes", maxPhrase)
	}
	for _, c := range []byte(text) {
		if c != '\t' && (c < ' ' || c > '~') {
			return errors.New("want one line of ASCII characters")
		}
	}
	p.words, p.raw = make([]string, 0, 16), make([]string, 0, 16)
	for i := 0; i < len(text); {
		switch text[i] {
		case ' ', '\t':
			i++
			continue
		case ',':
			p.add(",")
			i++
			continue
		}
		n := strings.IndexAny(text[i:], " \t,")
		if n < 0 {
			n = len(text) - i
		}
		p.add(text[i : i+n])
		i += n
	}
	return nil
}

// add takes a word; mon-fri and 9:00-17:00 become three.
func (p *parser) add(raw string) {
	word := strings.ToLower(raw)
	if low, high, ok := strings.Cut(word, "-"); ok && (isName(low) && isName(high) || clockLike(low) && clockLike(high)) {
		p.words = append(p.words, low, "to", high)
		p.raw = append(p.raw, low, "to", high)
		return
	}
	p.words, p.raw = append(p.words, word), append(p.raw, raw)
}

func isName(word string) bool {
	_, day := weekday(word)
	return day || month(word) > 0
}

func (p *parser) end() bool    { return p.pos >= len(p.words) }
func (p *parser) word() string { return p.peek(0) }
func (p *parser) next()        { p.pos++ }

// peek returns the word after n others, nothing beyond the end.
func (p *parser) peek(n int) string {
	if p.pos+n < len(p.words) {
		return p.words[p.pos+n]
	}
	return ""
}

func (p *parser) accept(word string) bool {
	if p.word() != word {
		return false
	}
	p.next()
	return true
}

// and steps over "," "and" or both, if something follows for which more is true.
func (p *parser) and(more func() bool) bool {
	from := p.pos
	p.accept(",")
	p.accept("and")
	if p.pos > from && more() {
		return true
	}
	p.pos = from
	return false
}

// cutZone takes the zone from the end of the phrase.
func (p *parser) cutZone() error {
	last := len(p.words) - 1
	if last > 0 && p.words[last] == "time" {
		last--
	}
	if last < 0 {
		return nil
	}
	switch word := p.words[last]; {
	case word == "utc" || word == "local":
		p.zone = word
	case strings.Contains(word, "/"):
		p.zone = p.raw[last]
	case strings.Contains(" est edt cst cdt mst mdt pst pdt cet cest eet eest wet west bst ist jst msk aest gmt z ", " "+word+" ") || strings.HasPrefix(word, "utc+") || strings.HasPrefix(word, "utc-") || strings.HasPrefix(word, "gmt"):
		return fmt.Errorf("%s is no zone with rules of its own: end with an IANA name such as Europe/Prague, or utc", p.raw[last])
	default:
		return nil
	}
	if last > 0 && p.words[last-1] == "in" {
		last--
	}
	if last > 0 && p.words[last-1] == "," {
		last--
	}
	p.words, p.raw = p.words[:last], p.raw[:last]
	return nil
}

// named returns the position of a name in a list of full names, which may be
// cut to three letters; days may have an s.
func named(list []string, word string, plural bool) int {
	if len(word) < 3 {
		return -1
	}
	for i, name := range list {
		if word[:3] != name[:3] {
			continue
		}
		if word == name || len(word) == 3 || plural && word == name+"s" {
			return i
		}
	}
	return -1
}

func weekday(word string) (int, bool) {
	list := [...]string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
	switch word {
	case "tues":
		return 2, true
	case "weds":
		return 3, true
	case "thur", "thurs":
		return 4, true
	}
	n := named(list[:], word, true)
	return max(n, 0), n >= 0
}

// month returns 1 to 12, or 0.
func month(word string) int {
	list := [...]string{
		"january", "february", "march", "april", "may", "june", "july",
		"august", "september", "october", "november", "december",
	}
	if word == "sept" {
		return 9
	}
	return named(list[:], word, false) + 1
}

// unitOf returns the full name of a unit of time, or nothing.
func unitOf(word string) string {
	switch word {
	case "s", "sec", "secs", "second", "seconds":
		return "second"
	case "m", "min", "mins", "minute", "minutes":
		return "minute"
	case "h", "hr", "hrs", "hour", "hours":
		return "hour"
	case "d", "day", "days":
		return "day"
	case "w", "week", "weeks":
		return "week"
	case "month", "months":
		return "month"
	case "y", "year", "years":
		return "year"
	}
	return ""
}

// isNoun reports whether "second" before it is a number.
func isNoun(word string) bool {
	return isName(word) || unitOf(word) != "" || word == "weekday" || word == "weekend"
}

// spelled returns the number that a word stands for, or 0.
func spelled(word string) int {
	if word == "a" || word == "an" {
		return 1
	}
	list := [...]string{"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
	for i, name := range list {
		if word == name {
			return i + 1
		}
	}
	return 0
}

// ordinal returns 1 to 31, or -1 for last.
func ordinal(word string) (int, bool) {
	switch word {
	case "first":
		return 1, true
	case "second":
		return 2, true
	case "third":
		return 3, true
	case "fourth":
		return 4, true
	case "fifth":
		return 5, true
	case "last":
		return -1, true
	}
	if len(word) < 3 || len(word) > 4 {
		return 0, false
	}
	n, err := strconv.Atoi(word[:len(word)-2])
	if err != nil || n < 0 {
		return 0, false
	}
	suffix := "th"
	if n/10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return n, word[len(word)-2:] == suffix && word[0] != '+'
}

func plainNumber(word string) bool {
	return word != "" && len(word) <= 9 && word[0] != '.' && strings.Trim(word, "0123456789.") == ""
}

func digits(word string) bool {
	return word != "" && len(word) <= 4 && strings.Trim(word, "0123456789") == ""
}

// quote quotes a piece of input, shortened for a message.
func quote(text string) string {
	if len(text) > 60 {
		text = text[:57] + "..."
	}
	return strconv.Quote(text)
}
