package jobfile

import (
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// lines knows where in a file things are: "job.2.cron" for a key of the third
// [[job]], "job.backup.cron" for one of [job.backup], and what is above them.
type lines map[string]int

// scan finds the lines of a file that parses.
func scan(data []byte) lines {
	found := lines{}
	p := unstable.Parser{}
	p.Reset(data)
	table, element := "", -1
	for p.NextExpression() {
		node := p.Expression()
		path, line := pathOf(&p, node)
		if len(path) == 0 {
			continue
		}
		switch node.Kind {
		case unstable.ArrayTable:
			if len(path) == 1 && path[0] == top {
				element++
			}
			table = found.note(within(path, element), line)
		case unstable.Table:
			table = found.note(within(path, element), line)
		case unstable.KeyValue:
			if table == "" {
				found.note(path, line)
				continue
			}
			found.note(append(strings.Split(table, "\x00"), path...), line)
		default: // a comment
		}
	}
	return found
}

// within is path, with the number of the [[job]] that it belongs to.
func within(path []string, element int) []string {
	if element < 0 || path[0] != top {
		return path
	}
	return append([]string{top, number(element)}, path[1:]...)
}

// note remembers the line of path, and of what is above it if it is not known yet.
func (l lines) note(path []string, line int) string {
	for n := 1; n <= len(path); n++ {
		key := strings.Join(path[:n], "\x00")
		if _, ok := l[key]; !ok {
			l[key] = line
		}
	}
	return strings.Join(path, "\x00")
}

// of returns the line of path, or of the nearest thing above it.
func (l lines) of(path ...string) int {
	for n := len(path); n > 0; n-- {
		if line, ok := l[strings.Join(path[:n], "\x00")]; ok {
			return line
		}
	}
	return 1
}

func pathOf(p *unstable.Parser, node *unstable.Node) (path []string, line int) {
	switch node.Kind {
	case unstable.ArrayTable, unstable.Table, unstable.KeyValue:
	default:
		return nil, 0
	}
	for it := node.Key(); it.Next(); {
		path = append(path, string(it.Node().Data))
		if line == 0 {
			line = p.Shape(it.Node().Raw).Start.Line
		}
	}
	return path, line
}
