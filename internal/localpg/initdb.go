//go:build unix

package localpg

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// prepare creates the cluster in a new directory and checks an existing one. The caller
// holds the lock.
func (c *Cluster) prepare(ctx context.Context) error {
	_, err := os.Stat(c.dataDir())
	if os.IsNotExist(err) {
		return c.initdb(ctx)
	}
	if err != nil {
		return err
	}
	major, err := dataMajor(c.dataDir())
	if err != nil {
		return err
	}
	if major != c.programs.major {
		return errMajor(c.dataDir(), major, c.programs.major)
	}
	return c.readSecret()
}

func errMajor(data string, have, programs int) error {
	return fmt.Errorf("the data in %s was written by PostgreSQL %d and cannot be opened by the PostgreSQL %d found here: "+
		"install PostgreSQL %d, point DATELINE_PG_BIN at its bin directory, or choose another --data-dir (nothing was changed)", data, have, programs, have)
}

// initdb creates the cluster in a directory of another name and renames that at the end. So
// an incomplete cluster is never used, and can be removed.
func (c *Cluster) initdb(ctx context.Context) error {
	begun := time.Now()
	if err := c.makeSecret(); err != nil {
		return err
	}
	fresh := c.dataDir() + ".new"
	pwfile := filepath.Join(c.socket, "password")
	if err := c.writeFor(pwfile, c.secret); err != nil {
		return err
	}
	defer os.Remove(pwfile)
	if err := c.runInitdb(ctx, fresh, pwfile, localeArgs(c.programs.major)); err != nil {
		if !strings.Contains(err.Error(), "locale") {
			return err
		}
		c.config.Log.Info("this machine has no locale C.UTF-8: capital letters beyond ASCII are not folded", "error", err)
		if err := c.runInitdb(ctx, fresh, pwfile, []string{"--locale=C"}); err != nil {
			return err
		}
	}
	c.config.Log.Info("made a PostgreSQL cluster", "dir", c.dataDir(), "version", c.programs.major, "took", time.Since(begun))
	return os.Rename(fresh, c.dataDir())
}

func (c *Cluster) runInitdb(ctx context.Context, dir, pwfile string, locale []string) error {
	if err := c.emptyDir(dir); err != nil {
		return err
	}
	out, err := c.command(ctx, "initdb", append(c.initdbArgs(dir, pwfile), locale...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, lastLines(string(out), 5))
	}
	return nil
}

// localeArgs choose C.UTF-8: it knows the case of all letters, and sorts by code point on
// every machine. It is built in from version 17 on; before 15 there is no choice of a
// provider.
func localeArgs(major int) []string {
	switch {
	case major >= 17:
		return []string{"--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"}
	case major >= 15:
		return []string{"--locale-provider=libc", "--locale=C.UTF-8"}
	}
	return []string{"--locale=C.UTF-8"}
}

func (c *Cluster) initdbArgs(dir, pwfile string) []string {
	args := []string{"-D", dir, "-U", user, "--auth=scram-sha-256", "--pwfile=" + pwfile, "-E", "UTF8"}
	for _, s := range c.config.Settings {
		if s == "fsync=off" {
			args = append(args, "--no-sync")
		}
	}
	return args
}

func (c *Cluster) emptyDir(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return c.account.give(dir)
}

func (c *Cluster) writeFor(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	return c.account.give(path)
}

// makeSecret creates the password unless there is one: an earlier first start may have
// failed after creating it.
func (c *Cluster) makeSecret() error {
	if err := c.readSecret(); !os.IsNotExist(err) {
		return err
	}
	text := rand.Text()
	if err := os.WriteFile(c.secretFile(), []byte(text+"\n"), 0o600); err != nil {
		return err
	}
	c.secret = text
	return nil
}

func (c *Cluster) readSecret() error {
	if c.secret != "" {
		return nil
	}
	text, err := os.ReadFile(c.secretFile())
	if err != nil {
		return err
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" {
		return fmt.Errorf("%s is empty: it held the password of the database in %s", c.secretFile(), c.dataDir())
	}
	c.secret = secret
	return nil
}

// command returns a command that runs a program of PostgreSQL as the account, without the
// environment of this process: variables such as PGDATA change what it does. The end of
// ctx kills it.
func (c *Cluster) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(c.programs.dir, program), args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + c.programs.dir + ":/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "HOME=/"}
	cmd.SysProcAttr = c.account.attributes()
	return cmd
}
