package postgres

import (
	"errors"
	"fmt"
	"testing"

	"dateline/internal/liveblog"

	"github.com/jackc/pgx/v5/pgconn"
)

// What the database says of itself is no answer to a request: 503, try again.
func TestDBError_TroubleOfTheDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	for code, unavailable := range map[string]bool{
		"08000": true, "08003": true, "08006": true, "08P01": true, // connection
		"28000": true, "28P01": true, "3D000": true, // who connects to what
		"53000": true, "53100": true, "53200": true, "53300": true, "53400": true, // room
		"57014": true, "57P01": true, "57P02": true, "57P03": true, "57P04": true, "57P05": true, // operator
		"58000": true, "58030": true, // its system
		"25006": true, "25P03": true, "40001": true, "40P01": true, "55P03": true,
		"42501": true, "42P01": true, // a right, a table
		"22001": false, "22021": false, "23503": false, "23505": false, "23514": false, "42601": false, "42703": false, "XX000": false, "P0001": false,
	} {
		err := dbError(fmt.Errorf("what was done: %w", &pgconn.PgError{Code: code}))
		if got := errors.Is(err, liveblog.ErrUnavailable); got != unavailable {
			t.Errorf("%s: unavailable is %v, want %v: %v", code, got, unavailable, err)
		}
	}
}
