package main

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestPublicURL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ listen, public, want string }{
		{"127.0.0.1:8080", "", "http://127.0.0.1:8080"},
		{"0.0.0.0:8080", "", "http://127.0.0.1:8080"},
		{":8080", "", "http://127.0.0.1:8080"},
		{"[::]:8080", "", "http://127.0.0.1:8080"},
		{"[::1]:8080", "", "http://[::1]:8080"},
		{"0.0.0.0:8080", "https://live.example.org/", "https://live.example.org"},
	} {
		c := Config{Listen: test.listen, PublicURL: test.public}
		got, err := c.publicURL()
		if err != nil || got.String() != test.want {
			t.Errorf("%q %q: got %v %v, want %s", test.listen, test.public, got, err, test.want)
		}
	}
}

func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	c := Config{TrustedProxies: []string{"10.0.0.7", "10.1.0.0/16", "fd00::1"}}
	got, err := c.trustedProxies()
	if err != nil || len(got) != 3 || got[0].String() != "10.0.0.7/32" || got[2].String() != "fd00::1/128" {
		t.Fatal(got, err)
	}
}

// TestConfiguration_IsDocumented compares the fields with the table of the manual.
func TestConfiguration_IsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `--([a-z-]+)` \\| `([A-Z_`, ]+)` \\|([^|]*)\\|").FindAllStringSubmatch(string(text), -1)
	documented := map[string][]string{}
	for _, row := range rows {
		documented[row[1]] = row
	}
	fields := reflect.VisibleFields(reflect.TypeFor[Config]())
	for _, field := range fields {
		checkDocumented(t, documented[flagOf(field.Name)], field)
	}
	if len(rows) != len(fields) {
		t.Errorf("the table has %d rows, the program %d settings", len(rows), len(fields))
	}
}

func checkDocumented(t *testing.T, row []string, field reflect.StructField) {
	t.Helper()
	if row == nil {
		t.Errorf("--%s is not in the table", flagOf(field.Name))
		return
	}
	env := strings.ReplaceAll(strings.ReplaceAll(row[2], "`", ""), " ", "")
	if want := field.Tag.Get("env"); env != want {
		t.Errorf("--%s: environment %q in the table, %q in the program", row[1], env, want)
	}
	if want := field.Tag.Get("default"); strings.Trim(row[3], "` ") != want {
		t.Errorf("--%s: default %q in the table, %q in the program", row[1], row[3], want)
	}
}

var wordStart = regexp.MustCompile(`([a-z])([A-Z])`)

func flagOf(field string) string {
	return strings.ToLower(wordStart.ReplaceAllString(field, "$1-$2"))
}
