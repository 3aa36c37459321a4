package postgres_test

import (
	"testing"

	"dateline/internal/pgtest"
	"dateline/internal/postgres"
)

func TestIdentity_AnotherDatabaseChangesEpochs(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	for name, c := range map[string]struct {
		change      string
		synchronous bool
		keeps       bool
	}{
		"same":                   {`SELECT 1`, false, true},
		"another cluster":        {`UPDATE cluster_identity SET system_id = 'x'`, true, false},
		"a restored dump":        {`UPDATE cluster_identity SET events_oid = 1`, true, false},
		"promoted":               {`UPDATE cluster_identity SET timeline = 'x'`, false, false},
		"promoted synchronously": {`UPDATE cluster_identity SET timeline = 'x'`, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, Synchronous: c.synchronous})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := db.CheckIdentity(t.Context()); err != nil {
				t.Fatal(err)
			}
			blog := newBlog(t, db)
			if _, err := db.Pool().Exec(t.Context(), c.change); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := db.CheckIdentity(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			after, err := db.Blog(t.Context(), blog.Slug)
			if err != nil {
				t.Fatal(err)
			}
			if kept := after.Epoch == blog.Epoch; kept != c.keeps {
				t.Errorf("epoch kept: %t, want %t", kept, c.keeps)
			}
		})
	}
}
