package bundle

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"filippo.io/edwards25519"
	"golang.org/x/mod/sumdb/note"
)

func TestKeysAreLinesOfNote(t *testing.T) {
	for range 50 { // base64 of some has a plus sign
		key := mustKey(t, "example")
		public := key.Public()
		signer, err := note.NewSigner(key.String())
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := note.NewVerifier(public.String())
		if err != nil {
			t.Fatal(err)
		}
		sig, err := signer.Sign([]byte("x"))
		if err != nil || !verifier.Verify([]byte("x"), sig) || verifier.Name() != "example" {
			t.Fatalf("the pair does not fit: %v", err)
		}
		if back, err := ParsePrivateKey(key.String() + "\n"); err != nil || back != key {
			t.Fatalf("private key: %v", err)
		}
		if back, err := ParseNamedKey(public.String() + "\n"); err != nil || back != public {
			t.Fatalf("public key: %v", err)
		}
	}
}

func TestFingerprintIsOfTheKey(t *testing.T) {
	var key PublicKey
	if got, want := key.Fingerprint(), "SHA256:Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU"; got != want {
		t.Errorf("fingerprint %s, want %s", got, want)
	}
}

func TestParseKeyRefuses(t *testing.T) {
	key := mustKey(t, "example")
	private, public := key.String(), key.Public().String()
	for name, line := range map[string]string{
		"empty":         "",
		"words":         "no key",
		"renamed":       strings.Replace(public, "example", "another", 1),
		"cut":           public[:len(public)-4],
		"the other":     private,
		"other alg":     strings.Replace(public, "+AQ", "+AR", 1) + "x",
		"two lines":     public + "\n" + public,
		"hash spelling": strings.ToUpper(public[:16]) + public[16:],
	} {
		if _, err := ParseNamedKey(line); !errors.Is(err, ErrKey) {
			t.Errorf("%s: public: %v, want ErrKey", name, err)
		}
	}
	for name, line := range map[string]string{
		"empty":     "",
		"renamed":   strings.Replace(private, "example", "another", 1),
		"cut":       private[:len(private)-4],
		"the other": public,
	} {
		if _, err := ParsePrivateKey(line); !errors.Is(err, ErrKey) {
			t.Errorf("%s: private: %v, want ErrKey", name, err)
		}
	}
	for _, name := range []string{"", "a b", "a+b", "Example", "-a"} {
		if _, err := GenerateKey(name); !errors.Is(err, ErrKey) {
			t.Errorf("publisher %q: %v, want ErrKey", name, err)
		}
	}
}

// With a key of small order a signature of one message verifies for others.
func TestKeysOfOtherOrderAreRefused(t *testing.T) {
	mixed, err := new(edwards25519.Point).SetBytes(mustHex(t, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"))
	if err != nil {
		t.Fatal(err)
	}
	mixed.Add(mixed, edwards25519.NewGeneratorPoint())
	for name, raw := range map[string][]byte{
		"identity":             mustHex(t, "0100000000000000000000000000000000000000000000000000000000000000"),
		"order 2":              mustHex(t, "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
		"order 4":              mustHex(t, "0000000000000000000000000000000000000000000000000000000000000000"),
		"order 8":              mustHex(t, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
		"eight times a prime":  mixed.Bytes(),
		"not on the curve":     mustHex(t, "0200000000000000000000000000000000000000000000000000000000000000"),
		"identity, not lowest": mustHex(t, "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
	} {
		if err := PublicKey(raw).Check(); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v, want ErrKey", name, err)
		}
	}
	if err := PublicKey(edwards25519.NewGeneratorPoint().Bytes()).Check(); err != nil {
		t.Errorf("the generator: %v", err)
	}
	if err := mustKey(t, "example").Public().Key.Check(); err != nil {
		t.Errorf("a fresh key: %v", err)
	}
}

func mustHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
