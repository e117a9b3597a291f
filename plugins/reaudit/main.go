// Command reaudit is the skill palyra.reaudit: its one action, reaudit, hashes
// and audits installed artifacts again. It measures; the host judges.
//
// Input, made by the host: {"digests": ["<64 hexadecimal digits>", ...]}.
//
// Output: {"reports": [...]}, one bundle.Report for each, in the order of the
// input. The digest of a report is the one that was asked about; that the bytes
// have another one is its finding digest.match. What cannot be read is tried
// twice and is then an error of its report, which says nothing about the
// artifact; the others are audited all the same. A report has at most twenty
// findings.
package main

import (
	"time"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/pluginmain"
)

func main() {
	a := auditor{now: time.Now, read: read}
	pluginmain.Serve(sdk.Skill{"reaudit": sdk.Handle(a.reaudit)})
}
