// Package internal_test holds the rules of the whole module: who may import
// whom, what every package says of itself, and the oldest dependencies allowed.
package internal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport says which packages of the module each package may import outside
// of its tests; ARCHITECTURE.md tells why. Arrows point one way: what is listed
// here never imports back.
var mayImport = map[string][]string{
	"internal/liveblog":    {},
	"internal/markup":      {"internal/liveblog"},
	"internal/postgres":    {"internal/liveblog", "migrations"},
	"internal/listen":      {},
	"internal/metrics":     {},
	"internal/memory":      {},
	"internal/stream":      {"internal/liveblog", "internal/listen", "internal/compress"},
	"internal/views":       {"internal/liveblog"},
	"internal/wire":        {"internal/liveblog"},
	"internal/auth":        {"internal/liveblog"},
	"internal/media":       {"internal/liveblog"},
	"internal/localpg":     {},
	"internal/demo":        {"internal/apiclient", "internal/wait"},
	"internal/bench":       {"internal/apiclient", "internal/bench/floor", "internal/bench/scan", "internal/wait"},
	"internal/bench/floor": {"internal/bench/scan"},
	"internal/bench/scan":  {},
	"internal/apiclient":   {"internal/wait"},
	"internal/wait":        {},

	"migrations":        {},
	"web":               {},
	"admin":             {},
	"internal/compress": {},

	// Below the server, each package may import those above it in this list, and api, follow and
	// pages never import each other.
	"internal/server/problem":    {"internal/liveblog"},
	"internal/server/cache":      {"internal/liveblog", "internal/server/problem"},
	"internal/server/middleware": {"internal/liveblog", "internal/markup", "internal/server/problem", "internal/server/cache"},
	"internal/server/access": {
		"internal/liveblog", "internal/auth", "internal/server/problem", "internal/server/cache", "internal/server/middleware",
	},
	"internal/server/operation": {"internal/auth", "internal/liveblog", "internal/server/problem", "internal/server/access"},
	"internal/server/api": {
		"internal/liveblog", "internal/markup", "internal/media", "internal/auth", "internal/wire",
		"internal/server/problem", "internal/server/middleware", "internal/server/access", "internal/server/operation",
	},
	"internal/server/follow": {
		"internal/liveblog", "internal/auth", "internal/stream", "internal/views",
		"internal/server/problem", "internal/server/access", "internal/server/operation",
	},
	"internal/server/pages": {
		"internal/liveblog", "internal/markup", "internal/wire", "internal/compress",
		"internal/server/problem", "internal/server/cache", "internal/server/middleware", "internal/server/access",
	},
	"internal/server": {
		"internal/liveblog", "internal/auth", "internal/stream", "internal/views", "internal/compress",
		"internal/server/middleware", "internal/server/access", "internal/server/operation",
		"internal/server/api", "internal/server/follow", "internal/server/pages",
	},
	"cmd/dateline": {
		"internal/liveblog", "internal/markup", "internal/postgres", "internal/stream", "internal/views", "internal/auth", "internal/media",
		"internal/server", "internal/server/pages", "internal/listen", "internal/metrics", "internal/memory", "internal/localpg", "internal/demo", "internal/bench", "internal/bench/floor", "internal/wait", "migrations", "web", "admin",
	},

	// What proves the product and ships in no binary.
	"internal/proof/browsertest":             {},
	"internal/proof/clients/document":        {"internal/server"},
	"internal/proof/eventsource":             {"internal/wait"},
	"internal/proof/eventsource/conformance": {},
	"internal/proof/pgtest":                  {"internal/localpg", "internal/postgres", "migrations"},
	"internal/proof/pgtest/testpg":           {"internal/proof/pgtest"},
	"internal/proof/program":                 {},
	"internal/proof/e2e":                     {},

	"internal/proof/chaos/broken":   {"internal/proof/program"},
	"internal/proof/chaos/browser":  {},
	"internal/proof/chaos/check":    {"internal/proof/chaos/history"},
	"internal/proof/chaos/history":  {},
	"internal/proof/chaos/load":     {"internal/apiclient", "internal/wait", "internal/proof/chaos/history", "internal/proof/eventsource"},
	"internal/proof/chaos/netfault": {"internal/wait"},
	"internal/proof/chaos/testbed":  {"internal/apiclient", "internal/wait", "internal/proof/chaos/netfault", "internal/proof/program", "internal/localpg"},
	"internal/proof/chaos/run": {
		"internal/proof/chaos/history", "internal/proof/chaos/check", "internal/proof/chaos/netfault", "internal/proof/chaos/load", "internal/proof/chaos/testbed",
		"internal/proof/chaos/broken", "internal/proof/chaos/browser", "internal/proof/eventsource", "internal/proof/program", "internal/localpg",
		"internal/apiclient", "internal/wait",
	},
	"cmd/chaos": {"internal/proof/chaos/run"},
}

// floors are the oldest versions without a known hole, or that we rely on.
var floors = map[string]string{
	"github.com/jackc/pgx/v5":      "v5.12.0", // GHSA-j38q-h3ph-jjpq, GHSA-95fj-3fxw-g62g
	"golang.org/x/net":             "v0.56.0", // GO-2026-5025 to -5030: a sanitiser could be passed
	"github.com/golang-jwt/jwt/v5": "v5.2.2",  // CVE-2025-30204
	"github.com/yuin/goldmark":     "v1.7.17", // CVE-2026-5160: cross-site scripting through links
	"golang.org/x/image":           "v0.45.0", // CVE-2026-46602, CVE-2026-46603: small files, huge pictures
}

const module = "dateline/"

// listed is the part of `go list -json` that we read.
type listed struct {
	ImportPath string
	Dir        string
	Doc        string
	GoFiles    []string
	Imports    []string
	Path       string // of a module
	Version    string
	Replace    *struct{ Path string }
}

func goList(t *testing.T, args ...string) (all []listed) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json"}, args...)...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err, stderrOf(err))
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var one listed
		switch err := dec.Decode(&one); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, one)
	}
}

func stderrOf(err error) string {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(exit.Stderr)
	}
	return ""
}

func TestImports_PointOneWay(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, "./...") {
		name := strings.TrimPrefix(p.ImportPath, module)
		if name == "internal" { // these tests
			continue
		}
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("%s has no line in the table of imports", name)
		}
		for _, imported := range p.Imports {
			own, ours := strings.CutPrefix(imported, module)
			if ours && !slices.Contains(allowed, own) {
				t.Errorf("%s may not import %s", name, own)
			}
		}
	}
}

// sideways are packages next to each other below the server: they share through the packages
// below them and never import one another.
var sideways = []string{"internal/server/api", "internal/server/follow", "internal/server/pages"}

func TestImports_NoneGoSideways(t *testing.T) {
	t.Parallel()
	for _, name := range sideways {
		for _, other := range sideways {
			if name != other && reaches(name, other) {
				t.Errorf("%s may import %s", name, other)
			}
		}
	}
}

// Limits of the size of packages, in lines without tests, and of types, in methods.
const (
	maxPackage = 2500
	maxServer  = 900 // of internal/server itself
	maxMethods = 60
)

// large are the packages that may be larger than maxPackage.
var large = []string{"internal/postgres", "internal/stream"}

var methodOf = regexp.MustCompile(`(?m)^func \((?:\w+ )?\*?(\w+)`)

func TestPackages_AreOfAReadableSize(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, "./internal/...") {
		name := strings.TrimPrefix(p.ImportPath, module)
		proof := strings.HasPrefix(name, "internal/proof/")
		lines, methods := 0, map[string]int{}
		for _, file := range p.GoFiles {
			source, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			lines += bytes.Count(source, []byte("\n"))
			for _, found := range methodOf.FindAllSubmatch(source, -1) {
				methods[string(found[1])]++
			}
		}
		limit := maxPackage
		if name == "internal/server" {
			limit = maxServer
		}
		if lines > limit && !proof && !slices.Contains(large, name) {
			t.Errorf("%s has %d lines, at most %d are allowed", name, lines, limit)
		}
		for kind, n := range methods {
			if n > maxMethods && !proof {
				t.Errorf("%s.%s has %d methods, at most %d are allowed", name, kind, n, maxMethods)
			}
		}
	}
}

func TestImports_TableHasNoCycle(t *testing.T) {
	t.Parallel()
	for name := range mayImport {
		if reaches(name, name) {
			t.Errorf("%s may import itself by a detour", name)
		}
	}
}

func reaches(from, to string) bool {
	for _, next := range mayImport[from] {
		if next == to || reaches(next, to) {
			return true
		}
	}
	return false
}

func TestImports_ProgramHasNoTestPackage(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, "-deps", "./cmd/dateline") {
		if strings.HasPrefix(p.ImportPath, module+"internal/proof/") || p.ImportPath == "testing" {
			t.Errorf("the program contains %s", p.ImportPath)
		}
	}
}

func TestPackages_SayWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, "./...") {
		if len(p.GoFiles) == 0 {
			continue
		}
		last := p.ImportPath[strings.LastIndexByte(p.ImportPath, '/')+1:]
		if !strings.HasPrefix(p.Doc, "Package "+last+" ") && !strings.HasPrefix(p.Doc, "Command "+last+" ") {
			t.Errorf("%s: the package comment begins with %.40q", p.ImportPath, p.Doc)
		}
	}
}

func TestDependencies_AreNotTooOld(t *testing.T) {
	t.Parallel()
	var paths []string
	for path := range floors {
		paths = append(paths, path)
	}
	for _, m := range goList(t, append([]string{"-m"}, paths...)...) {
		if m.Replace != nil {
			t.Errorf("%s is replaced by %s", m.Path, m.Replace.Path)
		}
		if older(t, m.Version, floors[m.Path]) {
			t.Errorf("%s is %s, the oldest allowed is %s", m.Path, m.Version, floors[m.Path])
		}
	}
}

func TestOlder(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"v1.2.3", "v1.2.3", false},
		{"v1.2.3", "v1.2.10", true},
		{"v1.10.0", "v1.9.9", false},
		{"v0.56.0", "v0.56.1", true},
		{"v1.0.0-20260101000000-abcdef", "v1.0.0", true},
	} {
		if got := older(t, test.a, test.b); got != test.want {
			t.Errorf("%s older than %s: %v", test.a, test.b, got)
		}
	}
}

// older compares release versions; a pre-release counts as older than its release.
func older(t *testing.T, a, b string) bool {
	t.Helper()
	release, _, pre := strings.Cut(a, "-")
	order := slices.Compare(numbers(t, release), numbers(t, b))
	return order < 0 || order == 0 && pre
}

func numbers(t *testing.T, version string) (n []int) {
	t.Helper()
	for part := range strings.SplitSeq(strings.TrimPrefix(version, "v"), ".") {
		i, err := strconv.Atoi(part)
		if err != nil {
			t.Fatal(fmt.Errorf("version %q: %w", version, err))
		}
		n = append(n, i)
	}
	return n
}
