package schedule

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// The words say everything: expressions with different fields differ in them.
func TestEnglishTellsApart(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	said := map[string]fields{}
	from := map[string]string{}
	for range 40000 {
		expr := randomExpr(random)
		s, err := Parse(Spec{Kind: Cron, Expr: expr})
		if err != nil {
			continue
		}
		f := s.rule.(*cron).wall
		if f.everyDay() {
			f.dom, f.dow, f.either = allDays, allWeek, false
			f.last, f.near, f.nth, f.plain, f.least = 0, 0, 0, true, 0
		}
		text := s.English()
		if other, ok := said[text]; ok && other != f {
			t.Errorf("%s and %s are both %q", from[text], expr, text)
		}
		said[text], from[text] = f, expr
	}
	if len(said) < 10000 {
		t.Errorf("only %d different texts", len(said))
	}
}

func randomSpecial(r *rand.Rand, c column) string {
	forms := []string{"L", "LW", fmt.Sprint("L-", 1+r.IntN(9)), fmt.Sprint(1+r.IntN(31), "W"), fmt.Sprint(1+r.IntN(31), ",L"), "L-1,15W"}
	if c.max == 7 {
		d := r.IntN(8)
		forms = []string{fmt.Sprint(d, "L"), fmt.Sprint(d, "#", 1+r.IntN(5)), fmt.Sprint(d, "#1,", r.IntN(7)), fmt.Sprint(d, "#2,", d, "L")}
	}
	return forms[r.IntN(len(forms))]
}

// randomExpr writes a likely expression: mostly valid, often simple.
func randomExpr(r *rand.Rand) string {
	var texts []string
	years := r.IntN(8) == 0
	for i, c := range columns() {
		if i == 0 && !years && r.IntN(3) > 0 || i == 6 && !years {
			continue
		}
		texts = append(texts, randomField(r, c))
	}
	return strings.Join(texts, " ")
}

func randomField(r *rand.Rand, c column) string {
	size := c.max - c.min + 1
	value := func() int { return c.min + r.IntN(size) }
	if special := r.IntN(9); special == 0 && (c.max == 31 || c.max == 7) {
		return randomSpecial(r, c)
	}
	switch r.IntN(7) {
	case 0, 1:
		return "*"
	case 2:
		return fmt.Sprint("*/", 1+r.IntN(size))
	case 3, 4:
		a, b := value(), value()
		if c.max == maxYear || r.IntN(4) > 0 {
			a, b = min(a, b), max(a, b)
		}
		return fmt.Sprintf("%d-%d/%d", a, b, 1+r.IntN(4))
	case 5:
		return fmt.Sprintf("%d,%d,%d", value(), value(), value())
	}
	return fmt.Sprint(value())
}
