package bundle

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// The constants of the statement.
const (
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "urn:palyra:skill-release:1"
)

// Statement is what a publisher signs about an artifact.
type Statement struct {
	SkillID      string
	Version      string
	Epoch        int64 // release epoch: of two releases of a skill, the newer has the greater
	Publisher    string
	Created      time.Time
	Expires      time.Time // zero: never
	Capabilities Digest    // of the manifest
	Files        []Subject // every file but signature.json, sorted by name
}

// Subject is a file that a statement is about.
type Subject struct {
	Name   string
	Digest Digest
}

// statementDoc is the in-toto Statement v1 of a release.
type statementDoc struct {
	Type          string       `json:"_type"`
	Subject       []subjectDoc `json:"subject"`
	PredicateType string       `json:"predicateType"`
	Predicate     predicateDoc `json:"predicate"`
}

type subjectDoc struct {
	Name   string    `json:"name"`
	Digest digestDoc `json:"digest"`
}

type digestDoc struct {
	SHA256 Digest `json:"sha256"`
}

type predicateDoc struct {
	SkillID          string    `json:"skill_id"`
	Version          string    `json:"version"`
	Epoch            int64     `json:"epoch"`
	Publisher        string    `json:"publisher"`
	Created          time.Time `json:"created"`
	Expires          time.Time `json:"expires,omitzero"`
	CapabilityDigest Digest    `json:"capability_digest"`
}

// state makes the statement about files.
func state(files []file, m Manifest, publisher string, opts SignOptions) Statement {
	s := Statement{
		SkillID:      m.ID,
		Version:      m.Version,
		Epoch:        opts.Epoch,
		Publisher:    publisher,
		Created:      opts.Created,
		Expires:      opts.Expires,
		Capabilities: m.Capabilities.Digest(),
	}
	for _, f := range files {
		if f.name != SignatureFile {
			s.Files = append(s.Files, Subject{Name: f.name, Digest: sha256.Sum256(f.data)})
		}
	}
	return s
}

// encode writes the one form of the statement.
func (s Statement) encode() ([]byte, error) {
	doc := statementDoc{
		Type:          statementType,
		PredicateType: predicateType,
		Predicate: predicateDoc{
			SkillID:          s.SkillID,
			Version:          s.Version,
			Epoch:            s.Epoch,
			Publisher:        s.Publisher,
			Created:          seconds(s.Created),
			Expires:          seconds(s.Expires),
			CapabilityDigest: s.Capabilities,
		},
	}
	for _, f := range s.Files {
		doc.Subject = append(doc.Subject, subjectDoc{Name: f.Name, Digest: digestDoc{f.Digest}})
	}
	return json.Marshal(doc)
}

// seconds returns t as it is written.
func seconds(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Second)
}

// decodeStatement reads what encode writes and nothing else.
func decodeStatement(data []byte) (Statement, error) {
	var doc statementDoc
	if err := json.Unmarshal(data, &doc, json.RejectUnknownMembers(true)); err != nil {
		return Statement{}, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	if doc.Type != statementType || doc.PredicateType != predicateType {
		return Statement{}, fmt.Errorf("%w: of type %q, %q", ErrStatement, doc.Type, doc.PredicateType)
	}
	p := doc.Predicate
	s := Statement{
		SkillID:      p.SkillID,
		Version:      p.Version,
		Epoch:        p.Epoch,
		Publisher:    p.Publisher,
		Created:      p.Created,
		Expires:      p.Expires,
		Capabilities: p.CapabilityDigest,
	}
	for _, subject := range doc.Subject {
		s.Files = append(s.Files, Subject{Name: subject.Name, Digest: subject.Digest.SHA256})
	}
	if again, err := s.encode(); err != nil || !bytes.Equal(again, data) {
		return Statement{}, fmt.Errorf("%w: not in canonical form", ErrStatement)
	}
	return s, s.check()
}

// check applies the rules that need nothing but the statement.
func (s Statement) check() error {
	switch {
	case s.Epoch <= 0:
		return fmt.Errorf("%w: release epoch %d: want a positive number, for example the Unix time of the build", ErrStatement, s.Epoch)
	case s.Created.IsZero():
		return fmt.Errorf("%w: it does not say when it was created", ErrStatement)
	case !s.Expires.IsZero() && !s.Expires.After(s.Created):
		return fmt.Errorf("%w: it expires before it was created", ErrStatement)
	}
	if err := CheckPublisher(s.Publisher); err != nil {
		return fmt.Errorf("%w: %w", ErrStatement, err)
	}
	return nil
}

// CheckContents compares the subjects with the files of an artifact.
func (s Statement) CheckContents(a *Artifact) error {
	actual := state(a.files, a.Manifest, s.Publisher, SignOptions{}).Files
	for i := range max(len(actual), len(s.Files)) {
		switch {
		case i >= len(actual):
			return fmt.Errorf("%w: %q is missing", ErrContents, s.Files[i].Name)
		case i >= len(s.Files):
			return fmt.Errorf("%w: %q is not a subject of the statement", ErrContents, actual[i].Name)
		case actual[i].Name != s.Files[i].Name:
			return fmt.Errorf("%w: %q where the statement says %q", ErrContents, actual[i].Name, s.Files[i].Name)
		case actual[i] != s.Files[i]:
			return fmt.Errorf("%w: %s: sha256 is %s, the statement says %s",
				ErrContents, actual[i].Name, actual[i].Digest, s.Files[i].Digest)
		}
	}
	return nil
}

// CheckManifest compares what the statement says about the manifest with it.
func (s Statement) CheckManifest(m Manifest) error {
	switch {
	case s.SkillID != m.ID:
		return fmt.Errorf("%w: it is about skill %q, the manifest about %q", ErrStatement, s.SkillID, m.ID)
	case s.Version != m.Version:
		return fmt.Errorf("%w: it is about version %q, the manifest about %q", ErrStatement, s.Version, m.Version)
	case s.Capabilities != m.Capabilities.Digest():
		return fmt.Errorf("%w: its capability digest is not that of the manifest", ErrStatement)
	}
	return nil
}

// CheckExpiry refuses a statement that has run out.
func (s Statement) CheckExpiry(now time.Time) error {
	if !s.Expires.IsZero() && !now.Before(s.Expires) {
		return fmt.Errorf("%w: on %s", ErrExpired, s.Expires.Format(time.RFC3339))
	}
	return nil
}
