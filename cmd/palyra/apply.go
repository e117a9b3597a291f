package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/jobfile"
	"github.com/palyra-go/palyra/host/schedule"
)

const (
	// maxJobFile bounds a file; ten thousand jobs are smaller.
	maxJobFile = 16 << 20
	// applyLabel says which set of files a job belongs to.
	applyLabel = jobfile.Reserved + "apply"
	// appliedLabel is the fingerprint of the job as it was applied.
	appliedLabel = jobfile.Reserved + "applied"
	// defaultSet is that of standard input, which has no name.
	defaultSet = "jobs"
)

var setForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// applyFlags are those of apply and diff.
type applyFlags struct {
	files        []string
	set          string
	prune, adopt bool
}

func (f *applyFlags) define(c *cobra.Command) {
	c.Flags().StringArrayVarP(&f.files, "file", "f", nil, "`FILE`, directory with *.toml, or - for standard input; may be repeated")
	c.Flags().StringVar(&f.set, "set", "", "name of the set of jobs (default: that of the file, without .toml)")
	c.Flags().BoolVar(&f.prune, "prune", false, "delete the jobs of the set that are not in the files any more")
	c.Flags().BoolVar(&f.adopt, "adopt", false, "take over jobs that were made by hand, or belong to another set")
}

func (a *app) applyCommand() *cobra.Command {
	var flags applyFlags
	var dryRun, yes bool
	c := &cobra.Command{
		Use: "apply -f FILE", Short: "Make the jobs what files say",
		Long: "Make the jobs what files say. A file is TOML: a table [[job]] for each job, or\n" +
			"[job.NAME], with the words of the flags of `palyra job add`; what it does not\n" +
			"say is the default. `palyra job export` writes such a file.\n\n" +
			"Everything is checked first, by the daemon too; then it says what it will do,\n" +
			"and does it. Applying again changes nothing. Only with --prune it deletes, and\n" +
			"only what an earlier apply of the same set made. A job that was changed by hand\n" +
			"becomes what the file says; whether a job is paused is left as it is unless the\n" +
			"file says paused.",
		Example: "  palyra apply -f jobs.toml\n  palyra apply -f jobs.d --prune --yes",
		Args:    cobra.NoArgs,
		RunE: ran(func(cmd *cobra.Command, _ []string) error {
			client, p, err := a.plan(cmd.Context(), &flags)
			if err != nil {
				return err
			}
			if dryRun {
				fmt.Fprintln(a.err, "dry run: nothing is saved")
				return a.showPlan(p)
			}
			return a.apply(cmd.Context(), client, p, yes)
		}),
	}
	flags.define(c)
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask before jobs are deleted")
	return c
}

func (a *app) diffCommand() *cobra.Command {
	var flags applyFlags
	var exitCode bool
	c := &cobra.Command{
		Use: "diff -f FILE", Short: "Say what `palyra apply` would do",
		Args: cobra.NoArgs,
		RunE: ran(func(cmd *cobra.Command, _ []string) error {
			_, p, err := a.plan(cmd.Context(), &flags)
			if err != nil {
				return err
			}
			if err := a.showPlan(p); err != nil {
				return err
			}
			if exitCode && p.pending() > 0 {
				return &exitError{code: exitFailed}
			}
			return nil
		}),
	}
	flags.define(c)
	c.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 1 if there is something to do")
	return c
}

// apply does what is planned, after it was shown.
func (a *app) apply(ctx context.Context, client *api.Client, p *plan, yes bool) error {
	if a.output == "table" {
		if err := a.showPlan(p); err != nil {
			return err
		}
	}
	if p.pending() > 0 {
		if err := a.mayDelete(p, yes); err != nil {
			return err
		}
	}
	err := a.carryOut(ctx, client, p)
	if a.output != "table" {
		err = errors.Join(a.showPlan(p), err)
	}
	return err
}

// mayDelete asks whether jobs may be deleted, if some are to be.
func (a *app) mayDelete(p *plan, yes bool) error {
	n := p.count(actDelete)
	if n == 0 || yes {
		return nil
	}
	if !terminal(a.in) {
		return fail(exitUsage, "add --yes", "%s would be deleted; nothing was changed", plural(n, "job"))
	}
	return a.agree("Delete "+plural(n, "job")+"?", "nothing was changed")
}

// readJobs reads all files, and says all that is wrong with them.
func (a *app) readJobs(flags *applyFlags) ([]*jobfile.Job, error) {
	if len(flags.files) == 0 {
		return nil, fail(exitUsage, "for example -f jobs.toml; `palyra job export` writes one", "-f FILE is missing")
	}
	paths, err := jobFiles(flags.files)
	if err != nil {
		return nil, err
	}
	if err := flags.nameSet(); err != nil {
		return nil, err
	}
	var jobs []*jobfile.Job
	var errs []error
	for _, path := range paths {
		text, err := a.readFile(path, maxJobFile)
		if err != nil {
			return nil, err
		}
		name := path
		if path == "-" {
			name = "standard input"
		}
		found, bad := jobfile.Parse(name, []byte(text))
		jobs, errs = append(jobs, found...), append(errs, bad...)
	}
	return jobs, a.badFiles(append(errs, jobfile.Twins(jobs)...), exitData)
}

// badFiles says all that is wrong, and makes an error if something is.
func (a *app) badFiles(errs []error, code int) error {
	if len(errs) == 0 {
		return nil
	}
	for _, err := range errs {
		fmt.Fprintln(a.err, clean(err.Error()))
	}
	return fail(code, "", "%s; nothing was changed", plural(len(errs), "error"))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// jobFiles lists the files that were named, and those in directories.
func jobFiles(names []string) ([]string, error) {
	var paths []string
	for _, name := range names {
		info, err := os.Stat(name)
		switch {
		case name == "-":
			paths = append(paths, name)
		case err != nil:
			return nil, err
		case info.IsDir():
			found, err := filepath.Glob(filepath.Join(name, "*.toml"))
			if err != nil || len(found) == 0 {
				return nil, errors.Join(err, fail(exitNoSuch, "", "no *.toml files in %s", name))
			}
			paths = append(paths, found...)
		default:
			paths = append(paths, name)
		}
	}
	return paths, nil
}

// nameSet names the set by its file, if it was not named.
func (f *applyFlags) nameSet() error {
	switch {
	case f.set != "":
	case len(f.files) > 1:
		return fail(exitUsage, "with several -f the set needs a name, always the same", "--set NAME is missing")
	case f.files[0] == "-":
		f.set = defaultSet
	default:
		path, err := filepath.Abs(f.files[0])
		if err != nil {
			return err
		}
		f.set = strings.TrimSuffix(filepath.Base(path), ".toml")
	}
	if !setForm.MatchString(f.set) {
		return fail(exitUsage, "name it with --set NAME", "set %q: want letters, digits, . _ and -", f.set)
	}
	return nil
}

// readFile reads a file, or - for standard input, of at most so many bytes.
func (a *app) readFile(name string, most int64) (string, error) {
	from := a.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer file.Close()
		from = file
	}
	text, err := io.ReadAll(io.LimitReader(from, most+1))
	if err == nil && int64(len(text)) > most {
		err = fail(exitData, "", "%s: larger than %d bytes", name, most)
	}
	return string(text), err
}

// compile turns the phrase of a job into its schedule. One that means another
// time whenever it is read has no place in a file.
func (a *app) compile(j *jobfile.Job, zone string) error {
	if j.Phrase == "" {
		return nil
	}
	if j.Schedule.GetZone() != "" {
		zone = j.Schedule.GetZone()
	}
	compiled, err := readSchedule(j.Phrase, a.now(), zone)
	if err != nil {
		return fmt.Errorf("%s: job %s: %w", j.At("schedule"), j.Name, err)
	}
	spec := compiled.Spec()
	if spec.Kind == schedule.At {
		return fmt.Errorf("%s: job %s: schedule %q is one instant, and another each time the file is read; write at = %q",
			j.At("schedule"), j.Name, j.Phrase, spec.Expr)
	}
	j.Schedule.Kind, j.Schedule.Expr, j.Schedule.Zone = string(spec.Kind), spec.Expr, ""
	if spec.Kind == schedule.Cron {
		j.Schedule.Zone = spec.Zone
	}
	return nil
}

// compileAll is compile for all, in the zone of the daemon where none is said.
func (a *app) compileAll(ctx context.Context, client *api.Client, jobs []*jobfile.Job) error {
	zone := ""
	if slices.ContainsFunc(jobs, func(j *jobfile.Job) bool { return j.Phrase != "" && j.Schedule.GetZone() == "" }) {
		s, err := client.Host.Status(ctx, &api.StatusRequest{})
		if err != nil {
			return err
		}
		zone = s.GetTimezone()
	}
	var errs []error
	for _, j := range jobs {
		if err := a.compile(j, zone); err != nil {
			errs = append(errs, err)
		}
	}
	return a.badFiles(errs, exitData)
}
