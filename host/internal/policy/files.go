package policy

import (
	"crypto/sha256"
	_ "embed" // the schema and the default policies
	"encoding/hex"
	"fmt"
)

//go:embed palyra.cedarschema
var schemaText string

//go:embed 00-default.cedar
var defaultText string

// Schema returns the published schema, in Cedar's own notation.
func Schema() string { return schemaText }

// DefaultFile returns the policies that a host writes at its first start.
func DefaultFile() File { return File{Name: "00-default.cedar", Text: defaultText} }

// digest names files that are sorted by name, and the schema. Lengths keep apart
// what would read alike when joined.
func digest(files []File) string {
	h := sha256.New()
	fmt.Fprintf(h, "palyra policy set 1\n%d\n%s", len(schemaText), schemaText)
	for _, f := range files {
		fmt.Fprintf(h, "\n%d %d\n%s%s", len(f.Name), len(f.Text), f.Name, f.Text)
	}
	return hex.EncodeToString(h.Sum(nil))
}
