package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
)

type tokenCommands struct {
	Create tokenCreate `cmd:"" help:"Create an API token for a program and print it once."`
}

// tokenCreate makes an API token.
type tokenCreate struct {
	Name    string   `arg:"" help:"What the token is for."`
	Scope   []string `default:"read,posts:write" help:"read, posts:write, blogs:write, media:write."`
	Blog    string   `placeholder:"SLUG" help:"Bind the token to one blog."`
	Expires int      `default:"90" placeholder:"DAYS" help:"Days that the token is good for, 365 at most."`
}

// Run is called by kong.
func (t *tokenCreate) Run(ctx context.Context, c *Config, term console) error {
	token, err := t.token()
	if err != nil {
		return err
	}
	db, err := openMigrated(ctx, c)
	if err != nil {
		return err
	}
	secret, err := t.create(ctx, db, token)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	fmt.Fprintln(term.out, secret)
	fmt.Fprintf(term.err, "Good until %s; it is shown only now. Send it as \"Authorization: Bearer ...\".\n", token.ExpiresAt.Format(time.DateOnly))
	return nil
}

// token checks the flags.
func (t *tokenCreate) token() (*liveblog.Token, error) {
	if t.Expires < 1 || t.Expires > 365 {
		return nil, errors.New("--expires must be 1 to 365 days")
	}
	token := &liveblog.Token{Name: t.Name}
	for _, s := range t.Scope {
		if !liveblog.Scope(s).Valid() {
			return nil, fmt.Errorf("--scope %q is unknown: use %v", s, liveblog.Scopes)
		}
		token.Scopes = append(token.Scopes, liveblog.Scope(s))
	}
	return token, nil
}

func (t *tokenCreate) create(ctx context.Context, db *database, token *liveblog.Token) (string, error) {
	if t.Blog != "" {
		blog, err := db.Blog(ctx, t.Blog)
		if err != nil {
			return "", fmt.Errorf("--blog %s: %w", t.Blog, err)
		}
		token.BlogID = &blog.ID
	}
	secret := auth.NewToken(token, time.Now(), time.Duration(t.Expires)*24*time.Hour)
	return secret, db.CreateToken(ctx, operator(), token)
}
