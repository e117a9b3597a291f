package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"regexp"
	"strings"

	"filippo.io/edwards25519"
	"golang.org/x/mod/sumdb/note"
)

// PublicKey is an Ed25519 key (RFC 8032).
type PublicKey [ed25519.PublicKeySize]byte

// Fingerprint returns what people compare: "SHA256:" and the SHA-256 of the key
// in base64 without padding.
func (k PublicKey) Fingerprint() string {
	sum := sha256.Sum256(k[:])
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

func (k PublicKey) String() string { return k.Fingerprint() }

// Check refuses a key with which a signature proves nothing: one that is not the
// canonical encoding of a point of prime order.
func (k PublicKey) Check() error {
	point, err := new(edwards25519.Point).SetBytes(k[:])
	if err != nil || !bytes.Equal(point.Bytes(), k[:]) {
		return fmt.Errorf("%w: not the canonical encoding of a point", ErrKey)
	}
	identity := edwards25519.NewIdentityPoint()
	// The order is prime if the point times the group order is the identity.
	// A scalar is below the group order: multiply by one less and add once.
	one := make([]byte, 32)
	one[0] = 1
	scalar, err := new(edwards25519.Scalar).SetCanonicalBytes(one)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	product := new(edwards25519.Point).ScalarMult(scalar.Negate(scalar), point)
	if product.Add(product, point).Equal(identity) != 1 || point.Equal(identity) == 1 {
		return fmt.Errorf("%w: not a point of prime order", ErrKey)
	}
	return nil
}

// NamedKey is the public key of a publisher with the name it signs under.
type NamedKey struct {
	Name string
	Key  PublicKey
}

var publisherForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// CheckPublisher says what is wrong with the name of a publisher; nil if nothing is.
func CheckPublisher(name string) error {
	if !publisherForm.MatchString(name) {
		return fmt.Errorf("%w: publisher %q: want 1 to 63 of a-z 0-9 -, starting with a letter", ErrKey, name)
	}
	return nil
}

// String returns the key as one line, the verifier key of
// golang.org/x/mod/sumdb/note: "name+hash+base64".
func (k NamedKey) String() string {
	line, err := note.NewEd25519VerifierKey(k.Name, k.Key[:])
	if err != nil {
		return k.Name // only the length of the key could be wrong, and it is not
	}
	return line
}

// ParseNamedKey reads what [NamedKey.String] writes, and checks the key.
func ParseNamedKey(line string) (NamedKey, error) {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, secretPrefix) {
		return NamedKey{}, fmt.Errorf("%w: this is a private key; give the public one", ErrKey)
	}
	parts := strings.SplitN(line, "+", 3)
	raw, err := keyData(parts)
	if err != nil {
		return NamedKey{}, err
	}
	key := NamedKey{Name: parts[0], Key: PublicKey(raw)}
	if key.String() != line {
		return NamedKey{}, fmt.Errorf("%w: its hash does not match its name, or it is not in canonical form", ErrKey)
	}
	if err := CheckPublisher(key.Name); err != nil {
		return NamedKey{}, err
	}
	return key, key.Key.Check()
}

// keyData decodes the last of the three parts: an algorithm and 32 bytes.
func keyData(parts []string) ([]byte, error) {
	if len(parts) == 3 {
		raw, err := base64.StdEncoding.DecodeString(parts[2])
		if err == nil && len(raw) == 1+ed25519.PublicKeySize && raw[0] == algEd25519 {
			return raw[1:], nil
		}
	}
	return nil, fmt.Errorf("%w: want one line name+hash+base64", ErrKey)
}

const (
	algEd25519   = 1 // of golang.org/x/mod/sumdb/note
	secretPrefix = "PRIVATE+KEY+"
)

// PrivateKey signs artifacts under the name of a publisher.
type PrivateKey struct {
	name string
	seed [ed25519.SeedSize]byte
}

// GenerateKey makes a key for a publisher.
func GenerateKey(name string) (PrivateKey, error) {
	if err := CheckPublisher(name); err != nil {
		return PrivateKey{}, err
	}
	key := PrivateKey{name: name}
	rand.Read(key.seed[:]) // never fails
	return key, nil
}

// Public returns the other half of the key.
func (k PrivateKey) Public() NamedKey {
	public := k.signer().Public().(ed25519.PublicKey)
	return NamedKey{Name: k.name, Key: PublicKey(public)}
}

func (k PrivateKey) signer() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(k.seed[:]) }

// String returns the secret as one line, the signer key of
// golang.org/x/mod/sumdb/note: "PRIVATE+KEY+name+hash+base64". It is for the
// key file alone.
func (k PrivateKey) String() string {
	hash := strings.Split(k.Public().String(), "+")[1]
	data := append([]byte{algEd25519}, k.seed[:]...)
	return secretPrefix + k.name + "+" + hash + "+" + base64.StdEncoding.EncodeToString(data)
}

// LogValue keeps the secret out of logs.
func (k PrivateKey) LogValue() slog.Value { return slog.StringValue(k.Public().String()) }

// ParsePrivateKey reads what [PrivateKey.String] writes.
func ParsePrivateKey(line string) (PrivateKey, error) {
	line = strings.TrimSpace(line)
	rest, ok := strings.CutPrefix(line, secretPrefix)
	if !ok {
		return PrivateKey{}, fmt.Errorf("%w: want one line %sname+hash+base64", ErrKey, secretPrefix)
	}
	parts := strings.SplitN(rest, "+", 3)
	seed, err := keyData(parts)
	if err != nil {
		return PrivateKey{}, err
	}
	key := PrivateKey{name: parts[0], seed: [ed25519.SeedSize]byte(seed)}
	if err := CheckPublisher(key.name); err != nil {
		return PrivateKey{}, err
	}
	if key.String() != line {
		return PrivateKey{}, fmt.Errorf("%w: its hash does not match its name, or it is not in canonical form", ErrKey)
	}
	return key, nil
}
