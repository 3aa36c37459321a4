// Package migrations holds the database schema as numbered SQL files, which
// the program applies in order at its start. They only go up.
package migrations

import "embed"

// FS holds the files.
//
//go:embed *.sql
var FS embed.FS
