package bundle

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestManifest(t *testing.T) {
	m, err := ParseManifest([]byte(`# a comment
id = "palyra.memory"
version = "1.2.3-rc.1"
kind = "native"
description = "Keeps what was said"
program = "memory"
capabilities = { data = true, network = true }

[entrypoints]
search = { description = "Searches" }
put = {}
`))
	if err != nil {
		t.Fatal(err)
	}
	if m.ID != "palyra.memory" || m.Version != "1.2.3-rc.1" || m.Kind != Native || m.Entrypoints["search"].Description != "Searches" {
		t.Errorf("manifest %+v", m)
	}
	if got := m.Capabilities.Names(); !slices.Equal(got, []string{"data", "network"}) {
		t.Errorf("capabilities %q", got)
	}
	if got := m.EntrypointNames(); !slices.Equal(got, []string{"put", "search"}) {
		t.Errorf("entrypoints %q", got)
	}
}

func TestManifestErrorsNameTheLine(t *testing.T) {
	replace := func(old, new string) string { return strings.Replace(helloManifest, old, new, 1) }
	for name, c := range map[string]struct{ text, want string }{
		"no TOML":             {"id = \n", "skill.toml:1: "},
		"unknown key":         {helloManifest + "color = 1\n", "skill.toml:8: unknown key entrypoints.greet.color"},
		"unknown capability":  {helloManifest + "[capabilities]\nroot = true\n", "skill.toml:9: unknown key capabilities.root"},
		"other case":          {replace("version", "Version"), `skill.toml:2: key "Version"`},
		"case twin":           {replace("kind", "ID = \"example.other\"\nkind"), "skill.toml:3: "},
		"twin in other words": {helloManifest + "[capabilities]\n\"\u017ftatus\" = true\n", "skill.toml:9: "},
		"key twice":           {replace("kind", "id = \"example.other\"\nkind"), "skill.toml:3: "},
		"wrong type":          {replace(`"1.0.0"`, "1"), "skill.toml:2: "},
		"id without a dot":    {replace("example.hello", "hello"), `skill.toml:1: id "hello"`},
		"id in capitals":      {replace("example.hello", "Example.hello"), "skill.toml:1: id"},
		"loose version":       {replace("1.0.0", "v1.0"), `skill.toml:2: version "v1.0"`},
		"unknown kind":        {replace(`"wasm"`, `"script"`), `skill.toml:3: kind "script"`},
		"program with a path": {replace(`"hello"`, `"../hello"`), `skill.toml:4: program`},
		"no program":          {replace(`program = "hello"`, ``), `skill.toml:1: program`},
		"no entrypoint":       {strings.Split(helloManifest, "[")[0], "skill.toml:1: entrypoints: none"},
		"entrypoint name":     {replace("greet", `"Greet"`), `skill.toml:6: key "Greet"`},
		"escape in text":      {replace("Greets", `\u001b[2J`), "skill.toml:7: entrypoint"},
		"process for wasm":    {helloManifest + "[capabilities]\nstatus = true\nprocess = true\n", "skill.toml:10: capability process: not for wasm"},
		"inline, for wasm":    {replace("program", "capabilities = { data = true }\nprogram"), "skill.toml:4: capability data"},
		"too long":            {helloManifest + strings.Repeat("#", maxManifest), "at most"},
		"table array":         {helloManifest + "[[capabilities]]\n", "skill.toml:8: "},
		"not UTF-8":           {helloManifest + "# \xff\n", "skill.toml:8: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseManifest([]byte(c.text))
			if !errors.Is(err, ErrManifest) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestValidateSaysAllThatIsWrong(t *testing.T) {
	err := Manifest{}.Validate()
	for _, want := range []string{"id", "version", "kind", "program", "entrypoints"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	m, err := ParseManifest([]byte(helloManifest))
	if err != nil || m.Validate() != nil {
		t.Errorf("good one: %v, %v", err, m.Validate())
	}
}

func TestCapabilityDigest(t *testing.T) {
	seen := make(map[Digest]Capabilities)
	for _, c := range []Capabilities{{}, {Status: true}, {Data: true}, {Status: true, Data: true}, {Process: true}} {
		if other, ok := seen[c.Digest()]; ok {
			t.Errorf("%v and %v share a digest", c, other)
		}
		seen[c.Digest()] = c
	}
	if got, want := (Capabilities{}).Digest().Short(), "e3b0c44298fc"; got != want {
		t.Errorf("digest of nothing %s, want %s", got, want)
	}
	all := Capabilities{true, true, true, true, true}
	if got := all.Explain(); len(got) != 5 || !slices.Contains(got, "starts processes with the power of the daemon") {
		t.Errorf("explained as %q", got)
	}
}

func TestOwns(t *testing.T) {
	prefixes := []string{"example", "palyra.x"}
	for id, want := range map[string]bool{
		"example.hello":  true,
		"example.a.b":    true,
		"example":        false,
		"examples.hello": false,
		"palyra.x.y":     true,
		"palyra.xy":      false,
		"palyra.health":  false,
		"":               false,
	} {
		if Owns(prefixes, id) != want {
			t.Errorf("Owns(%q): %v", id, !want)
		}
	}
	if Owns([]string{""}, ".x") || Owns(nil, "a.b") {
		t.Error("an empty prefix owns something")
	}
	for prefix, want := range map[string]bool{"a": true, "a.b": true, "": false, "a.": false, "A": false, ".": false} {
		if (CheckPrefix(prefix) == nil) != want {
			t.Errorf("prefix %q: %v", prefix, CheckPrefix(prefix))
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(helloManifest))
	f.Add([]byte("capabilities = { status = true, }\n[entrypoints.\"a\"]\n[[x]]\ny.z = [1, {a.b = 1}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest(data)
		if err == nil && m.Validate() != nil {
			t.Errorf("parsed, but %v", m.Validate())
		}
		if err != nil && !errors.Is(err, ErrManifest) {
			t.Errorf("error %v does not wrap ErrManifest", err)
		}
	})
}
