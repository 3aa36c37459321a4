package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"dateline/internal/proof/pgtest"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestAwaitDatabase_GivesUp(t *testing.T) {
	t.Parallel()
	s := pgtest.NewLate(t, 1<<40)
	err := awaitDatabase(t.Context(), &Config{DatabaseURL: s.DSN, DatabaseWait: 400 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "--database-wait") || s.Callers() < 2 {
		t.Errorf("%d tries, then %v", s.Callers(), err)
	}
}

func TestAwaitDatabase_EndsWhenToldTo(t *testing.T) {
	t.Parallel()
	s := pgtest.NewLate(t, 1<<40)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := awaitDatabase(ctx, &Config{DatabaseURL: s.DSN, DatabaseWait: time.Hour})
	if took := time.Since(began); err == nil || took > 10*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
}

func TestPasses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want bool
	}{
		{&pgconn.PgError{Code: notYetAccepting}, true},
		{&pgconn.PgError{Code: tooManyClients}, true},
		{&pgconn.PgError{Code: wrongPassword}, false},
		{&pgconn.PgError{Code: noSuchDatabase}, false},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, true},
		{&net.DNSError{Name: "postgres", IsNotFound: true}, true}, // compose knows a name once its container runs
		{io.ErrUnexpectedEOF, true},
		{context.DeadlineExceeded, true},
		{errors.New("server refused TLS connection"), false},
	} {
		if got := isTransient(test.err); got != test.want {
			t.Errorf("%v: %v", test.err, got)
		}
	}
}
