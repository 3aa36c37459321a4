// Command dateline is the whole product: the server for readers, editors and
// programs, and the commands an operator needs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the linker.
var version = "dev"

// program is the command line: global flags, then one command.
type program struct {
	Config

	Serve   serveCommand   `cmd:"" default:"withargs" help:"Serve readers, editors and the API. The default."`
	Migrate migrateCommand `cmd:"" help:"Bring the database schema up to this version, and exit."`
	Setup   setupCommand   `cmd:"" name:"setup-link" help:"Print a fresh link with which the first user is made."`
	User    userCommands   `cmd:"" help:"Manage the people who sign in."`
	Token   tokenCommands  `cmd:"" help:"Manage API tokens."`
	Demo    demoCommand    `cmd:"" help:"Play a scripted event into a running server, to see a live blog live."`
	Epoch   epochCommand   `cmd:"" help:"Make all readers start again, after a restore that could not be noticed."`
	Prune   pruneCommand   `cmd:"" help:"Delete old events, where disk is short. Posts stay."`
	Doctor  doctorCommand  `cmd:"" help:"Check this installation and say what to do."`
	Health  healthCommand  `cmd:"" help:"Ask the running server whether it is ready; for container health checks."`
	Bench   benchCommand   `cmd:"" help:"Measure what nodes deliver to many readers, and what it costs."`
	OpenAPI openapiCommand `cmd:"" name:"openapi" help:"Print the OpenAPI document of the API as JSON."`

	BenchWorker benchWorker `cmd:"" hidden:""`
	BenchFloor  benchFloor  `cmd:"" hidden:""`

	Version kong.VersionFlag `help:"Print the version."`
}

// console is where a command reads and writes.
type console struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal kills
	}()
	if err := run(ctx, os.Args[1:], console{os.Stdin, os.Stdout, os.Stderr}); err != nil {
		if !errors.Is(err, errReported) {
			fmt.Fprintln(os.Stderr, "dateline:", err)
		}
		os.Exit(1)
	}
}

// errReported is the error of a command that has already printed what is wrong.
var errReported = errors.New("failed")

// run is the program without its globals, so that tests can start it. It
// returns when the command is done, or when ctx has ended and all is stopped.
func run(ctx context.Context, args []string, c console) error {
	var p program
	exited := false
	parser, err := kong.New(&p,
		kong.Name("dateline"),
		kong.Description("Live blogs: editors publish, readers follow without reloading, programs post through the API."),
		kong.UsageOnError(),
		kong.Vars{"version": version},
		kong.Writers(c.out, c.err),
		kong.Exit(func(int) { exited = true }), // after --help and --version
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return err
	}
	command, err := parser.Parse(args)
	if exited {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w (dateline --help lists what there is)", err)
	}
	startLog(p.Config, c.err)
	return command.Run(&p.Config, c)
}
