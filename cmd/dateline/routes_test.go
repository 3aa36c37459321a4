package main

import (
	"io"
	"slices"
	"testing"

	"dateline/internal/proof/e2e"
	"dateline/internal/proof/pgtest"

	"github.com/gin-gonic/gin"
)

// TestRoutes_AreThoseOfTheMatrix asks the router itself, so that no route is
// served that the security tests do not know.
func TestRoutes_AreThoseOfTheMatrix(t *testing.T) {
	t.Parallel()
	c := &Config{Listen: "127.0.0.1:0", DatabaseURL: pgtest.DSN(t), DataDir: t.TempDir()}
	startLog(*c, io.Discard)
	db, err := openMigrated(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	n, err := newNode(t.Context(), c, db, 100)
	if err != nil {
		t.Fatal(err)
	}
	var real []string
	for _, r := range n.handler.(*gin.Engine).Routes() {
		real = append(real, r.Method+" "+r.Path)
	}
	known := e2e.Routes()
	for _, r := range real {
		if !slices.Contains(known, r) {
			t.Errorf("%s is in no policy", r)
		}
	}
	for _, r := range known {
		if !slices.Contains(real, r) {
			t.Errorf("there is no route %s", r)
		}
	}
}
