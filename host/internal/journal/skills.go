package journal

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
)

// skillFact is what an entry says about a skill.
type skillFact struct {
	Skill     string      `json:"skill"`
	Digest    string      `json:"digest,omitempty"`
	Publisher string      `json:"publisher,omitempty"`
	Version   string      `json:"version,omitempty"`
	Epoch     int64       `json:"epoch,omitempty"`
	State     skill.State `json:"state,omitempty"`
	Reason    string      `json:"reason,omitempty"`
	Audited   int64       `json:"audited,omitempty"`
	Findings  string      `json:"findings,omitempty"` // SHA-256 of the row's
}

// Skills returns all skills that were admitted and not removed, by id and epoch.
func (j *Journal) Skills(ctx context.Context) ([]*skill.Skill, error) {
	return collect(ctx, j, "skills", scanSkill, `SELECT digest, id, publisher, epoch, current, state, reason, installed, audited,
		manifest, findings FROM skills ORDER BY id, epoch`)
}

func scanSkill(row scanner) (*skill.Skill, error) {
	var s skill.Skill
	var digest, id, manifest, findings string
	var installed, audited int64
	err := row.Scan(&digest, &id, &s.Publisher, &s.Epoch, &s.Current, &s.State, &s.Reason, &installed, &audited, &manifest, &findings)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(
		s.Digest.UnmarshalText([]byte(digest)),
		decode("manifest", manifest, &s.Manifest),
		decode("findings", findings, &s.Findings),
	); err != nil {
		return nil, fmt.Errorf("skill %s: %w", id, err)
	}
	if s.Manifest.ID != id {
		return nil, fmt.Errorf("skill %s: its manifest is of %q", id, s.Manifest.ID)
	}
	s.Installed, s.Audited = instant(installed), instant(audited)
	return &s, nil
}

// Admit writes a skill as the current one of its id. The rollback mark of
// (publisher, skill) only grows: an older epoch, or the same one with other
// bytes, is refused with [ErrRollback].
func (j *Journal) Admit(ctx context.Context, s *skill.Skill, by job.Principal) error {
	if err := j.write(ctx, func(t *tx) error { return t.admit(s, by) }); err != nil {
		return fmt.Errorf("admit skill %s: %w", s.ID(), err)
	}
	return nil
}

func (t *tx) admit(s *skill.Skill, by job.Principal) error {
	if err := t.mark(s); err != nil {
		return err
	}
	manifest, err := encode("manifest", s.Manifest)
	if err != nil {
		return err
	}
	findings, err := encodeFindings(s)
	if err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE skills SET current = 0 WHERE id = $1 AND current = 1`, s.ID()); err != nil {
		return err
	}
	if _, err := t.exec(`INSERT INTO skills (digest, id, publisher, epoch, current, state, reason, installed, audited, manifest, findings)
		VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (digest) DO UPDATE SET current = 1, state = excluded.state, reason = excluded.reason,
			installed = excluded.installed, audited = excluded.audited, findings = excluded.findings`,
		s.Digest.String(), s.ID(), s.Publisher, s.Epoch, string(s.State), capped(s.Reason, MaxText),
		micros(s.Installed), micros(s.Audited), manifest, findings); err != nil {
		return err
	}
	return t.record(kindAdmit, by.String(), s.ID(), factOf(s, findings))
}

// mark moves the rollback mark up to the skill.
func (t *tx) mark(s *skill.Skill) error {
	n, err := t.exec(`INSERT INTO marks (publisher, skill, epoch, digest) VALUES ($1, $2, $3, $4)
		ON CONFLICT (publisher, skill) DO UPDATE SET epoch = excluded.epoch, digest = excluded.digest
		WHERE marks.epoch < excluded.epoch OR (marks.epoch = excluded.epoch AND marks.digest = excluded.digest)`,
		s.Publisher, s.ID(), s.Epoch, s.Digest.String())
	if err != nil || n > 0 {
		return err
	}
	var epoch int64
	if err := t.row(`SELECT epoch FROM marks WHERE publisher = $1 AND skill = $2`, s.Publisher, s.ID()).Scan(&epoch); err != nil {
		return err
	}
	return fmt.Errorf("%w: epoch %d of publisher %s was, this is %d", ErrRollback, epoch, s.Publisher, s.Epoch)
}

func encodeFindings(s *skill.Skill) (string, error) {
	if len(s.Findings) == 0 {
		return "[]", nil
	}
	return encode("findings", s.Findings)
}

func factOf(s *skill.Skill, findings string) skillFact {
	f := skillFact{
		Skill: s.ID(), Digest: s.Digest.String(), Publisher: s.Publisher, Version: clean(s.Manifest.Version), Epoch: s.Epoch,
		State: s.State, Reason: capped(s.Reason, MaxText), Audited: micros(s.Audited),
	}
	if findings != "[]" {
		f.Findings = sum(findings)
	}
	return f
}

// SetSkill writes the state, reason, audit time, findings and currency of skills
// that were admitted, all or none of them, and an entry of the given kind
// (skill.judge, skill.quarantine, …).
func (j *Journal) SetSkill(ctx context.Context, skills []*skill.Skill, kind string, by job.Principal) error {
	if len(skills) == 0 {
		return nil
	}
	ordered := slices.Clone(skills) // what stops being current goes first
	slices.SortStableFunc(ordered, func(a, b *skill.Skill) int { return int(flag(a.Current) - flag(b.Current)) })
	err := j.enqueue(ctx, &op{urgent: true, do: func(t *tx) error {
		for _, s := range ordered {
			if err := t.setSkill(s, kind, by); err != nil {
				return fmt.Errorf("skill %s: %w", s.ID(), err)
			}
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	return nil
}

func (t *tx) setSkill(s *skill.Skill, kind string, by job.Principal) error {
	findings, err := encodeFindings(s)
	if err != nil {
		return err
	}
	n, err := t.exec(`UPDATE skills SET current = $2, state = $3, reason = $4, audited = $5, findings = $6 WHERE digest = $1`,
		s.Digest.String(), flag(s.Current), string(s.State), capped(s.Reason, MaxText), micros(s.Audited), findings)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrNotFound
	}
	return t.record(kind, by.String(), s.ID(), factOf(s, findings))
}

// RemoveSkill forgets a skill with all its versions. Its rollback mark stays.
func (j *Journal) RemoveSkill(ctx context.Context, id string, by job.Principal) error {
	err := j.write(ctx, func(t *tx) error {
		n, err := t.exec(`DELETE FROM skills WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotFound
		}
		return t.record(kindRemove, by.String(), id, skillFact{Skill: id})
	})
	if err != nil {
		return fmt.Errorf("remove skill %s: %w", id, err)
	}
	return nil
}

// publisherFact is what an entry says about a publisher.
type publisherFact struct {
	Publisher string   `json:"publisher"`
	Key       string   `json:"key"`
	Prefixes  []string `json:"prefixes"`
}

// Trust writes a publisher, in place of the one of this name.
func (j *Journal) Trust(ctx context.Context, p skill.Publisher) error {
	prefixes, err := encode("prefixes", p.Prefixes)
	if err == nil {
		err = j.write(ctx, func(t *tx) error {
			key := hex.EncodeToString(p.Key[:])
			if _, err := t.exec(`INSERT INTO publishers (name, key, prefixes, trusted, trusted_by) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (name) DO UPDATE SET key = excluded.key, prefixes = excluded.prefixes,
					trusted = excluded.trusted, trusted_by = excluded.trusted_by`,
				p.Name, key, prefixes, micros(p.Trusted), p.By); err != nil {
				return err
			}
			return t.record(kindTrust, p.By, p.Name, publisherFact{p.Name, key, p.Prefixes})
		})
	}
	if err != nil {
		return fmt.Errorf("trust publisher %s: %w", p.Name, err)
	}
	return nil
}

// Publishers returns the trusted publishers, by name.
func (j *Journal) Publishers(ctx context.Context) ([]skill.Publisher, error) {
	return collect(ctx, j, "publishers", func(row scanner) (skill.Publisher, error) {
		var p skill.Publisher
		var key, prefixes string
		var trusted int64
		if err := row.Scan(&p.Name, &key, &prefixes, &trusted, &p.By); err != nil {
			return p, err
		}
		b, err := hex.DecodeString(key)
		if err != nil || len(b) != len(p.Key) {
			return p, fmt.Errorf("publisher %s: key %q is none", p.Name, key)
		}
		copy(p.Key[:], b)
		p.Trusted = instant(trusted)
		return p, decode("prefixes", prefixes, &p.Prefixes)
	}, `SELECT name, key, prefixes, trusted, trusted_by FROM publishers ORDER BY name`)
}
