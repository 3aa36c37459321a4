package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
)

type userCommands struct {
	Create userCreate `cmd:"" help:"Create a person who can sign in."`
}

// userCreate makes a user. Without --password-stdin it makes up a password and
// prints it once.
type userCreate struct {
	Email         string `arg:"" help:"Address to sign in with."`
	Name          string `help:"Name that readers may see. The address up to the @ when left out."`
	Role          string `default:"" enum:",admin,editor,contributor,viewer" help:"admin, editor, contributor or viewer. The first user is an admin, others are editors when left out."`
	PasswordStdin bool   `help:"Read the password from the first line of the input."`
}

// Run is called by kong.
func (u *userCreate) Run(ctx context.Context, c *Config, term console) error {
	password, err := u.password(term.in)
	if err != nil {
		return err
	}
	db, err := openMigrated(ctx, c)
	if err != nil {
		return err
	}
	user, err := u.create(ctx, db, password)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	fmt.Fprintf(term.out, "Created %s %s\n", user.Role, user.Email)
	if !u.PasswordStdin {
		fmt.Fprintf(term.out, "Password: %s (shown once; change it after signing in)\n", password)
	}
	return nil
}

func (u *userCreate) password(in io.Reader) (string, error) {
	if !u.PasswordStdin {
		return strings.ToLower(rand.Text()), nil
	}
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", err
	}
	password := strings.TrimRight(line, "\r\n")
	if password == "" {
		return "", errors.New("no password on the input: for example `dateline user create EMAIL --password-stdin < file`")
	}
	return password, nil
}

func (u *userCreate) create(ctx context.Context, db *database, password string) (*liveblog.User, error) {
	role, err := u.role(ctx, db)
	if err != nil {
		return nil, err
	}
	user, err := newUser(ctx, u.Email, u.Name, role, password)
	if err != nil {
		return nil, err
	}
	return user, db.CreateUser(ctx, operator(), user)
}

// role refuses a first user who is no admin: no user could create one afterwards,
// since the setup link ends with the first user.
func (u *userCreate) role(ctx context.Context, db *database) (liveblog.Role, error) {
	first, err := db.NeedsSetup(ctx)
	switch {
	case err != nil:
		return "", err
	case first && u.Role != "" && u.Role != string(liveblog.RoleAdmin):
		return "", errors.New("the first user must be an admin: leave --role out")
	case first:
		return liveblog.RoleAdmin, nil
	case u.Role == "":
		return liveblog.RoleEditor, nil
	}
	return liveblog.Role(u.Role), nil
}

// newUser checks the fields and hashes the password.
func newUser(ctx context.Context, email, name string, role liveblog.Role, password string) (*liveblog.User, error) {
	if name == "" {
		name, _, _ = strings.Cut(email, "@")
	}
	user := &liveblog.User{Email: email, Name: name, Role: role}
	user.Normalize()
	if err := user.Validate(); err != nil {
		return nil, err
	}
	if err := auth.CheckNewPassword(password, user.Email, "password"); err != nil {
		return nil, err
	}
	var err error
	user.PasswordHash, err = auth.NewPasswords().Hash(ctx, password)
	return user, err
}

// createFirstUser makes the user of --admin-email in an installation that has
// none yet. A later start changes nothing.
func createFirstUser(ctx context.Context, c *Config, db *database) error {
	if c.AdminEmail == "" {
		return nil
	}
	password, err := c.adminPassword()
	if err != nil {
		return err
	}
	user, err := newUser(ctx, c.AdminEmail, "", liveblog.RoleAdmin, password)
	if err != nil {
		return fmt.Errorf("--admin-email, --admin-password: %w", err)
	}
	created, err := db.CreateFirstUser(ctx, operator(), user)
	if created {
		slog.InfoContext(ctx, "created the first user", "email", user.Email)
	}
	return err
}
