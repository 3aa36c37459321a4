package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"dateline/internal/liveblog"
)

// operator is the actor of commands and of the start, where no user is signed in.
func operator() liveblog.Actor { return liveblog.Actor{RequestID: "command line"} }

// printBanner prints the URLs of the node, and the setup link while there is no user.
func printBanner(ctx context.Context, c *Config, db *database, term console) error {
	public, err := c.publicURL()
	if err != nil {
		return err
	}
	fmt.Fprintf(term.out, "\nDateline %s\n", version)
	line := func(name, value string) { fmt.Fprintf(term.out, "  %-10s %s\n", name, value) }
	line("Readers", public.JoinPath("/").String())
	line("Editors", public.JoinPath("/admin/").String())
	if err := printSetup(ctx, c, db, public, term, line); err != nil {
		return err
	}
	line("API", public.JoinPath("/api/docs").String())
	line("Database", db.description)
	fmt.Fprintln(term.out)
	return nil
}

// printSetup makes the link for the first user. Output that is not a terminal is
// collected and kept, so that it gets only the name of the file.
func printSetup(ctx context.Context, c *Config, db *database, public *url.URL, term console, line func(name, value string)) error {
	file := filepath.Join(c.DataDir, "setup-link")
	link, err := makeSetupLink(ctx, db, public)
	if errors.Is(err, liveblog.ErrConflict) {
		return forget(file)
	}
	if err != nil {
		return err
	}
	if err := writeSecret(file, link+"\n"); err != nil {
		return fmt.Errorf("write the setup link: %w; choose a --data-dir that can be written", err)
	}
	if isTerminal(term.out) {
		line("Setup", link+" (once, within the hour)")
		return nil
	}
	line("Setup", "the link for the first user is in "+file+", or run `dateline setup-link`")
	return nil
}

// makeSetupLink returns ErrConflict when there is a user. The secret is in the
// fragment, which browsers do not send: it reaches no proxy's log.
func makeSetupLink(ctx context.Context, db *database, public *url.URL) (string, error) {
	token, err := db.CreateSetupToken(ctx, operator())
	if err != nil {
		return "", err
	}
	return public.JoinPath("/admin/").String() + "#/setup/" + token, nil
}

func writeSecret(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := forget(file); err != nil { // an old one may have another mode
		return err
	}
	return os.WriteFile(file, []byte(text), 0o600)
}

func forget(file string) error {
	if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}
