package server_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// A body that is called text has a schema of text: generators make the type of the
// body from its media type and convert what the schema gives, which does not compile
// for bytes or objects. `make clients` compiles what is generated.
func TestOpenAPI_TextBodiesAreText(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	for _, version := range []string{"3.0", "3.1"} {
		raw, err := d.server.Document(version)
		if err != nil {
			t.Fatal(err)
		}
		var document struct {
			OpenAPI string
			Paths   map[string]map[string]struct {
				RequestBody struct {
					Content map[string]struct{ Schema struct{ Type, Format string } }
				}
			}
		}
		if err := json.Unmarshal(raw, &document); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(document.OpenAPI, version) {
			t.Errorf("OpenAPI %s is %s", version, document.OpenAPI)
		}
		for path, operations := range document.Paths {
			for method, operation := range operations {
				for kind, body := range operation.RequestBody.Content {
					if s := body.Schema; strings.HasPrefix(kind, "text/") && (s.Type != "string" || s.Format != "") {
						t.Errorf("%s %s takes %s as %+v", method, path, kind, s)
					}
				}
			}
		}
	}
}
