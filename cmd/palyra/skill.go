package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/sdk/bundle"
)

func (a *app) skillCommand() *cobra.Command {
	skill := noun("skill", "Skills: installed, signed artifacts", "skills")
	named := func(c *cobra.Command) *cobra.Command {
		c.ValidArgsFunction = a.skillIDs
		return c
	}
	skill.AddCommand(
		a.skillList(), a.skillInspect(), a.skillPack(), a.skillSign(), a.skillInstall(),
		named(a.skillAudit()), named(a.skillQuarantine()), named(a.skillEnable()), named(a.skillRemove()),
	)
	return skill
}

func (a *app) skillList() *cobra.Command {
	c := a.command("list", "List the installed skills", cobra.NoArgs, func(ctx context.Context, c *api.Client, _ []string) error {
		skills, err := c.Skills.List(ctx, &api.ListSkillsRequest{})
		if err != nil {
			return err
		}
		head := []string{"SKILL", "VERSION", "KIND", "PUBLISHER", "STATE", "AUDITED", "DIGEST", "JOBS"}
		err = list(a, skills.GetSkills(), head, func(s *api.Skill) []string {
			audited := ""
			if s.GetAudited() != nil {
				audited = relative(s.GetAudited().AsTime().Sub(a.now()))
			}
			return []string{
				s.GetId(), s.GetVersion(), s.GetKind(), s.GetPublisher(), s.GetState(), audited,
				short(s.GetDigest()), fmt.Sprint(len(s.GetJobs())),
			}
		})
		for _, path := range skills.GetUnadmitted() {
			fmt.Fprintf(a.err, "unadmitted: %s: install it with `palyra skill install %s`\n", clean(path), clean(path))
		}
		return err
	})
	c.Aliases = []string{"ls"}
	return c
}

func (a *app) showSkill(s *api.Skill) error {
	return a.show(s, func(w io.Writer) {
		facts(w,
			"Skill", s.GetId()+" "+s.GetVersion(), "Description", s.GetDescription(), "Kind", s.GetKind(),
			"State", s.GetState(), "Reason", s.GetReason(), "Publisher", s.GetPublisher(),
			"Digest", "sha256 "+s.GetDigest(), "Epoch", epoch(s.GetEpoch()),
			"Entrypoints", strings.Join(s.GetEntrypoints(), ", "), "Capabilities", strings.Join(s.GetCapabilities(), ", "),
			"Installed", a.when(s.GetInstalled(), time.Local), "Audited", a.when(s.GetAudited(), time.Local),
			"Lease", a.when(s.GetLease(), time.Local), "Jobs", strings.Join(s.GetJobs(), ", "),
		)
		showFindings(w, s.GetFindings())
	})
}

func showFindings(w io.Writer, findings []*api.Finding) {
	if len(findings) == 0 {
		return
	}
	rows := make([][]string, 0, len(findings))
	for _, f := range findings {
		rows = append(rows, []string{f.GetSeverity(), f.GetCheck(), f.GetFile(), f.GetMessage()})
	}
	fmt.Fprintln(w)
	table(w, []string{"SEVERITY", "CHECK", "FILE", "FINDING"}, rows)
}

func epoch(e int64) string {
	return fmt.Sprintf("%d (%s)", e, time.Unix(e, 0).Local().Format(stamp))
}

func (a *app) skillInstall() *cobra.Command {
	var expect string
	var yes, dryRun bool
	c := a.command("install FILE", "Install a signed artifact", cobra.ExactArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		data, artifact, err := openArtifact(args[0])
		if err != nil {
			return err
		}
		got := artifact.Digest.String()
		if expect != "" && !strings.EqualFold(expect, got) {
			return fail(exitData, "these are other bytes: do not install them", "%s: the digest is %s, not %s", args[0], got, expect)
		}
		if err := a.introduce(ctx, c, artifact); err != nil {
			return err
		}
		if dryRun {
			fmt.Fprintln(a.err, "dry run: nothing was installed")
			return nil
		}
		if !yes && expect == "" && a.needsConsent(ctx, c, artifact) {
			if err := a.consent(artifact); err != nil {
				return err
			}
		}
		answer, err := c.Install(ctx, bytes.NewReader(data), got)
		if err != nil {
			return err
		}
		if a.output != "table" {
			return a.showSkill(answer.GetSkill())
		}
		if s := answer.GetSkill(); answer.GetUnchanged() && s.GetState() != "active" {
			fmt.Fprintf(a.err, "%s is installed already and is %s: let it run with `palyra skill enable %s`\n", s.GetId(), s.GetState(), s.GetId())
		} else if answer.GetUnchanged() {
			fmt.Fprintf(a.err, "%s is installed already: nothing changed\n", answer.GetSkill().GetId())
		} else {
			fmt.Fprintf(a.err, "installed %s %s: %s\n", answer.GetSkill().GetId(), answer.GetSkill().GetVersion(), answer.GetSkill().GetState())
		}
		return nil
	})
	c.Flags().StringVar(&expect, "expect-digest", "", "install these bytes and no others (SHA-256, 64 hexadecimal digits)")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "consent to what the skill may do, without being asked")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would be installed, and install nothing")
	return c
}

// introduce says on standard error what an artifact is and who vouches for it,
// and refuses one whose publisher is not trusted.
func (a *app) introduce(ctx context.Context, c *api.Client, artifact *bundle.Artifact) error {
	statement, err := artifact.Statement()
	if err != nil {
		return err
	}
	m := artifact.Manifest
	fmt.Fprintf(a.err, "%s %s (%s): %s\n", m.ID, clean(m.Version), m.Kind, clean(m.Description))
	publishers, err := c.Publishers.List(ctx, &api.ListPublishersRequest{})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(publishers.GetPublishers(), func(p *api.Publisher) bool { return p.GetName() == statement.Publisher })
	if i < 0 {
		return fail(exitData, "if you trust them: `palyra publisher trust KEY --prefix PREFIX`, with the key they gave you",
			"%s says it is published by %s, who is not trusted here", m.ID, clean(statement.Publisher))
	}
	facts(a.err,
		"  publisher", statement.Publisher+", "+publishers.GetPublishers()[i].GetFingerprint(),
		"  digest", "sha256 "+artifact.Digest.String(), "  epoch", epoch(statement.Epoch))
	for _, line := range power(m) {
		fmt.Fprintf(a.err, "  it %s\n", line)
	}
	return nil
}

// power is what a skill may do, in words.
func power(m bundle.Manifest) []string {
	lines := m.Capabilities.Explain()
	if m.Kind == bundle.Native {
		lines = append(lines, "runs as a native process of the daemon's user")
	}
	return lines
}

// needsConsent reports whether a skill may do more than the installed one of its
// id.
func (a *app) needsConsent(ctx context.Context, c *api.Client, artifact *bundle.Artifact) bool {
	m := artifact.Manifest
	if len(power(m)) == 0 {
		return false
	}
	have, err := c.Skills.Get(ctx, &api.GetSkillRequest{Skill: m.ID})
	if err != nil || have.GetKind() != string(m.Kind) {
		return true
	}
	return slices.ContainsFunc(m.Capabilities.Names(), func(name string) bool {
		return !slices.Contains(have.GetCapabilities(), name)
	})
}

func (a *app) consent(artifact *bundle.Artifact) error {
	if !terminal(a.in) {
		return fail(exitUsage, "add --yes, or --expect-digest "+artifact.Digest.String(),
			"somebody has to consent to what %s may do", artifact.Manifest.ID)
	}
	return a.agree("Install it?", "not installed")
}

func openArtifact(path string) ([]byte, *bundle.Artifact, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > bundle.MaxSize {
		return nil, nil, fail(exitData, "", "%s: not a file of at most %d MiB", path, bundle.MaxSize>>20)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	artifact, err := bundle.Open(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, artifact, nil
}

func (a *app) skillAudit() *cobra.Command {
	return a.command("audit SKILL", "Audit an installed skill now", cobra.ExactArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		s, err := c.Skills.Audit(ctx, &api.AuditRequest{Skill: args[0]})
		if err != nil {
			return err
		}
		if err := a.showSkill(s); err != nil {
			return err
		}
		condemned := slices.ContainsFunc(s.GetFindings(), func(f *api.Finding) bool { return f.GetSeverity() == "error" })
		if condemned || s.GetState() == "quarantined" {
			return fail(exitFailed, "", "%s did not pass: it is %s", s.GetId(), s.GetState())
		}
		return nil
	})
}

func (a *app) skillQuarantine() *cobra.Command {
	var reason string
	c := a.command("quarantine SKILL", "Let a skill run no more, and stop what runs of it", cobra.ExactArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		s, err := c.Skills.Quarantine(ctx, &api.QuarantineRequest{Skill: args[0], Reason: reason})
		return a.skillIs(s, err)
	})
	c.Flags().StringVar(&reason, "reason", "", "why, for people")
	return c
}

func (a *app) skillEnable() *cobra.Command {
	var reason string
	c := a.command("enable SKILL", "Audit a quarantined skill again and, if it passes, let it run", cobra.ExactArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		s, err := c.Skills.Enable(ctx, &api.EnableRequest{Skill: args[0], Reason: reason})
		return a.skillIs(s, err)
	})
	c.Flags().StringVar(&reason, "reason", "", "why, for people")
	return c
}

func (a *app) skillIs(s *api.Skill, err error) error {
	if err != nil {
		return err
	}
	if a.output != "table" {
		return a.showSkill(s)
	}
	fmt.Fprintf(a.err, "%s is %s\n", s.GetId(), s.GetState())
	return nil
}

func (a *app) skillRemove() *cobra.Command {
	var dryRun bool
	c := a.command("remove SKILL", "Remove a skill; jobs that use it will be denied", cobra.ExactArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		s, err := c.Skills.Get(ctx, &api.GetSkillRequest{Skill: args[0]})
		if err != nil {
			return err
		}
		if jobs := s.GetJobs(); len(jobs) > 0 {
			fmt.Fprintf(a.err, "used by: %s\n", strings.Join(jobs, ", "))
		}
		if dryRun {
			fmt.Fprintf(a.err, "would remove %s %s\n", s.GetId(), s.GetVersion())
			return nil
		}
		if _, err := c.Skills.Remove(ctx, &api.RemoveRequest{Skill: args[0]}); err != nil {
			return err
		}
		fmt.Fprintf(a.err, "removed %s\n", s.GetId())
		return nil
	})
	c.Aliases = []string{"rm"}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be removed")
	return c
}
