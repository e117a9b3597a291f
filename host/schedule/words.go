package schedule

import (
	"fmt"
	"math/bits"
	"strings"
)

// span is a run of at least one neighbouring value of a set.
type span struct{ first, last int }

func spans(set uint64) []span {
	var list []span
	for set != 0 {
		first := bits.TrailingZeros64(set)
		length := bits.TrailingZeros64(^(set >> first))
		list = append(list, span{first, first + length - 1})
		set &^= upTo(first + length - 1)
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

// runs names the members of a set: "1", "1", "5 to 7"; two neighbours are two.
func runs(set uint64, name func(int) string) []string {
	var list []string
	for _, s := range spans(set) {
		if s.last > s.first+1 {
			list = append(list, name(s.first)+" to "+name(s.last))
			continue
		}
		for v := s.first; v <= s.last; v++ {
			list = append(list, name(v))
		}
	}
	return list
}

func names(set uint64, name func(int) string) []string {
	var list []string
	for _, v := range members(set) {
		list = append(list, name(v))
	}
	return list
}

// join writes a list as prose: "a", "a and b", "a, b and c".
func join(list []string, word string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " " + word + " " + list[last]
}

// progression returns n if the values of the set are n > 1 apart, all of them.
func progression(set uint64) (n int, ok bool) {
	list := members(set)
	if len(list) < 2 {
		return 0, false
	}
	n = list[1] - list[0]
	for i := 1; i < len(list); i++ {
		if list[i]-list[i-1] != n {
			return 0, false
		}
	}
	return n, n > 1
}

// even returns n if the set is 0, n, 2n, … and n divides size: the only steps
// that are truly "every n", without a shorter one at the end.
func even(set uint64, size int) (n int, ok bool) {
	n, ok = progression(set)
	return n, ok && set&1 != 0 && n*bits.OnesCount64(set) == size
}

// numbered writes a set of values with their noun: "minute 5", "minutes 0, 5
// and 10 to 20", "every 7th minute from 0 to 56".
func numbered(set uint64, noun string) string {
	if n, ok := progression(set); ok && bits.OnesCount64(set) > 3 {
		return fmt.Sprintf("every %s %s from %d to %d", ordinal(n), noun, bits.TrailingZeros64(set), highest(set))
	}
	text := join(runs(set, func(v int) string { return fmt.Sprint(v) }), "and")
	if bits.OnesCount64(set) == 1 {
		return noun + " " + text
	}
	return noun + "s " + text
}

func ordinal(n int) string {
	suffix := "th"
	if n/10%10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprint(n, suffix)
}

func longMonth(m int) string {
	return [...]string{
		"", "January", "February", "March", "April", "May", "June", "July",
		"August", "September", "October", "November", "December",
	}[m]
}

func longWeekday(d int) string {
	return [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}[d%7]
}
