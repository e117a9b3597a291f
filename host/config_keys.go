package host

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/palyra-go/palyra/host/internal/near"
)

// setting is one value of the configuration, found by its key.
type setting struct {
	key   string // "cron.timezone"
	value reflect.Value
}

// settings lists every value of cfg, in the order of its declaration.
func settings(cfg *Config) []setting { return settingsOf("", reflect.ValueOf(cfg).Elem()) }

func settingsOf(prefix string, v reflect.Value) []setting {
	var all []setting
	for i := range v.NumField() {
		key := prefix + v.Type().Field(i).Tag.Get("toml")
		if _, isText := v.Field(i).Addr().Interface().(encoding.TextUnmarshaler); v.Field(i).Kind() == reflect.Struct && !isText {
			all = append(all, settingsOf(key+".", v.Field(i))...)
			continue
		}
		all = append(all, setting{key, v.Field(i)})
	}
	return all
}

// knownKeys returns every key there is, tables too.
func knownKeys() map[string]bool {
	known := map[string]bool{}
	for _, s := range settings(&Config{}) {
		for key := s.key; key != ""; key, _, _ = cutLast(key) {
			known[key] = true
		}
	}
	return known
}

func cutLast(key string) (before, after string, found bool) {
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		return key[:i], key[i+1:], true
	}
	return "", key, false
}

// checkKeys refuses keys that are not known in exactly this spelling, with
// their line and the nearest key there is. (go-toml folds case.)
func checkKeys(path string, text []byte) error {
	known, free := knownKeys(), freeKeys()
	p := unstable.Parser{}
	p.Reset(text)
	var table []string
	for p.NextExpression() {
		node := p.Expression()
		parts, line := keyOf(&p, node)
		switch node.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = parts
		case unstable.KeyValue:
			parts = slices.Concat(table, parts)
		default:
			continue
		}
		key, name := split(parts, free)
		message := ""
		switch {
		case !known[key]:
			message = unknownKey(key, known)
		case len(name) > 1:
			message = fmt.Sprintf("%s: a name with dots is quoted: %q", key, strings.Join(name, "."))
		case len(name) == 1 && node.Kind != unstable.KeyValue:
			message = fmt.Sprintf("%s: %q is not a table", key, name[0])
		default:
			continue
		}
		return &ConfigError{Where: fmt.Sprintf("%s:%d", path, line), Message: message}
	}
	return nil // what does not parse is the decoder's to explain
}

// freeKeys returns the keys of tables whose keys are names of the operator's.
func freeKeys() map[string]bool {
	free := map[string]bool{}
	for _, s := range settings(&Config{}) {
		if s.value.Kind() == reflect.Map {
			free[s.key] = true
		}
	}
	return free
}

// split parts a key into what is to be known and the name in a table of names.
func split(parts []string, free map[string]bool) (key string, name []string) {
	for i := range parts {
		if key = strings.Join(parts[:i+1], "."); free[key] {
			return key, parts[i+1:]
		}
	}
	return key, nil
}

func keyOf(p *unstable.Parser, node *unstable.Node) (parts []string, line int) {
	for it := node.Key(); it.Next(); {
		parts = append(parts, string(it.Node().Data))
		if line == 0 {
			line = p.Shape(it.Node().Raw).Start.Line
		}
	}
	return parts, line
}

func unknownKey(key string, known map[string]bool) string {
	if meant := near.Name(key, slices.Collect(maps.Keys(known))); meant != "" {
		return fmt.Sprintf("unknown key %q; did you mean %q?", key, meant)
	}
	return fmt.Sprintf("unknown key %q", key)
}

// reauditVariable is the one variable whose name is not made from its key.
const reauditVariable = "PALYRA_SKILL_REAUDIT_INTERVAL_MS"

// applyEnviron puts PALYRA_<SECTION>_<KEY> variables over cfg; a list is
// separated by commas, and so are the NAME=NUMBER of limits. Variables that name no setting belong to others.
func applyEnviron(cfg *Config, environ []string) error {
	byVariable := map[string]setting{}
	for _, s := range settings(cfg) {
		byVariable["PALYRA_"+strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))] = s
	}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if name == reauditVariable {
			ms, err := strconv.ParseInt(value, 10, 64)
			if err != nil || ms < 5_000 || ms > 24*3_600_000 {
				return &ConfigError{Where: name, Message: fmt.Sprintf("%q: want milliseconds, 5000 to 86400000", value)}
			}
			cfg.Skills.ReauditInterval = Duration{time.Duration(ms) * time.Millisecond}
			continue
		}
		if s, ok := byVariable[name]; ok {
			if err := s.set(value); err != nil {
				return &ConfigError{Where: name, Message: err.Error()}
			}
		}
	}
	return nil
}

// set reads the value as TOML would.
func (s setting) set(text string) error {
	literal := text
	switch s.value.Kind() {
	case reflect.Map:
		limits, err := parseLimits(text)
		if err == nil {
			s.value.Set(reflect.ValueOf(limits))
		}
		return err
	case reflect.Slice:
		quoted := strings.Split(text, ",")
		for i := range quoted {
			quoted[i] = strconv.Quote(strings.TrimSpace(quoted[i]))
		}
		literal = "[" + strings.Join(quoted, ",") + "]"
	case reflect.String, reflect.Struct:
		literal = strconv.Quote(text)
	}
	holder := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "V", Type: s.value.Type(), Tag: `toml:"v"`}}))
	if err := toml.NewDecoder(strings.NewReader("v = " + literal)).DisallowUnknownFields().Decode(holder.Interface()); err != nil {
		return fmt.Errorf("%q: %v", text, err)
	}
	s.value.Set(holder.Elem().Field(0))
	return nil
}

func parseLimits(text string) (Limits, error) {
	limits := Limits{}
	for pair := range strings.SplitSeq(text, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, number, _ := strings.Cut(pair, "=")
		n, err := strconv.Atoi(strings.TrimSpace(number))
		if err != nil || strings.TrimSpace(name) == "" {
			return nil, fmt.Errorf("%q: want NAME=NUMBER, separated by commas", pair)
		}
		limits[strings.TrimSpace(name)] = n
	}
	return limits, nil
}
