package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

const maxManifest = 64 << 10 // bytes

// keyForm is how the keys of a manifest are spelt. go-toml matches keys to
// fields in any case; here a key means one thing only.
var keyForm = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

// ParseManifest reads and validates skill.toml. Its errors wrap ErrManifest and
// name the line.
func ParseManifest(data []byte) (Manifest, error) {
	var m Manifest
	if len(data) > maxManifest {
		return m, fmt.Errorf("%w: %s: %d bytes, at most %d", ErrManifest, ManifestFile, len(data), maxManifest)
	}
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&m); err != nil {
		return Manifest{}, tomlError(err)
	}
	lines, err := keyLines(data)
	if err != nil {
		return Manifest{}, err
	}
	var errs []error
	for _, p := range m.problems() {
		errs = append(errs, fmt.Errorf("%s:%d: %s", ManifestFile, lineOf(lines, p.key), p.message))
	}
	if len(errs) > 0 {
		return Manifest{}, fmt.Errorf("%w: %w", ErrManifest, errors.Join(errs...))
	}
	return m, nil
}

// tomlError says where a document does not fit.
func tomlError(err error) error {
	if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok && len(strict.Errors) > 0 {
		e := strict.Errors[0]
		line, _ := e.Position()
		return fmt.Errorf("%w: %s:%d: unknown key %s", ErrManifest, ManifestFile, line, strings.Join(e.Key(), "."))
	}
	if e, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, _ := e.Position()
		return fmt.Errorf("%w: %s:%d: %s", ErrManifest, ManifestFile, line, strings.TrimPrefix(e.Error(), "toml: "))
	}
	return fmt.Errorf("%w: %s: %w", ErrManifest, ManifestFile, err)
}

// lineOf returns the line of a key; if it is absent, that of the key it is in.
func lineOf(lines map[string]int, key string) int {
	for key != "" {
		if line, ok := lines[key]; ok {
			return line
		}
		key = key[:max(0, strings.LastIndexByte(key, '.'))]
	}
	return 1
}

// keyLines returns the line on which each dotted key is first met, and refuses
// keys that are not spelt as a manifest's are. The document is known to be
// well-formed.
func keyLines(data []byte) (map[string]int, error) {
	w := keyWalk{lines: make(map[string]int)}
	w.parser.Reset(data)
	var table []string
	for w.parser.NextExpression() {
		node := w.parser.Expression()
		switch node.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = w.key(nil, node.Key())
		case unstable.KeyValue:
			w.value(table, node)
		default: // comments
		}
	}
	if err := w.parser.Error(); err != nil {
		return nil, tomlError(err)
	}
	return w.lines, w.err
}

type keyWalk struct {
	parser unstable.Parser
	lines  map[string]int
	err    error // the first
}

// key extends a path by the parts of a key and remembers where they are.
func (w *keyWalk) key(path []string, parts unstable.Iterator) []string {
	path = append([]string{}, path...)
	for parts.Next() {
		node := parts.Node()
		line := w.parser.Shape(node.Raw).Start.Line
		path = append(path, string(node.Data))
		if !keyForm.Match(node.Data) && w.err == nil {
			w.err = fmt.Errorf("%w: %s:%d: key %q: want lower-case letters, digits, _ and -", ErrManifest, ManifestFile, line, node.Data)
		}
		dotted := strings.Join(path, ".")
		if _, ok := w.lines[dotted]; !ok {
			w.lines[dotted] = line
		}
	}
	return path
}

func (w *keyWalk) value(table []string, node *unstable.Node) {
	path := w.key(table, node.Key())
	value := node.Value()
	if value.Kind != unstable.InlineTable {
		return
	}
	children := value.Children()
	for children.Next() {
		w.value(path, children.Node())
	}
}
