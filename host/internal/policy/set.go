package policy

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

// File is one policy file.
type File struct {
	Name string // base name, for example "00-default.cedar"
	Text string
}

// Config is what a Set is compiled from.
type Config struct {
	Files     []File
	Operators []string      // login names of the users in Role::"operator"
	Lease     time.Duration // for how long an audit entitles to run; zero: DefaultLease
}

// DefaultLease is the default re-audit interval of six hours, and an hour's grace.
const DefaultLease = 7 * time.Hour

// Set is a compiled set of policies. It never changes.
type Set struct {
	digest    string
	lease     time.Duration
	operators map[string]bool
	operator  cedar.EntityUIDSet // what an operator is in
	actions   map[cedar.EntityUID]resolved.Action
	policies  []rule                     // by id
	shelves   map[cedar.EntityUID]*shelf // of the policies, by action
}

// rule is a policy that is valid, by its @id.
type rule struct {
	id     cedar.PolicyID
	policy *cedar.Policy
	needs  needs
}

// Digest names the policies and the schema: 64 hexadecimal digits.
func (s *Set) Digest() string { return s.digest }

// Len returns how many policies there are.
func (s *Set) Len() int { return len(s.policies) }

// Compile checks the files and makes a Set of them. The error names everything
// that is wrong, each as file:line.
func Compile(c Config) (*Set, error) {
	if c.Lease < 0 {
		return nil, fmt.Errorf("policy: lease %v: want more than zero", c.Lease)
	}
	if c.Lease == 0 {
		c.Lease = DefaultLease
	}
	operators := map[string]bool{}
	for _, name := range c.Operators {
		if name == "" {
			return nil, errors.New("policy: an operator without a name")
		}
		operators[name] = true
	}
	known, err := resolveSchema()
	if err != nil {
		return nil, err
	}
	files := slices.SortedFunc(slices.Values(c.Files), func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	policies, err := compile(files, validate.New(known, validate.WithStrict()))
	if err != nil {
		return nil, err
	}
	return &Set{
		digest: digest(files), lease: c.Lease, operators: operators,
		operator: cedar.NewEntityUIDSet(cedar.NewEntityUID(typeRole, "operator")),
		actions:  known.Actions, policies: policies, shelves: shelve(policies, maps.Keys(known.Actions)),
	}, nil
}

func resolveSchema() (*resolved.Schema, error) {
	var s schema.Schema
	s.SetFilename("palyra.cedarschema")
	if err := s.UnmarshalCedar([]byte(schemaText)); err != nil {
		return nil, fmt.Errorf("policy schema: %v", err)
	}
	known, err := s.Resolve()
	if err != nil {
		return nil, fmt.Errorf("policy schema: %v", err)
	}
	return known, nil
}

// compile parses and validates files that are sorted by name.
func compile(files []File, check *validate.Validator) ([]rule, error) {
	if err := scanAll(files); err != nil {
		return nil, err
	}
	c := compiler{check: check, places: map[string]string{}}
	for _, f := range files {
		c.file(f)
	}
	if len(c.rules) > maxPolicies {
		return nil, fmt.Errorf("%d policies, at most %d", len(c.rules), maxPolicies)
	}
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	slices.SortFunc(c.rules, func(a, b rule) int { return strings.Compare(string(a.id), string(b.id)) })
	return c.rules, nil
}

func scanAll(files []File) error {
	size := 0
	for i, f := range files {
		if f.Name == "" {
			return errors.New("policy file without a name")
		}
		if i > 0 && f.Name == files[i-1].Name {
			return fmt.Errorf("%s: given twice", f.Name)
		}
		if err := scan(f); err != nil {
			return err
		}
		size += len(f.Text)
	}
	if size > maxAll {
		return fmt.Errorf("policy files of %d bytes in all, at most %d", size, maxAll)
	}
	return nil
}

// maxErrors is how many a person wants to read at once.
const maxErrors = 20

type compiler struct {
	check  *validate.Validator
	places map[string]string // of each id: file:line
	rules  []rule
	errs   []error
}

func (c *compiler) file(f File) {
	list, err := cedar.NewPolicyListFromBytes(f.Name, []byte(f.Text))
	if err != nil {
		c.errs = append(c.errs, parseError(f, err))
		return
	}
	for _, p := range list {
		place := fmt.Sprintf("%s:%d", f.Name, p.Position().Line)
		if err := c.policy(place, p); err != nil && len(c.errs) < maxErrors {
			c.errs = append(c.errs, fmt.Errorf("%s: %w", place, err))
		}
	}
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (c *compiler) policy(place string, p *cedar.Policy) error {
	value, ok := p.Annotations()["id"]
	id := string(value)
	if !ok {
		return errors.New(`policy without an @id; write one before it, for example @id("no-backups-by-day")`)
	}
	if !idForm.MatchString(id) {
		return fmt.Errorf("@id(%q): want 1 to 64 of A-Z a-z 0-9 . _ -, starting with a letter or digit", id)
	}
	if first, ok := c.places[id]; ok {
		return fmt.Errorf("@id(%q): already the id of the policy at %s", id, first)
	}
	c.places[id] = place
	if err := c.check.Policy("", (*ast.Policy)(p.AST())); err != nil {
		return fmt.Errorf("policy %q: %s", id, oneLine(err))
	}
	looksUp, err := needsOf(p)
	if err != nil {
		return fmt.Errorf("policy %q: %w", id, err)
	}
	c.rules = append(c.rules, rule{cedar.PolicyID(id), p, looksUp})
	return nil
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

var positionForm = regexp.MustCompile(`^(?:parser error: )?(?:parse error at )?<input>:(\d+):\d+:? ?`)

// parseError puts the position in front, where Cedar gives one.
func parseError(f File, err error) error {
	text := strings.TrimPrefix(oneLine(err), "parser error: ")
	if m := positionForm.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("%s:%s: %s", f.Name, m[1], text[len(m[0]):])
	}
	return fmt.Errorf("%s: %s", f.Name, text)
}
