package english

import (
	"errors"
	"fmt"
	"strings"
)

const examples = "write for example every 5 minutes, every weekday at 9am Europe/Prague, on the 1st of the month at 6:00, in 2h, tomorrow 7:30"

// unknown says what to write instead of the word that stands here.
func (p *parser) unknown() error {
	word := p.word()
	switch word {
	case "":
		return errors.New("it ends too early; " + examples)
	case "other", "alternate":
		return fmt.Errorf("every %s one counts from where? name the days (on the 1st and 15th, every monday), or write every 48h for an interval of elapsed time", word)
	case "biweekly", "bi-weekly", "fortnightly", "fortnight", "bimonthly", "bi-monthly", "semiweekly", "semi-weekly", "semimonthly", "semi-monthly", "biannually", "semiannually", "quarterly", "quarter":
		return fmt.Errorf("%s has more than one meaning: name the days (every monday and thursday at 9:00, on the 1st and 15th at 9:00, on the 1st of january, april, july and october at 9:00)", word)
	case "next", "this", "coming", "last":
		return fmt.Errorf("%s %s may be one of two: write the date (on 2030-01-31 at 9:00), or every %s", word, p.peek(1), p.peek(1))
	case "twice", "thrice", "times":
		return fmt.Errorf("%s a day, at which times? write every day at 9:00 and 17:00", word)
	case "now", "immediately":
		return errors.New("now is no schedule: write in 1m, or use `palyra job run`")
	case "morning", "afternoon", "evening", "night", "tonight", "eod", "lunchtime":
		return fmt.Errorf("%s is no time of day: write 9am, 17:30, noon or midnight", word)
	case "except", "excluding", "but", "unless", "not":
		return fmt.Errorf("%s: name the days that count instead, as in monday to saturday", word)
	case "starting", "beginning", "until", "till", "ending", "for", "since":
		return fmt.Errorf("%s: when a schedule starts and ends is not part of the phrase", word)
	case "yesterday":
		return errors.New("that is past: write a time to come, such as tomorrow at 9:00")
	case "and":
		return errors.New("and joins times, days or months of one kind; here it stands between others: leave it out, or write or if one of two days is enough")
	case "weekend":
		return errors.New("one day or both? write weekends (Saturday and Sunday), or every saturday")
	case "reboot", "startup", "boot":
		return errors.New("a start of the machine is no time: let the service manager run that")
	}
	if spelled(word) > 0 && p.peek(1) == "times" {
		return errors.New("at which times? write every day at 9:00 and 17:00")
	}
	if strings.Contains(word, "/") {
		return fmt.Errorf("the zone %s stands at the end of the phrase", quote(p.raw[p.pos]))
	}
	if digits(word) {
		return bare(word)
	}
	return fmt.Errorf("%s is not understood; %s", quote(word), examples)
}
