package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
)

// doctorCommand checks an installation. It changes nothing, except that it
// starts the private PostgreSQL when that does not run.
type doctorCommand struct{}

// level is how bad a finding is.
type level string

const (
	levelOK   level = "ok"
	levelWarn level = "warn"
	levelFail level = "fail"
)

// finding is the result of one check: what is, and what to do about it.
type finding struct {
	level level
	text  string
}

func ok(format string, args ...any) finding { return finding{levelOK, fmt.Sprintf(format, args...)} }
func warn(format string, args ...any) finding {
	return finding{levelWarn, fmt.Sprintf(format, args...)}
}
func fail(format string, args ...any) finding {
	return finding{levelFail, fmt.Sprintf(format, args...)}
}

// report prints findings and remembers whether one failed.
type report struct {
	out    io.Writer
	failed bool
}

func (r *report) add(name string, f finding) {
	fmt.Fprintf(r.out, "%-5s %-11s %s\n", f.level, name, f.text)
	r.failed = r.failed || f.level == levelFail
}

// Run is called by kong. Its error says that a check failed; the lines say which.
func (*doctorCommand) Run(ctx context.Context, c *Config, term console) error {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the report is what there is to read
	r := &report{out: term.out}
	r.add("disk", checkDisk(c.DataDir))
	db, err := openDatabase(ctx, c)
	if err != nil {
		r.add("database", fail("%v", err))
	} else {
		checkDatabase(ctx, r, db)
		if err := db.Close(); err != nil {
			r.add("database", warn("closing: %v", err))
		}
	}
	checkServer(ctx, r, c)
	if r.failed {
		return errReported
	}
	return nil
}
