package bundle

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

func TestSignedArtifactVerifies(t *testing.T) {
	key := mustKey(t, "example")
	packed := mustPack(t, minimalFiles())
	signed := mustSign(t, packed, key)
	a, err := Open(signed)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Verify(key.Public().Key, signedAt); err != nil {
		t.Fatal(err)
	}
	s, err := a.Statement()
	if err != nil {
		t.Fatal(err)
	}
	if s.SkillID != "example.hello" || s.Version != "1.0.0" || s.Epoch != 7 || s.Publisher != "example" ||
		!s.Created.Equal(signedAt) || !s.Expires.Equal(signedAt.Add(time.Hour)) || len(s.Files) != 2 {
		t.Errorf("statement %+v", s)
	}
	if again := mustSign(t, packed, key); !bytes.Equal(again, signed) {
		t.Error("signed twice, the bytes differ")
	}
	if again := mustSign(t, signed, key); !bytes.Equal(again, signed) {
		t.Error("signed over an old signature, the bytes differ")
	}
}

func TestSignWithoutDateUsesTheEpoch(t *testing.T) {
	signed, err := Sign(mustPack(t, minimalFiles()), mustKey(t, "example"), SignOptions{Epoch: 1000})
	if err != nil {
		t.Fatal(err)
	}
	a, err := Open(signed)
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.Statement()
	if err != nil || !s.Created.Equal(time.Unix(1000, 0)) || !s.Expires.IsZero() {
		t.Errorf("statement %+v, %v", s, err)
	}
}

func TestSignRefuses(t *testing.T) {
	packed, key := mustPack(t, minimalFiles()), mustKey(t, "example")
	for name, c := range map[string]struct {
		data []byte
		opts SignOptions
		want error
	}{
		"no artifact":            {[]byte("PK"), SignOptions{Epoch: 1}, ErrContainer},
		"no epoch":               {packed, SignOptions{}, ErrStatement},
		"negative epoch":         {packed, SignOptions{Epoch: -1}, ErrStatement},
		"expires before created": {packed, SignOptions{Epoch: 1, Created: signedAt, Expires: signedAt}, ErrStatement},
	} {
		if _, err := Sign(c.data, key, c.opts); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
}

// forge builds an artifact whose parts a publisher would not sign like that.
func forge(t *testing.T, key PrivateKey, change func(*Statement), rewrite func(*envelope), files map[string][]byte) []byte {
	t.Helper()
	a, err := Open(mustPack(t, minimalFiles()))
	if err != nil {
		t.Fatal(err)
	}
	s := state(a.files, a.Manifest, key.name, SignOptions{Epoch: 7, Created: signedAt, Expires: signedAt.Add(time.Hour)})
	if change != nil {
		change(&s)
	}
	payload, err := s.encode()
	if err != nil {
		t.Fatal(err)
	}
	e := envelope{PayloadType: payloadType, Payload: payload}
	if rewrite != nil {
		rewrite(&e)
	}
	if e.Signatures == nil {
		e.Signatures = []signature{{KeyID: key.Public().Key.Fingerprint(), Sig: ed25519.Sign(key.signer(), preAuthentication(e.Payload))}}
	}
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	all := minimalFiles()
	for name, content := range files {
		all[name] = content
	}
	if all[SignatureFile] == nil {
		all[SignatureFile] = data
	}
	return mustPack(t, all)
}

func TestVerifyTellsWhatIsWrong(t *testing.T) {
	key, other := mustKey(t, "example"), mustKey(t, "example")
	otherManifest := bytes.Replace([]byte(helloManifest), []byte("1.0.0"), []byte("2.0.0"), 1)
	for name, c := range map[string]struct {
		data []byte
		key  PrivateKey
		now  time.Time
		want error
	}{
		"good":              {forge(t, key, nil, nil, nil), key, signedAt, nil},
		"unsigned":          {mustPack(t, minimalFiles()), key, signedAt, ErrUnsigned},
		"other key":         {forge(t, key, nil, nil, nil), other, signedAt, ErrSignature},
		"expired":           {forge(t, key, nil, nil, nil), key, signedAt.Add(time.Hour), ErrExpired},
		"file changed":      {forge(t, key, nil, nil, map[string][]byte{"modules/hello.wasm": nil}), key, signedAt, ErrContents},
		"file added":        {forge(t, key, nil, nil, map[string][]byte{"assets/x": nil}), key, signedAt, ErrContents},
		"file added last":   {forge(t, key, func(s *Statement) { s.Files = s.Files[:1] }, nil, nil), key, signedAt, ErrContents},
		"file missing":      {forge(t, key, func(s *Statement) { s.Files = append(s.Files, Subject{Name: "z"}) }, nil, nil), key, signedAt, ErrContents},
		"key id of another": {forge(t, key, nil, misname(other, key), nil), key, signedAt, ErrSignature},
		"subject twice":     {forge(t, key, func(s *Statement) { s.Files = append(s.Files, s.Files[1]) }, nil, nil), key, signedAt, ErrContents},
		"other manifest":    {forge(t, key, nil, nil, map[string][]byte{"skill.toml": otherManifest}), key, signedAt, ErrContents},
		"other id":          {forge(t, key, func(s *Statement) { s.SkillID = "example.other" }, nil, nil), key, signedAt, ErrStatement},
		"other version":     {forge(t, key, func(s *Statement) { s.Version = "1.0.1" }, nil, nil), key, signedAt, ErrStatement},
		"capabilities":      {forge(t, key, func(s *Statement) { s.Capabilities = Digest{} }, nil, nil), key, signedAt, ErrStatement},
		"no epoch":          {forge(t, key, func(s *Statement) { s.Epoch = 0 }, nil, nil), key, signedAt, ErrStatement},
		"bad publisher":     {forge(t, key, func(s *Statement) { s.Publisher = "Ex Ample" }, nil, nil), key, signedAt, ErrStatement},
		"never created":     {forge(t, key, func(s *Statement) { s.Created = time.Time{} }, nil, nil), key, signedAt, ErrStatement},
		"payload type":      {forge(t, key, nil, func(e *envelope) { e.PayloadType = "text/plain" }, nil), key, signedAt, ErrSignature},
		"no signatures":     {forge(t, key, nil, func(e *envelope) { e.Signatures = []signature{} }, nil), key, signedAt, ErrSignature},
		"two signatures":    {forge(t, key, nil, func(e *envelope) { e.Signatures = make([]signature, 2) }, nil), key, signedAt, ErrSignature},
		"payload no JSON":   {forge(t, key, nil, func(e *envelope) { e.Payload = []byte("{") }, nil), key, signedAt, ErrStatement},
		"payload spelling":  {forge(t, key, nil, func(e *envelope) { e.Payload = append(e.Payload, '\n') }, nil), key, signedAt, ErrStatement},
		"payload twins":     {forge(t, key, nil, twin, nil), key, signedAt, ErrStatement},
		"other type":        {forge(t, key, nil, retype, nil), key, signedAt, ErrStatement},
		"envelope no JSON":  {forge(t, key, nil, nil, map[string][]byte{SignatureFile: []byte("x")}), key, signedAt, ErrSignature},
		"envelope too big":  {forge(t, key, nil, nil, map[string][]byte{SignatureFile: make([]byte, maxEnvelope+1)}), key, signedAt, ErrSignature},
		"envelope unknown":  {forge(t, key, nil, nil, map[string][]byte{SignatureFile: []byte(`{"x":1}`)}), key, signedAt, ErrSignature},
		"envelope is empty": {forge(t, key, nil, nil, map[string][]byte{SignatureFile: []byte(`{}`)}), key, signedAt, ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			err := openAndVerifyAt(c.data, c.key.Public().Key, c.now)
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
}

// misname signs with one key under the id of another.
func misname(id, key PrivateKey) func(*envelope) {
	return func(e *envelope) {
		sig := ed25519.Sign(key.signer(), preAuthentication(e.Payload))
		e.Signatures = []signature{{KeyID: id.Public().Key.Fingerprint(), Sig: sig}}
	}
}

// To the key of order one, 64 bytes are a signature of everything.
func TestVerifyRefusesUnsafeKeys(t *testing.T) {
	weak := PublicKey{1}
	sig := append([]byte{1}, make([]byte, 63)...)
	forged := func(e *envelope) { e.Signatures = []signature{{KeyID: weak.Fingerprint(), Sig: sig}} }
	if !ed25519.Verify(weak[:], []byte("whatever"), sig) {
		t.Fatal("the signature is no forgery any more")
	}
	data := forge(t, mustKey(t, "example"), nil, forged, nil)
	if err := openAndVerifyAt(data, weak, signedAt); !errors.Is(err, ErrKey) {
		t.Errorf("error %v, want ErrKey", err)
	}
}

func twin(e *envelope) {
	e.Payload = bytes.Replace(e.Payload, []byte(`"epoch":7`), []byte(`"epoch":7,"Epoch":8`), 1)
}

func retype(e *envelope) {
	e.Payload = bytes.Replace(e.Payload, []byte("Statement/v1"), []byte("Statement/v0"), 1)
}

func openAndVerifyAt(data []byte, key PublicKey, now time.Time) error {
	a, err := Open(data)
	if err != nil {
		return err
	}
	return a.Verify(key, now)
}
