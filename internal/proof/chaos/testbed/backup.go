//go:build unix

package testbed

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"dateline/internal/localpg"
)

// Dump backs the product's database up into a file, as an operator does.
func (b *Bed) Dump(ctx context.Context, file string) error {
	out, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := b.tool(ctx, "pg_dump", append(b.Primary().flags(), "-Fc", localpg.Database)...)
	cmd.Stdout = out
	return run(cmd)
}

// Restore replaces the product's database by what a Dump holds. Nodes that run
// lose their connections.
func (b *Bed) Restore(ctx context.Context, file string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	primary := b.Primary()
	if err := primary.exec(ctx, primary.createSQL(restored)); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	cmd := b.tool(ctx, "pg_restore", append(primary.flags(), "--exit-on-error", "-d", restored)...)
	cmd.Stdin = in
	if err := run(cmd); err != nil {
		return err
	}
	for _, sql := range []string{
		"DROP DATABASE " + localpg.Database + " WITH (FORCE)",
		"ALTER DATABASE " + restored + " RENAME TO " + localpg.Database,
	} {
		if err := primary.exec(ctx, sql); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	return nil
}

// restored is where a dump goes before it takes the place of what there was: nodes
// that run would look at the tables while they are made.
const restored = "restored"

// tool is a program of PostgreSQL that knows the superuser's password.
func (b *Bed) tool(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := b.tools.Command(ctx, program, args...)
	cmd.Env = append(cmd.Env, "PGPASSWORD="+b.password)
	return cmd
}

// flags lead a program of PostgreSQL to the server.
func (s *Server) flags() []string {
	return []string{"-h", "127.0.0.1", "-p", fmt.Sprint(s.port), "-U", superuser}
}

// run runs a command to its end; its error has what the command said.
func run(cmd *exec.Cmd) error {
	var problems strings.Builder
	cmd.Stderr = &problems
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", cmd.Path, err, tail(problems.String()))
	}
	return nil
}
