//go:build unix

package testbed

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"dateline/internal/localpg"
)

// Token makes an API token with the command line, as an operator does.
func (b *Bed) Token(ctx context.Context, scopes ...string) (string, error) {
	return b.command(ctx, "", "token", "create", "chaos", "--scope="+strings.Join(scopes, ","))
}

// User makes a person who can sign in; the role is admin, editor, contributor or
// viewer. The first one must be an admin.
func (b *Bed) User(ctx context.Context, email, password, role string) error {
	_, err := b.command(ctx, password+"\n", "user", "create", email, "--role="+role, "--password-stdin")
	return err
}

// command runs the program against the primary, past all proxies, and returns
// what it prints.
func (b *Bed) command(ctx context.Context, input string, args ...string) (string, error) {
	args = append(args, "--data-dir="+filepath.Join(b.config.Dir, "cli.data"), "--log-format=json")
	cmd := exec.CommandContext(ctx, b.config.Binary, args...)
	cmd.Env = b.environment(b.Primary().dsn(appUser, localpg.Database))
	cmd.Stdin = strings.NewReader(input)
	var out, problems strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("dateline %s: %w: %s", args[0], err, tail(problems.String()))
	}
	return strings.TrimSpace(out.String()), nil
}
