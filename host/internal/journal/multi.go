package journal

import (
	"database/sql/driver"
	"strings"
)

// insert is a constant statement that inserts rows, many at once: what a
// statement costs beside its rows is then paid once for all of them.
type insert struct {
	columns int
	of      map[int]string // the statement for so many rows
}

// portions are how many rows a statement inserts, the most first. Few, because
// each is a prepared statement.
var portions = [...]int{32, 8, 1}

// newInsert returns the insert that has head before the rows and tail behind
// them. A row is a list with a mark for each of its values; what all rows have in
// common is written out, for to hand over a value costs more than to keep it.
func newInsert(head, row, tail string) insert {
	i := insert{columns: strings.Count(row, sqlite.mark), of: map[int]string{}}
	for _, n := range portions {
		i.of[n] = head + strings.Repeat(row+", ", n-1) + row + tail
	}
	return i
}

// values are the arguments of a statement, or those of many rows, one after the
// other.
type values []driver.NamedValue

// add appends arguments: text, int64, or what the driver makes one of these of.
func (v *values) add(all ...any) {
	for _, one := range all {
		*v = append(*v, driver.NamedValue{Ordinal: len(*v) + 1, Value: one})
	}
}

// insert inserts the rows, which are gone afterwards, and returns how many it
// touched.
func (t *tx) insert(i *insert, rows *values) (int64, error) {
	var touched int64
	left := *rows
	*rows = left[:0]
	for _, portion := range portions {
		for size := portion * i.columns; len(left) >= size; left = left[size:] {
			for n := range size {
				left[n].Ordinal = n + 1
			}
			n, err := t.run(i.of[portion], left[:size])
			if err != nil {
				return touched, err
			}
			touched += n
		}
	}
	return touched, nil
}
