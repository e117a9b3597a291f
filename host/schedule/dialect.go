package schedule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// foreign recognizes an expression of n fields in the dialects of Quartz and
// of AWS, and says what it is here.
func foreign(text string, n int) error {
	if inner, ok := call(text, "RATE"); ok {
		return rate(inner)
	}
	inner, aws := call(text, "CRON")
	if !aws {
		inner = text
	}
	if !aws && (n < 6 || n > 7 || strings.IndexByte(text, '?') < 0) {
		return nil
	}
	texts := strings.Fields(inner)
	name := "Quartz"
	if aws || len(texts) == 6 && (strings.Contains(texts[2], "?") || strings.Contains(texts[4], "?")) {
		name, texts = "AWS", append([]string{"0"}, texts...)
	}
	why := fmt.Errorf("this is an expression of %s (with ?, and the days of the week from 1 for Sunday): here ? is *, and 0 is Sunday", name)
	if own, ok := translate(texts); ok {
		return fmt.Errorf("%w; write %s", why, quote(own))
	}
	return why
}

func call(text, name string) (string, bool) {
	inner, found := strings.CutPrefix(text, name+"(")
	inner, closed := strings.CutSuffix(inner, ")")
	return strings.TrimSpace(inner), found && closed
}

func rate(inner string) error {
	number, unit, _ := strings.Cut(inner, " ")
	n, err := strconv.Atoi(number)
	hours := map[string]string{"MINUTE": "m", "HOUR": "h", "DAY": "h"}[strings.TrimSuffix(unit, "S")]
	if err != nil || n < 1 || n > 1e6 || hours == "" {
		return errors.New("this is a rate of AWS: an interval is a schedule of kind every here, such as 5m")
	}
	if strings.HasPrefix(unit, "DAY") {
		n *= 24
	}
	return fmt.Errorf("this is a rate of AWS: an interval is a schedule of kind every here, write %d%s", n, hours)
}

// translate writes the fields of Quartz as ours, if that can be done.
func translate(texts []string) (string, bool) {
	if len(texts) < 6 || len(texts) > 7 {
		return "", false
	}
	columns := columns()
	var own []string
	for i, text := range texts {
		if text == "?" {
			text = "*"
		}
		items := strings.Split(text, ",")
		for j, item := range items {
			if i == dowColumn {
				item = fromSunday(item)
			}
			start, step, stepped := strings.Cut(item, "/")
			if columns[i].number(start) && stepped {
				item = fmt.Sprintf("%s-%d/%s", start, columns[i].max, step)
			}
			items[j] = item
		}
		own = append(own, strings.Join(items, ","))
	}
	if len(own) == 7 && own[6] == "*" {
		own = own[:6]
	}
	if len(own) == 6 && own[0] == "0" {
		own = own[1:]
	}
	form := strings.Join(own, " ")
	if strings.Contains(form, "?") {
		return "", false
	}
	_, err := compile(form, "")
	return form, err == nil
}

// fromSunday takes one from the days of an item, whose Sunday is 1: 2-6 is 1-5.
func fromSunday(item string) string {
	if item == "L" {
		return "6" // Saturday
	}
	b := []byte(item)
	for i, c := range b {
		if '1' <= c && c <= '7' && (i == 0 || b[i-1] == '-') {
			b[i]--
		}
	}
	return string(b)
}
