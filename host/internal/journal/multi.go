package journal

import "strings"

// insert is a constant statement that inserts rows, many at once: what a
// statement costs beside its rows is then paid once for all of them.
type insert struct {
	columns int
	of      map[int]string // the statement for so many rows
}

// portions are how many rows a statement inserts, the most first. Few, because
// each is a prepared statement.
var portions = [...]int{32, 8, 1}

// newInsert returns the insert that has head before the rows and tail behind them.
func newInsert(head string, columns int, tail string) insert {
	i := insert{columns: columns, of: map[int]string{}}
	row := sqlite.list(columns)
	for _, n := range portions {
		i.of[n] = head + strings.Repeat(row+", ", n-1) + row + tail
	}
	return i
}

// rows are the values of rows to insert, one after the other.
type rows struct{ values []any }

func (r *rows) add(values ...any) { r.values = append(r.values, values...) }

// insert inserts the rows, which are gone afterwards, and returns how many it
// touched.
func (t *tx) insert(i *insert, r *rows) (int64, error) {
	var touched int64
	values := r.values
	r.values = r.values[:0]
	for _, portion := range portions {
		for size := portion * i.columns; len(values) >= size; values = values[size:] {
			n, err := t.exec(i.of[portion], values[:size]...)
			if err != nil {
				return touched, err
			}
			touched += n
		}
	}
	return touched, nil
}
