// Package bundle is the signed on-disk form of a skill.
//
// # Container
//
// An artifact (.palyra-skill) is a ZIP file (APPNOTE.TXT) in the one form that
// [Pack] writes; [Open] accepts no other, so that equal files give equal bytes
// and nothing hides between them:
//
//   - for each file, in ascending order of names: a local header, the name, the
//     data; then the central directory in the same order; then the end record;
//     nothing before, between or after;
//   - every file is stored, not compressed; version 2.0, no flags, no extra
//     fields, no comments, no attributes, dated 1980-01-01 00:00.
//
// Names are relative paths of at most 200 letters, digits and . _ + - /. No part
// of one is empty, starts with a dot or a dash or ends with a dot. No two names, and no
// two folders, differ in case only, and no file is a folder of another. There are
// at most [MaxFiles] files of at most [MaxFile] bytes ([MaxProgram] under bin/),
// [MaxSize] bytes in all:
//
//	skill.toml                         the manifest
//	modules/<program>.wasm             of a wasm skill
//	bin/<goos>-<goarch>/<program>      of a native skill
//	assets/**                          whatever else it needs
//	sbom.cdx.json, provenance.json     where it comes from
//	signature.json                     who says so
//
// # Manifest
//
//	id = "example.hello"        # a dot between parts of a-z 0-9 -; the publisher owns a prefix
//	version = "1.0.0"           # semantic version
//	kind = "wasm"               # or "native"
//	description = "Says hello"
//	program = "hello"           # a-z 0-9 _ -
//
//	[capabilities]              # what it asks for; wasm skills: status only
//	status = true
//
//	[entrypoints.greet]         # at least one
//	description = "Greets by name"
//
// Keys are spelt exactly so, in lower case; unknown ones are refused. It is TOML
// 1.0 of at most 64 KiB.
//
// # Signature
//
// signature.json is a DSSE v1 envelope with one Ed25519 signature, whose keyid is
// the fingerprint of the key, over an in-toto Statement v1:
//
//	{"_type":"https://in-toto.io/Statement/v1",
//	 "subject":[{"name":"modules/hello.wasm","digest":{"sha256":"…"}},…],
//	 "predicateType":"urn:palyra:skill-release:1",
//	 "predicate":{"skill_id":"example.hello","version":"1.0.0","epoch":1767225600,
//	  "publisher":"example","created":"2026-01-01T00:00:00Z","expires":"2027-01-01T00:00:00Z",
//	  "capability_digest":"…"}}
//
// Its subjects are exactly all other files, in the order of the container.
// "expires" may be absent. The capability digest is the SHA-256 of the sorted
// names of the capabilities, each followed by a newline. Both documents are
// written without spaces, members in the order shown, times in UTC and whole
// seconds; other spellings of the same value are refused.
//
// Keys are lines of golang.org/x/mod/sumdb/note. A key is accepted only if it is
// the canonical encoding of a point of prime order.
//
// # Errors
//
// Errors wrap one of the sentinels of this package, so that a caller can tell an
// unsigned artifact from an altered one. No input makes this package panic.
package bundle
