package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"dateline/internal/liveblog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"
)

// SQLSTATEs that mean something to us (PostgreSQL manual, appendix A).
const (
	uniqueViolation     = "23505"
	serializationFailed = "40001"
	deadlockDetected    = "40P01"
	diskFull            = "53100"
	lockNotAvailable    = "55P03"
	readOnlyTransaction = "25006"
	badEncoding         = "22021"
	badText             = "22P05"
	noDatabase          = "3D000"
	noPrivilege         = "42501"
	noTable             = "42P01"
	idleInTransaction   = "25P03"
)

func class(code string) string { return code[:2] }

func state(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// violates reports whether err is the violation of the named unique constraint.
func violates(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == uniqueViolation && pg.ConstraintName == constraint
}

// dbError gives an error from the driver its kind. Errors that have one, and
// those that point to a mistake of ours, pass unchanged.
func dbError(err error) error {
	var p *liveblog.Problem
	switch code := state(err); {
	case err == nil || errors.As(err, &p) || errors.Is(err, liveblog.ErrUnknownOutcome) || errors.Is(err, liveblog.ErrUnavailable):
		return err
	case code == diskFull:
		return &liveblog.Problem{Err: fmt.Errorf("%w: %w", liveblog.ErrUnavailable, err), Code: "storage_full", Detail: "the database has no space left"}
	case code == badEncoding || code == badText:
		return liveblog.Errorf(liveblog.ErrInvalid, "bad_text", "the text holds characters that can't be stored")
	case transient(err):
		return fmt.Errorf("%w: %w", liveblog.ErrUnavailable, err)
	default:
		return err
	}
}

// readErr gives a failed read its kind and says what was read.
func readErr(err error, what string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("%s: %w", what, liveblog.ErrNotFound)
	default:
		return fmt.Errorf("%s: %w", what, dbError(err))
	}
}

// transient reports whether the database, not the request, is the trouble: it is
// away, full, busy or in the wrong hands. Whatever it says to somebody who connects
// is no answer to a request; nor is that a password, a role, a right, a table or the
// database itself is missing, as while it is moved or restored.
func transient(err error) bool {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return true
	}
	code := state(err)
	if code == "" {
		return lostConnection(err)
	}
	switch class(code) {
	case "08", "28", "53", "57", "58":
		return true
	}
	switch code {
	case lockNotAvailable, readOnlyTransaction, serializationFailed, deadlockDetected, noDatabase, noPrivilege, noTable, idleInTransaction:
		return true
	}
	return false
}

func lostConnection(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, puddle.ErrClosedPool) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		err != nil && pgconn.SafeToRetry(err)
}

// errAgain makes tx run once more: another transaction took what this one wanted.
var errAgain = errors.New("lost a race")

// retryable reports whether a transaction certainly changed nothing and may
// succeed when run again. Waiting in vain for a lock or a connection is not.
func retryable(err error) bool {
	if err == nil || errors.Is(err, liveblog.ErrUnknownOutcome) || errors.Is(err, liveblog.ErrUnavailable) {
		return false
	}
	switch code := state(err); {
	case code == serializationFailed || code == deadlockDetected || errors.Is(err, errAgain):
		return true
	case code != "":
		return class(code) == "08" || code == "57P01" || code == "57P02" || code == "57P03"
	default:
		return lostConnection(err)
	}
}
