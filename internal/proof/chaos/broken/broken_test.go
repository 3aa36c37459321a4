package broken

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"dateline/internal/proof/program"
)

const root = "../../../.."

// TestAll_FitTheSource fails when the product's source was changed where a
// mutation is made: then the mutation must follow.
func TestAll_FitTheSource(t *testing.T) {
	t.Parallel()
	for _, m := range append([]Mutation{{Name: "switches", Edits: switches}}, All...) {
		for _, e := range m.Edits {
			source, err := os.ReadFile(filepath.Join(root, e.File))
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(source), e.Old); n != 1 {
				t.Errorf("%s: %s has %d times, not once: %s", m.Name, e.File, n, e.Old)
			}
		}
	}
	if _, err := mutate(root); err != nil {
		t.Error("together: ", err)
	}
}

var (
	guarantee = regexp.MustCompile(`^(G[1-9]|G10|G11|D5)$`)
	asked     = regexp.MustCompile(`roken\("([a-z0-9-]+)"\)`)
)

func TestAll_AreComplete(t *testing.T) {
	t.Parallel()
	if len(All) < 20 {
		t.Errorf("there are %d mutations", len(All))
	}
	names := map[string]bool{}
	for _, m := range All {
		if names[m.Name] || m.What == "" || len(m.Exposes) == 0 || len(m.Edits) == 0 {
			t.Errorf("%q is there twice or lacks something", m.Name)
		}
		names[m.Name] = true
		for _, g := range m.Exposes {
			if !guarantee.MatchString(g) {
				t.Errorf("%s exposes %q, which is no guarantee", m.Name, g)
			}
		}
		if found, ok := Find(m.Name); !ok || found.What != m.What {
			t.Errorf("%s is not found", m.Name)
		}
	}
	if _, ok := Find("none"); ok {
		t.Error("a mutation was found that is not there")
	}
}

// TestAll_AskForTheirOwnName makes sure that each mutation has its switch, in its
// edits or in a helper, and that no switch asks for a name that is not there.
func TestAll_AskForTheirOwnName(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for _, m := range All {
		for _, e := range m.Edits {
			text.WriteString(e.New)
		}
	}
	for _, name := range helpers {
		helper, err := files.ReadFile("overlay/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(helper)
	}
	switched := map[string]bool{}
	for _, match := range asked.FindAllStringSubmatch(text.String(), -1) {
		switched[match[1]] = true
		if _, ok := Find(match[1]); !ok {
			t.Errorf("a switch asks for %s, which is no mutation", match[1])
		}
	}
	for _, m := range All {
		if !switched[m.Name] {
			t.Errorf("no switch asks for %s", m.Name)
		}
	}
}

// TestAll_Compile leaves the linking to the runs, which need the program.
func TestAll_Compile(t *testing.T) {
	t.Parallel()
	top, err := program.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mutated, err := mutate(top)
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := writeOverlay(top, t.TempDir(), mutated)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"build", "-overlay", overlay}
	for folder := range helpers {
		if strings.HasPrefix(folder, "internal/") {
			args = append(args, "./"+folder)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = top
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
