package broken

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"dateline/internal/proof/program"
)

// helpers are files that the mutated packages get besides, by their directory.
var helpers = map[string]string{
	"internal/liveblog": "liveblog.go.txt", "internal/postgres": "postgres.go.txt", "internal/stream": "stream.go.txt",
	"internal/server/pages": "pages.go.txt", "internal/server/follow": "follow.go.txt", "internal/server/cache": "cache.go.txt",
	"internal/views": "views.go.txt", "internal/auth": "auth.go.txt", "cmd/dateline": "dateline.go.txt",
}

//go:embed overlay
var files embed.FS

// switches are edits that serve the mutations, or no mutation: the clock.
var switches = []Edit{
	{"internal/postgres/postgres.go", "\n\treturn db, nil\n}\n\n// Close ends", "\n\tapart.Store(db.readPool.Pool)\n\treturn db, nil\n}\n\n// Close ends"},
	{"cmd/dateline/node.go", "auth.NewService(db, keys, time.Now)", "auth.NewService(db, keys, shiftedNow)"},
}

// Build makes a binary in dir that has all mutations, and returns its path.
// Without DATELINE_BROKEN and DATELINE_CLOCK_OFFSET it is as the product.
func Build(ctx context.Context, dir string) (binary string, err error) {
	root, err := program.Root(ctx)
	if err != nil {
		return "", err
	}
	mutated, err := mutate(root)
	if err != nil {
		return "", err
	}
	return build(ctx, root, dir, "dateline-broken", mutated)
}

// BuildNext makes a binary in dir of a version to come, with a migration that
// only adds, and returns its path.
func BuildNext(ctx context.Context, dir string) (binary string, err error) {
	root, err := program.Root(ctx)
	if err != nil {
		return "", err
	}
	migration, err := files.ReadFile("overlay/9999_next.sql.txt")
	if err != nil {
		return "", err
	}
	return build(ctx, root, dir, "dateline-next", map[string]string{"migrations/9999_next.sql": string(migration)}, "-ldflags", "-X main.version=next")
}

// mutate applies the edits of all mutations, one after the other, to the files
// that they are about, and adds the helpers.
func mutate(root string) (map[string]string, error) {
	edits := append([]Edit{}, switches...)
	for _, m := range All {
		edits = append(edits, m.Edits...)
	}
	mutated := map[string]string{}
	for _, e := range edits {
		text, known := mutated[e.File]
		if !known {
			source, err := os.ReadFile(filepath.Join(root, e.File))
			if err != nil {
				return nil, err
			}
			text = string(source)
		}
		if n := strings.Count(text, e.Old); n != 1 {
			return nil, fmt.Errorf("%s has %d times, not once: %s", e.File, n, e.Old)
		}
		mutated[e.File] = strings.Replace(text, e.Old, e.New, 1)
	}
	return mutated, addHelpers(mutated)
}

func addHelpers(mutated map[string]string) error {
	for folder, name := range helpers {
		text, err := files.ReadFile("overlay/" + name)
		if err != nil {
			return err
		}
		mutated[folder+"/broken_overlay.go"] = string(text)
	}
	return nil
}

// build compiles the program with files replaced or added.
func build(ctx context.Context, root, dir, name string, replaced map[string]string, flags ...string) (string, error) {
	overlay, err := writeOverlay(root, filepath.Join(dir, name+"-source"), replaced)
	if err != nil {
		return "", err
	}
	return program.Build(ctx, dir, name, append([]string{"-overlay", overlay}, flags...)...)
}

// writeOverlay writes the replaced files and the list of them that the go command reads.
func writeOverlay(root, dir string, replaced map[string]string) (string, error) {
	list := map[string]string{}
	for file, text := range replaced {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return "", err
		}
		list[filepath.Join(root, file)] = path
	}
	text, err := json.Marshal(map[string]any{"Replace": list})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, text, 0o644)
}
