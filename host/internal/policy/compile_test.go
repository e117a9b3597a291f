package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCompileRefuses(t *testing.T) {
	deep := func(n int, open, shut string) string {
		return runs("permit", "deep", strings.Repeat(open, n)+"true"+strings.Repeat(shut, n))
	}
	hidden := `/* " */ ` + deep(400_000, "(", ")") + ` // "`
	tests := []struct {
		name string
		text string
		want string // part of the error
	}{
		{"400,000 parentheses", deep(400_000, "(", ")"), "10-site.cedar:1: nested deeper than 64"},
		{"parentheses after a quote in a comment", hidden, "nested deeper than 64"},
		{"parentheses after too many shut", ")))))" + deep(66, "(", ")"), "nested deeper than 64"},
		{"nested sets", deep(65, "[", "]"), "nested deeper than 64"},
		{"a chain of else if", deep(65, "if true then true else ", ""), "nested deeper than 64"},
		{"a long chain", runs("permit", "long", "true"+strings.Repeat(" && true", 5000)), "more than 4096 tokens"},
		{"a large file", "// " + strings.Repeat("x", maxFile), "at most 1048576"},
		{"no @id", "\n\npermit (principal, action, resource);", "10-site.cedar:3: policy without an @id"},
		{"empty @id", `@id permit (principal, action, resource);`, `10-site.cedar:1: @id(""): want`},
		{"@id of a built-in", `@id("builtin:skill_stale") permit (principal, action, resource);`, `@id("builtin:skill_stale"): want`},
		{"two of one @id", permitAll + "\n" + permitAll, `10-site.cedar:2: @id("permit-all"): already the id of the policy at 10-site.cedar:1`},
		{"@id of the default file", `@id("everybody-looks") permit (principal, action, resource);`, `already the id of the policy at 00-default.cedar:`},
		{"@id twice on one", `@id("a") @id("b") permit (principal, action, resource);`, "10-site.cedar:1: "},
		{"syntax", "// one\npermit (principal action, resource);", "10-site.cedar:2: "},
		{"unterminated string", "\n" + runs("permit", "a", `context.skill == "x`), "10-site.cedar:2: literal not terminated"},
		{"NUL", "\x00", "10-site.cedar:"},
		{"not UTF-8", "\xff\xfe", "10-site.cedar:1: "},
		{"a template", `@id("a") permit (principal == ?principal, action, resource);`, "10-site.cedar:1: "},
		{"unknown action", `@id("a") permit (principal, action == Action::"job.rum", resource);`, "unrecognized action"},
		{"unknown type", `@id("a") permit (principal == Usr::"x", action, resource);`, "10-site.cedar:1: policy \"a\": "},
		{"unknown context", runs("permit", "a", `context.skil == "x"`), "`skil`"},
		{"unknown attribute", runs("permit", "a", `resource.ownr == principal`), "`ownr`"},
		{"attribute of a user", runs("permit", "a", `principal.admin`), "10-site.cedar:1: policy \"a\": "},
		{"optional attribute unguarded", runs("permit", "a", `resource.owner == principal`), "optional attribute `owner`"},
		{"wrong type", runs("permit", "a", `context.attempt == "1"`), "10-site.cedar:1: policy \"a\": "},
		{"context of another action", `@id("a") permit (principal, action == Action::"job.view", resource) when { context.manual };`, "`manual`"},
		{"never applicable", `@id("a") permit (principal == Role::"operator", action, resource);`, "unable to find an applicable action"},
		{"number too large", runs("permit", "a", `context.attempt == 9223372036854775808`), "value out of range"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Compile(Config{Files: []File{DefaultFile(), file(tt.text)}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestCompileRefusesConfig(t *testing.T) {
	var many strings.Builder
	for i := range maxPolicies + 1 {
		fmt.Fprintf(&many, "@id(\"p%d\") permit (principal, action == Action::\"host.view\", resource);\n", i)
	}
	half := "//" + strings.Repeat("x", maxFile-2)
	tests := []struct {
		name   string
		config Config
		want   string
	}{
		{"negative lease", Config{Lease: -time.Second}, "lease"},
		{"nameless operator", Config{Operators: []string{""}}, "operator without a name"},
		{"nameless file", Config{Files: []File{{Text: permitAll}}}, "file without a name"},
		{"file twice", Config{Files: []File{file(), file()}}, "given twice"},
		{"too much in all", Config{Files: []File{{"a", half}, {"b", half}, {"c", half}, {"d", half}, {"e", half}}}, "in all, at most"},
		{"too many policies", Config{Files: []File{{"a", many.String()}}}, "10001 policies, at most 10000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Compile(tt.config); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestCompileReportsAll(t *testing.T) {
	_, err := Compile(Config{Files: []File{
		{"a.cedar", "permit (principal, action, resource);\n" + runs("permit", "x", "context.no")},
		{"b.cedar", "nonsense"},
	}})
	if err == nil {
		t.Fatal("compiled")
	}
	for _, want := range []string{"a.cedar:1: ", "a.cedar:2: ", "b.cedar:1: "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q: %v", want, err)
		}
	}
	if _, err := Compile(Config{Files: []File{file(strings.Repeat("permit (principal, action, resource);\n", 500))}}); strings.Count(err.Error(), "\n") != maxErrors-1 {
		t.Errorf("%d errors for 500 wrong policies, want %d", strings.Count(err.Error(), "\n")+1, maxErrors)
	}
}

func TestCompileAccepts(t *testing.T) {
	for _, text := range []string{
		"",
		"// nothing but a comment, ((((",
		"/* ((( \n */" + permitAll,
		permitAll + ` @id("b") forbid (principal, action, resource) when { resource == Host::"\u{1F600} \" ((((" };`,
		runs("permit", "nested", strings.Repeat("(", 60)+"true"+strings.Repeat(")", 60)),
		runs("forbid", "dates", `context.due.toTime() >= duration("8h") && context.lateness_ms > 1000`),
		runs("forbid", "via", `context.via == System::"daemon" && context.publisher like "pal*"`),
	} {
		if _, err := Compile(Config{Files: []File{DefaultFile(), file(text)}}); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The examples at the end of the default file are meant to be copied.
func TestDefaultExamplesCompile(t *testing.T) {
	_, examples, _ := strings.Cut(DefaultFile().Text, "// More examples to copy:")
	var text strings.Builder
	for line := range strings.Lines(examples) {
		if code, ok := strings.CutPrefix(line, "//   "); ok {
			text.WriteString(code)
		}
	}
	s := compiled(t, DefaultFile(), file(text.String()))
	if got, want := s.Len(), compiled(t, DefaultFile()).Len()+strings.Count(examples, "@id("); got != want || strings.Count(examples, "@id(") == 0 {
		t.Errorf("%d policies with the examples, want %d", got, want)
	}
}

func TestDigest(t *testing.T) {
	a, b := File{"a", permitAll}, File{"b", runs("forbid", "x", "true")}
	base := compiled(t, a, b).Digest()
	if len(base) != 64 || strings.Trim(base, "0123456789abcdef") != "" {
		t.Errorf("digest %q: want 64 hexadecimal digits", base)
	}
	if compiled(t, b, a).Digest() != base {
		t.Error("the order in which files are given changes the digest")
	}
	seen := []string{base}
	for name, files := range map[string][]File{
		"none":          nil,
		"one":           {a},
		"renamed":       {{"aa", a.Text}, b},
		"a space":       {{"a", a.Text + " "}, b},
		"moved a space": {a, {"b", " " + b.Text}},
		"joined":        {{"a", a.Text + b.Text}},
	} {
		d := compiled(t, files...).Digest()
		if slices.Contains(seen, d) {
			t.Errorf("%s: digest is that of other files", name)
		}
		seen = append(seen, d)
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(DefaultFile().Text)
	f.Add(permitAll)
	f.Add(runs("forbid", "x", `context.attempt + 9223372036854775807 > 0 || resource.labels.contains("a=b")`))
	f.Add(`/*/ " */ (((`)
	f.Add(`@id("a") permit (principal, action, resource) when { if if true then true else false then "\u{0}" like "*" else [1] == [] };`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Compile(Config{Files: []File{{"f", text}}})
		if err != nil {
			return
		}
		// What compiles can be asked, and answers the same twice.
		g := NewGate(s)
		q := query(alice, healthSkill())
		first, second := g.Judge(q), g.Judge(q)
		if first.Message != second.Message || first.Decision.Allow != second.Decision.Allow {
			t.Errorf("two answers: %+v, %+v", first, second)
		}
		if first.Decision.Allow && len(first.Decision.Errors) > 0 {
			t.Errorf("allowed with errors: %v", first.Decision.Errors)
		}
	})
}
