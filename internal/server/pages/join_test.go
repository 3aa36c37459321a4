package pages

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestJoined_EachFileOnceBeforeItIsNeeded(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"page.js":        {Data: []byte("// A comment.\nimport { b } from './parts/b.js'\nimport { a } from './parts/a.js'\nb(a)\n")},
		"parts/a.js":     {Data: []byte("import { base } from '../base.js'\nexport const a = base + 1\n")},
		"parts/b.js":     {Data: []byte("import { a } from './a.js'\nexport const b = a + 1\n")},
		"base.js":        {Data: []byte("export const base = 1\n")},
		"lonely.js":      {Data: []byte("import { x } from './missing.js'\n")},
		"style.css":      {Data: []byte("import nothing from './base.js'\n")},
		"base.test.js":   {Data: []byte("not imported\n")},
		"parts/other.js": {Data: []byte("not imported\n")},
	}
	got, err := joined(files, "page.js")
	if want := "const base = 1\nconst a = base + 1\nconst b = a + 1\n// A comment.\nb(a)\n"; err != nil || string(got) != want {
		t.Errorf("joined %q, %v; want %q", got, err, want)
	}
	if got, err := joined(files, "base.js"); err != nil || string(got) != "export const base = 1\n" {
		t.Errorf("a file that imports nothing: %q, %v", got, err)
	}
	if got, err := joined(files, "style.css"); err != nil || string(got) != "import nothing from './base.js'\n" {
		t.Errorf("a file that is no script: %q, %v", got, err)
	}
	if _, err := joined(files, "lonely.js"); err == nil || !strings.Contains(err.Error(), "lonely.js") {
		t.Errorf("an import of a missing file: %v", err)
	}
}
