package bundle

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	payloadType = "application/vnd.in-toto+json"
	maxEnvelope = 1 << 20 // bytes
)

// envelope is a DSSE v1 envelope with one signature.
type envelope struct {
	PayloadType string      `json:"payloadType"`
	Payload     []byte      `json:"payload"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	KeyID string `json:"keyid"` // fingerprint of the key
	Sig   []byte `json:"sig"`
}

var fingerprintForm = regexp.MustCompile(`^SHA256:[A-Za-z0-9+/]{43}$`)

// preAuthentication is what is signed: PAE of DSSE v1.
func preAuthentication(payload []byte) []byte {
	b := []byte("DSSEv1 ")
	b = strconv.AppendInt(b, int64(len(payloadType)), 10)
	b = append(b, " "+payloadType+" "...)
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	return append(append(b, ' '), payload...)
}

// SignOptions says what a statement adds to the manifest.
type SignOptions struct {
	Epoch   int64     // release epoch, positive; by convention the Unix seconds of the build
	Created time.Time // zero: the epoch as Unix seconds
	Expires time.Time // zero: never
}

// Sign returns the artifact with a signature.json by the key; one that is there
// is replaced. The same input gives the same bytes.
func Sign(unsigned []byte, key PrivateKey, opts SignOptions) ([]byte, error) {
	a, err := Open(unsigned)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	if opts.Created.IsZero() {
		opts.Created = time.Unix(opts.Epoch, 0)
	}
	opts.Created, opts.Expires = seconds(opts.Created), seconds(opts.Expires)
	s := state(a.files, a.Manifest, key.name, opts)
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	payload, err := s.encode()
	if err != nil {
		return nil, fmt.Errorf("sign: %w: %w", ErrStatement, err)
	}
	signed, err := json.Marshal(envelope{
		PayloadType: payloadType,
		Payload:     payload,
		Signatures: []signature{{
			KeyID: key.Public().Key.Fingerprint(),
			Sig:   ed25519.Sign(key.signer(), preAuthentication(payload)),
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("sign: %w: %w", ErrSignature, err)
	}
	files := slices.DeleteFunc(slices.Clone(a.files), func(f file) bool { return f.name == SignatureFile })
	files = append(files, file{name: SignatureFile, data: signed})
	slices.SortFunc(files, func(x, y file) int { return bytes.Compare([]byte(x.name), []byte(y.name)) })
	if err := checkFiles(files); err != nil {
		return nil, fmt.Errorf("sign: %w: %w", ErrContainer, err)
	}
	return encode(files), nil
}

// envelope reads signature.json.
func (a *Artifact) envelope() (envelope, error) {
	data, ok := a.File(SignatureFile)
	if !ok {
		return envelope{}, fmt.Errorf("%w: no %s", ErrUnsigned, SignatureFile)
	}
	if len(data) > maxEnvelope {
		return envelope{}, fmt.Errorf("%w: %s: %d bytes, at most %d", ErrSignature, SignatureFile, len(data), maxEnvelope)
	}
	var e envelope
	if err := json.Unmarshal(data, &e, json.RejectUnknownMembers(true)); err != nil {
		return e, fmt.Errorf("%w: %s: %w", ErrSignature, SignatureFile, err)
	}
	if e.PayloadType != payloadType || len(e.Signatures) != 1 || !fingerprintForm.MatchString(e.Signatures[0].KeyID) {
		return e, fmt.Errorf("%w: %s: want one signature of %s", ErrSignature, SignatureFile, payloadType)
	}
	if again, err := json.Marshal(e); err != nil || !bytes.Equal(again, data) {
		return e, fmt.Errorf("%w: %s: not in canonical form", ErrSignature, SignatureFile)
	}
	return e, nil
}

// Signed reports whether the artifact has a signature, good or bad.
func (a *Artifact) Signed() bool {
	_, ok := a.File(SignatureFile)
	return ok
}

// KeyID returns the fingerprint of the key that the artifact says it is signed
// with.
func (a *Artifact) KeyID() (string, error) {
	e, err := a.envelope()
	if err != nil {
		return "", err
	}
	return e.Signatures[0].KeyID, nil
}

// Statement returns what the artifact says that its publisher says. Until
// [Artifact.Verify] has accepted it, it is a claim.
func (a *Artifact) Statement() (Statement, error) {
	e, err := a.envelope()
	if err != nil {
		return Statement{}, err
	}
	return decodeStatement(e.Payload)
}

// SignedBy checks the signature of the statement alone; it says nothing about
// the files.
func (a *Artifact) SignedBy(key PublicKey) error {
	if err := key.Check(); err != nil {
		return err
	}
	e, err := a.envelope()
	if err != nil {
		return err
	}
	sig := e.Signatures[0]
	if sig.KeyID != key.Fingerprint() {
		return fmt.Errorf("%w: made by key %q, not by %s", ErrSignature, sig.KeyID, key.Fingerprint())
	}
	if !ed25519.Verify(key[:], preAuthentication(e.Payload), sig.Sig) {
		return fmt.Errorf("%w: key %s did not sign this", ErrSignature, key.Fingerprint())
	}
	return nil
}

// Verify accepts an artifact whose statement is signed by the key, is about
// exactly these files and this manifest, and has not expired.
func (a *Artifact) Verify(key PublicKey, now time.Time) error {
	if err := a.SignedBy(key); err != nil {
		return err
	}
	s, err := a.Statement()
	if err != nil {
		return err
	}
	if err := s.CheckContents(a); err != nil {
		return err
	}
	if err := s.CheckManifest(a.Manifest); err != nil {
		return err
	}
	return s.CheckExpiry(now)
}
