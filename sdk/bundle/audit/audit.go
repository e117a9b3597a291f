// Package audit is the security checks of an artifact.
//
// [Audit] is a pure function of bytes. Every check has an id that stays, a
// severity, and something that fails it. A check that cannot be made because an
// earlier one failed is left out. The checks:
//
//	container.layout    it is a canonical artifact (package bundle)
//	digest.match        its bytes have the digest that is expected
//	manifest.valid      skill.toml is well-formed and sane
//	signature.present   it has a signature.json
//	signature.valid     the key of its publisher signed it; only when the key is given
//	statement.contents  the signed statement names exactly the files there are
//	statement.manifest  the statement says the same as the manifest
//	statement.expiry    the statement has not expired
//	program.present     there is a program of the kind that the manifest says
//	program.format      each executable is one for the machine it says it is for
//	wasm.precheck       each module keeps within the bounds of Precheck
//	assets.content      no file but programs holds a private key (error) or a program (warning)
//
// [Precheck] is the look at a WASM module that comes before any engine sees it:
// engines allocate what a module announces. It reads sections, not code.
package audit

import (
	"crypto/sha256"
	"errors"
	"time"

	"github.com/palyra-go/palyra/sdk/bundle"
)

// The ids of the checks.
const (
	ContainerLayout   = "container.layout"
	DigestMatch       = "digest.match"
	ManifestValid     = "manifest.valid"
	SignaturePresent  = "signature.present"
	SignatureValid    = "signature.valid"
	StatementContents = "statement.contents"
	StatementManifest = "statement.manifest"
	StatementExpiry   = "statement.expiry"
	ProgramPresent    = "program.present"
	ProgramFormat     = "program.format"
	WASMPrecheck      = "wasm.precheck"
	AssetsContent     = "assets.content"
)

// Options says what an artifact is audited against.
type Options struct {
	Now    time.Time         // for statement.expiry
	Expect bundle.Digest     // zero: any
	Key    *bundle.PublicKey // of the publisher; nil leaves signature.valid out
}

// Audit makes all checks of an artifact.
func Audit(data []byte, opts Options) bundle.Report {
	r := report{Report: bundle.Report{Findings: []bundle.Finding{}}}
	a, err := bundle.Open(data)
	if err == nil {
		r.Digest = a.Digest
	} else {
		r.Digest = sha256.Sum256(data)
	}
	if !opts.Expect.IsZero() && r.Digest != opts.Expect {
		r.fail(DigestMatch, "", "sha256 is %s, expected %s", r.Digest, opts.Expect)
	}
	if err != nil {
		check := ContainerLayout
		if errors.Is(err, bundle.ErrManifest) {
			check = ManifestValid
		}
		r.fail(check, "", "%v", err)
		return r.Report
	}
	r.signature(a, opts)
	r.programs(a)
	r.assets(a)
	return r.Report
}

// signature checks who says what about the artifact.
func (r *report) signature(a *bundle.Artifact, opts Options) {
	if !a.Signed() {
		r.fail(SignaturePresent, bundle.SignatureFile, "missing: the artifact is not signed")
		return
	}
	if opts.Key != nil {
		r.failIf(SignatureValid, a.SignedBy(*opts.Key))
	}
	s, err := a.Statement()
	if err != nil {
		check := StatementManifest
		if errors.Is(err, bundle.ErrSignature) {
			check = SignaturePresent
		}
		r.failIf(check, err)
		return
	}
	r.failIf(StatementContents, s.CheckContents(a))
	r.failIf(StatementManifest, s.CheckManifest(a.Manifest))
	r.failIf(StatementExpiry, s.CheckExpiry(opts.Now))
}
