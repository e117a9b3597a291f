package catalog

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// Trust lets a publisher release skills whose ids start with one of the
// prefixes; what they were trusted with before stays. No prefix has two
// owners, and a name keeps its key.
func (c *Catalog) Trust(ctx context.Context, key bundle.NamedKey, prefixes []string, by job.Principal) (skill.Publisher, error) {
	if err := wellFormed(key, prefixes); err != nil {
		return skill.Publisher{}, err
	}
	p, err := c.trust(ctx, key, prefixes, by)
	if err != nil {
		return skill.Publisher{}, err
	}
	c.Log.Info("publisher trusted", "reason", p.Name+" "+p.Key.Fingerprint())
	c.changed()
	return p, nil
}

func (c *Catalog) trust(ctx context.Context, key bundle.NamedKey, prefixes []string, by job.Principal) (skill.Publisher, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.view.Load()
	p := skill.Publisher{Name: key.Name, Key: key.Key, Prefixes: slices.Clone(prefixes), Trusted: time.Now(), By: by.String()}
	if old, ok := v.publisher(key.Name); ok {
		if old.Key != key.Key {
			return p, refuse(Conflict, "publisher %s is trusted with key %s, this is %s; another key needs another name",
				key.Name, old.Key.Fingerprint(), key.Key.Fingerprint())
		}
		p.Prefixes = append(p.Prefixes, old.Prefixes...)
	}
	slices.Sort(p.Prefixes)
	p.Prefixes = slices.Compact(p.Prefixes)
	for _, other := range v.publishers {
		if other.Name == p.Name {
			continue
		}
		for _, prefix := range p.Prefixes {
			if taken := overlap(other.Prefixes, prefix); taken != "" {
				return p, refuse(Conflict, "prefix %s: publisher %s (key %s) owns %s; choose another prefix",
					prefix, other.Name, other.Key.Fingerprint(), taken)
			}
		}
	}
	if err := c.Journal.Trust(ctx, p); err != nil {
		return p, err
	}
	c.view.Store(v.trusting(p))
	return p, nil
}

func wellFormed(key bundle.NamedKey, prefixes []string) error {
	if err := bundle.CheckPublisher(key.Name); err != nil {
		return refuse(Invalid, "%v", err)
	}
	if err := key.Key.Check(); err != nil {
		return refuse(Invalid, "publisher %s: %v", key.Name, err)
	}
	if len(prefixes) == 0 {
		return refuse(Invalid, "publisher %s: which skills are theirs? name a prefix, for example --prefix %s", key.Name, key.Name)
	}
	for _, prefix := range prefixes {
		if err := bundle.CheckPrefix(prefix); err != nil {
			return refuse(Invalid, "%v", err)
		}
	}
	return nil
}

// overlap returns which of the prefixes covers, or is covered by, the other one.
func overlap(prefixes []string, other string) string {
	for _, p := range prefixes {
		if p == other || strings.HasPrefix(p, other+".") || strings.HasPrefix(other, p+".") {
			return p
		}
	}
	return ""
}
