//go:build unix

// Command chaos breaks a real installation in every way that docs/reliability.md
// lists, while clients publish and read, and judges what they saw. It is a test
// program: `make chaos` is the full run.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"dateline/internal/proof/chaos/check"
)

// options are the command line.
type options struct {
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

// errViolated is of a run that contradicts a guarantee; the report has told.
var errViolated = errors.New("a guarantee does not hold")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal kills
	}()
	var o options
	kong.Parse(&o, kong.Name("chaos"), kong.Description("Breaks a real installation and judges what its clients saw."))
	if err := o.run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func (o options) run(ctx context.Context, out io.Writer) error {
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
		return errViolated
	}
	return nil
}
