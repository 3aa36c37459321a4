//go:build unix

package testbed

import (
	"os"
	"strings"
	"testing"
)

func TestAdapt_ChangesAddressesOnly(t *testing.T) {
	t.Parallel()
	shipped, err := os.ReadFile("../../../../deploy/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	got, err := adapt(string(shipped), "127.0.0.1:7", []string{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"    server 127.0.0.1:1 max_fails=1 fail_timeout=2s;\n    server 127.0.0.1:2 max_fails=1 fail_timeout=2s;\n    server 127.0.0.1:3 ",
		"    server 127.0.0.1:1 max_fails=0;\n    server 127.0.0.1:2 max_fails=0;\n    server 127.0.0.1:3 ",
		"listen 127.0.0.1:7 reuseport",
		"proxy_next_upstream error timeout;",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it lacks %q", want)
		}
	}
	if strings.Contains(got, "dateline:8080") || strings.Contains(got, "dateline-2") {
		t.Error("it has the shipped addresses")
	}
}

func TestAdapt_RefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "http {\n  listen 8080;\n}", "http {\n  server dateline:8080 x;\n}"} {
		if _, err := adapt(text, "a", []string{"b"}); err == nil {
			t.Errorf("takes %q", text)
		}
	}
}

func TestParseMetrics(t *testing.T) {
	t.Parallel()
	got, err := parseMetrics("# HELP a b\n# TYPE a gauge\na 1\nb{c=\"d e\"} 2.5e+06\n\n")
	if err != nil || len(got) != 2 || got["a"] != 1 || got[`b{c="d e"}`] != 2.5e6 {
		t.Error(got, err)
	}
	if _, err := parseMetrics("a b"); err == nil {
		t.Error("takes what is no number")
	}
}

func TestPort_IsOfOneBed(t *testing.T) {
	t.Parallel()
	first, second := &Bed{}, &Bed{}
	port, err := first.port()
	if err != nil {
		t.Fatal(err)
	}
	if err := second.reserve(port); err == nil {
		t.Error("two beds have one port")
	}
	for _, held := range first.ports {
		held.Close()
	}
}
