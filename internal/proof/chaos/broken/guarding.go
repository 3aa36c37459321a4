package broken

const (
	principal = "internal/auth/principal.go"
	apiToken  = "internal/auth/token.go"
	streaming = "internal/server/follow/watch.go"
	recent    = "internal/server/cache/stale.go"
)

// guarding are mistakes in who is let in, and in what an outage may take away.
var guarding = []Mutation{
	{
		Name: "revoked-cached", What: "a token is believed for a minute after it was looked up",
		Exposes: []string{"G9"}, Needs: []string{Revoke},
		Edits: []Edit{{principal, `token, err := s.store.Token(ctx, id)`, `token, err := s.cachedToken(ctx, id)`}},
	},
	{
		Name: "secret-unchecked", What: "of an API token only the id is looked at",
		Exposes: []string{"G9"}, Needs: []string{Revoke},
		Edits: []Edit{{apiToken, `return same && t.RevokedAt`, `return (same || broken("secret-unchecked")) && t.RevokedAt`}},
	},
	{
		Name: "expiry-ignored", What: "API tokens are good for ever",
		Exposes: []string{"G9"}, Needs: []string{Revoke},
		Edits: []Edit{{apiToken, `!t.Expired`, `(!t.Expired || broken("expiry-ignored"))`}},
	},
	{
		Name: "draft-open", What: "the stream of a draft goes on when its reader may see it no longer",
		Exposes: []string{"G9"}, Needs: []string{Revoke, Drafts},
		Edits: []Edit{{streaming, `case err == nil:`, `case err == nil || broken("draft-open"):`}},
	},
	{
		Name: "pages-need-database", What: "pages are not kept while the database is away",
		Exposes: []string{"G10"}, Needs: []string{Outage, Pages},
		Edits: []Edit{{recent, `case age >= staleFor ||`, `case broken("pages-need-database") || age >= staleFor ||`}},
	},
}
