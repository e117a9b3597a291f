// Package arch holds the rules of the house as tests: who may import whom, and
// what no room does. The tables are in table_test.go.
package arch

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath, Dir, Name, Doc string
	Imports, GoFiles           []string
}

func (p pkg) room() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

func list(t *testing.T, goos, goarch string, patterns ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,Name,Doc,Imports,GoFiles"}, patterns...)...)
	cmd.Dir = "../../.."
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list for %s: %v", goos, err)
	}
	var pkgs []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 && !strings.Contains(p.ImportPath, "/testdata/") {
			pkgs = append(pkgs, p)
		}
	}
	return pkgs
}

// all lists every package of ours, with the files and imports of both targets.
func all(t *testing.T) []pkg {
	t.Helper()
	pkgs := list(t, "linux", "amd64", "./...")
	var patterns []string
	for _, g := range guests {
		patterns = append(patterns, "./"+g)
	}
	for _, guest := range list(t, "wasip1", "wasm", patterns...) {
		i := slices.IndexFunc(pkgs, func(p pkg) bool { return p.ImportPath == guest.ImportPath })
		if i < 0 {
			t.Fatalf("%s builds for wasip1 alone", guest.ImportPath)
		}
		pkgs[i].Imports = union(pkgs[i].Imports, guest.Imports)
		pkgs[i].GoFiles = union(pkgs[i].GoFiles, guest.GoFiles)
	}
	return pkgs
}

func union(a, b []string) []string {
	c := append(slices.Clone(a), b...)
	slices.Sort(c)
	return slices.Compact(c)
}

// generated reports whether a package holds generated protobuf code alone and
// is outside the table.
func generated(room string) bool { return strings.HasPrefix(room, "sdk/proto/") }

func TestImports(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range all(t) {
		name := p.room()
		if generated(name) {
			continue
		}
		seen[name] = true
		r, known := rooms[name]
		if !known {
			t.Errorf("%s is not in the table: give it a sentence and its imports", name)
			continue
		}
		var ours []string
		for _, imp := range p.Imports {
			if rest, ok := strings.CutPrefix(imp, module+"/"); ok {
				ours = append(ours, rest)
			}
		}
		for _, imp := range ours {
			if !slices.Contains(r.imports, imp) {
				t.Errorf("%s imports %s, which the table does not allow", name, imp)
			}
		}
		for _, imp := range r.imports {
			if !slices.Contains(ours, imp) {
				t.Errorf("%s may import %s and does not: take the permission away", name, imp)
			}
		}
	}
	for name := range rooms {
		if !seen[name] {
			t.Errorf("%s is in the table and does not exist", name)
		}
	}
}

func TestOwners(t *testing.T) {
	used := map[string]bool{} // "room library"
	for _, p := range all(t) {
		if generated(p.room()) {
			continue
		}
		for _, imp := range p.Imports {
			for library, allowed := range owners {
				if imp != library && !strings.HasPrefix(imp, library+"/") {
					continue
				}
				used[p.room()+" "+library] = true
				if !slices.Contains(allowed, p.room()) {
					t.Errorf("%s imports %s; its owners are %v", p.room(), imp, allowed)
				}
			}
		}
	}
	for library, allowed := range owners {
		for _, room := range allowed {
			if !used[room+" "+library] {
				t.Errorf("%s owns %s and does not import it", room, library)
			}
		}
	}
}

func TestPackageComments(t *testing.T) {
	for _, p := range all(t) {
		r, known := rooms[p.room()]
		if !known {
			continue
		}
		want := "Package " + p.Name + " " + r.sentence
		if p.Name == "main" {
			want = "Command " + filepath.Base(p.Dir)
		}
		if !strings.HasPrefix(strings.ReplaceAll(p.Doc, "is the", "the"), strings.ReplaceAll(want, "is the", "the")) &&
			!strings.HasPrefix(p.Doc, "Package "+p.Name+" is "+r.sentence) {
			t.Errorf("%s: the package comment starts %q, want %q", p.room(), p.Doc, want)
		}
	}
}

func TestDaemonHasNoWASM(t *testing.T) {
	for _, p := range list(t, "linux", "amd64", "-deps", "./host") {
		if strings.Contains(p.ImportPath, "wazero") || p.room() == "host/internal/wasm" {
			t.Errorf("host reaches %s: the daemon never parses, compiles or runs WASM", p.ImportPath)
		}
	}
}

func TestSDKIsSmall(t *testing.T) {
	for _, p := range list(t, "linux", "amd64", "-deps", "./sdk", "./sdk/bundle", "./sdk/pluginmain", "./sdk/plugintest") {
		for _, heavy := range []string{"modernc.org/sqlite", "cedar-policy", "wazero", module + "/host"} {
			if strings.Contains(p.ImportPath, heavy) {
				t.Errorf("the SDK pulls in %s", p.ImportPath)
			}
		}
	}
	for _, p := range list(t, "linux", "amd64", "-deps", "./sdk") {
		if strings.Contains(p.ImportPath, ".") && p.ImportPath != module+"/sdk" {
			t.Errorf("sdk uses the standard library alone, not %s", p.ImportPath)
		}
	}
}

// TestCode looks at the syntax of every file that is not a test and not
// generated.
func TestCode(t *testing.T) {
	for _, p := range all(t) {
		if generated(p.room()) {
			continue
		}
		for _, name := range p.GoFiles {
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if !ast.IsGenerated(file) {
				checkFile(t, p, fset, file)
			}
		}
	}
}

func checkFile(t *testing.T, p pkg, fset *token.FileSet, file *ast.File) {
	report := func(n ast.Node, rule string) { t.Errorf("%s: %s", fset.Position(n.Pos()), rule) }
	isPure := slices.Contains(pure, p.room())
	for _, imp := range file.Imports {
		path := strings.Trim(imp.Path.Value, `"`)
		if path == "testing" && p.room() != "sdk/plugintest" {
			report(imp, "testing belongs to tests and sdk/plugintest")
		}
		if isPure && (path == "os" || path == "net" || strings.HasPrefix(path, "os/") || strings.HasPrefix(path, "net/")) {
			report(imp, "values and policy do no I/O")
		}
	}
	for _, decl := range file.Decls {
		checkDecl(report, decl)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			if !slices.Contains(concurrent, p.room()) {
				report(n, "this room starts no goroutine")
			}
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if !ok {
				break
			}
			switch x.Name + "." + n.Sel.Name {
			case "context.Background", "context.TODO":
				if p.Name != "main" && p.room() != "sdk/pluginmain" { // which is the main of every skill
					report(n, "contexts come from the caller; only main makes one")
				}
			case "time.Now", "time.Since", "time.Until", "time.Sleep":
				if isPure {
					report(n, "values and policy take the time as an argument")
				}
			}
		}
		return true
	})
}

// checkDecl refuses init functions and package variables that could change:
// what is made by one of the constructors below, a literal of an array or a map
// that is only read, or a blank assertion stays.
func checkDecl(report func(ast.Node, string), decl ast.Decl) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil && d.Name.Name == "init" {
			report(d, "no init functions")
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			v, ok := spec.(*ast.ValueSpec)
			if !ok || d.Tok != token.VAR || v.Names[0].Name == "_" {
				continue
			}
			if len(v.Values) == 0 && !embedded(d) {
				report(v, "a package variable without a value is there to be changed")
			}
		}
	}
}

func embedded(d *ast.GenDecl) bool {
	return d.Doc != nil && slices.ContainsFunc(d.Doc.List, func(c *ast.Comment) bool {
		return strings.HasPrefix(c.Text, "//go:embed")
	})
}
