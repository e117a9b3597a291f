package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/sdk/bundle"
)

func (a *app) skillPack() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "pack DIR", Short: "Make an artifact of a directory",
		Long: "Make an unsigned artifact of a directory: of its skill.toml, modules/*.wasm,\n" +
			"bin/**, assets/**, sbom.cdx.json and provenance.json, and of nothing else in it.",
		Args: cobra.ExactArgs(1),
		RunE: ran(func(_ *cobra.Command, args []string) error {
			files, err := collect(args[0])
			if err != nil {
				return err
			}
			data, err := bundle.Pack(files)
			if err != nil {
				return err
			}
			artifact, err := bundle.Open(data)
			if err != nil {
				return err
			}
			if out == "" {
				out = artifact.Manifest.ID + "-" + artifact.Manifest.Version + ".palyra-skill"
			}
			if err := renameio.WriteFile(out, data, 0o644); err != nil {
				return err
			}
			fmt.Fprintf(a.err, "packed %s %s into %s: %d files, sha256 %s\n",
				artifact.Manifest.ID, artifact.Manifest.Version, out, len(files), artifact.Digest)
			return nil
		}),
	}
	c.Flags().StringVarP(&out, "output", "o", "", "file to write (default ID-VERSION.palyra-skill)")
	return c
}

// collect reads what goes into an artifact from a directory. Links are refused:
// what is packed is what lies there.
func collect(dir string) (map[string][]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	files, size := map[string][]byte{}, int64(0)
	err = fs.WalkDir(root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == ".":
			return nil
		case !packed(path):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return nil
		case !entry.Type().IsRegular():
			return fail(exitData, "", "%s: not an ordinary file", filepath.Join(dir, path))
		}
		data, err := root.ReadFile(path)
		if err != nil {
			return err
		}
		if size += int64(len(data)); size > bundle.MaxSize {
			return fail(exitData, "", "%s: more than %d MiB", dir, bundle.MaxSize>>20)
		}
		files[path] = data
		return nil
	})
	if err == nil && files[bundle.ManifestFile] == nil {
		err = fail(exitNoSuch, "a skill is a directory with a skill.toml", "%s has no %s", dir, bundle.ManifestFile)
	}
	return files, err
}

// packed reports whether a path goes into an artifact.
func packed(path string) bool {
	switch path {
	case bundle.ManifestFile, "sbom.cdx.json", "provenance.json":
		return true
	}
	first, _, _ := strings.Cut(path, "/")
	return first == "modules" || first == "bin" || first == "assets"
}

func (a *app) skillSign() *cobra.Command {
	var key, out string
	var epoch int64
	var expires time.Duration
	c := &cobra.Command{
		Use: "sign FILE", Short: "Sign an artifact with the key of a publisher", Args: cobra.ExactArgs(1),
		RunE: ran(func(_ *cobra.Command, args []string) error {
			if key == "" {
				return fail(exitUsage, "make one: `palyra publisher new NAME`", "--key FILE is missing")
			}
			secret, err := readSecret(key)
			if err != nil {
				return err
			}
			data, _, err := openArtifact(args[0])
			if err != nil {
				return err
			}
			options := bundle.SignOptions{Epoch: epoch}
			if epoch == 0 {
				options.Epoch = a.now().Unix()
			}
			if expires > 0 {
				options.Expires = a.now().Add(expires)
			}
			signed, err := bundle.Sign(data, secret, options)
			if err != nil {
				return err
			}
			if out == "" {
				out = args[0]
			}
			if err := renameio.WriteFile(out, signed, 0o644); err != nil {
				return err
			}
			artifact, err := bundle.Open(signed)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.err, "signed %s as %s, %s: epoch %d, sha256 %s\n", out, secret.Public().Name,
				secret.Public().Key.Fingerprint(), options.Epoch, artifact.Digest)
			return nil
		}),
	}
	c.Flags().StringVar(&key, "key", "", "file with the private key of the publisher")
	c.Flags().Int64Var(&epoch, "epoch", 0, "release epoch: greater than that of every earlier release (default: Unix seconds now)")
	c.Flags().DurationVar(&expires, "expires", 0, "the signature counts for so long (default: for ever)")
	c.Flags().StringVarP(&out, "output", "o", "", "file to write (default: FILE itself)")
	return c
}

// inspection is what `skill inspect` tells of a file.
type inspection struct {
	ID           string    `json:"id"`
	Version      string    `json:"version"`
	Kind         string    `json:"kind"`
	Description  string    `json:"description"`
	Digest       string    `json:"digest"`
	Entrypoints  []string  `json:"entrypoints"`
	Capabilities []string  `json:"capabilities"`
	Files        []string  `json:"files"`
	Signed       bool      `json:"signed"`
	Publisher    string    `json:"publisher,omitempty"` // as the artifact claims
	Epoch        int64     `json:"epoch,omitempty"`
	Created      time.Time `json:"created,omitzero"`
	Expires      time.Time `json:"expires,omitzero"`
	Verified     bool      `json:"verified"` // against --key
}

func (a *app) skillInspect() *cobra.Command {
	var key string
	c := &cobra.Command{
		Use: "inspect FILE|SKILL", Short: "Show what an artifact or an installed skill is", Args: cobra.ExactArgs(1),
		RunE: ran(func(cmd *cobra.Command, args []string) error {
			if _, err := os.Stat(args[0]); errors.Is(err, fs.ErrNotExist) && !strings.ContainsRune(args[0], filepath.Separator) &&
				!strings.HasSuffix(args[0], ".palyra-skill") {
				client, err := a.client()
				if err != nil {
					return err
				}
				s, err := client.Skills.Get(cmd.Context(), &api.GetSkillRequest{Skill: args[0]})
				if err != nil {
					return err
				}
				return a.showSkill(s)
			}
			_, artifact, err := openArtifact(args[0])
			if err != nil {
				return err
			}
			return a.inspect(artifact, key)
		}),
	}
	c.Flags().StringVar(&key, "key", "", "verify the signature with this key: a line or a file")
	return c
}

func (a *app) inspect(artifact *bundle.Artifact, key string) error {
	m := artifact.Manifest
	seen := inspection{
		ID: m.ID, Version: m.Version, Kind: string(m.Kind), Description: m.Description, Digest: artifact.Digest.String(),
		Entrypoints: m.EntrypointNames(), Capabilities: m.Capabilities.Names(), Files: artifact.Names(),
		Signed: artifact.Signed(),
	}
	if seen.Signed {
		s, err := artifact.Statement()
		if err == nil {
			err = errors.Join(s.CheckContents(artifact), s.CheckManifest(m))
		}
		if err != nil {
			return err
		}
		seen.Publisher, seen.Epoch, seen.Created, seen.Expires = s.Publisher, s.Epoch, s.Created, s.Expires
	}
	if key != "" {
		public, err := readPublic(key)
		if err != nil {
			return err
		}
		if err := artifact.Verify(public.Key, a.now()); err != nil {
			return err
		}
		if public.Name != seen.Publisher {
			return fail(exitData, "", "the key is of %s, the artifact says it is by %s", public.Name, seen.Publisher)
		}
		seen.Verified = true
	}
	if a.output != "table" {
		raw, err := json.Marshal(seen)
		if err != nil {
			return err
		}
		return a.printJSON(raw)
	}
	a.describe(seen, power(m))
	return nil
}

func (a *app) describe(seen inspection, power []string) {
	signature := "none: sign it with `palyra skill sign`"
	if seen.Signed {
		signature = "claims to be by " + seen.Publisher + "; verify it with --key"
		if seen.Verified {
			signature = "by " + seen.Publisher + ", verified"
		}
	}
	stated, expires := "", ""
	if seen.Signed {
		stated = epoch(seen.Epoch)
	}
	if !seen.Expires.IsZero() {
		expires = seen.Expires.Local().Format(stamp)
	}
	facts(a.out,
		"Skill", seen.ID+" "+seen.Version, "Description", seen.Description, "Kind", seen.Kind,
		"Digest", "sha256 "+seen.Digest, "Signature", signature, "Epoch", stated, "Expires", expires,
		"Entrypoints", strings.Join(seen.Entrypoints, ", "), "It", strings.Join(power, "; "),
		"Files", strings.Join(seen.Files, " "),
	)
}
