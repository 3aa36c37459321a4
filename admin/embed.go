// Package admin holds the editors' page, built by Vite into dist.
package admin

import "embed"

// FS holds the built files below "dist". Without a build it holds none.
//
//go:embed all:dist
var FS embed.FS
