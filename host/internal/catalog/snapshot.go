package catalog

import (
	"cmp"
	"slices"
	"strings"

	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// snapshot is everything the catalog knows at one time. Nothing in it changes.
type snapshot struct {
	skills     []*skill.Skill // by id and epoch
	current    map[string]*skill.Skill
	digests    map[bundle.Digest]*skill.Skill
	publishers []skill.Publisher // by name
}

func newSnapshot(skills []*skill.Skill, publishers []skill.Publisher) *snapshot {
	v := &snapshot{
		skills:     slices.Clone(skills),
		current:    make(map[string]*skill.Skill),
		digests:    make(map[bundle.Digest]*skill.Skill),
		publishers: slices.Clone(publishers),
	}
	slices.SortStableFunc(v.skills, func(a, b *skill.Skill) int {
		return cmp.Or(strings.Compare(a.ID(), b.ID()), cmp.Compare(a.Epoch, b.Epoch))
	})
	slices.SortFunc(v.publishers, func(a, b skill.Publisher) int { return strings.Compare(a.Name, b.Name) })
	for _, s := range v.skills {
		v.digests[s.Digest] = s
		if s.Current {
			v.current[s.ID()] = s
		}
	}
	return v
}

// with returns the snapshot after a release was admitted.
func (v *snapshot) with(s *skill.Skill) *snapshot {
	var skills []*skill.Skill
	for _, old := range v.skills {
		if old.Digest == s.Digest {
			continue
		}
		if old.ID() == s.ID() && old.Current {
			older := *old
			older.Current = false
			old = &older
		}
		skills = append(skills, old)
	}
	return newSnapshot(append(skills, s), v.publishers)
}

// replace returns the snapshot with other values of skills that are in it.
func (v *snapshot) replace(changed []*skill.Skill) *snapshot {
	skills := slices.Clone(v.skills)
	for i, old := range skills {
		for _, s := range changed {
			if s.Digest == old.Digest {
				skills[i] = s
			}
		}
	}
	return newSnapshot(skills, v.publishers)
}

// without returns the snapshot without a skill.
func (v *snapshot) without(id string) *snapshot {
	skills := slices.DeleteFunc(slices.Clone(v.skills), func(s *skill.Skill) bool { return s.ID() == id })
	return newSnapshot(skills, v.publishers)
}

// trusting returns the snapshot with a publisher in place of the one of its name.
func (v *snapshot) trusting(p skill.Publisher) *snapshot {
	others := slices.DeleteFunc(slices.Clone(v.publishers), func(o skill.Publisher) bool { return o.Name == p.Name })
	return newSnapshot(v.skills, append(others, p))
}

// publisher returns a trusted publisher.
func (v *snapshot) publisher(name string) (skill.Publisher, bool) {
	for _, p := range v.publishers {
		if p.Name == name {
			return p, true
		}
	}
	return skill.Publisher{}, false
}

// newest returns the release of a skill by a publisher with the greatest epoch;
// nil if there is none.
func (v *snapshot) newest(publisher, id string) *skill.Skill {
	var newest *skill.Skill
	for _, s := range v.skills {
		if s.ID() == id && s.Publisher == publisher && (newest == nil || s.Epoch > newest.Epoch) {
			newest = s
		}
	}
	return newest
}
