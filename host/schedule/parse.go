package schedule

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

const nextWorkday = "next-workday"

// Parser compiles schedules that share their zones: a zone is read once. The
// zero value is ready, and safe for concurrent use.
type Parser struct {
	mu    sync.Mutex       // guards zones
	zones map[string]*zone // by canonical name
}

// Parse compiles spec, or says what is wrong with it. It reads its zone anew:
// who compiles many schedules keeps a Parser.
func Parse(spec Spec) (*Schedule, error) { return new(Parser).Parse(spec) }

// Parse compiles spec, or says what is wrong with it.
func (p *Parser) Parse(spec Spec) (*Schedule, error) {
	z, err := p.zone(spec.Zone)
	if err != nil {
		return nil, fmt.Errorf("schedule: %w", err)
	}
	spec.Zone = z.name
	s := &Schedule{zone: z}
	if err := only(&spec); err != nil {
		return nil, err
	}
	switch spec.Kind {
	case Cron:
		s.rule, spec, err = parseCron(spec, z)
	case Every:
		s.rule, spec, err = parseEvery(spec)
	case At:
		s.rule, spec, err = parseAt(spec)
	case Delay:
		s.rule, spec, err = parseDelay(spec)
	case Manual:
		s.rule, spec, err = parseManual(spec)
	default:
		err = fmt.Errorf("schedule: kind %s: want cron, every, at, delay or manual", quote(string(spec.Kind)))
	}
	if err != nil {
		return nil, err
	}
	if s.jitter, spec.Jitter, err = parseJitter(spec.Jitter); err != nil {
		return nil, err
	}
	s.spec = spec
	return s, s.bound()
}

// zone returns the zone of a name, the same for each call.
func (p *Parser) zone(name string) (*zone, error) {
	if name == "" {
		name = "utc"
	}
	p.mu.Lock()
	z := p.zones[name]
	p.mu.Unlock()
	if z != nil {
		return z, nil
	}
	z, err := newZone(name)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.zones == nil {
		p.zones = make(map[string]*zone)
	}
	if known := p.zones[z.name]; known != nil {
		return known, nil
	}
	p.zones[z.name] = z
	return z, nil
}

// only refuses what a kind has no use for, and drops an anchor or a key.
func only(spec *Spec) error {
	if spec.Kind != Every {
		spec.Anchor = time.Time{}
	}
	if spec.Kind == Cron {
		return nil
	}
	spec.Key = ""
	spec.DSTGap, spec.DSTOverlap = word(spec.DSTGap, "next"), word(spec.DSTOverlap, "first")
	spec.Except, spec.OnExcluded = word(spec.Except, ""), word(spec.OnExcluded, "skip")
	if spec.DSTGap+spec.DSTOverlap+spec.Except+spec.OnExcluded != "" {
		return errors.New("schedule: dst_gap, dst_overlap, except, on_excluded: only schedules of kind cron have them")
	}
	return nil
}

func parseCron(spec Spec, z *zone) (*cron, Spec, error) {
	form, text, err := canonical(spec.Expr)
	if err != nil {
		return nil, spec, fmt.Errorf("schedule: cron %s: %w", quote(spec.Expr), err)
	}
	p, err := compile(text, spec.Key)
	if err == nil {
		err = p.possible()
	}
	if err != nil {
		return nil, spec, fmt.Errorf("schedule: cron %s: %w", quote(form), err)
	}
	spec.Expr = form
	if !p.hash {
		spec.Key = ""
	}
	c := &cron{wall: p.fields, class: wildcard, zone: z, steps: p.steps, hash: p.hash}
	if err := c.choose(p.fixed, &spec); err != nil {
		return nil, spec, err
	}
	if err := c.exclude(&spec); err != nil {
		return nil, spec, err
	}
	if _, ok := c.next(time.Time{}); !ok && c.class == changed {
		return nil, spec, errors.New("schedule: dst_gap: the clock skips every time of the schedule")
	}
	return c, spec, nil
}

// choose sets what happens at changes of the clock.
func (c *cron) choose(fixed bool, spec *Spec) error {
	c.wish.overlap = firstTime
	switch spec.DSTGap = word(spec.DSTGap, "next"); spec.DSTGap {
	case "":
	case "skip":
		c.wish.skipGap = true
	default:
		return fmt.Errorf("schedule: dst_gap %s: want next or skip", quote(spec.DSTGap))
	}
	switch spec.DSTOverlap = word(spec.DSTOverlap, "first"); spec.DSTOverlap {
	case "":
	case "second":
		c.wish.overlap = secondTime
	case "both":
		c.wish.overlap = bothTimes
	default:
		return fmt.Errorf("schedule: dst_overlap %s: want first, second or both", quote(spec.DSTOverlap))
	}
	if fixed {
		c.class = c.wish.class()
	} else if spec.DSTGap+spec.DSTOverlap != "" {
		return errors.New("schedule: dst_gap, dst_overlap: a schedule whose minute or hour starts with * follows elapsed time; name its minutes and hours")
	}
	return nil
}

// word is text trimmed and in lower case, empty if it is the usual one.
func word(text, usual string) string {
	if text = strings.ToLower(strings.TrimSpace(text)); text == usual {
		return ""
	}
	return text
}

// exclude closes the days of spec.Except.
func (c *cron) exclude(spec *Spec) error {
	switch spec.OnExcluded = word(spec.OnExcluded, "skip"); spec.OnExcluded {
	case "", nextWorkday:
	default:
		return fmt.Errorf("schedule: on_excluded %s: want skip or next-workday", quote(spec.OnExcluded))
	}
	if spec.Except == "" {
		spec.OnExcluded = ""
		return nil
	}
	shut, form, err := parseClosed(spec.Except)
	if err != nil {
		return err
	}
	if spec.Except = form; form == "" {
		spec.OnExcluded = ""
		return nil
	}
	c.wall.close(shut, spec.OnExcluded == nextWorkday)
	if date, ok := c.wall.nextDay(1, 1); !ok || date > maxUnix/day {
		return errors.New("schedule: except: it leaves out every time of the schedule")
	}
	return nil
}

func parseDelay(spec Spec) (delay, Spec, error) {
	d, err := interval(Delay, spec.Expr)
	if err != nil {
		return delay{}, spec, err
	}
	spec.Expr = Length(d)
	return delay{d}, spec, nil
}

func parseJitter(text string) (time.Duration, string, error) {
	if strings.TrimSpace(text) == "" {
		return 0, "", nil
	}
	d, err := duration(text)
	switch {
	case err != nil:
		return 0, "", fmt.Errorf("schedule: jitter %s: %w", quote(text), err)
	case d == 0:
		return 0, "", nil
	case d < time.Millisecond || d%time.Millisecond != 0:
		return 0, "", fmt.Errorf("schedule: jitter %s: want whole milliseconds", quote(text))
	}
	return d, Length(d), nil
}
