//go:build unix

package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"dateline/internal/localpg"
	"dateline/internal/proof/chaos/broken"
	"dateline/internal/proof/chaos/history"
	"dateline/internal/proof/chaos/testbed"
	"dateline/internal/proof/program"
)

// run is one run of the harness: acts, one after the other.
type run struct {
	seed     uint64
	profile  profile
	engine   string // how nodes serve streams
	tools    *localpg.Tools
	fresh    *testbed.Fresh
	dir      string
	binary   string // the real program
	variant  string // the program with the broken servers and the clock
	next     string // the program of the next version
	versions string
	began    time.Time

	mu  sync.Mutex
	out io.Writer

	results []*result
}

// say tells what goes on.
func (r *run) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.out, format+"\n", args...)
}

// runProfile plays all acts of a profile and reports.
func runProfile(ctx context.Context, o Options, out io.Writer) error {
	r, err := newRun(ctx, o, out)
	if err != nil {
		return err
	}
	r.say("chaos: profile %s, seed %d (replay with --seed %d), %s", r.profile.name, r.seed, r.seed, r.versions)
	for _, a := range r.profile.acts {
		if ctx.Err() != nil {
			break
		}
		r.say("act %s", a.name)
		res, err := r.perform(ctx, a)
		if err != nil {
			return fmt.Errorf("%w; what there is, is in %s", err, r.dir)
		}
		r.results = append(r.results, res)
	}
	return r.finish(ctx, o)
}

func newRun(ctx context.Context, o Options, out io.Writer) (r *run, err error) {
	p, err := profileOf(o)
	if err != nil {
		return nil, err
	}
	return beginRun(ctx, o, p, out)
}

// beginRun makes the directory and the programs.
func beginRun(ctx context.Context, o Options, p profile, out io.Writer) (r *run, err error) {
	r = &run{seed: o.Seed, profile: p, engine: cmp.Or(o.Engine, mixedEngines), out: out, began: time.Now()}
	if r.tools, err = localpg.FindTools(ctx, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	if r.versions, err = versions(ctx, r.tools); err != nil {
		return nil, err
	}
	if r.dir, err = runDir(o.Dir); err != nil {
		return nil, err
	}
	r.fresh = testbed.NewFresh(r.dir)
	if r.binary, err = program.Build(ctx, r.dir, "dateline"); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(r.profile.acts, func(a act) bool { return a.variants }) {
		if r.variant, err = broken.Build(ctx, r.dir); err != nil {
			return nil, err
		}
		if p.name == "broken" {
			return r, nil
		}
		if r.next, err = broken.BuildNext(ctx, r.dir); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// runDir makes the directory of a run. PostgreSQL's account must get through.
func runDir(dir string) (string, error) {
	if dir == "" {
		made, err := os.MkdirTemp("", "dateline-chaos-")
		if err != nil {
			return "", err
		}
		return made, os.Chmod(made, 0o711)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if old, err := os.ReadDir(dir); err == nil && len(old) > 0 {
		return "", fmt.Errorf("--dir %s holds another run: choose a directory that is empty or missing", dir)
	}
	return dir, os.MkdirAll(dir, 0o711)
}

// finish reports, and removes what proves nothing any more.
func (r *run) finish(ctx context.Context, o Options) error {
	missed := r.missed()
	text := r.report(missed)
	r.say("%s", text)
	if err := os.WriteFile(filepath.Join(r.dir, "report.md"), []byte(text), 0o644); err != nil {
		return err
	}
	switch {
	case !r.ok():
		r.say("the history is in %s; judge it again with --check %s", r.dir, r.dir)
		return ErrViolated
	case ctx.Err() != nil:
		return errors.Join(errors.New("interrupted"), r.tidy(o))
	case len(missed) > 0:
		return errors.Join(errors.New("goals were missed: "+strings.Join(missed, ", ")), r.tidy(o))
	}
	return r.tidy(o)
}

// tidy removes the directory, unless somebody asked for it.
func (r *run) tidy(o Options) error {
	if o.Dir != "" {
		return nil
	}
	return os.RemoveAll(r.dir)
}

func (r *run) ok() bool {
	for _, res := range r.results {
		if !res.ok() {
			return false
		}
	}
	return len(r.results) > 0
}

// missed lists the goals of the profile that the acts together did not reach.
func (r *run) missed() (out []string) {
	posts, faults, reads := r.sums()
	for _, g := range []struct {
		what      string
		want, got int
	}{{"posts acknowledged", r.profile.posts, posts}, {"faults", r.profile.faults, faults}, {"deliveries", r.profile.deliveries, reads}} {
		if g.got < g.want {
			out = append(out, fmt.Sprintf("%d %s of %d", g.got, g.what, g.want))
		}
	}
	return out
}

func (r *run) sums() (posts, faults, reads int) {
	for _, res := range r.results {
		posts, reads = posts+res.posts, reads+res.reads
		for _, f := range res.faults {
			if f.Error == "" {
				faults++
			}
		}
	}
	return posts, faults, reads
}

// actDirs lists the histories in a run's directory, or the directory itself.
func actDirs(dir string) (dirs []string, err error) {
	if _, err := os.Stat(filepath.Join(dir, history.RunFile)); err == nil {
		return []string{dir}, nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", history.RunFile))
	if err != nil || len(files) == 0 {
		return nil, errors.Join(fmt.Errorf("there is no history in %s", dir), err)
	}
	for _, f := range files {
		dirs = append(dirs, filepath.Dir(f))
	}
	return dirs, nil
}

// versions tells what the run is made of: the PostgreSQL that its servers, copies
// and dumps are made with, and not what else the machine has.
func versions(ctx context.Context, tools *localpg.Tools) (string, error) {
	postgres, err := tools.Describe(ctx)
	if err != nil {
		return "", err
	}
	list := []string{runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH, fmt.Sprintf("%d cores", runtime.NumCPU()), postgres}
	for _, c := range [][]string{{"nginx", "-v"}, {"git", "describe", "--tags", "--always", "--dirty"}} {
		text, err := exec.CommandContext(ctx, c[0], c[1:]...).CombinedOutput()
		if err == nil {
			list = append(list, strings.TrimSpace(string(text)))
		}
	}
	return strings.Join(list, ", "), nil
}
