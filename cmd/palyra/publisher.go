package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// maxKeyFile is more than a key needs.
const maxKeyFile = 4096

func (a *app) publisherCommand() *cobra.Command {
	publisher := noun("publisher", "Publishers: whose signatures count", "publishers")
	publisher.AddCommand(a.publisherNew(), a.publisherList(), a.publisherTrust())
	return publisher
}

func (a *app) publisherNew() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "new NAME", Short: "Make a signing key; prints the public one", Args: cobra.ExactArgs(1),
		RunE: ran(func(_ *cobra.Command, args []string) error {
			if out == "" {
				out = filepath.Join(xdg.ConfigHome, "palyra", "keys", args[0]+".key")
			}
			key, err := newKeyFile(args[0], out)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.err, "the private key is in %s: keep it to yourself\nfingerprint %s\n", out, key.Public().Key.Fingerprint())
			_, err = fmt.Fprintln(a.out, key.Public())
			return err
		}),
	}
	c.Flags().StringVar(&out, "out", "", "file for the private key (default: keys/NAME.key in the configuration directory)")
	return c
}

// newKeyFile makes a key for a publisher and keeps it in a new file.
func newKeyFile(name, path string) (bundle.PrivateKey, error) {
	key, err := bundle.GenerateKey(name)
	if err != nil {
		return key, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return key, err
	}
	return key, writeSecret(path, key.String()+"\n")
}

// writeSecret makes a file that only the caller can read, and never replaces one.
func writeSecret(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fail(exitFailed, "a key that is lost cannot be made again: move it away first", "%s is there already", path)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func readKeyFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	return strings.TrimSpace(string(data)), err
}

func readSecret(path string) (bundle.PrivateKey, error) {
	text, err := readKeyFile(path)
	if err != nil {
		return bundle.PrivateKey{}, err
	}
	key, err := bundle.ParsePrivateKey(text)
	if err != nil {
		return key, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// readPublic reads a public key: the line itself, or a file with it, or with the
// private key that it belongs to.
func readPublic(arg string) (bundle.NamedKey, error) {
	if key, err := bundle.ParseNamedKey(arg); err == nil {
		return key, nil
	}
	text, err := readKeyFile(arg)
	if errors.Is(err, fs.ErrNotExist) && strings.Contains(arg, "+") {
		return bundle.ParseNamedKey(arg) // a line, but not a good one: it says why
	}
	if err != nil {
		return bundle.NamedKey{}, err
	}
	if secret, err := bundle.ParsePrivateKey(text); err == nil {
		return secret.Public(), nil
	}
	key, err := bundle.ParseNamedKey(text)
	if err != nil {
		return key, fmt.Errorf("%s: %w", arg, err)
	}
	return key, nil
}

func (a *app) publisherList() *cobra.Command {
	c := a.command("list", "List the trusted publishers", cobra.NoArgs, func(ctx context.Context, c *api.Client, _ []string) error {
		publishers, err := c.Publishers.List(ctx, &api.ListPublishersRequest{})
		if err != nil {
			return err
		}
		head := []string{"PUBLISHER", "PREFIXES", "FINGERPRINT", "TRUSTED", "BY"}
		return list(a, publishers.GetPublishers(), head, func(p *api.Publisher) []string {
			return []string{
				p.GetName(), strings.Join(p.GetPrefixes(), ", "), p.GetFingerprint(), at(p.GetTrusted(), time.Local), p.GetBy(),
			}
		})
	})
	c.Aliases = []string{"ls"}
	return c
}

func (a *app) publisherTrust() *cobra.Command {
	var prefixes []string
	c := a.command("trust KEY|FILE", "Trust a publisher for the skill ids with a prefix", cobra.ExactArgs(1), nil)
	c.RunE = ran(func(cmd *cobra.Command, args []string) error {
		key, err := readPublic(args[0])
		if err != nil {
			return err
		}
		if len(prefixes) == 0 {
			return fail(exitUsage, "for example --prefix "+key.Name+", for skills "+key.Name+".*", "--prefix is missing: trust %s for which skill ids?", key.Name)
		}
		for _, prefix := range prefixes {
			if err := bundle.CheckPrefix(prefix); err != nil {
				return fail(exitData, "", "%v", err)
			}
		}
		client, err := a.client()
		if err != nil {
			return err
		}
		p, err := client.Publishers.Trust(cmd.Context(), &api.TrustRequest{Key: key.String(), Prefixes: prefixes})
		if err != nil {
			return err
		}
		if a.output != "table" {
			return a.show(p, nil)
		}
		fmt.Fprintf(a.err, "trusted %s (%s) for %s.*\n", p.GetName(), p.GetFingerprint(), strings.Join(p.GetPrefixes(), ".*, "))
		return nil
	})
	c.Flags().StringArrayVar(&prefixes, "prefix", nil, "skill ids that start with this and a dot; may be repeated")
	return c
}
