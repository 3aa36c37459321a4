package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestOpenAPI_PrintsTheVersionAskedFor(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, want string }{{"openapi", "3.1"}, {"openapi 3.1", "3.1"}, {"openapi 3.0", "3.0"}} {
		out, err := do(t, "", strings.Fields(test.args)...)
		if err != nil {
			t.Fatalf("%s: %v", test.args, err)
		}
		var document struct {
			OpenAPI string
			Paths   map[string]any
		}
		if err := json.Unmarshal([]byte(out), &document); err != nil {
			t.Fatalf("%s prints no JSON: %v", test.args, err)
		}
		if !strings.HasPrefix(document.OpenAPI, test.want) || document.Paths["/api/v1/blogs"] == nil {
			t.Errorf("%s prints version %q with %d paths, want %s", test.args, document.OpenAPI, len(document.Paths), test.want)
		}
	}
	if _, err := do(t, "", "openapi", "2.0"); err == nil {
		t.Error("version 2.0 is accepted")
	}
}
