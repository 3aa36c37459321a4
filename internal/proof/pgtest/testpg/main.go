// Command testpg runs a command with DATELINE_TEST_DATABASE_URL set to a cluster
// that lives as long as the command:
//
//	go run ./internal/proof/pgtest/testpg -- go test ./...
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"dateline/internal/proof/pgtest"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "testpg:", err)
	}
	os.Exit(code)
}

// run returns the exit code of the command.
func run(args []string) (int, error) {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return 2, errors.New("usage: testpg [--] command [argument...]")
	}
	// The terminal sends Ctrl-C to the command too; we wait for it to end. A
	// signal that is ignored, rather than caught, would be ignored by it as well.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM)
	dsn := os.Getenv(pgtest.Variable)
	if dsn == "" {
		stop, own, err := start()
		if err != nil {
			return 1, err
		}
		defer stop()
		dsn = own
	}
	return command(dsn, args)
}

func start() (stop func(), dsn string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	c, err := pgtest.StartShared(ctx)
	if err != nil {
		return nil, "", err
	}
	return func() { _ = c.Close() }, c.DSN("postgres"), nil
}

func command(dsn string, args []string) (int, error) {
	cmd := exec.CommandContext(context.Background(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), pgtest.Variable+"="+dsn)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}
