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

// SQLSTATEs that the store handles (PostgreSQL manual, appendix A).
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

// class returns the class of a SQLSTATE, its first two characters.
func class(code string) string { return code[:2] }

// state returns the SQLSTATE of an error that PostgreSQL reported, or "".
func state(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// violates reports whether err is the violation of the named unique constraint.
func violates(err error, constraint string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == uniqueViolation && pg.ConstraintName == constraint
}

// dbError wraps an error of the driver with its kind. It returns errors that have
// a kind, and those that point to a mistake in the program, as they are.
func dbError(err error) error {
	_, problem := errors.AsType[*liveblog.Problem](err)
	switch code := state(err); {
	case err == nil || problem || errors.Is(err, liveblog.ErrUnknownOutcome) || errors.Is(err, liveblog.ErrUnavailable):
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

// readErr wraps the error of a read with its kind and with what was read, in the
// format of fmt.Sprintf. No rows are ErrNotFound; nil stays nil.
func readErr(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	what := fmt.Sprintf(format, args...)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%s: %w", what, liveblog.ErrNotFound)
	}
	return fmt.Errorf("%s: %w", what, dbError(err))
}

// transient reports whether the database is at fault, not the request: it is
// unreachable, full, busy, or misconfigured. Every failure to connect is one. So are
// a missing password, role, privilege, table or database: they are missing while a
// database is moved or restored.
func transient(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
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

// lostConnection reports whether err came from the connection, not from PostgreSQL.
func lostConnection(err error) bool {
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return connecting || network || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, puddle.ErrClosedPool) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		err != nil && pgconn.SafeToRetry(err)
}

// errAgain makes inTx run the transaction again: a concurrent one inserted the row
// that this one was about to insert.
var errAgain = errors.New("lost a race")

// retryable reports whether a transaction certainly changed nothing and may succeed
// when it runs again. A timeout on a lock or on the pool is not retryable.
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
