package policy

import (
	"iter"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// shelf holds the rules whose scope admits one action, so that a question meets
// only those that may answer it. Each rule lies in one place, under the most
// telling constraint that its scope has.
//
// What is left out is false by its scope, and a scope has no errors: the answer
// is the same, to the letter, as that of all rules.
type shelf struct {
	common   pile                       // of those without a further constraint
	subjects map[cedar.EntityUID]*pile  // by the principal, or what it has to be in
	objects  map[cedar.EntityUID]*pile  // by the resource, or what it has to be in
	kinds    map[cedar.EntityType]*pile // by the type of the principal
	things   map[cedar.EntityType]*pile // by the type of the resource
}

// pile is rules that lie together, and what their conditions look up.
type pile struct {
	rules []rule
	needs needs
}

func (p *pile) add(r rule) {
	p.rules = append(p.rules, r)
	p.needs |= r.needs
}

// shelve puts the rules on a shelf for each action.
func shelve(rules []rule, actions iter.Seq[cedar.EntityUID]) map[cedar.EntityUID]*shelf {
	shelves := map[cedar.EntityUID]*shelf{}
	for action := range actions {
		s := &shelf{
			subjects: map[cedar.EntityUID]*pile{}, objects: map[cedar.EntityUID]*pile{},
			kinds: map[cedar.EntityType]*pile{}, things: map[cedar.EntityType]*pile{},
		}
		for _, r := range rules {
			if scope := (*ast.Policy)(r.policy.AST()); admits(scope.Action, action) {
				s.place(scope).add(r)
			}
		}
		shelves[action] = s
	}
	return shelves
}

// admits reports whether the scope of a rule may be of an action. Actions are in
// no groups: the schema has none.
func admits(scope ast.IsActionScopeNode, action cedar.EntityUID) bool {
	switch s := scope.(type) {
	case ast.ScopeTypeEq:
		return s.Entity == action
	case ast.ScopeTypeIn:
		return s.Entity == action
	case ast.ScopeTypeInSet:
		for _, e := range s.Entities {
			if e == action {
				return true
			}
		}
		return false
	}
	return true
}

// place finds the pile for a scope: one resource is rarer than one principal, and
// either than a type.
func (s *shelf) place(scope *ast.Policy) *pile {
	object, thing := constraint(scope.Resource)
	subject, kind := constraint(scope.Principal)
	switch {
	case object != cedar.EntityUID{}:
		return under(s.objects, object)
	case subject != cedar.EntityUID{}:
		return under(s.subjects, subject)
	case thing != "":
		return under(s.things, thing)
	case kind != "":
		return under(s.kinds, kind)
	}
	return &s.common
}

// constraint returns the entity that a principal or a resource has to be or to be
// in, or else the type that it has to have.
func constraint(scope any) (cedar.EntityUID, cedar.EntityType) {
	switch s := scope.(type) {
	case ast.ScopeTypeEq:
		return s.Entity, ""
	case ast.ScopeTypeIn:
		return s.Entity, ""
	case ast.ScopeTypeIsIn:
		return s.Entity, ""
	case ast.ScopeTypeIs:
		return cedar.EntityUID{}, s.Type
	}
	return cedar.EntityUID{}, ""
}

func under[K comparable](piles map[K]*pile, key K) *pile {
	if piles[key] == nil {
		piles[key] = &pile{}
	}
	return piles[key]
}

// candidates are the piles that one question meets.
type candidates struct {
	piles []*pile
	needs needs
}

func (c *candidates) add(p *pile) {
	if p != nil {
		c.piles = append(c.piles, p)
		c.needs |= p.needs
	}
}

// find returns the candidates for a principal and a resource, which itself is in
// nothing.
func (s *shelf) find(principal cedar.Entity, resource cedar.EntityUID) candidates {
	c := candidates{piles: make([]*pile, 0, 6)}
	c.add(&s.common)
	c.add(s.kinds[principal.UID.Type])
	c.add(s.things[resource.Type])
	c.add(s.objects[resource])
	c.add(s.subjects[principal.UID])
	for parent := range principal.Parents.All() {
		c.add(s.subjects[parent])
	}
	return c
}

// All implements cedar.PolicyIterator.
func (c *candidates) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, p := range c.piles {
			for i := range p.rules {
				if !yield(p.rules[i].id, p.rules[i].policy) {
					return
				}
			}
		}
	}
}
