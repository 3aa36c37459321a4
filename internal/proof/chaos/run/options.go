//go:build unix

// Package run plays runs of chaos: it starts an installation, breaks it act by
// act while clients publish and read, has the checker judge what they saw, and
// writes the report. Run starts all goroutines and processes of a run and returns
// when they have ended.
package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"dateline/internal/proof/chaos/check"
)

// Options choose what a run does. The tags are the flags of the command chaos.
type Options struct {
	Seed    uint64        `help:"Replays the faults of another run. Without it a new seed is drawn." placeholder:"N"`
	Profile string        `default:"full" enum:"short,ci,full,soak" help:"short, ci (12 minutes), full, or soak."`
	For     time.Duration `default:"1h" help:"How long a soak lasts."`
	Dir     string        `help:"Keeps what was written down here. Without it, it is kept only when something is wrong."`
	Only    string        `placeholder:"F5,F7" help:"Only the mixed act, with these faults."`
	Acts    string        `placeholder:"NAMES" help:"Only these acts of the profile: mixed, plain, rolling, storm, recovery, asynchronous, restored, putback, horizon, flooded, reopened, browsers, disks."`
	Broken  string        `placeholder:"NAME" help:"Run broken servers in the scenarios that show it, by their names; list tells these, all plays all, and sound servers besides."`
	Engine  string        `default:"mixed" enum:"mixed,auto,portable" help:"How nodes serve streams: auto, portable, or mixed, in which every second node is portable."`
	Check   string        `placeholder:"DIR" help:"Judge the history of an old run, and do nothing else."`
}

// ErrViolated is the error of a run that contradicts a guarantee; the report,
// which was printed before, says which.
var ErrViolated = errors.New("a guarantee does not hold")

// Run does what the options ask for and prints the report to out.
func (o Options) Run(ctx context.Context, out io.Writer) error {
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	switch {
	case o.Check != "":
		return judge(o.Check, out)
	case o.Broken != "":
		return runBroken(ctx, o, out)
	default:
		return runProfile(ctx, o, out)
	}
}

// judge judges an old run, act by act, or one act.
func judge(dir string, out io.Writer) error {
	dirs, err := actDirs(dir)
	if err != nil {
		return err
	}
	ok := true
	for _, d := range dirs {
		report, err := check.Judge(d)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s\n%s\n", d, report)
		ok = ok && report.OK()
	}
	if !ok {
		return ErrViolated
	}
	return nil
}
